//! The two users' texts, their YAML and command lines, and the ground they stand on.

use super::docker_registry::{DockerRegistry, Mode};
use super::git_repository::{Repositories, Repository};
use super::git_server::{GitServer, Settings};
use super::program::Program;

pub const HUGOAPP: &str = include_str!("../seeds/hugoapp.txt");
pub const PODINFO: &str = include_str!("../seeds/podinfo.txt");

/// What a walk-through needs to stand on.
pub struct Stage {
    pub program: Program,
    pub registry: DockerRegistry,
    /// Keeps the repositories' folder.
    _repositories: Repositories,
    pub fleet: Repository,
    pub git: GitServer,
}

impl Stage {
    /// A registry with these images and a repository whose branch main holds these files.
    pub fn new(images: &[(&str, &[&str])], files: &[(&str, &str)]) -> Self {
        Self::with(&Mode::Open, images, files)
    }

    /// The same with a registry of this mode.
    pub fn with(mode: &Mode<'_>, images: &[(&str, &[&str])], files: &[(&str, &str)]) -> Self {
        let registry = DockerRegistry::start(mode, images);
        let repositories = Repositories::new();
        let fleet = repositories.create("fleet");
        let git = GitServer::start(repositories.root(), Settings::default());
        let host = registry.host();
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(path, text)| (*path, text.replace("HOST", &host)))
            .collect();
        fleet.commit("main", "Seed", &files);
        let stage = Self {
            program: Program::new(),
            registry,
            _repositories: repositories,
            fleet,
            git,
        };
        stage
            .program
            .write("objects/git-repository.yaml", &stage.git_repository());
        stage
    }

    /// The object that both texts take for granted.
    fn git_repository(&self) -> String {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  \
             name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m0s\n  \
             url: {}\n  ref:\n    branch: main\n",
            self.git.url("fleet")
        )
    }

    /// Message, author and committer of the tip of a branch.
    pub fn tip(&self, branch: &str) -> String {
        self.fleet
            .git(&["log", "-1", "--format=%an <%ae>|%cn <%ce>|%B", branch])
    }

    /// The lines that the last commit of a branch changed, by stock git.
    pub fn changed_lines(&self, branch: &str) -> Vec<String> {
        let diff = self
            .fleet
            .git(&["diff", "--unified=0", &format!("{branch}^"), branch]);
        diff.lines()
            .filter(|line| line.starts_with(['+', '-']))
            .filter(|line| !line.starts_with("+++") && !line.starts_with("---"))
            .map(str::to_owned)
            .collect()
    }
}

/// The fenced blocks of a text in one language.
pub fn fenced<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a closed block"))
        .collect()
}

/// The words of a `flux …` command block, and the file its output goes to.
pub fn flux_command(block: &str) -> (Vec<String>, String) {
    let line = block.replace("\\  \n", " ").replace("\\\n", " ");
    let (line, file) = line.trim().split_once(" > ").expect("a redirection");
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), character) if character == open => quote = None,
            (None, ' ') => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (_, character) => word.push(character),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    assert_eq!(words.remove(0), "flux");
    (words, file.trim().to_owned())
}

pub const HUGO_TAGS: &[&str] = &[
    "latest",
    "master-45ff4e9f-1625931299",
    "master-0a1b2c3d-1625931600",
    "master-ffffffff-1625900000",
    "dev-45ff4e9f-1999999999",
];

pub const PODINFO_TAGS: &[&str] = &[
    "4.0.0",
    "5.0.0",
    "5.1.4",
    "5.2.0",
    "5.2.1",
    "6.0.0-rc.1",
    "latest",
];

/// The kustomization of the text, with markers of this suffix pair; a resource list and a blank
/// line stand for what a rewrite would damage.
pub fn kustomization(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n    - ../../apps\n\n\
         images:\n- name: podinfod\n  newName: HOST/stefanprodan/podinfo # {{\"$imagepolicy\": \
         \"flux-system:podinfo{name}\"}}\n  newTag: 5.0.0 # {{\"$imagepolicy\": \
         \"flux-system:podinfo{tag}\"}}\n"
    )
}
