//! The text of `docs/formatting.md`, made by running: this program edits the files of the vectors,
//! beside what image-automation-controller made of the same files.

use std::fmt::Write as _;
use std::path::Path;

use kubectl_imageupdate::key::TreePath;
use kubectl_imageupdate::setters::{SetterPolicy, SetterState, SetterTable, scan_file};
use serde_json::Value;

const HEAD: &str = "\
# What an edit does to a file

image-automation-controller decodes a file and encodes it again when one of its markers changes;
this program replaces the bytes of the marked values and leaves all others alone (rule D1 of
[compatibility.md](compatibility.md)). Below is every file of `tests/vectors/setters/formatting.json`
that the controller's way damages: on the left the diff that this program makes, on the right the
diff that image-automation-controller v1.2.1 makes of the same file.

The document is made by running: `cargo run --example formatting` writes it, and a test compares.
What cannot be seen otherwise is shown as a sign: `␍` carriage return, `→` tab, `·` blank at the end
of a line, `<BOM>` byte order mark.
";

/// The document.
pub(crate) fn document(root: &Path) -> String {
    let path = root.join("tests/vectors/setters/formatting.json");
    let text = std::fs::read_to_string(path).expect("vectors");
    let vectors: Value = serde_json::from_str(&text).expect("vectors are JSON");
    let mut document = HEAD.to_owned();
    for case in vectors["cases"].as_array().expect("cases") {
        if case["damage"] != true {
            continue;
        }
        for (file, before) in case["files"].as_object().expect("files") {
            let (Some(before), Some(theirs)) =
                (before.as_str(), case["upstream_files"][file].as_str())
            else {
                continue;
            };
            let ours = edited(file, before, case);
            let _ = write!(
                document,
                "\n## {}\n\n<table>\n<tr><th>kubectl-imageupdate</th><th>Flux</th></tr>\n\
                 <tr><td>\n\n{}\n</td><td>\n\n{}\n</td></tr>\n</table>\n",
                case["name"].as_str().unwrap_or_default(),
                diff(before, &ours),
                diff(before, theirs),
            );
        }
    }
    document
}

/// What this program makes of a file.
fn edited(file: &str, before: &str, case: &Value) -> String {
    let policies = case["policies"].as_array().expect("policies");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let table = SetterTable::new(
        "flux-system",
        policies.iter().map(|policy| SetterPolicy {
            namespace: text(&policy["namespace"]),
            name: text(&policy["name"]),
            state: SetterState::Ready {
                name: text(&policy["latestRef"]["name"]),
                tag: text(&policy["latestRef"]["tag"]),
                digest: text(&policy["latestRef"]["digest"]),
            },
        }),
    );
    let outcome = scan_file(&TreePath::clamp(file), before.as_bytes(), &table);
    let after = outcome
        .patch
        .and_then(|patch| patch.apply(before.as_bytes()));
    String::from_utf8(after.unwrap_or_else(|| before.as_bytes().to_vec())).expect("text")
}

/// A diff as a block of Markdown, invisible characters made visible.
fn diff(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    let mut text = String::from("```diff\n");
    for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
        let _ = writeln!(text, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let line = change.value();
            let end = if line.ends_with('\n') {
                ""
            } else {
                "\n\\ No newline at end of file"
            };
            let _ = writeln!(text, "{}{}{end}", change.tag(), visible(line));
        }
    }
    text.push_str("```\n");
    text
}

/// A line without its break, and with signs for what cannot be seen.
fn visible(line: &str) -> String {
    let line = line.trim_end_matches('\n');
    let seen = line.trim_end_matches(' ');
    let mut text = seen
        .replace('\u{feff}', "<BOM>")
        .replace('\r', "␍")
        .replace('\t', "→");
    text.push_str(&"·".repeat(line.len() - seen.len()));
    text
}
