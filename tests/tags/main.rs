//! `tags` as users call it, with lists from files and from a real registry; `explain` beside it.

#[path = "../support/mod.rs"]
mod support;

mod explain;

use serde_json::Value;
use support::docker_registry::{DockerRegistry, Mode};
use support::program::Program;

const LIST: &str = "v1.0.0\n1.2.0\n1.10.0\n1.11.0-rc.1\n2.0.0\nlatest\nsha256-0.sig\n1.2\n";

fn policy(name: &str, rules: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n  name: {name}\n  \
         namespace: apps\nspec:\n  imageRepositoryRef:\n    name: {name}\n{rules}"
    )
}

fn repository(name: &str, image: &str) -> String {
    format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata:\n  name: {name}\n  \
         namespace: apps\nspec:\n  image: {image}\n  interval: 1m\n"
    )
}

const SEMVER: &str = "  policy:\n    semver:\n      range: 1.x\n";

/// A folder with a policy and a list, and no registry anywhere.
fn offline(rules: &str) -> Program {
    let program = Program::new();
    program.write("policy.yaml", &policy("app", rules));
    program.write("tags.txt", LIST);
    program
}

const OFFLINE: &[&str] = &[
    "tags",
    "app",
    "-f",
    "policy.yaml",
    "--tags-from",
    "tags.txt",
];

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().chain(more).copied().collect()
}

#[test]
fn every_tag_has_a_verdict_and_a_reason() {
    let program = offline(SEMVER);
    let answer = program.run(OFFLINE);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(
        answer.stdout,
        "TAG            RANK   VERDICT         REASON\n\
         1.10.0         1      selected        the greatest version in the range 1.x\n\
         1.2.0          2      candidate       superseded by 1.10.0\n\
         v1.0.0         3      candidate       superseded by 1.10.0\n\
         latest                no-version      \"latest\" is no version: invalid semantic version\n\
         2.0.0                 outside-range   \"2.0.0\" does not have same major version as \"1.x\"\n\
         1.2                   no-version      \"1.2\" has fewer than two dots: a version needs all three numbers\n\
         1.11.0-rc.1           outside-range   \"1.11.0-rc.1\" is a prerelease version and the constraint is only looking for release versions\n\
         sha256-0.sig          excluded        matches ^.*\\.sig$ of the exclusion list\n"
    );
    assert_eq!(
        answer.stderr,
        "Warning: policy apps/app: versions with and without the prefix v are mixed; equal ones \
         tie (mixed-prefixes)\n"
    );
}

#[test]
fn json_names_policy_choice_and_tags() {
    let program = offline(SEMVER);
    let text = program.ok(&with(OFFLINE, &["-o", "json"]));
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["policy"], "apps/app");
    assert_eq!(value["selected"], "1.10.0");
    let tags = value["tags"].as_array().expect("tags");
    assert_eq!(tags.len(), 8);
    assert_eq!(
        tags[0],
        serde_json::json!({
            "tag": "1.10.0", "verdict": "selected",
            "reason": "the greatest version in the range 1.x", "rank": 1,
        })
    );
    assert_eq!(tags[7]["verdict"], "excluded");
    assert_eq!(tags[7]["rank"], Value::Null);
    let yaml = program.ok(&with(OFFLINE, &["-o", "yaml"]));
    assert!(
        yaml.starts_with("policy: apps/app\nselected: 1.10.0\ntags:\n"),
        "{yaml}"
    );
    let path = program.ok(&with(OFFLINE, &["-o", "jsonpath={.tags[1].tag}"]));
    assert_eq!(path, "1.2.0");
}

#[test]
fn the_selected_tag_alone_is_for_scripts() {
    let program = offline(SEMVER);
    let tag = program.ok(&with(OFFLINE, &["--selected", "-o", "name"]));
    assert_eq!(tag, "1.10.0\n");
    let text = program.ok(&with(OFFLINE, &["--selected", "-o", "json"]));
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["tags"].as_array().expect("tags").len(), 1);
}

#[test]
fn nothing_selected_is_a_failure_only_when_the_choice_was_asked_for() {
    let program = offline("  policy:\n    semver:\n      range: '>=9'\n");
    let answer = program.run(&with(OFFLINE, &["--selected", "-o", "name"]));
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""));
    assert!(
        answer.stderr.starts_with(
            "error: image policy apps/app: unable to determine latest version from provided list"
        ),
        "{}",
        answer.stderr
    );
    let answer = program.run(OFFLINE);
    assert_eq!(answer.code, 0);
    assert!(answer.stdout.contains("outside-range"), "{}", answer.stdout);
    assert!(answer.stderr.contains("hint: "), "{}", answer.stderr);
}

