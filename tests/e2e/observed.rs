//! What the program did: statuses, references, commits and files, placeholders inside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::forms::Outcome;
use crate::scenario::{Commit, Expected, Key, Scenario};
use crate::stage::{Stage, file_name};
use crate::support::git_repository::{self, Repository};

/// One phase as it came out here.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    pub statuses: BTreeMap<Key, Value>,
    pub refs: BTreeMap<String, String>,
    pub commits: Vec<Commit>,
    /// Content of the changed files before and after, by commit and path.
    pub files: BTreeMap<(String, String), Change>,
    /// Standard error.
    pub errors: String,
    /// Exit code.
    pub code: i32,
}

/// A file that a commit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// A commit of the automation before it has a label.
struct Made {
    repository: String,
    id: String,
}

/// Binds the phase's commits to labels and reads everything.
pub fn observe(
    stage: &mut Stage,
    scenario: &Scenario,
    expected: &Expected,
    outcome: Outcome,
) -> Observed {
    let Outcome { statuses, answer } = outcome;
    let made = new_commits(stage);
    bind(stage, expected, &statuses, &made);
    let mut observed = Observed {
        refs: stage.labels(),
        errors: answer.stderr,
        code: answer.code,
        ..Observed::default()
    };
    for commit in made {
        stage.remember(&commit.id);
        let repository = stage
            .repositories
            .iter()
            .find(|(name, _)| *name == commit.repository)
            .map(|(_, repository)| repository.clone())
            .expect("the commit's own repository");
        let read = read_commit(stage, scenario, &commit, &repository);
        for path in read.files() {
            let content = |revision: &str| {
                let output = repository.try_git(&["show", &format!("{revision}:{path}")]);
                output.stdout
            };
            observed.files.insert(
                (read.id.clone(), path.clone()),
                Change {
                    before: content(&format!("{}^", commit.id)),
                    after: content(&commit.id),
                },
            );
        }
        observed.commits.push(read);
    }
    observed.statuses = statuses
        .into_iter()
        .map(|(key, status)| (key, stage.placeholders.map_back_value(&status)))
        .collect();
    observed
}

/// Commits that no phase has seen, parents first.
fn new_commits(stage: &Stage) -> Vec<Made> {
    let mut made = Vec::new();
    for (name, repository) in &stage.repositories {
        let listed = repository.git(&["rev-list", "--all", "--topo-order", "--reverse"]);
        for id in listed.lines().filter(|id| !stage.is_known(id)) {
            made.push(Made {
                repository: name.clone(),
                id: id.to_owned(),
            });
        }
    }
    made
}

/// An automation's commit gets the label that its recorded status has; what is left over gets the
/// labels that are left over, in order.
fn bind(stage: &mut Stage, expected: &Expected, statuses: &BTreeMap<Key, Value>, made: &[Made]) {
    let mut labels: Vec<String> = expected
        .commits
        .iter()
        .map(|commit| commit.id.clone())
        .collect();
    let mut open: Vec<&str> = made.iter().map(|commit| commit.id.as_str()).collect();
    for object in &expected.statuses {
        let label = object.status["lastPushCommit"].as_str();
        let ours = statuses
            .get(&object.key)
            .and_then(|status| status["lastPushCommit"].as_str());
        let (Some(label), Some(ours)) = (label, ours) else {
            continue;
        };
        if labels.iter().any(|known| known == label) && open.contains(&ours) {
            stage.placeholders.bind_commit(bare(label), ours);
            labels.retain(|known| known != label);
            open.retain(|id| *id != ours);
        }
    }
    for (number, id) in open.into_iter().enumerate() {
        match labels.get(number) {
            Some(label) => stage.placeholders.bind_commit(bare(label), id),
            None => stage.placeholders.bind_commit(
                &format!("EXTRA:{}", number + 1 - labels.len().min(number)),
                id,
            ),
        }
    }
}

