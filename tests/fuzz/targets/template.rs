//! Templates: reading any text, and running what can be read.

use std::collections::BTreeMap;

use kubectl_imageupdate::template::commit::{
    Change, ChangedFile, CommitData, CommitTemplate, ObjectIdentifier, UpdatedImage,
};
use kubectl_imageupdate::template::{Limits, Template};

use crate::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "template-parse",
            seeds,
            run: |input| {
                let Ok(text) = std::str::from_utf8(input) else {
                    return;
                };
                if let Err(error) = Template::parse("fuzz", text) {
                    assert!(error.to_string().starts_with("template: fuzz:"), "{error}");
                }
            },
        },
        Target {
            name: "template-execute",
            seeds,
            run: |input| {
                let Ok(text) = std::str::from_utf8(input) else {
                    return;
                };
                let Ok(template) = CommitTemplate::parse(text) else {
                    return;
                };
                let data = data();
                let limits = Limits {
                    steps: 200_000,
                    output: 1 << 20,
                    text: 8 << 20,
                    elements: 200_000,
                    ..Limits::default()
                };
                if let Ok(message) = template.render_within(&data, limits) {
                    assert!(message.len() <= limits.output * 3);
                }
                // The rewritten form need not work, but making it must.
                let _ = template.rewritten();
            },
        },
    ]
}

/// The templates of the vectors.
fn seeds() -> Vec<Vec<u8>> {
    const FILES: &[&str] = &[
        include_str!("../../vectors/template/parse-exec.json"),
        include_str!("../../vectors/template/sprig.json"),
        include_str!("../../vectors/template/commit.json"),
    ];
    let mut seeds = Vec::new();
    for file in FILES {
        let document: serde_json::Value = serde_json::from_str(file).expect("vectors are JSON");
        for case in document["cases"].as_array().expect("cases") {
            let template = case["template"].as_str().unwrap_or_default();
            // Slow on purpose, and no part of the language.
            if !["bcrypt", "htpasswd", "derivePassword"]
                .iter()
                .any(|name| template.contains(name))
            {
                seeds.push(template.as_bytes().to_vec());
            }
        }
    }
    seeds
}

fn data() -> CommitData {
    let change = |index: usize| Change {
        old: format!("registry.example/app:1.{index}.0"),
        new: format!("registry.example/app:1.{index}.1"),
        setter: format!("flux-system:app-{index}"),
    };
    let object = ObjectIdentifier {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        name: "app".to_owned(),
        namespace: "default".to_owned(),
    };
    CommitData {
        namespace: "flux-system".to_owned(),
        name: "automation".to_owned(),
        files: vec![ChangedFile {
            path: "apps/é.yaml".to_owned(),
            objects: vec![(object, (0..3).map(change).collect())],
        }],
        values: Some(BTreeMap::from([("cluster".to_owned(), "prod".to_owned())])),
        images: vec![UpdatedImage {
            namespace: "flux-system".to_owned(),
            policy: "app-1".to_owned(),
            reference: "registry.example/app:1.1.1".to_owned(),
        }],
    }
}
