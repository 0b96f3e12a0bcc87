//! Everything that `tags` reads: image names, versions, ranges, patterns, templates, numbers, lists.

use kubectl_imageupdate::image::{Digest, ImageName, check_create_image, validate_reference};
use kubectl_imageupdate::number::parse_float;
use kubectl_imageupdate::pattern::{ExtractTemplate, Pattern, check_extract};
use kubectl_imageupdate::policy::TagFile;
use kubectl_imageupdate::semver::{Constraint, Version};
use serde_json::Value;

use crate::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "image",
            seeds: image_seeds,
            run: |input| text(input, image),
        },
        Target {
            name: "version",
            seeds: || seeds("semver-parse", &["input"]),
            run: |input| text(input, version),
        },
        Target {
            name: "constraint",
            seeds: || seeds("semver-explain", &["constraint", "version"]),
            run: |input| text(input, constraint),
        },
        Target {
            name: "pattern",
            seeds: || seeds("regex-filter", &["pattern", "extract"]),
            run: |input| text(input, pattern),
        },
        Target {
            name: "extract",
            seeds: || seeds("regex-filter", &["extract"]),
            run: |input| text(input, extract),
        },
        Target {
            name: "number",
            seeds: || seeds("parse-float", &["input"]),
            run: |input| text(input, number),
        },
        Target {
            name: "tag-list",
            seeds: || {
                [
                    "a\nb\r\n\n c",
                    "\u{feff}v1",
                    "{\"name\":\"x\",\"tags\":[\"a\",\"b\"]}",
                    "{\"Tags\":null}",
                    " [\"a\"]",
                ]
                .map(|text| text.as_bytes().to_vec())
                .to_vec()
            },
            run: |input| text(input, tag_list),
        },
    ]
}

fn text(input: &[u8], run: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(input) {
        run(text);
    }
}

/// The strings of some fields of a file of vectors.
fn seeds(file: &str, fields: &[&str]) -> Vec<Vec<u8>> {
    let path = format!(
        "{}/tests/vectors/policy/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let cases = cases.as_array().or_else(|| cases["cases"].as_array());
    cases
        .unwrap()
        .iter()
        .flat_map(|case| fields.iter().filter_map(|field| case[*field].as_str()))
        .map(|text| text.as_bytes().to_vec())
        .collect()
}

fn image_seeds() -> Vec<Vec<u8>> {
    [
        "alpine",
        "docker.io/library/alpine:3",
        "localhost:5000/foo",
        "[::1]:5000/foo",
        "ghcr.io/x/y@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "https://ghcr.io/x/y",
        "REG.io/x//y/..",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn image(text: &str) {
    if let Ok(name) = ImageName::parse(text) {
        // What was read prints as a name that reads as the same.
        assert_eq!(ImageName::of_reference(text).as_ref(), Ok(&name));
        let _ = name.allows_plain_http();
        // The implied `library/` does not count for the limit on the length.
        if name.repository().len() <= 255 {
            assert_eq!(ImageName::parse(&name.to_string()), Ok(name));
        }
    }
    let _ = (
        ImageName::of_reference(text),
        check_create_image(text),
        validate_reference(text),
        Digest::parse(text),
    );
}

fn version(text: &str) {
    if let Ok(version) = Version::parse(text) {
        let normal = version.to_string();
        if let Ok(again) = Version::parse(&normal) {
            assert!(version.precedence(&again).is_eq(), "{normal}");
        }
        assert!(version.precedence(&version).is_eq());
    }
    let _ = Version::parse_tag(text);
}

fn constraint(text: &str) {
    let Ok(constraint) = Constraint::parse(text) else {
        return;
    };
    let _ = constraint.to_string();
    for version in ["0.0.0", "1.2.3", "1.2.3-rc.1", "v18446744073709551615.0.0"] {
        let version = Version::parse(version).unwrap();
        let reasons = constraint.explain(&version);
        assert_eq!(constraint.check(&version), reasons.is_empty());
    }
}

/// The first line is the pattern, the second one the template, the rest is what to search in.
fn pattern(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let (source, template) = (lines.next().unwrap(), lines.next().unwrap_or("$1"));
    let template_read = ExtractTemplate::new(template);
    let Ok(pattern) = Pattern::new(source) else {
        return;
    };
    let _ = check_extract(template, Some(&pattern));
    let mut scratch = pattern.scratch();
    for subject in ["", "main-0a1b2c-1700000000", lines.next().unwrap_or(source)] {
        let mut fast = String::new();
        let matched = template_read.expand_match(&pattern, subject, &mut scratch, &mut fast);
        let groups = pattern.groups(subject);
        assert_eq!(matched, groups.is_some());
        assert_eq!(matched, pattern.is_match(subject));
        let mut slow = String::new();
        if let Some(groups) = groups {
            template_read.expand(&pattern, &groups, &mut slow);
        }
        assert_eq!(fast, slow);
        // A pattern of one text matches that text and no other.
        if let Some(only) = pattern.only_text() {
            assert_eq!(matched, subject == only);
            assert!(pattern.is_match(only));
        }
    }
}

/// Any template over a pattern with groups of every kind: numbered, named, and one that takes no part.
fn extract(text: &str) {
    let pattern = Pattern::new("^(?P<branch>[a-z]+)-([0-9a-f]+)(-(?P<ts>[0-9]+))?(x)?$").unwrap();
    let template = ExtractTemplate::new(text);
    let dollars = text.matches('$').count();
    for subject in ["main-0a1b2c-1700000000", "main-0a1b2c"] {
        let (mut item, mut scratch) = (String::new(), pattern.scratch());
        assert!(template.expand_match(&pattern, subject, &mut scratch, &mut item));
        // Each reference gives a part of the subject at most.
        assert!(item.len() <= text.len() + dollars * subject.len());
        if dollars == 0 {
            assert_eq!(item, text);
        }
    }
    let _ = check_extract(text, Some(&pattern));
    let _ = check_extract(text, None);
}

fn number(text: &str) {
    if let Ok(number) = parse_float(text) {
        let again = parse_float(&format!("{number:e}").replace("inf", "Inf"));
        if number.is_finite() {
            assert_eq!(again.map(f64::to_bits), Ok(number.to_bits()));
        }
    }
}

fn tag_list(text: &str) {
    if let Ok(file) = TagFile::parse(text.to_owned()) {
        if let TagFile::Lines(_) = &file {
            let fits = |tag: &&str| !tag.is_empty() && !tag.contains('\n');
            assert!(file.tags().iter().all(fits));
        }
        assert!(file.tags().len() <= text.len());
    }
}
