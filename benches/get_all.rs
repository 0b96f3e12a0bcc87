//! Reads 10,000 objects of the three kinds at once and tells what that costs: the floor under
//! `get all -A`. Linux only, because it asks `/proc`.
//!
//! A cluster is filled first, which takes some minutes; the reading is done by a process of its
//! own, so that only the reading counts.

#[path = "../tests/support/kube/mod.rs"]
mod kube;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use kubectl_imageupdate::api::Kind;
use kubectl_imageupdate::cluster::{ConnectionSettings, LiveCluster};
use kubectl_imageupdate::ports::{ObjectScope, Objects as _};
use serde::Deserialize;
use serde_json::{Value, json};

const OBJECTS: usize = 10_000;
const WRITERS: usize = 6;

fn main() -> ExitCode {
    match std::env::var_os("GET_ALL_KUBECONFIG") {
        Some(kubeconfig) => read(PathBuf::from(kubeconfig)),
        None => fill_and_measure(),
    }
}

fn fill_and_measure() -> ExitCode {
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
    let mut good = true;
    for compressed in ["yes", "no"] {
        let status = Command::new(std::env::current_exe().expect("this program"))
            .env("GET_ALL_KUBECONFIG", cluster.kubeconfig("reader"))
            .env("GET_ALL_COMPRESSED", compressed)
            .status();
        good &= status.is_ok_and(|status| status.success());
    }
    ExitCode::from(u8::from(!good))
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

/// The fields of a table's row.
#[derive(Deserialize)]
struct Row {
    metadata: RowMetadata,
    status: RowStatus,
}

#[derive(Deserialize)]
struct RowMetadata {
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct RowStatus {
    conditions: Vec<RowCondition>,
}

#[derive(Deserialize)]
struct RowCondition {
    status: String,
    message: String,
}

#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn read(kubeconfig: PathBuf) -> ExitCode {
    let compressed = std::env::var("GET_ALL_COMPRESSED").unwrap_or_default();
    let live = LiveCluster::new(ConnectionSettings {
        kubeconfig: Some(kubeconfig),
        disable_compression: compressed == "no",
        ..ConnectionSettings::default()
    });
    let rows = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let [a, b, c] = Kind::IMAGE;
            let (a, b, c) = tokio::join!(rows(&live, a), rows(&live, b), rows(&live, c));
            a.into_iter().chain(b).chain(c).collect::<Vec<Row>>()
        });
    let text: usize = rows.iter().map(length).sum();
    let (cpu, peak) = used();
    println!(
        "{} objects, {text} bytes shown, compressed: {compressed}, {}.{:02} s CPU, peak {peak}",
        rows.len(),
        cpu / 100,
        cpu % 100
    );
    ExitCode::from(u8::from(rows.len() < OBJECTS))
}

fn length(row: &Row) -> usize {
    let conditions = row.status.conditions.iter();
    row.metadata.namespace.len()
        + row.metadata.name.len()
        + conditions
            .map(|condition| condition.status.len() + condition.message.len())
            .sum::<usize>()
}

/// Hundredths of a second of CPU, and the peak of resident memory.
fn used() -> (u64, String) {
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default()
        .trim()
        .to_owned();
    // User and system time are the fourteenth and fifteenth field, in clock ticks of 1/100 s.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    (ticks, peak)
}

async fn rows(live: &LiveCluster, kind: Kind) -> Vec<Row> {
    let mut rows = Vec::new();
    live.list_each(kind, &ObjectScope::default(), &mut |text| {
        rows.push(serde_json::from_slice(text).expect("a row"));
    })
    .await
    .expect("a list");
    rows
}
