//! Files with markers: whatever the bytes, a scan ends, its patch fits, and a second run changes
//! nothing.

use std::path::Path;

use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::setters::{
    MarkerState, SetterPolicy, SetterState, SetterTable, scan_file,
};
use serde_json::Value;

use crate::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![Target {
        name: "setters",
        seeds,
        run,
    }]
}

/// The files of the vectors that are texts of a moderate size.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/setters");
    let mut seeds = Vec::new();
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let files = files.map(|entry| entry.path());
    for path in files.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(path).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let cases = document["cases"].as_array().unwrap();
        let files = cases.iter().filter_map(|case| case["files"].as_object());
        seeds.extend(
            files
                .flat_map(|files| files.values())
                .filter_map(Value::as_str)
                .filter(|text| text.len() < 4096)
                .map(|text| text.as_bytes().to_vec()),
        );
    }
    seeds
}

fn run(input: &[u8]) {
    let policies = [("web", "1.4.1"), ("api", "1.10"), ("app", "true")];
    let table = SetterTable::new(
        "flux-system",
        policies.map(|(name, tag)| SetterPolicy {
            namespace: "flux-system".to_owned(),
            name: name.to_owned(),
            state: SetterState::Ready {
                name: format!("ghcr.io/acme/{name}"),
                tag: tag.to_owned(),
                digest: String::new(),
            },
        }),
    );
    let path = TreePath::clamp("a.yaml");
    let outcome = scan_file(&path, input, &table);
    let updated = outcome
        .markers
        .iter()
        .filter(|marker| marker.state == MarkerState::Updated)
        .count();
    let Some(patch) = outcome.patch else {
        assert_eq!(updated, 0);
        return;
    };
    assert_eq!(outcome.refusal, None);
    assert_eq!(patch.splices().len(), updated);
    let after = patch.apply(input).expect("the patch is for this file");
    assert_eq!(patch.revert(&after).as_deref(), Some(input));
    let again = scan_file(&path, &after, &table);
    assert_eq!(again.refusal, None, "the edited file is read");
    assert_eq!(again.patch, None, "a second run changes nothing");
}
