//! `get all -A` with 10,000 objects: CPU time and peak memory of the program, beside `kubectl` on the
//! same cluster. Linux only, because it asks `/proc`.
//!
//! A cluster is filled first, which takes some minutes. Every figure is the mean of several runs.

#[path = "../tests/support/kube/mod.rs"]
mod kube;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const OBJECTS: usize = 10_000;
const WRITERS: usize = 6;
const RUNS: u64 = 10;

fn main() -> ExitCode {
    let cluster = kube::cluster(kube::Profile::Today);
    let namespaces: Vec<String> = (0..10).map(|_| cluster.namespace()).collect();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let namespaces = &namespaces;
            scope.spawn(move || {
                for number in (writer..OBJECTS).step_by(WRITERS) {
                    cluster.apply(&object(number, &namespaces[number % namespaces.len()]));
                }
            });
        }
    });
    let kubeconfig = cluster.kubeconfig("reader");
    let program = Path::new(env!("CARGO_BIN_EXE_kubectl-imageupdate"));
    let kinds = "imagerepositories,imagepolicies,imageupdateautomations";
    let mut good = true;
    for (name, program, arguments) in [
        (
            "kubectl get -A",
            kube::program("kubectl").as_path(),
            ["get", kinds, "-A"].as_slice(),
        ),
        ("get all -A", program, &["get", "all", "-A"]),
        (
            "get all -A, no compression",
            program,
            &["get", "all", "-A", "--disable-compression"],
        ),
        (
            "get all -A -o name",
            program,
            &["get", "all", "-A", "-o", "name"],
        ),
    ] {
        good &= measure(name, program, arguments, &kubeconfig);
    }
    ExitCode::from(u8::from(!good))
}

/// Runs a program several times and prints what it needs. False when it does not show every object.
#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn measure(name: &str, program: &Path, arguments: &[&str], kubeconfig: &Path) -> bool {
    let before = cpu_of_children();
    let (mut lines, mut peak) = (0, 0);
    for _ in 0..RUNS {
        let output = tempfile::NamedTempFile::new().expect("a file");
        let mut child = Command::new(program)
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(output.reopen().expect("a file"))
            .spawn()
            .expect("the program starts");
        // The peak is known while the process lives, and only grows.
        while child.try_wait().expect("a process").is_none() {
            peak = peak.max(peak_of(child.id()));
            std::thread::sleep(Duration::from_millis(1));
        }
        let text = fs::read_to_string(output.path()).expect("an answer");
        lines = text
            .lines()
            .filter(|line| line.contains("application-"))
            .count();
    }
    let ticks = cpu_of_children() - before;
    // A tick is a hundredth of a second.
    let milliseconds = ticks * 10 / RUNS;
    println!(
        "{name}: {lines} objects, {milliseconds} ms CPU, peak {} MiB",
        peak / 1024
    );
    lines == OBJECTS
}

/// User and system time of the processes that were waited for, in clock ticks.
fn cpu_of_children() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind_name.split_whitespace().skip(13).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// The peak of a process's resident memory so far, in KiB.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// Mostly policies, with status as the controllers write it.
fn object(number: usize, namespace: &str) -> Value {
    let name = format!("application-{number:05}");
    let image = format!("ghcr.io/example/{name}");
    let (kind, spec, mut status) = match number % 9 {
        0 => (
            "ImageRepository",
            json!({"image": image, "interval": "5m"}),
            json!({
                "canonicalImageName": image, "observedExclusionList": ["^.*\\.sig$"],
                "lastScanResult": {
                    "tagCount": 240, "scanTime": "2025-11-20T12:00:00Z", "revision": "1234567890",
                    "latestTags": (0..10).map(|tag| format!("1.2.{tag}")).collect::<Vec<_>>(),
                },
            }),
        ),
        1 => (
            "ImageUpdateAutomation",
            json!({
                "interval": "30m", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
                "git": {"commit": {"author": {"email": "flux@example.com", "name": "flux"},
                    "messageTemplate": "Automated image update"}},
                "update": {"path": "./clusters/production", "strategy": "Setters"},
            }),
            json!({
                "lastAutomationRunTime": "2025-11-20T12:00:00Z",
                "lastPushCommit": "0123456789abcdef0123456789abcdef01234567",
            }),
        ),
        _ => (
            "ImagePolicy",
            json!({
                "imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}},
                "filterTags": {"pattern": "^v(?P<version>.*)$", "extract": "$version"},
            }),
            json!({
                "latestRef": {"name": image, "tag": "1.2.3"},
                "observedPreviousRef": {"name": image, "tag": "1.2.2"},
            }),
        ),
    };
    status["observedGeneration"] = 1.into();
    status["conditions"] = json!([{
        "type": "Ready", "status": "True", "reason": "Succeeded", "observedGeneration": 1,
        "lastTransitionTime": "2025-11-20T12:00:00Z",
        "message": format!("Latest image tag for {image} resolved to 1.2.{number}"),
    }]);
    json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": kind, "spec": spec, "status": status,
        "metadata": {"namespace": namespace, "name": name, "labels": {"team": "payments"}},
    })
}
