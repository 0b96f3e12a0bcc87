//! What it costs to find and edit the markers of a tree, beside `rg -lF '$imagepolicy'` on the same
//! tree in the same run. Unix only, because it asks the system what a child used.
//!
//! `cargo bench --profile dist --bench setters [-- FILES/MARKED%…]`. For each tree the programs take
//! turns; the figures are medians. Every measured run is a child of a process of its own, so that
//! its CPU (user and system, with all its own children) and its peak memory are its alone.
//!
//! The policy is suspended and has a stored choice, which Flux's rules let count as it is: no
//! registry is asked, and what is measured is the whole command otherwise.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Tells the process that it is the one that runs a single child.
const SINGLE: &str = "SETTERS_BENCH_SINGLE";
/// What one file is filled up to.
const FILE_SIZE: usize = 10 * 1024;
/// Files in one folder.
const FOLDER_SIZE: usize = 20;
/// Runs of each program on each tree.
const RUNS: usize = 7;
/// What the controller's code needs for 10,000 files, half of them marked, in seconds of CPU.
const CONTROLLER_HALF_MARKED: f64 = 17.9;

/// A tree to search.
struct Case {
    files: usize,
    /// Of a hundred files, so many hold a marker.
    marked: usize,
}

const CASES: &[Case] = &[
    Case {
        files: 1_000,
        marked: 1,
    },
    Case {
        files: 10_000,
        marked: 1,
    },
    Case {
        files: 50_000,
        marked: 1,
    },
    Case {
        files: 10_000,
        marked: 50,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if std::env::var_os(SINGLE).is_some() {
        return single(&arguments);
    }
    let mut good = true;
    for case in CASES {
        let name = format!("{}/{}%", case.files, case.marked);
        if arguments.is_empty() || arguments.contains(&name) {
            good &= measure(case, &name);
        }
    }
    ExitCode::from(u8::from(!good))
}

/// Runs both programs on one tree, and says whether the targets are met.
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn measure(case: &Case, name: &str) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree");
    generate(&tree, case);
    let objects = folder.path().join("objects.yaml");
    fs::write(&objects, OBJECTS).expect("a file");
    let (tree, objects) = (tree.to_string_lossy(), objects.to_string_lossy());
    let program = env!("CARGO_BIN_EXE_kubectl-imageupdate");
    let ours = [
        program,
        "reconcile",
        "--dry-run",
        "-f",
        &objects,
        "--worktree",
        &tree,
    ];
    let search = ["rg", "-lF", "$imagepolicy", &tree];
    let (mut our_runs, mut search_runs) = (Vec::new(), Vec::new());
    // The first round fills the page cache and is thrown away.
    for round in 0..=RUNS {
        let (ours, search) = (run(&ours), run(&search));
        if round > 0 {
            our_runs.push(ours);
            search_runs.push(search);
        }
    }
    let (ours, search) = (median(our_runs), median(search_runs));
    let ratio = ours.cpu.as_secs_f64() / search.cpu.as_secs_f64();
    println!(
        "{name}: {:.3} s CPU, {:.1} MiB; rg {:.3} s CPU, {:.1} MiB; {ratio:.2} times the CPU",
        ours.cpu.as_secs_f64(),
        ours.mebibytes,
        search.cpu.as_secs_f64(),
        search.mebibytes,
    );
    let cpu_fits = if case.marked <= 1 {
        ratio <= 1.5
    } else {
        let faster = CONTROLLER_HALF_MARKED / ours.cpu.as_secs_f64();
        println!("{name}: the controller's code needs {faster:.0} times as much");
        faster >= 10.0
    };
    let fits = cpu_fits && ours.mebibytes <= 64.0;
    if !fits {
        println!("{name}: misses its target");
    }
    fits
}

/// What one run used.
#[derive(Clone, Copy)]
struct Used {
    cpu: Duration,
    mebibytes: f64,
}

/// Median of CPU, and the highest peak.
fn median(mut runs: Vec<Used>) -> Used {
    runs.sort_by_key(|used| used.cpu);
    let mebibytes = runs.iter().map(|used| used.mebibytes).fold(0.0, f64::max);
    Used {
        cpu: runs[runs.len() / 2].cpu,
        mebibytes,
    }
}

