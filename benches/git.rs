//! What a repository of 50,000 files costs the program: the first run, runs on what is kept, and the
//! push of one file, beside what `git clone --depth 1` and git's own sparse clone of the folder cost
//! at the same server.
//!
//! The limits are the ones that the project set itself. Bytes and requests are counted by the
//! server, processor time and memory by GNU time. The repository takes some minutes to build.

#![allow(
    clippy::pedantic,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "the measurement is what it prints"
)]

#[path = "../tests/git/fifty_thousand.rs"]
mod fifty_thousand;
#[path = "../tests/git/product.rs"]
mod product;
#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use fifty_thousand::{PATH, build, yaml_path};
use product::Objects;
use support::git_repository::{Repositories, Repository};
use support::git_server::{GitServer, Logged, Settings};
use support::program::Program;

const ROUNDS: usize = 5;

/// What one run cost.
#[derive(Clone, Debug, Default)]
struct Cost {
    wall: f64,
    processor: f64,
    mebibytes: f64,
    log: Vec<Logged>,
}

impl Cost {
    fn requests(&self, pushing: bool) -> (usize, u64, u64) {
        let log: Vec<&Logged> = self
            .log
            .iter()
            .filter(|entry| entry.target.contains("git-receive-pack") == pushing)
            .collect();
        let sent = log.iter().map(|entry| entry.received).sum();
        let received = log.iter().map(|entry| entry.sent).sum();
        (log.len(), sent, received)
    }

    fn line(&self, name: &str, pushing: bool) {
        let (requests, sent, received) = self.requests(pushing);
        println!(
            "{name:<42} {:>7.2} s {:>7.2} s {:>6.0} MiB {requests:>4} {sent:>9} {received:>11}",
            self.wall, self.processor, self.mebibytes
        );
    }
}

/// Runs a command to its end.
fn measure(server: &GitServer, folder: &Path, command: &Command, code: i32) -> Cost {
    server.take_log();
    let report = folder.join("cost");
    let begin = Instant::now();
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%U %S %M", "-o"])
        .arg(&report)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(folder)
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null())
        .output()
        .expect("GNU time must be installed");
    let wall = begin.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let report = std::fs::read_to_string(report).unwrap();
    let numbers: Vec<f64> = report
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    Cost {
        wall,
        processor: numbers[0] + numbers[1],
        mebibytes: numbers[2] / 1024.0,
        log: server.take_log(),
    }
}

/// The run in the middle by wall time.
fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    costs.swap_remove(costs.len() / 2)
}

/// Runs of the program on one home, so that the later ones find what the earlier ones kept.
struct Runs<'a> {
    server: &'a GitServer,
    program: Program,
    objects: Objects,
}

impl<'a> Runs<'a> {
    fn new(server: &'a GitServer) -> Self {
        Self {
            server,
            program: Program::new(),
            objects: Objects::new(&server.url("huge")).path(PATH),
        }
    }

    fn run(&self, arguments: &[&str], code: i32) -> Cost {
        let file = self.program.write("objects.yaml", &self.objects.yaml());
        let mut all = arguments.to_vec();
        all.extend(["--quiet", "-f", file.to_str().unwrap()]);
        let command = self.program.command(&all);
        measure(self.server, self.program.path(), &command, code)
    }
}

/// git as somebody without a configuration runs it.
fn stock(server: &GitServer, script: &str) -> Cost {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-ec", &script.replace("URL", &server.url("huge"))])
        .env("HOME", folder.path())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    measure(server, folder.path(), &command, 0)
}

/// Whether all limits hold.
struct Verdict(bool);

impl Verdict {
    fn limit(&mut self, what: &str, value: u64, limit: u64) {
        let good = value <= limit;
        println!(
            "{} {what}: {value} (limit {limit})",
            if good { "ok  " } else { "FAIL" }
        );
        self.0 &= good;
    }
}

fn seeded(repositories: &Repositories) -> Repository {
    // All are up to date but one, so that a run pushes one file.
    build(repositories, true, &|number| {
        let tag = if number == 0 { "1.0" } else { "2.0" };
        format!("image: app:{tag} # {{\"$imagepolicy\": \"flux-system:app\"}}\n")
    })
}

fn main() -> ExitCode {
    let repositories = Repositories::new();
    let repository = seeded(&repositories);
    let server = GitServer::start(repositories.root(), Settings::default());
    let rounds = if cfg!(debug_assertions) { 1 } else { ROUNDS };

    let cold = median(
        (0..rounds)
            .map(|_| Runs::new(&server).run(&["diff"], 1))
            .collect(),
    );
    let runs = Runs::new(&server);
    runs.run(&["diff"], 1);
    let unchanged = median((0..rounds).map(|_| runs.run(&["diff"], 1)).collect());
    let push = runs.run(&["reconcile", "update"], 0);
    assert!(repository.show("main", &yaml_path(0)).contains("app:2.0"));
    let foreign = median(
        (0..rounds)
            .map(|round| {
                let text = format!("other: text {round}\n");
                repository.commit("main", "foreign", &[(yaml_path(1).as_str(), text.as_str())]);
                runs.run(&["diff"], 0)
            })
            .collect(),
    );
    let depth_one = stock(&server, "git clone -q --bare --depth 1 URL x");
    let sparse = stock(
        &server,
        &format!(
            "git clone -q --depth 1 --filter=blob:none --sparse URL x; cd x; \
             git sparse-checkout set --no-cone '/{PATH}/**/*.yaml'"
        ),
    );
    repository.assert_sound();

    println!(
        "{:<42} {:>9} {:>9} {:>10} {:>4} {:>9} {:>11}",
        "", "wall", "cpu", "memory", "req.", "sent", "received"
    );
    cold.line("first run", false);
    unchanged.line("again, nothing new", false);
    push.line("again, one file pushed (fetch)", false);
    push.line("again, one file pushed (push)", true);
    foreign.line("again, one commit of somebody else", false);
    depth_one.line("git clone --bare --depth 1", false);
    sparse.line("git clone --sparse --filter=blob:none", false);
    println!(
        "first run / git clone --depth 1: wall {:.2}, cpu {:.2}, received {:.3}",
        cold.wall / depth_one.wall,
        cold.processor / depth_one.processor,
        cold.requests(false).2 as f64 / depth_one.requests(false).2 as f64,
    );
    println!(
        "first run / sparse clone: wall {:.2}, cpu {:.2}, received {:.2}",
        cold.wall / sparse.wall,
        cold.processor / sparse.processor,
        cold.requests(false).2 as f64 / sparse.requests(false).2 as f64,
    );
    let mut verdict = Verdict(true);
    verdict.limit(
        "first run, bytes received",
        cold.requests(false).2,
        5_000_000,
    );
    verdict.limit("first run, requests", cold.requests(false).0 as u64, 7);
    verdict.limit("first run, MiB", cold.mebibytes.ceil() as u64, 32);
    verdict.limit(
        "nothing new, requests",
        unchanged.requests(false).0 as u64,
        2,
    );
    verdict.limit(
        "one commit, bytes received",
        foreign.requests(false).2,
        10_000,
    );
    verdict.limit("one commit, requests", foreign.requests(false).0 as u64, 10);
    verdict.limit("push, bytes sent", push.requests(true).1, 4_000);
    verdict.limit("push, requests", push.requests(true).0 as u64, 2);
    if verdict.0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
