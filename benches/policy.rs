//! What a choice among 100,000 tags costs: `tags P -f policy.yaml --tags-from FILE`, from the start of
//! the process to its end. Linux only, because it asks `/proc`.
//!
//! The program runs in a process of its own, a copy of this one that calls the library as `main` does.
//! The limits are the ones that the project set itself: at most 20 ms of processor time and 12 MiB for
//! the selected tag alone, at most four times that for every verdict as JSON. They count in optimised
//! builds only. GNU sort on the same file is measured beside it, to compare machines by; with Go and
//! its modules at hand, so is a program around the libraries that the controller uses.

#![allow(clippy::print_stdout, reason = "the measurement is what it prints")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const TAGS: usize = 100_000;
const RUNS: usize = 7;
const MILLISECONDS: f64 = 20.0;
const MEBIBYTES: f64 = 12.0;
/// How much more every verdict may cost than the selected tag.
const ALL_VERDICTS: f64 = 4.0;
/// Tells a copy of this program to be the one that is measured.
const ROLE: &str = "POLICY_BENCH";

/// Name, list, rules, and arguments of the reference in Go.
type Case = (&'static str, &'static str, &'static str, [&'static str; 3]);

const CASES: [Case; 3] = [
    (
        "semver",
        "S",
        "policy: {semver: {range: '>=1.0.0 <15.0.0'}}",
        ["semver", ">=1.0.0 <15.0.0", ""],
    ),
    (
        "numerical",
        "G",
        "filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}, policy: \
         {numerical: {order: asc}}",
        ["numerical", "^main-[a-f0-9]+-(?P<ts>[0-9]+)", "$ts"],
    ),
    (
        "alphabetical",
        "S",
        "policy: {alphabetical: {order: asc}}",
        ["alphabetical", "", ""],
    ),
];

fn main() -> ExitCode {
    if std::env::var_os(ROLE).is_some() {
        return program();
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("S"), versions()).expect("a list");
    fs::write(folder.path().join("G"), builds()).expect("a list");
    let reference = reference_in_go(folder.path());
    let mut good = true;
    println!("policy        answer          CPU ms   MiB   sort CPU ms   Go CPU ms   Go MiB");
    for (name, list, rules, arguments) in CASES {
        let policy = format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: {name}, \
             namespace: apps}}\nspec: {{imageRepositoryRef: {{name: r}}, {rules}}}\n"
        );
        fs::write(folder.path().join("policy.yaml"), policy).expect("a policy");
        let sort = sorted(folder.path(), name, list);
        let other = reference.as_ref().map(|program| {
            timed(
                Command::new(program).args(arguments).arg(list),
                folder.path(),
            )
        });
        for (answer, more, factor) in [
            ("-o name", &["-o", "name", "--selected"][..], 1.0),
            ("-o json", &["-o", "json"], ALL_VERDICTS),
        ] {
            let (time, memory) = tags(folder.path(), name, list, more);
            let mut line =
                format!("{name:<13} {answer:<14} {time:>7.1} {memory:>5.1} {sort:>13.1}");
            if let Some((time, memory)) = other {
                let _ = write!(line, " {time:>11.1} {memory:>8.1}");
            }
            println!("{line}");
            let lean = time <= MILLISECONDS * factor && memory <= MEBIBYTES * factor;
            if !lean && !cfg!(debug_assertions) {
                println!("{name}, {answer}: over the limit");
                good = false;
            }
        }
    }
    ExitCode::from(u8::from(!good))
}

/// The generator of both lists: Knuth's, from 42, the upper bits of it.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// List S: versions of three parts; of ten tags four plain, two with `v`, one `-rc.N`, one `-alpine`,
/// one a digest, one a signature.
fn versions() -> String {
    let mut random = Random(42);
    let mut text = String::new();
    for _ in 0..TAGS {
        let (major, minor, patch) = (random.below(20), random.below(50), random.below(100));
        let version = format!("{major}.{minor}.{patch}");
        let kind = random.below(10);
        let _ = match kind {
            0..=3 => writeln!(text, "{version}"),
            4 | 5 => writeln!(text, "v{version}"),
            6 => writeln!(text, "{version}-rc.{}", random.below(20)),
            7 => writeln!(text, "{version}-alpine"),
            _ => {
                text.push_str("sha256-");
                for _ in 0..8 {
                    let _ = write!(text, "{:08x}", random.below(1 << 31));
                }
                writeln!(text, "{}", if kind == 9 { ".sig" } else { "" })
            }
        };
    }
    text
}

