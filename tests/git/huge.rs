//! A repository of 50,000 files, of which 2,000 are YAML below the update path: what is moved, in
//! how many requests, and in how much memory.

use std::time::Instant;

use tempfile::TempDir;

use crate::fifty_thousand::{PATH, YAML, build, words, yaml_path};
use crate::fixture::{Fetch, MARKED, edit, push, search, source};
use crate::secure_shell::again;
use crate::support::git_repository::Repositories;
use crate::support::git_server::{GitServer, Logged, Settings};

fn sums(log: &[Logged]) -> (usize, u64, u64) {
    let received = log.iter().map(|entry| entry.sent).sum();
    let sent = log.iter().map(|entry| entry.received).sum();
    (log.len(), received, sent)
}

#[test]
fn fifty_thousand_files_cost_what_the_folder_costs() {
    let repositories = Repositories::new();
    let repository = build(&repositories, false, &|_| MARKED.to_owned());
    let server = GitServer::start(repositories.root(), Settings::default());
    let source = source(&server.url("huge"));
    let cache = TempDir::new().unwrap();
    let fetch = || {
        let snapshot = Fetch::branch(&source, "main")
            .at(PATH)
            .cached(cache.path())
            .run()
            .unwrap();
        let (files, report) = search(snapshot.as_ref(), PATH);
        assert_eq!((files.len(), report.candidates), (20, YAML));
        (snapshot, files)
    };

    let started = Instant::now();
    let (mut snapshot, files) = fetch();
    let cold = sums(&server.take_log());
    let cold_time = started.elapsed();
    snapshot
        .commit(&edit(
            files[0].path.as_str(),
            &(words(0) + "# \"$imagepolicy\"\n"),
        ))
        .unwrap();
    push(snapshot.as_mut(), "main").unwrap();
    let pushed = sums(&server.take_log());
    drop(snapshot);

    drop(fetch());
    let unchanged = sums(&server.take_log());

    let foreign = yaml_path(1);
    repository.commit("main", "foreign", &[(foreign.as_str(), "other: text\n")]);
    let started = Instant::now();
    drop(fetch());
    let warm = sums(&server.take_log());
    let warm_time = started.elapsed();

    let table = format!(
        "cold {cold:?} {cold_time:?}\npush {pushed:?}\nunchanged {unchanged:?}\nwarm {warm:?} {warm_time:?}\n"
    );
    assert!(cold.0 <= 7 && cold.1 <= 5_000_000, "{table}");
    assert!(pushed.0 <= 2 && pushed.2 <= 4_000, "{table}");
    assert_eq!(unchanged.0, 2, "{table}");
    assert!(warm.0 <= 10 && warm.1 <= 10_000, "{table}");
    if let Ok(file) = std::env::var("TEST_TABLE") {
        std::fs::write(file, &table).unwrap();
    }

    let peak = repositories.root().join("peak");
    again(
        "huge::memory_child",
        &[
            ("TEST_URL", server.url("huge")),
            ("TEST_PEAK", peak.display().to_string()),
        ],
    );
    let peak: u64 = std::fs::read_to_string(peak).unwrap().parse().unwrap();
    assert!(peak <= 32 * 1024, "{peak} KiB\n{table}");
    repository.assert_sound();
}

#[test]
#[ignore = "run by the test above, with variables"]
fn memory_child() {
    let source = source(&std::env::var("TEST_URL").unwrap());
    let snapshot = Fetch::branch(&source, "main").at(PATH).run().unwrap();
    assert_eq!(search(snapshot.as_ref(), PATH).1.candidates, YAML);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next())
        .unwrap_or("0");
    std::fs::write(std::env::var("TEST_PEAK").unwrap(), peak).unwrap();
}
