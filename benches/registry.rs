//! What listing 100,000 tags costs: in one answer, in 100 pages, and over TLS. Linux only, because
//! it asks `/proc`.
//!
//! This process is the registry; the listing is done by a process of its own, so that only the
//! client counts. The limits are the ones that the project set itself: at most 10 MiB above the
//! idle process, one connection, no request that is not a page, and at most the processor time of
//! go-containerregistry (45 ms in one answer, 101 ms in 100 pages). Time and memory count in release
//! builds only.

#![allow(clippy::print_stdout, reason = "the measurement is what it prints")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use kubectl_imageupdate::image::ImageName;
use kubectl_imageupdate::ports::{Cancellation, Provider, Registry as _, ScanRequest, TlsSettings};
use kubectl_imageupdate::registry::{RegistryClient, RegistrySettings};
use support::certificates::{Authority, server_config};
use support::registry_server::{LinkForm, RegistryContent, RegistryOptions, RegistryServer};

const TAGS: usize = 100_000;
const RUNS: usize = 5;
const MEMORY_LIMIT: f64 = 10.0;
const HOST: &str = "REGISTRY_BENCH_HOST";
const CA: &str = "REGISTRY_BENCH_CA";

fn main() -> ExitCode {
    match std::env::var(HOST) {
        Ok(host) => list(&host),
        Err(_) => measure(),
    }
}

struct Case {
    name: &'static str,
    server: RegistryServer,
    ca: Option<String>,
    requests: usize,
    connections: usize,
    milliseconds: f64,
    mebibytes: f64,
}

fn measure() -> ExitCode {
    let content = RegistryContent::default();
    let tags: Vec<String> = (0..TAGS).map(tag).collect();
    content.push_tags("many/tags", tags.iter().map(String::as_str));
    let authority = Authority::new();
    let options = || RegistryOptions::new(&content);
    let cases = [
        Case {
            name: "one answer",
            server: options().start(),
            ca: None,
            requests: 1,
            connections: 1,
            milliseconds: 45.0,
            mebibytes: MEMORY_LIMIT,
        },
        Case {
            name: "100 pages",
            server: options().paging(1000, LinkForm::Relative).start(),
            ca: None,
            requests: 100,
            connections: 1,
            milliseconds: 101.0,
            mebibytes: MEMORY_LIMIT,
        },
        Case {
            name: "100 pages, TLS",
            server: options()
                .paging(1000, LinkForm::Relative)
                .tls(server_config(&authority.server(&["127.0.0.1"])))
                .start(),
            ca: Some(authority.certificate.clone()),
            requests: 100,
            // The plain hello that finds out about TLS is one of its own.
            connections: 2,
            milliseconds: f64::INFINITY,
            // The system's authorities are in memory too.
            mebibytes: MEMORY_LIMIT + 2.0,
        },
    ];
    let mut good = true;
    println!("case              wall ms   CPU ms   MiB above idle   connections   requests");
    for case in &cases {
        good &= run(case);
    }
    ExitCode::from(u8::from(!good))
}

/// Runs a case some times and prints the medians; whether they keep the limits.
fn run(case: &Case) -> bool {
    let (mut walls, mut processor, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let (mut connections, mut requests) = (0, 0);
    for _ in 0..RUNS {
        let before = case.server.http().connections();
        case.server.http().clear();
        let output = Command::new(std::env::current_exe().expect("this program"))
            .env(HOST, case.server.host())
            .env(CA, case.ca.as_deref().unwrap_or_default())
            .stdout(Stdio::piped())
            .output()
            .expect("the client");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
        let (Some(wall), Some(time), Some(bytes)) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            println!("{}: the client failed", case.name);
            return false;
        };
        walls.push(wall);
        processor.push(time);
        memory.push(bytes);
        connections = case.server.http().connections() - before;
        requests = case.server.log().len();
    }
    let (wall, time, bytes) = (median(walls), median(processor), median(memory));
    println!(
        "{:<16} {wall:>8.0} {time:>8.1} {bytes:>16.1} {connections:>13} {requests:>10}",
        case.name
    );
    let lean = time <= case.milliseconds && bytes <= case.mebibytes;
    let good = (lean || cfg!(debug_assertions))
        && connections <= case.connections
        && requests <= case.requests;
    if !good {
        println!("{}: over the limit", case.name);
    }
    good
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A fifth of the tags are signatures, as in real registries.
fn tag(number: usize) -> String {
    if number.is_multiple_of(5) {
        format!("sha256-{number:064x}.sig")
    } else {
        format!("1.{}.{}-rc.{number}", number % 100, number % 7)
    }
}

/// The client: prints wall milliseconds, processor milliseconds and MiB above idle.
fn list(host: &str) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let ca = std::env::var(CA).ok().filter(|ca| !ca.is_empty());
    let request = ScanRequest {
        image: ImageName::parse(&format!("{host}/many/tags")).expect("an image"),
        insecure: false,
        credentials: Vec::new(),
        provider: Provider::Generic,
        tls: TlsSettings {
            ca: ca.map(String::into_bytes),
            client: None,
        },
        proxy: None,
        timeout: Duration::from_secs(60),
    };
    let client = RegistryClient::new(RegistrySettings::default());
    let (idle, before, start) = (status("VmRSS:"), processor_time(), Instant::now());
    let list = runtime
        .block_on(client.tags(&request, &(), &Cancellation::default()))
        .expect("tags");
    let (wall, time) = (start.elapsed(), processor_time() - before);
    assert_eq!(list.tags.len(), TAGS);
    let above = (status("VmHWM:") - idle) / 1024.0;
    println!("{} {} {above}", wall.as_secs_f64() * 1e3, time * 1e3);
    ExitCode::SUCCESS
}

/// A number of kibibytes from the process's status.
fn status(field: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = text.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("a number")
}

/// Seconds that all threads have run.
fn processor_time() -> f64 {
    let nanoseconds: f64 = fs::read_dir("/proc/self/task")
        .expect("/proc")
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum();
    nanoseconds / 1e9
}
