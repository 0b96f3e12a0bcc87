//! Go durations.

use kubectl_imageupdate::duration::GoDuration;

use crate::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![Target {
        name: "duration",
        seeds: || {
            ["1h2m3.5s", "-1ns", "0", "9223372036854775807ns", "1µs"]
                .map(|text| text.as_bytes().to_vec())
                .to_vec()
        },
        run: |input| {
            let Ok(text) = std::str::from_utf8(input) else {
                return;
            };
            if let Ok(parsed) = GoDuration::parse(text) {
                assert_eq!(GoDuration::parse(&parsed.to_string()), Ok(parsed));
            }
        },
    }]
}