fn bare(label: &str) -> &str {
    label.trim_start_matches("${").trim_end_matches('}')
}

fn read_commit(
    stage: &Stage,
    scenario: &Scenario,
    commit: &Made,
    repository: &Repository,
) -> Commit {
    let show =
        |format: &str| repository.git(&["show", "-s", &format!("--format={format}"), &commit.id]);
    let joined = |text: &str, separator: char| -> String {
        let items: Vec<String> = text
            .split(separator)
            .filter(|item| !item.is_empty())
            .map(|item| stage.placeholders.label(item))
            .collect();
        items.join(", ")
    };
    let raw = repository
        .try_git(&["cat-file", "commit", &commit.id])
        .stdout;
    let raw = String::from_utf8_lossy(&raw).into_owned();
    let message = raw.split_once("\n\n").map(|(_, message)| message);
    let files = repository.git(&[
        "-c",
        "core.quotePath=false",
        "diff-tree",
        "-r",
        "--root",
        "--no-commit-id",
        "--name-only",
        &commit.id,
    ]);
    let refs = repository.git(&[
        "for-each-ref",
        "--format=%(refname)",
        "--contains",
        &commit.id,
    ]);
    let headers = [
        ("repository", file_name(&commit.repository)),
        ("refs", joined(&refs, '\n')),
        ("parents", joined(&show("%P"), ' ')),
        ("author", identity(&raw, "author")),
        ("committer", identity(&raw, "committer")),
        (
            "signature",
            signature(scenario, repository, &commit.id, &raw),
        ),
        ("files", joined(&files, '\n')),
    ];
    Commit {
        id: stage.placeholders.label(&commit.id),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        message: stage.placeholders.map_back(message.unwrap_or_default()),
        names: Vec::new(),
    }
}

/// `NAME <ADDRESS>` of a raw commit's author or committer.
fn identity(raw: &str, role: &str) -> String {
    raw.lines()
        .find_map(|line| line.strip_prefix(role)?.strip_prefix(' '))
        .and_then(|line| line.rsplit_once('>'))
        .map(|(identity, _)| format!("{identity}>"))
        .unwrap_or_default()
}

/// What stock git says about the signature, with the scenario's public key.
fn signature(scenario: &Scenario, repository: &Repository, id: &str, raw: &str) -> String {
    if !raw
        .lines()
        .take_while(|line| !line.is_empty())
        .any(|line| line.starts_with("gpgsig "))
    {
        return "none".to_owned();
    }
    let home = tempfile::tempdir().expect("a folder");
    let verdict = |kind: &str, verified: bool| {
        let word = if verified { "verified" } else { "NOT verified" };
        format!("{kind} {word}")
    };
    let verify = |arguments: &[&str]| {
        git_repository::command(&repository.path)
            .args(arguments)
            .args(["verify-commit", id])
            .env("GNUPGHOME", home.path())
            .output()
            .expect("git must be installed")
            .status
            .success()
    };
    let signers = scenario.folder.join("allowed_signers");
    if raw.contains("-----BEGIN SSH SIGNATURE-----") {
        let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        return verdict("ssh", verify(&["-c", "gpg.format=ssh", "-c", &setting]));
    }
    import_key(home.path(), &scenario.folder.join("public.asc"));
    let verified = verify(&[]);
    // The import may have started a helper that would outlive the folder.
    let _ = Command::new("gpgconf")
        .args(["--kill", "all"])
        .env("GNUPGHOME", home.path())
        .output();
    verdict("gpg", verified)
}

fn import_key(home: &Path, key: &Path) {
    #[cfg(unix)]
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("a private folder");
    let output = Command::new("gpg")
        .args(["--batch", "--quiet", "--import"])
        .arg(key)
        .env("GNUPGHOME", home)
        .output()
        .expect("gpg must be installed");
    assert!(output.status.success(), "gpg --import: {output:?}");
}
