//! Objects that are missing, doubled, of the wrong kind, or unreadable.

use crate::stage::{Stage, assert_fails};

#[test]
fn a_kind_that_does_not_exist_is_a_usage_error_that_lists_the_kinds() {
    let stage = Stage::new();
    let answer = stage
        .program
        .run(&["reconcile", "deployment", "app", "-f", "objects"]);
    assert_fails(
        &answer,
        2,
        &["deployment", "repository", "policy", "update"],
    );
}

#[test]
fn a_named_object_that_is_missing_fails() {
    let stage = Stage::new();
    for (kind, plural) in [
        ("repository", "imagerepositories"),
        ("policy", "imagepolicies"),
        ("update", "imageupdateautomations"),
    ] {
        for verb in ["get", "reconcile"] {
            let answer = stage.program.run(&[verb, kind, "other", "-f", "objects"]);
            assert_fails(&answer, 1, &[plural, "\"other\" not found"]);
        }
    }
    stage.assert_untouched();
}

#[test]
fn a_policy_without_its_repository_says_which_one_is_missing() {
    let stage = Stage::new();
    std::fs::remove_file(stage.program.path().join("objects/repository.yaml")).unwrap();
    stage.fails(&[
        "image policy flux-system/app",
        "flux-system/app",
        "not found",
    ]);
}

#[test]
fn an_automation_without_its_source_says_which_one_is_missing() {
    let stage = Stage::new();
    std::fs::remove_file(stage.program.path().join("objects/git.yaml")).unwrap();
    stage.fails(&[
        "image update automation flux-system/fleet",
        "GitRepository",
        "fleet",
    ]);
}

#[test]
fn two_objects_of_one_name_are_refused_with_both_places() {
    let stage = Stage::new();
    let text = std::fs::read_to_string(stage.program.path().join("objects/policy.yaml")).unwrap();
    stage.program.write("objects/z.yaml", &text);
    stage.fails(&["objects/policy.yaml", "objects/z.yaml", "app"]);
}

#[test]
fn a_document_that_cannot_be_read_is_an_error_with_its_place() {
    let stage = Stage::new();
    stage.program.write(
        "objects/z.yaml",
        "---\nkind: ImagePolicy\nmetadata: {name: [x\n",
    );
    let answer = stage.fails(&["objects/z.yaml:"]);
    let place = answer.stderr.split("objects/z.yaml:").nth(1).unwrap();
    let numbers: Vec<_> = place
        .splitn(3, ':')
        .take(2)
        .map(str::parse::<u32>)
        .collect();
    assert!(numbers.iter().all(Result::is_ok), "{}", answer.stderr);
}

#[test]
fn a_field_of_the_wrong_type_is_an_error_that_names_the_object() {
    let stage = Stage::new();
    stage.policy("semver: [1]");
    stage.fails(&["objects/policy.yaml", "app"]);
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let stage = Stage::new();
    let answer = stage.program.run(&["get", "all", "-f", "absent.yaml"]);
    assert_fails(&answer, 1, &["absent.yaml"]);
}

#[test]
fn no_tag_that_matches_is_an_error_of_the_policy() {
    let stage = Stage::new();
    stage.policy("semver:\n      range: '>=7.0.0'");
    stage.fails(&["image policy flux-system/app", ">=7.0.0"]);
}

#[test]
fn a_range_or_a_pattern_that_cannot_be_read_is_an_error_of_the_policy() {
    let stage = Stage::new();
    stage.policy("semver:\n      range: 'one or two'");
    stage.fails(&["image policy flux-system/app", "one or two"]);

    stage.object(
        "policy",
        "ImagePolicy",
        "app",
        "  imageRepositoryRef:\n    name: app\n  filterTags:\n    pattern: '(x'\n  policy:\n    \
         alphabetical: {}\n",
    );
    stage.fails(&["image policy flux-system/app", "missing closing )"]);
}

#[test]
fn create_refuses_what_can_never_work_before_it_prints() {
    let stage = Stage::new();
    let bad: &[(&[&str], &str)] = &[
        (
            &["repository", "app", "--image=https://ghcr.io/org/app"],
            "should not include URL scheme",
        ),
        (
            &["repository", "app", "--image=ghcr.io/org/app:1.0"],
            "without scheme, tag and digest",
        ),
        (
            &[
                "repository",
                "app",
                "--image=ghcr.io/org/app",
                "--interval=5",
            ],
            "missing unit",
        ),
        (
            &[
                "policy",
                "app",
                "--image-ref=app",
                "--select-semver=one or two",
            ],
            "one or two",
        ),
        (
            &[
                "policy",
                "app",
                "--image-ref=app",
                "--select-alpha=asc",
                "--filter-regex=(x",
            ],
            "missing closing )",
        ),
        (
            &[
                "policy",
                "app",
                "--image-ref=app",
                "--select-numeric=asc",
                "--filter-regex=^v(?P<n>.*)",
                "--filter-extract=$ts",
            ],
            "ts",
        ),
        (
            &[
                "update",
                "app",
                "--git-repo-ref=app",
                "--checkout-branch=main",
                "--author-name=a",
                "--author-email=a@example.com",
                "--commit-template={{range .Changed.Changes}}",
            ],
            "unexpected EOF",
        ),
    ];
    for (arguments, said) in bad {
        let mut line = vec!["create"];
        line.extend_from_slice(arguments);
        line.push("--export");
        let answer = stage.program.run(&line);
        assert!(answer.code == 1 || answer.code == 2, "{line:?} {answer:?}");
        assert!(answer.stderr.contains(said), "{said:?}\n{}", answer.stderr);
        assert_eq!(answer.stdout, "", "{line:?}");
        assert_eq!(
            answer.stderr.matches("error: ").count(),
            1,
            "one clear error: {}",
            answer.stderr
        );
    }
}
