//! What to say about a function that there is not.

use super::names;

/// Sprig's functions that Flux leaves out, and what their results depend on.
const NOT_HERMETIC: &[(&str, &[&str])] = &[
    (
        "the clock",
        &[
            "date",
            "dateInZone",
            "dateModify",
            "date_in_zone",
            "date_modify",
            "htmlDate",
            "htmlDateInZone",
            "now",
        ],
    ),
    ("the environment", &["env", "expandenv"]),
    ("the network", &["getHostByName"]),
    (
        "chance",
        &[
            "randAlpha",
            "randAlphaNum",
            "randAscii",
            "randBytes",
            "randNumeric",
            "uuidv4",
        ],
    ),
];
/// Helm's own functions.
const HELM: &[&str] = &[
    "fromToml",
    "fromYaml",
    "fromYamlArray",
    "include",
    "lookup",
    "required",
    "toToml",
    "toYaml",
    "tpl",
];

/// A remark on a name that no function has.
pub(in crate::template) fn hint(name: &str) -> Option<String> {
    let left_out = NOT_HERMETIC.iter().find(|(_, names)| names.contains(&name));
    if let Some((source, _)) = left_out {
        return Some(format!(
            "{name} depends on {source}; Flux leaves such functions out of message templates"
        ));
    }
    if HELM.contains(&name) {
        return Some(format!(
            "{name} is a function of Helm; message templates have those of sprig"
        ));
    }
    let (similar, distance) = names()
        .map(|known| (known, distance(&known.to_lowercase(), &name.to_lowercase())))
        .min_by_key(|(_, distance)| *distance)?;
    (distance <= 2 && distance < name.len()).then(|| format!("did you mean {similar}?"))
}

/// How many letters must be added, dropped or replaced to get from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (index, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_function_gets_a_remark() {
        let remark = |name| hint(name).unwrap_or_default();
        assert!(remark("now").contains("the clock"));
        assert!(remark("toYaml").contains("Helm"));
        assert_eq!(remark("uper"), "did you mean upper?");
        assert_eq!(remark("tolower"), "did you mean lower?");
        assert_eq!(remark("TrimPrefix"), "did you mean trimPrefix?");
        assert_eq!(remark("nofunc"), "");
    }
}