/// List G: `main-<sha>-<unix time>`.
fn builds() -> String {
    let mut random = Random(42);
    let mut text = String::new();
    for _ in 0..TAGS {
        let sha = random.below(1 << 31);
        let time = 1_600_000_000 + random.below(100_000_000);
        let _ = writeln!(text, "main-{sha:08x}-{time}");
    }
    text
}

/// The program: does what `main` does, then says what it took.
fn program() -> ExitCode {
    let code = kubectl_imageupdate::run(
        std::env::args_os(),
        kubectl_imageupdate::process_environment(),
        kubectl_imageupdate::process_streams(),
    );
    let (time, memory) = used("/proc/self");
    let _ = writeln!(std::io::stderr(), "{time} {memory}");
    code
}

/// Median milliseconds and mebibytes of a call of the program.
fn tags(folder: &Path, policy: &str, list: &str, more: &[&str]) -> (f64, f64) {
    let runs = (0..RUNS).map(|_| {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["tags", policy, "-f", "policy.yaml", "--tags-from", list])
            .args(more)
            .current_dir(folder)
            .env(ROLE, "program")
            .output()
            .expect("the program");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{text}"
        );
        let numbers = text.lines().last().unwrap_or_default().split_once(' ');
        let (time, memory) = numbers.expect("two numbers");
        (
            time.parse::<f64>().expect("a time"),
            memory.parse::<f64>().expect("a size"),
        )
    });
    let (times, sizes) = runs.unzip();
    (median(times), median(sizes))
}

/// Milliseconds of processor time and mebibytes at most, of a process.
fn used(process: &str) -> (f64, f64) {
    let nanoseconds: f64 = fs::read_dir(format!("{process}/task"))
        .expect("/proc")
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum();
    let status = fs::read_to_string(format!("{process}/status")).expect("/proc");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    (nanoseconds / 1e6, peak.unwrap_or_default() / 1024.0)
}

/// What GNU sort takes for the same list: in version order for versions, by bytes otherwise.
fn sorted(folder: &Path, policy: &str, list: &str) -> f64 {
    let order = if policy == "semver" { "-V" } else { "-s" };
    let mut command = Command::new("sort");
    command.args([order, "--parallel=1", list]);
    timed(&mut command, folder).0
}

/// Median milliseconds of processor time of another program, and its mebibytes at most: bash has the
/// time in milliseconds, and the program waits on its output until `/proc` was read.
fn timed(command: &mut Command, folder: &Path) -> (f64, f64) {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(ToOwned::to_owned)
        .collect();
    let runs = (0..RUNS).map(|_| {
        let output = Command::new("bash")
            .args([
                "-c",
                "TIMEFORMAT='%3U %3S'; time \"$@\" > /dev/null",
                "bash",
            ])
            .args(&words)
            .env("LC_ALL", "C")
            .env("GOMAXPROCS", "1")
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut numbers = text
            .split_whitespace()
            .filter_map(|word| word.parse::<f64>().ok());
        let memory = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("KiB=")?.parse::<f64>().ok());
        let seconds = numbers.next().unwrap_or_default() + numbers.next().unwrap_or_default();
        (seconds * 1e3, memory.unwrap_or_default() / 1024.0)
    });
    let (times, sizes) = runs.unzip();
    (median(times), median(sizes))
}

/// Builds the program around the controller's libraries; nothing when there is no Go, or no way to get
/// the module.
fn reference_in_go(folder: &Path) -> Option<std::path::PathBuf> {
    let program = folder.join("reference");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/policy");
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(source)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status
        .is_ok_and(|status| status.success())
        .then_some(program)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