/// Runs a program by way of a process that has no other child.
fn run(command: &[&str]) -> Used {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(command)
        .env(SINGLE, "1")
        .stderr(Stdio::inherit())
        .output()
        .expect("this program runs");
    assert!(output.status.success(), "{command:?} failed");
    let text = String::from_utf8(output.stdout).expect("two numbers");
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse::<u32>().expect("microseconds and kibibytes"));
    Used {
        cpu: Duration::from_micros(numbers.next().expect("CPU").into()),
        mebibytes: f64::from(numbers.next().expect("memory")) / 1024.0,
    }
}

/// Runs one child and prints what it used: microseconds of CPU, kibibytes at its peak.
#[expect(clippy::print_stdout, reason = "the answer to the process that asks")]
fn single(command: &[String]) -> ExitCode {
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env_remove(SINGLE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system's account");
    #[allow(
        clippy::useless_conversion,
        reason = "the part of a second is narrower on some systems"
    )]
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + i64::from(time.tv_usec());
    println!(
        "{} {}",
        micros(usage.user_time()) + micros(usage.system_time()),
        usage.max_rss()
    );
    ExitCode::from(u8::from(!status.is_ok_and(|status| status.success())))
}

/// A policy that is held at its stored choice, and an automation over the whole tree.
const OBJECTS: &str = "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: app
  namespace: flux-system
spec:
  suspend: true
  imageRepositoryRef:
    name: app
  policy:
    semver:
      range: 1.x
status:
  latestRef:
    name: registry.example.com/org/app
    tag: 1.1.0
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata:
  name: fleet
  namespace: flux-system
spec:
  interval: 30m
  sourceRef:
    kind: GitRepository
    name: fleet
  git:
    commit:
      author:
        name: bot
        email: bot@example.com
";

/// Writes the tree: folders of folders of twenty files, each about ten kilobytes of what clusters
/// are made of. Marked files are spread evenly and hold one marker.
fn generate(root: &Path, case: &Case) {
    for number in 0..case.files {
        let folder = number / FOLDER_SIZE;
        let path = root
            .join(format!("cluster-{}", folder / 100))
            .join(format!("app-{folder}"));
        if number % FOLDER_SIZE == 0 {
            fs::create_dir_all(&path).expect("a folder");
        }
        let marked = number * case.marked / 100 != (number + 1) * case.marked / 100;
        let text = manifest(number, marked);
        fs::write(path.join(format!("{number}.yaml")), text).expect("a file");
    }
}

/// A Deployment and a ConfigMap; the latter is filled up to the size of the file.
fn manifest(number: usize, marked: bool) -> String {
    let marker = if marked {
        " # {\"$imagepolicy\": \"flux-system:app\"}"
    } else {
        ""
    };
    let mut text = format!(
        "# Application {number}, as its team deploys it.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
  namespace: team-{}
  labels:
    app.kubernetes.io/name: app-{number}
    app.kubernetes.io/part-of: \"shop\"
spec:
  replicas: 3
  selector:
    matchLabels: {{app.kubernetes.io/name: app-{number}}}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app-{number}
      annotations:
        description: >-
          Serves the pages of the shop, and everything that they need
          from the systems behind it.
    spec:
      containers:
        - name: app
          image: registry.example.com/org/app:1.0.0{marker}
          args: [\"serve\", \"--port\", \"8080\"]
          env:
",
        number % 50,
    );
    let mut line = 0;
    while text.len() < FILE_SIZE * 6 / 10 {
        line += 1;
        let _ = write!(
            text,
            "            - name: SETTING_{line}
              value: \"value {line} of application {number}\"
            - name: SECRET_{line}
              valueFrom:
                secretKeyRef:
                  name: app-{number}-secrets
                  key: secret-{line} # rotated by hand
",
        );
    }
    let _ = write!(
        text,
        "---
apiVersion: v1
kind: ConfigMap
metadata:
  name: app-{number}
data:
  settings.conf: |
"
    );
    while text.len() < FILE_SIZE {
        line += 1;
        let _ = writeln!(text, "    option.{line} = {number}-{line} # not a comment");
    }
    text
}