#[test]
fn a_tag_that_is_no_number_is_named() {
    let program = offline(
        "  filterTags:\n    pattern: '^[0-9a-z.]+$'\n  policy:\n    numerical:\n      order: asc\n",
    );
    let answer = program.run(&with(OFFLINE, &["--selected"]));
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stderr
            .contains("failed to parse invalid numeric value 'v1.0.0'")
    );
    assert!(
        answer
            .stderr
            .contains("the tag \"v1.0.0\" gives \"v1.0.0\"")
    );
}

#[test]
fn a_pattern_for_one_tag_is_doubted_unless_its_digest_is_followed() {
    let rules =
        "  filterTags:\n    pattern: ^latest$\n  policy:\n    alphabetical:\n      order: asc\n";
    let answer = offline(rules).run(OFFLINE);
    assert!(
        answer.stderr.contains("(floating-tag)"),
        "{}",
        answer.stderr
    );
    let follows = format!("{rules}  digestReflectionPolicy: Always\n  interval: 5m\n");
    let answer = offline(&follows).run(OFFLINE);
    assert_eq!(answer.stderr, "");
    let none = rules.replace("^latest$", "^nightly-");
    let answer = offline(&none).run(OFFLINE);
    assert!(
        answer.stderr.contains("(nothing-matches)"),
        "{}",
        answer.stderr
    );
}

/// What standard error says of a list by these rules.
fn doubts(rules: &str, tags: &str) -> String {
    let program = offline(rules);
    program.write("tags.txt", tags);
    program.run(OFFLINE).stderr
}

#[test]
fn what_bites_users_is_doubted() {
    let numerical = "  policy:\n    numerical:\n      order: asc\n";
    let alphabetical = "  policy:\n    alphabetical:\n      order: asc\n";
    let extract = |what: &str| {
        format!("  filterTags:\n    pattern: ^main-(?P<ts>[0-9]+)$\n    extract: {what}\n")
    };
    for (rules, tags, code) in [
        // 2^53 + 1 is read as 2^53.
        (numerical, "5\n9007199254740993\n", "(huge-numbers)"),
        (numerical, "5\n20240115103000123456\n", "(huge-numbers)"),
        (numerical, "7\n7.0\n", "(tie)"),
        (SEMVER, "v1.0.0\n1.1.0\n", "equal ones tie (mixed-prefixes)"),
        (
            alphabetical,
            "v1.0.0\n2.0.0\n",
            "comes behind every one without (mixed-prefixes)",
        ),
    ] {
        let stderr = doubts(rules, tags);
        assert!(stderr.contains(code), "{tags:?}: {stderr}");
    }
    for rules in [SEMVER, numerical, alphabetical] {
        let rules = extract("$timestamp") + rules;
        let stderr = doubts(&rules, "main-1\nmain-2\nother\n");
        assert!(stderr.contains("(empty-extract)"), "{stderr}");
        let stderr = doubts(&rules, "other\n");
        assert!(stderr.contains("(nothing-matches)"), "{stderr}");
    }
    for (rules, tags) in [
        (numerical.to_owned(), "5\n9007199254740991\n"),
        (SEMVER.to_owned(), "1.0.0\n1.1.0\nv2.0.0\n"),
        (alphabetical.to_owned(), "v1.0.0\nv2.0.0\nlatest\nvalid\n"),
        (extract("$ts") + numerical, "main-1\nmain-2\n"),
    ] {
        assert_eq!(doubts(&rules, tags), "", "{tags:?}");
    }
}

