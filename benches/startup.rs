//! What it costs to start: `--help` and `create --export`, beside `git --version` and, where there
//! is one, `kubectl version --client`. Linux only, because it asks `/proc` and GNU time's numbers.
//!
//! `cargo bench --bench startup` measures the program in `target/dist`, or the one that
//! `STARTUP_PROGRAM` names, and fails above 10 ms CPU or 12 MiB.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// Runs of each command; the median counts.
const RUNS: usize = 41;
/// Limits of the median: CPU in milliseconds, memory in KiB.
const CPU_LIMIT: f64 = 10.0;
const MEMORY_LIMIT: u64 = 12 * 1024;

/// What one command costs, in the median.
struct Cost {
    cpu: f64,
    memory: u64,
}

fn main() -> ExitCode {
    let program = std::env::var_os("STARTUP_PROGRAM").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
            PathBuf::from(target).join("dist/kubectl-imageupdate")
        },
        PathBuf::from,
    );
    if !program.exists() {
        return report(&format!(
            "{} is missing: cargo build --profile dist",
            program.display()
        ));
    }
    let program = program.to_string_lossy().into_owned();
    let export = [
        "create",
        "image",
        "policy",
        "podinfo",
        "--image-ref=podinfo",
        "--select-semver=>=5.0.0",
        "--export",
    ];
    let mut lines = vec![format!("{:<38} {:>9} {:>11}", "", "CPU, ms", "memory, MiB")];
    let mut within = true;
    for (name, program, arguments, ours) in [
        ("--help", program.as_str(), &["--help"][..], true),
        ("create image policy … --export", &program, &export, true),
        (
            "__complete get ''",
            &program,
            &["__complete", "get", ""],
            true,
        ),
        ("git --version", "git", &["--version"], false),
        (
            "kubectl version --client",
            "kubectl",
            &["version", "--client"],
            false,
        ),
    ] {
        let Some(cost) = measure(program, arguments) else {
            lines.push(format!("{name:<38} not on this machine"));
            continue;
        };
        if ours && (cost.cpu > CPU_LIMIT || cost.memory > MEMORY_LIMIT) {
            within = false;
        }
        let memory = f64::from(u32::try_from(cost.memory).unwrap_or(u32::MAX)) / 1024.0;
        lines.push(format!("{name:<38} {:>9.1} {memory:>11.1}", cost.cpu));
    }
    lines.push(
        if within {
            "within the limits"
        } else {
            "above 10 ms or 12 MiB"
        }
        .to_owned(),
    );
    let _ = report(&lines.join("\n"));
    ExitCode::from(u8::from(!within))
}

fn report(text: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::FAILURE
}

/// `None` when there is no such program.
fn measure(program: &str, arguments: &[&str]) -> Option<Cost> {
    let mut runs: Vec<(f64, u64)> = (0..RUNS)
        .map(|_| run_once(program, arguments))
        .collect::<Option<_>>()?;
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let cpu = runs[RUNS / 2].0;
    runs.sort_by_key(|run| run.1);
    Some(Cost {
        cpu,
        memory: runs[RUNS / 2].1,
    })
}

/// User plus system time in milliseconds and peak memory in KiB of one run. The time of all children
/// of this process grows by that of the one that just ended; a shell that waits for the program and
/// then reads its own entry tells the memory.
fn run_once(program: &str, arguments: &[&str]) -> Option<(f64, u64)> {
    let output = Command::new("bash")
        .args(["-c", "command -v \"$0\" >/dev/null || exit 127; exec 3>&1; TIMEFORMAT='%3U %3S'; { time \"$0\" \"$@\" >/dev/null 2>&4; } 2>&3 4>/dev/null", program])
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let mut seconds = text
        .split_whitespace()
        .filter_map(|word| word.parse::<f64>().ok());
    let cpu = (seconds.next()? + seconds.next()?) * 1000.0;
    Some((cpu, peak_memory(program, arguments)?))
}

/// The peak resident set, from GNU time where it is installed.
fn peak_memory(program: &str, arguments: &[&str]) -> Option<u64> {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%M", program])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().last()?.trim().parse().ok()
}
