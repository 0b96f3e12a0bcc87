//! The tests' custom resource definitions accept and refuse what the ones in real clusters do.
//!
//! `tests/kube/crds` is written by us from the field tables of Flux's documentation. Its facts
//! (fields, types, required, defaults, patterns, enums, versions, columns; no descriptions) are
//! compared with `tests/kube/crds/facts.txt`, which holds those of the definitions that Flux
//! installs, and with these definitions themselves when they lie beside the checkout or in
//! `IMAGEUPDATE_CRDS`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const FILES: [&str; 7] = [
    "legacy/imagepolicies.yaml",
    "legacy/imagerepositories.yaml",
    "legacy/imageupdateautomations.yaml",
    "v1/gitrepositories.yaml",
    "v1/imagepolicies.yaml",
    "v1/imagerepositories.yaml",
    "v1/imageupdateautomations.yaml",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Everything about the definitions in a folder that a client can notice, one fact a line.
fn facts(folder: &Path) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for file in FILES {
        let path = folder.join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let crd: Value = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = &crd["spec"];
        facts.insert(format!("{file} scope {}", spec["scope"]));
        facts.insert(format!("{file} names {}", sorted(&spec["names"])));
        for version in spec["versions"].as_array().expect("versions") {
            let name = format!("{file} {}", version["name"].as_str().expect("version name"));
            let mut rest = version.clone();
            let schema = rest
                .as_object_mut()
                .and_then(|version| version.remove("schema"))
                .expect("schema");
            facts.insert(format!("{name} {}", sorted(&rest)));
            walk(&name, "", &schema["openAPIV3Schema"], &mut facts);
        }
    }
    facts
}

fn walk(file: &str, path: &str, schema: &Value, facts: &mut BTreeSet<String>) {
    let mut own = schema.clone();
    let fields = own.as_object_mut().expect("a schema is an object");
    fields.remove("description");
    let properties = fields.remove("properties");
    let items = fields.remove("items");
    let values = fields.remove("additionalProperties");
    if let Some(Value::Array(required)) = fields.get_mut("required") {
        required.sort_by_key(ToString::to_string);
    }
    facts.insert(format!("{file} {path} {}", sorted(&own)));
    for (name, property) in properties
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        walk(file, &format!("{path}.{name}"), property, facts);
    }
    if let Some(items) = items {
        walk(file, &format!("{path}[]"), &items, facts);
    }
    if let Some(values) = values {
        walk(file, &format!("{path}{{}}"), &values, facts);
    }
}

/// JSON with sorted keys, so that the order in a file does not matter.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeSet<String> = fields
                .iter()
                .map(|(name, value)| format!("{name:?}:{}", sorted(value)))
                .collect();
            format!("{{{}}}", fields.into_iter().collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(sorted).collect::<Vec<_>>().join(",")
            )
        }
        scalar => scalar.to_string(),
    }
}

fn assert_same(expected: &BTreeSet<String>, ours: &BTreeSet<String>) {
    let missing: Vec<_> = expected.difference(ours).collect();
    let extra: Vec<_> = ours.difference(expected).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing here: {missing:#?}\nonly here: {extra:#?}"
    );
}

#[test]
fn our_definitions_state_the_facts_of_the_ones_that_flux_installs() {
    let text = fs::read_to_string(root().join("tests/kube/crds/facts.txt")).expect("facts.txt");
    let expected = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(ToOwned::to_owned)
        .collect();
    assert_same(&expected, &facts(&root().join("tests/kube/crds")));
}

#[test]
fn the_facts_are_those_of_the_real_definitions_where_they_are_at_hand() {
    let folder = std::env::var_os("IMAGEUPDATE_CRDS")
        .map_or_else(|| root().join("../shared/crds"), PathBuf::from);
    if folder.is_dir() {
        assert_same(&facts(&folder), &facts(&root().join("tests/kube/crds")));
    }
}