#[test]
fn lists_come_as_lines_or_json_and_from_standard_input() {
    let program = offline(SEMVER);
    let from_input = with(
        &["tags", "app", "-f", "policy.yaml", "--tags-from", "-"],
        &["--selected", "-o", "name"],
    );
    let answer = program.run_with_input(&from_input, br#"{"name":"x","tags":["1.0.0","1.0.1"]}"#);
    assert_eq!(answer.stdout, "1.0.1\n", "{}", answer.stderr);
    let answer = program.run_with_input(&from_input, b"1.0.0\r\n\r\n1.0.2\r\n");
    assert_eq!(answer.stdout, "1.0.2\n", "{}", answer.stderr);
    let answer = program.run_with_input(&from_input, b"{\"tags\":");
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stderr
            .starts_with("error: reading tags from -\n  caused by: not a tags/list JSON"),
        "{}",
        answer.stderr
    );
    assert_eq!(answer.stderr.matches("caused by").count(), 1, "said once");
    let answer = program.run(&["tags", "app", "-f", "-", "--tags-from", "-"]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
    let answer = program.run(&["tags", "--tags-from", "tags.txt", "-o", "name"]);
    let mut tags: Vec<&str> = LIST.lines().collect();
    tags.sort_unstable_by(|left, right| right.cmp(left));
    assert_eq!(
        answer.stdout.lines().collect::<Vec<_>>(),
        tags,
        "{}",
        answer.stderr
    );
}

/// A file is read in pieces for the selected tag alone, standard input is held whole: both answers,
/// doubts and errors have to be the same.
#[test]
fn the_selected_tag_of_a_file_is_that_of_the_whole_list() {
    const NUMBERS: &str = "  filterTags:\n    pattern: '^(\\d+|nan)'\n    extract: $1\n  policy:\n    numerical: {}\n";
    let many: String = (0..20_000)
        .map(|at| format!("1.{}.{at}\n", at % 7))
        .collect();
    let long = format!("1.0.0\n{}\n1.0.1", "x".repeat(200_000));
    let lists: [&[u8]; 9] = [
        many.as_bytes(),
        b"3-x\n20-a\n20-b\n1-y\n",
        b"3-x\nnan-a\n1-y\n",
        long.as_bytes(),
        b"\xef\xbb\xbf1.0.0\r\n\r\nv1.0.0\r\n",
        b"sha256-0.sig\n",
        b"\n\n",
        b"1.0.0\n\xff\n",
        b" [\"1.0.0\", \"1.3.0\"]",
    ];
    for rules in [SEMVER, NUMBERS, "  policy:\n    alphabetical: {}\n"] {
        let program = offline(rules);
        for list in lists {
            std::fs::write(program.path().join("tags.txt"), list).expect("a list");
            let selected = ["--selected", "-o", "name"];
            let from_file = program.run(&with(OFFLINE, &selected));
            let whole = program.run_with_input(
                &with(
                    &["tags", "app", "-f", "policy.yaml", "--tags-from", "-"],
                    &selected,
                ),
                list,
            );
            let shown = String::from_utf8_lossy(&list[..list.len().min(40)]);
            assert_eq!(from_file.code, whole.code, "{rules}{shown}");
            assert_eq!(from_file.stdout, whole.stdout, "{rules}{shown}");
            let named = whole.stderr.replace("reading -", "reading tags.txt");
            assert_eq!(from_file.stderr, named, "{rules}{shown}");
        }
    }
}

#[test]
fn the_exclusion_list_of_the_repository_counts() {
    let program = offline(SEMVER);
    let list = "  exclusionList: ['^1\\.10', latest]\n";
    program.write(
        "repository.yaml",
        &(repository("app", "ghcr.io/x/app") + list),
    );
    let arguments = with(OFFLINE, &["-f", "repository.yaml", "-o", "json"]);
    let value: Value = serde_json::from_str(&program.ok(&arguments)).expect("JSON");
    assert_eq!(value["selected"], "1.2.0");
    let excluded: Vec<(&str, &str)> = value["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter(|tag| tag["verdict"] == "excluded")
        .map(|tag| {
            (
                tag["tag"].as_str().unwrap(),
                tag["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        excluded,
        [
            ("1.10.0", "matches ^1\\.10 of the exclusion list"),
            ("latest", "matches latest of the exclusion list"),
        ]
    );
}

#[test]
fn names_are_policies_then_repositories_and_everything_else_an_image() {
    let registry = DockerRegistry::start(
        &Mode::Open,
        &[
            ("apps/web", &["1.0.0", "1.1.0", "latest"]),
            ("apps/other", &["9.0.0"]),
        ],
    );
    let host = registry.host();
    let program = Program::new();
    program.write("web.yaml", &policy("web", SEMVER));
    program.write("repo.yaml", &repository("web", &format!("{host}/apps/web")));
    program.write(
        "more.yaml",
        &repository("more", &format!("{host}/apps/other")),
    );
    let selected = |word: &[&str]| {
        let more = ["-f", ".", "--selected", "-o", "name"];
        program.ok(&with(&with(&["tags"], word), &more))
    };
    for words in [&["web"][..], &["policy/web"], &["policy", "web"], &[]] {
        assert_eq!(selected(words), "1.1.0\n", "{words:?}");
    }
    let all = |words: &[&str]| program.ok(&with(&with(&["tags"], words), &["-o", "name"]));
    assert_eq!(all(&["more", "-f", "."]), "9.0.0\n");
    assert_eq!(
        all(&["repository/web", "-f", "."]),
        "latest\n1.1.0\n1.0.0\n"
    );
    let image = format!("{host}/apps/web");
    // No object and no cluster is needed for an image, whatever its tag.
    for reference in [image.clone(), format!("{image}:1.0.0")] {
        assert_eq!(all(&[&reference]), "latest\n1.1.0\n1.0.0\n");
        assert_eq!(all(&["image", &reference]), "latest\n1.1.0\n1.0.0\n");
    }
    let answer = program.run(&["tags", "nobody", "-f", "."]);
    assert_eq!(answer.code, 1);
    assert!(
        answer
            .stderr
            .contains("no image policy and no image repository"),
        "{}",
        answer.stderr
    );
    let answer = program.run(&["tags", &format!("{host}/apps/missing")]);
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("apps/missing"), "{}", answer.stderr);
    let answer = program.run(&["tags", "update/web", "-f", "."]);
    assert_eq!(answer.code, 2, "{}", answer.stderr);
}

#[test]
fn a_name_of_two_kinds_that_disagree_is_a_question() {
    let program = offline(SEMVER);
    program.write("app.yaml", &repository("app", "ghcr.io/x/app"));
    program.write(
        "policy.yaml",
        &policy("app", SEMVER).replace("    name: app\n", "    name: another\n"),
    );
    let answer = program.run(&with(OFFLINE, &["-f", "app.yaml"]));
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("say policy/app or repository/app"),
        "{}",
        answer.stderr
    );
    let arguments = [
        "tags",
        "policy/app",
        "-f",
        ".",
        "--tags-from",
        "tags.txt",
        "--selected",
        "-o",
    ];
    assert_eq!(program.ok(&with(&arguments, &["name"])), "1.10.0\n");
}

#[test]
fn create_policy_says_what_it_would_select() {
    let program = offline(SEMVER);
    let arguments = [
        "create",
        "policy",
        "app",
        "--image-ref=app",
        "--select-semver=1.x",
        "--export",
        "--tags-from",
        "tags.txt",
    ];
    let answer = program.run(&arguments);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(
        answer.stdout.starts_with("---\napiVersion: "),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stderr.starts_with(
            "of 8 tags the policy would select 1.10.0, the greatest version in the range 1.x; \
             next would be 1.2.0, v1.0.0\n"
        ),
        "{}",
        answer.stderr
    );
}

#[test]
fn an_empty_list_is_the_controllers_failure_and_a_list_that_is_filtered_away_another() {
    let program = offline(SEMVER);
    let no_tags = "image policy apps/app: retrying in 30s error: no tags in database";
    for empty in ["", "\n\n", "[]", r#"{"name":"x","tags":null}"#] {
        program.write("tags.txt", empty);
        let answer = program.run(OFFLINE);
        assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{empty:?}");
        let expected =
            format!("error: {no_tags} (DependencyNotReady)\nhint: the list has no tags\n");
        assert_eq!(answer.stderr, expected, "{empty:?}");
    }
    // Excluded tags are never stored either, but here there is something to show.
    program.write("tags.txt", "a.sig\n");
    let answer = program.run(OFFLINE);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("excluded"), "{}", answer.stdout);
    assert!(
        answer.stderr.starts_with(&format!("Warning: {no_tags}"))
            && answer
                .stderr
                .ends_with("hint: the exclusion list leaves out every tag\n"),
        "{}",
        answer.stderr
    );
    let answer = program.run(&with(OFFLINE, &["--selected"]));
    assert_eq!(answer.code, 1);
    let filter = "  filterTags:\n    pattern: ^main-\n";
    program.write("policy.yaml", &policy("app", &format!("{filter}{SEMVER}")));
    program.write("tags.txt", LIST);
    let answer = program.run(&with(OFFLINE, &["--selected"]));
    assert!(
        answer
            .stderr
            .contains("error: image policy apps/app: version list argument cannot be empty"),
        "{}",
        answer.stderr
    );
}
