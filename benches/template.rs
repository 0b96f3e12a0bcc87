//! What commit templates cost, beside Go's text/template on the same machine: reading and trying out
//! the users' two templates, and a template of 200 lines over 10,000 changes.
//!
//! Limits: 20 µs for the two, 100 ms for the long one. Without Go there is no reference.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "the measurement is what it prints"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use kubectl_imageupdate::template::commit::{
    Change, ChangedFile, CommitData, CommitTemplate, ObjectIdentifier, UpdatedImage,
};

/// The templates of the two seeds.
const SMALL: [&str; 2] = [
    "{{range .Updated.Images}}{{println .}}{{end}}",
    "{{range .Changed.Changes}}{{print .OldValue}} -> {{println .NewValue}}{{end}}",
];
const CHANGES: usize = 10_000;
const SMALL_LIMIT: Duration = Duration::from_micros(20);
const LARGE_LIMIT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let few = data(1);
    let small = best(50, || {
        for _ in 0..100 {
            for text in SMALL {
                let template = CommitTemplate::parse(black_box(text)).expect("a template");
                black_box(template.render(&few).expect("a message"));
            }
        }
    }) / 100;
    let many = data(CHANGES);
    let text = large_template();
    let template = CommitTemplate::parse(&text).expect("a template");
    let large = best(10, || {
        black_box(template.render(&many).expect("a message"));
    });
    println!("check and parse of two templates: {small:?} (limit {SMALL_LIMIT:?})");
    println!(
        "{} lines over {CHANGES} changes: {large:?} (limit {LARGE_LIMIT:?})",
        text.lines().count()
    );
    match reference(&text) {
        Some((go_small, go_large)) => {
            println!(
                "Go, check and parse: {go_small:?}, {:.2} of it",
                ratio(small, go_small)
            );
            println!(
                "Go, long template: {go_large:?}, {:.2} of it",
                ratio(large, go_large)
            );
        }
        None => println!("no Go here, and so no reference"),
    }
    ExitCode::from(u8::from(small > SMALL_LIMIT || large > LARGE_LIMIT))
}

fn ratio(ours: Duration, theirs: Duration) -> f64 {
    ours.as_secs_f64() / theirs.as_secs_f64()
}

/// The shortest of several rounds.
fn best(rounds: usize, mut round: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

/// Files with one object and one change each.
fn data(count: usize) -> CommitData {
    let file = |index: usize| {
        let object = ObjectIdentifier {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: format!("app-{index:05}"),
            namespace: "default".to_owned(),
        };
        let change = Change {
            old: format!("ghcr.io/org/app-{index:05}:1.0.0"),
            new: format!("ghcr.io/org/app-{index:05}:1.1.0"),
            setter: format!("flux-system:app-{index:05}"),
        };
        ChangedFile {
            path: format!("apps/app-{index:05}.yaml"),
            objects: vec![(object, vec![change])],
        }
    };
    CommitData {
        namespace: "flux-system".to_owned(),
        name: "auto".to_owned(),
        files: (0..count).map(file).collect(),
        values: Some([("cluster".to_owned(), "prod".to_owned())].into()),
        images: vec![UpdatedImage {
            namespace: "flux-system".to_owned(),
            policy: "app-00000".to_owned(),
            reference: "ghcr.io/org/app-00000:1.1.0".to_owned(),
        }],
    }
}

/// A message of 200 lines: headings, and what the controllers' own examples do for each change.
fn large_template() -> String {
    let mut text =
        String::from("Update {{ len .Changed.Changes }} images of {{ .AutomationObject }}\n");
    for line in 0..180 {
        let _ = writeln!(
            text,
            "{{{{ if eq .Values.cluster \"prod\" }}}}Part {line} of {{{{ .Values.cluster | upper }}}}{{{{ end }}}}"
        );
    }
    text.push_str(
        "Files:
{{ range $path, $objects := .Changed.FileChanges -}}
- {{ $path }}
{{ range $object, $changes := $objects -}}
  {{ $object.Kind | lower }} {{ $object.Namespace | default \"cluster\" }}/{{ $object.Name }}
{{ end -}}
{{ end -}}
Changes:
{{ range .Changed.Changes -}}
- {{ .OldValue }} -> {{ .NewValue }} ({{ .Setter | trimPrefix \"flux-system:\" }})
{{ if contains \"app-0\" .NewValue }}  first half{{ else }}  second half{{ end }}
{{ end -}}
Objects:
{{ range $object, $changes := .Changed.Objects -}}
- {{ $object.APIVersion }} {{ $object.Kind }} {{ $object.Name }}
{{ range $changes }}  {{ printf \"%s to %q\" .OldValue .NewValue }}
{{ end -}}
{{ end -}}
",
    );
    text
}

/// The same in Go, when there is Go: its two figures.
fn reference(large: &str) -> Option<(Duration, Duration)> {
    let folder = tempfile::tempdir().ok()?;
    let path = |name: &str| folder.path().join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reference/template.go.txt");
    fs::copy(source, path("main.go")).ok()?;
    fs::write(path("go.mod"), "module reference\n\ngo 1.22\n").ok()?;
    for (name, text) in [("0", SMALL[0]), ("1", SMALL[1]), ("2", large)] {
        fs::write(path(name), text).ok()?;
    }
    let output = Command::new("go")
        .args(["run", ".", "0", "1", "2"])
        .current_dir(folder.path())
        .output()
        .ok()?;
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let mut figures = text.lines().filter_map(|line| line.parse::<f64>().ok());
    let mut next = || figures.next().map(|us| Duration::from_secs_f64(us / 1e6));
    Some((next()?, next()?))
}
