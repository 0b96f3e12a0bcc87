//! The two users' walk-throughs, against a real registry and a real Git server.
//!
//! The YAML and the command lines are cut out of the users' own texts (`tests/seeds/*.txt`); only
//! the image hosts are replaced, and the GitRepository that the texts take for granted is added.

mod support;

use std::path::Path;

use support::docker_registry::{DockerRegistry, Mode};
use support::git_repository::{Repositories, Repository};
use support::git_server::{GitServer, Settings};
use support::program::Program;

const HUGOAPP: &str = include_str!("seeds/hugoapp.txt");
const PODINFO: &str = include_str!("seeds/podinfo.txt");

/// What a walk-through needs to stand on.
struct Stage {
    program: Program,
    registry: DockerRegistry,
    /// Keeps the repositories' folder.
    _repositories: Repositories,
    fleet: Repository,
    git: GitServer,
}

impl Stage {
    /// A registry with these images and a repository whose branch main holds these files.
    fn new(images: &[(&str, &[&str])], files: &[(&str, &str)]) -> Self {
        let registry = DockerRegistry::start(&Mode::Open, images);
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
    fn tip(&self, branch: &str) -> String {
        self.fleet
            .git(&["log", "-1", "--format=%an <%ae>|%cn <%ce>|%B", branch])
    }

    /// The lines that the last commit of a branch changed, by stock git.
    fn changed_lines(&self, branch: &str) -> Vec<String> {
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
fn fenced<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a closed block"))
        .collect()
}

/// The words of a `flux …` command block, and the file its output goes to.
fn flux_command(block: &str) -> (Vec<String>, String) {
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

const HUGO_TAGS: &[&str] = &[
    "latest",
    "master-45ff4e9f-1625931299",
    "master-0a1b2c3d-1625931600",
    "master-ffffffff-1625900000",
    "dev-45ff4e9f-1999999999",
];

fn hugoapp(version: &str) {
    let deploy = fenced(HUGOAPP, "yaml")
        .into_iter()
        .find(|block| block.contains("kind: Deployment"))
        .expect("the deployment")
        .replace("alfonsofortunato/", "HOST/alfonsofortunato/");
    let stage = Stage::new(
        &[("alfonsofortunato/hugo-app", HUGO_TAGS)],
        &[
            ("hugo-app-manifests/deploy.yaml", &deploy),
            ("README.md", "# Hugo\n"),
        ],
    );
    for (index, block) in fenced(HUGOAPP, "yaml")
        .iter()
        .filter(|block| block.contains("kind: Image"))
        .enumerate()
    {
        let block = block
            .replace(
                "image: alfonsofortunato/",
                &format!("image: {}/alfonsofortunato/", stage.registry.host()),
            )
            .replace(
                "image.toolkit.fluxcd.io/v1beta1",
                &format!("image.toolkit.fluxcd.io/{version}"),
            );
        stage
            .program
            .write(&format!("objects/{index}.yaml"), &block);
    }
    let answer = stage.program.run(&["reconcile", "-f", "objects"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);

    let image = format!("{}/alfonsofortunato/hugo-app", stage.registry.host());
    let (old, new) = ("master-45ff4e9f-1625931299", "master-0a1b2c3d-1625931600");
    let marker = "# {\"$imagepolicy\": \"flux-system:hugoapp\"}";
    assert_eq!(
        stage.changed_lines("main"),
        [
            format!("-          image: {image}:{old} {marker}"),
            format!("+          image: {image}:{new} {marker}"),
        ]
    );
    // `.Updated.Images` prints what v1beta1 printed, and the warning offers the rewritten template.
    let author = "moviemaker <furiafc93@gmail.com>";
    assert_eq!(
        stage.tip("main").trim_end(),
        format!("{author}|{author}|{image}:{new}")
    );
    assert!(answer.stderr.contains("Warning:"), "{}", answer.stderr);
    assert!(answer.stderr.contains(".Changed"), "{}", answer.stderr);

    let again = stage.program.ok(&["reconcile", "-f", "objects"]);
    assert!(again.contains("repository up-to-date"), "{again}");
    stage.fleet.assert_sound();
}

#[test]
fn hugoapp_as_its_author_wrote_it_in_v1beta1() {
    hugoapp("v1beta1");
}

#[test]
fn hugoapp_in_v1() {
    hugoapp("v1");
}

const PODINFO_TAGS: &[&str] = &[
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
fn kustomization(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n    - ../../apps\n\n\
         images:\n- name: podinfod\n  newName: HOST/stefanprodan/podinfo # {{\"$imagepolicy\": \
         \"flux-system:podinfo{name}\"}}\n  newTag: 5.0.0 # {{\"$imagepolicy\": \
         \"flux-system:podinfo{tag}\"}}\n"
    )
}

/// Runs the text's three `flux create image … --export > FILE` lines with our program, changed by
/// `change`, in a folder that Git knows nothing of.
fn podinfo_objects(stage: &Stage, change: impl Fn(String) -> String) {
    let host = stage.registry.host();
    for block in fenced(PODINFO, "sh") {
        let (words, file) = flux_command(block);
        let words: Vec<String> = words
            .into_iter()
            .map(|word| change(word.replace("ghcr.io/", &format!("{host}/"))))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let yaml = stage.program.ok(&words);
        let name = Path::new(&file)
            .file_name()
            .expect("a file name")
            .to_string_lossy();
        stage.program.write(&format!("objects/{name}"), &yaml);
    }
}

fn podinfo_stage(name: &str, tag: &str) -> Stage {
    Stage::new(
        &[("stefanprodan/podinfo", PODINFO_TAGS)],
        &[(
            "clusters/my-cluster/kustomization.yaml",
            &kustomization(name, tag),
        )],
    )
}

#[test]
fn podinfo_from_create_to_the_pushed_commit() {
    let stage = podinfo_stage(":name", ":tag");
    podinfo_objects(&stage, |word| word);
    let host = stage.registry.host();

    let tables = stage
        .program
        .ok(&["get", "images", "all", "--all-namespaces", "-f", "objects"]);
    assert!(tables.contains("imagepolicy/podinfo"), "{tables}");
    assert!(tables.contains("successful scan: found 7 tags"), "{tables}");
    assert!(tables.contains("resolved to 5.2.1"), "{tables}");

    let diff = stage.program.run(&["diff", "-f", "objects"]);
    assert_eq!(diff.code, 1, "{}{}", diff.stdout, diff.stderr);
    assert!(
        diff.stdout.contains("+  newTag: 5.2.1 # {\"$imagepolicy\""),
        "{}",
        diff.stdout
    );
    assert!(diff.stdout.contains("5.0.0 -> 5.2.1"), "{}", diff.stdout);

    stage.git.take_log();
    let done = stage.program.ok(&["reconcile", "-f", "objects"]);
    assert!(done.contains("pushed commit"), "{done}");
    let requests = stage.git.take_log();
    assert!(requests.len() <= 5, "{requests:#?}");
    let marker = "# {\"$imagepolicy\": \"flux-system:podinfo:tag\"}";
    assert_eq!(
        stage.changed_lines("main"),
        [
            format!("-  newTag: 5.0.0 {marker}"),
            format!("+  newTag: 5.2.1 {marker}")
        ]
    );
    let author = "fluxcdbot <fluxcdbot@users.noreply.github.com>";
    assert_eq!(
        stage.tip("main").trim_end(),
        format!("{author}|{author}|5.0.0 -> 5.2.1")
    );
    let log = stage.registry.log();
    assert!(log.contains("/v2/stefanprodan/podinfo/tags/list"), "{log}");
    assert_eq!(stage.program.run(&["diff", "-f", "objects"]).code, 0);
    assert!(!host.is_empty());
    stage.fleet.assert_sound();
}

#[test]
fn podinfo_to_another_push_branch() {
    let stage = podinfo_stage(":name", ":tag");
    podinfo_objects(&stage, |word| {
        word.replace("--push-branch=main", "--push-branch=updates")
    });
    let before = stage.fleet.tip("refs/heads/main");
    stage.program.ok(&["reconcile", "-f", "objects"]);
    assert_eq!(stage.fleet.tip("refs/heads/main"), before);
    assert_eq!(stage.changed_lines("updates").len(), 2);
    // The push branch is continued: a second run finds nothing to do there.
    let again = stage.program.ok(&["reconcile", "-f", "objects"]);
    assert!(again.contains("repository up-to-date"), "{again}");
    stage.fleet.assert_sound();
}

#[test]
fn podinfo_with_the_plain_markers_of_its_text_is_not_written() {
    let stage = podinfo_stage("", "");
    podinfo_objects(&stage, |word| word);
    let before = stage.fleet.tip("refs/heads/main");
    let answer = stage.program.run(&["reconcile", "-f", "objects"]);
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    assert_eq!(stage.fleet.tip("refs/heads/main"), before);
    for right in ["flux-system:podinfo:name", "flux-system:podinfo:tag"] {
        assert!(answer.stderr.contains(right), "{}", answer.stderr);
    }
}
