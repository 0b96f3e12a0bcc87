//! The podinfo walk-through, from manifests in files to the pushed commit, beside what the same work
//! takes with stock tools: `curl` for the tags, `git clone --depth 1`, an edit, `git commit` and
//! `git push`. Both run against the same servers, in turn, in the same run.
//!
//! The limit that the project set itself: at most twice the wall time of the stock tools, one request
//! to the registry, and at most five to the Git server besides the refused first one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the measurement is what it prints"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use support::git_repository::{Repositories, Repository};
use support::git_server::{GitServer, Settings};
use support::registry_server::{RegistryContent, RegistryServer};

const ROUNDS: usize = 15;
const TAGS: &[&str] = &["4.0.0", "5.0.0", "5.1.4", "5.2.0", "5.2.1", "latest"];
const FILE: &str = "clusters/my-cluster/kustomization.yaml";

fn main() -> ExitCode {
    let registry = RegistryServer::open(&RegistryContent::of(&[("stefanprodan/podinfo", TAGS)]));
    let repositories = Repositories::new();
    let git = GitServer::start(
        repositories.root(),
        Settings {
            basic: Some(("bot".to_owned(), "pass".to_owned())),
            ..Settings::default()
        },
    );
    let mut ours = Vec::new();
    let mut stock = Vec::new();
    let (mut registry_requests, mut git_requests, mut refused) = (0, 0, 0);
    for round in 0..ROUNDS {
        let fleet = seeded(&repositories, &format!("ours-{round}"), &registry.host());
        let folder = tempfile::tempdir().unwrap();
        write_objects(
            folder.path(),
            &registry.host(),
            &git.url(&format!("ours-{round}")),
        );
        let (tags_before, git_before) = (registry.log().len(), git.log().len());
        ours.push(timed(|| reconcile(folder.path())));
        registry_requests = registry_requests.max(registry.log().len() - tags_before);
        let log = git.log().split_off(git_before);
        refused = refused.max(log.iter().filter(|request| request.status == 401).count());
        git_requests = git_requests.max(log.iter().filter(|request| request.status != 401).count());
        assert_pushed(&fleet);

        let fleet = seeded(&repositories, &format!("stock-{round}"), &registry.host());
        let folder = tempfile::tempdir().unwrap();
        let url = git.url(&format!("stock-{round}"));
        stock.push(timed(|| by_hand(folder.path(), &registry.host(), &url)));
        assert_pushed(&fleet);
    }
    let (ours, stock) = (median(ours), median(stock));
    let ratio = ours.as_secs_f64() / stock.as_secs_f64();
    println!("one run        {:>6.1} ms", ours.as_secs_f64() * 1e3);
    println!("curl and git   {:>6.1} ms", stock.as_secs_f64() * 1e3);
    println!("ratio          {ratio:>6.2}   (limit 2)");
    println!(
        "requests       registry {registry_requests} (limit 1), Git {git_requests} (limit 5) and {refused} refused"
    );
    let good = registry_requests == 1 && git_requests <= 5 && refused <= 1;
    if good && (ratio <= 2.0 || cfg!(debug_assertions)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn seeded(repositories: &Repositories, name: &str, host: &str) -> Repository {
    let fleet = repositories.create(name);
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../apps\n\
         images:\n  - name: podinfod\n    newName: {host}/stefanprodan/podinfo # {{\"$imagepolicy\": \
         \"flux-system:podinfo:name\"}}\n    newTag: 5.0.0 # {{\"$imagepolicy\": \
         \"flux-system:podinfo:tag\"}}\n"
    );
    fleet.commit("main", "Seed", &[(FILE, text.as_str())]);
    fleet
}

fn assert_pushed(fleet: &Repository) {
    assert!(fleet.show("main", FILE).contains("newTag: 5.2.1 "));
    assert_eq!(fleet.git(&["rev-list", "--count", "main"]), "2");
}

fn write_objects(folder: &Path, host: &str, url: &str) {
    let text = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: podinfo, namespace: \
         flux-system}}\nspec: {{image: {host}/stefanprodan/podinfo, interval: 5m}}\n---\n\
         apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: podinfo, namespace: \
         flux-system}}\nspec: {{imageRepositoryRef: {{name: podinfo}}, policy: {{semver: {{range: '>=5.0.0'}}}}}}\n---\n\
         apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {{name: fleet, \
         namespace: flux-system}}\nspec:\n  interval: 5m\n  sourceRef: {{kind: GitRepository, name: fleet}}\n  \
         update: {{strategy: Setters, path: ./clusters/my-cluster}}\n  git: {{commit: {{author: {{name: bot, \
         email: bot@example.com}}}}}}\n---\n\
         apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: fleet, namespace: \
         flux-system}}\nspec: {{interval: 5m, url: {url}, ref: {{branch: main}}, secretRef: {{name: login}}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: login, namespace: flux-system}}\n\
         stringData: {{username: bot, password: pass}}\n"
    );
    std::fs::write(folder.join("objects.yaml"), text).unwrap();
}

fn reconcile(folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_kubectl-imageupdate"))
        .args(["reconcile", "-f", "objects.yaml", "--quiet"])
        .current_dir(folder)
        .env("HOME", folder)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

fn by_hand(folder: &Path, host: &str, url: &str) {
    let url = url.replacen("://", "://bot:pass@", 1);
    let script = format!(
        "set -e\ntag=$(curl -fsS http://{host}/v2/stefanprodan/podinfo/tags/list | grep -o '\"[0-9.]*\"' \
         | tr -d '\"' | sort -V | tail -1)\ngit clone -q --depth 1 {url} fleet\ncd fleet\n\
         sed -i \"s/newTag: [^ ]*/newTag: $tag/\" {FILE}\ngit -c user.name=bot -c user.email=bot@example.com \
         commit -q -a -m 'Update from image update automation'\ngit push -q origin main\n"
    );
    let status = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("HOME", folder)
        .status()
        .unwrap();
    assert!(status.success());
}
