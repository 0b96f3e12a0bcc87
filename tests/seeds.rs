//! The two users' walk-throughs, against a real registry and a real Git server.
//!
//! The YAML and the command lines are cut out of the users' own texts (`tests/seeds/*.txt`); only
//! the image hosts are replaced, and the GitRepository that the texts take for granted is added.

mod support;

use std::path::Path;

use support::walk_through::{
    HUGO_TAGS, HUGOAPP, PODINFO, PODINFO_TAGS, Stage, fenced, flux_command, kustomization,
};

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
