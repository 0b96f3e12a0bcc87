//! The repository that the specification measures: 50,000 files, of which 2,000 are YAML below the
//! update path.

use std::fmt::Write as _;

use crate::support::git_repository::{Repositories, Repository};

pub const PATH: &str = "clusters/prod";
pub const YAML: usize = 2_000;
const FOLDERS: usize = 111;
const FILES: usize = 50_000;

/// Files of one commit of the history.
const COMMIT: usize = 2_000;

/// Text of about 10 kB that compresses about four to one, as manifests do.
pub fn words(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    while text.len() < 9_900 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // One of 64 words of seven letters.
        let mut word = (state >> 20) % 64 * 2_654_435_761;
        let _ = write!(text, "key{}: ", state % 20);
        for _ in 0..7 {
            text.push(char::from(b'a' + u8::try_from(word % 26).unwrap()));
            word /= 26;
        }
        text.push('\n');
    }
    text
}

/// The path of one of the YAML files below the update path.
pub fn yaml_path(number: usize) -> String {
    let folder = number % FOLDERS;
    format!(
        "{PATH}/team{}/service{folder}/file{number}.yaml",
        folder % 10
    )
}

fn other_path(number: usize) -> String {
    let folder = number % 2_120;
    format!(
        "{}/part{}/folder{folder}/file{number}.txt",
        [
            "apps",
            "base",
            "docs",
            "infra",
            "clusters/dev",
            "clusters/test"
        ][folder % 6],
        folder % 35,
    )
}

/// Builds the repository. Every hundredth YAML file ends with what `marked` gives for it. Without
/// `full` the files outside the path are short, since they never travel.
pub fn build(
    repositories: &Repositories,
    full: bool,
    marked: &dyn Fn(usize) -> String,
) -> Repository {
    let repository = repositories.create("huge");
    for first in (0..FILES).step_by(COMMIT) {
        let mut stream = String::from(
            "commit refs/heads/main\ncommitter Seed <seed@example.com> 1700000000 +0000\ndata 4\nseed\n",
        );
        if first > 0 {
            stream.push_str("from refs/heads/main^0\n");
        }
        for number in first..first + COMMIT {
            let (path, text) = if number < YAML {
                let mut text = words(number as u64);
                if number % 100 == 0 {
                    text += &marked(number);
                }
                (yaml_path(number), text)
            } else if full {
                (other_path(number), words(number as u64))
            } else {
                (other_path(number), format!("{number}\n"))
            };
            let _ = write!(stream, "M 644 inline {path}\ndata {}\n{text}\n", text.len());
        }
        repository.fast_import(stream.as_bytes());
    }
    // No search for deltas: it takes minutes, and texts of random words have none.
    repository.git(&["-c", "pack.window=0", "repack", "-adbq"]);
    repository
}
