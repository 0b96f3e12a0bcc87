//! A wrong word answers with what was meant, and with the command to look at.

use crate::program::{Answer, Program};
use crate::stage::stage;

#[track_caller]
fn assert_mistake(line: &str, expected: &str) {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let answer: Answer = Program::new().run(&words);
    assert_eq!(answer.stderr, expected, "{line}");
    assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{line}");
}

const VERBS: &str = "Choose one of: ";

#[test]
fn a_wrong_verb_names_the_nearest_and_the_choices() {
    let answer = Program::new().run(&["recncile"]);
    assert!(
        answer.stderr.starts_with(&format!(
            "error: unknown command \"recncile\" for \"kubectl imageupdate\"; did you mean \
             \"reconcile\"? {VERBS}create, get, "
        )),
        "{}",
        answer.stderr
    );
    assert!(
        answer
            .stderr
            .ends_with("\nhint: see 'kubectl imageupdate --help' for usage\n"),
        "{}",
        answer.stderr
    );
    let nothing_like_it = Program::new().run(&["zzzzzz"]);
    assert!(
        !nothing_like_it.stderr.contains("did you mean"),
        "{}",
        nothing_like_it.stderr
    );
    assert_mistake(
        "create plicy x",
        "error: unknown command \"plicy\" for \"kubectl imageupdate create\"; did you mean \
         \"policy\"? Choose one of: repository, policy, update\n\
         hint: see 'kubectl imageupdate create --help' for usage\n",
    );
}

#[test]
fn a_wrong_kind_names_the_nearest_and_the_choices() {
    assert_mistake(
        "get polcies",
        "error: unknown kind \"polcies\"; did you mean \"policies\"? Choose one of: all, \
         repository, policy, update\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
}

#[test]
fn the_choices_are_those_of_the_verb() {
    assert_mistake(
        "suspend",
        "error: which kind of object? Choose one of: repository, policy, update\n\
         hint: see 'kubectl imageupdate suspend --help' for usage\n",
    );
    assert_mistake(
        "delete all",
        "error: delete works on one kind at a time: repository, policy or update\n\
         hint: see 'kubectl imageupdate delete --help' for usage\n",
    );
    assert_mistake(
        "explain polcy/podinfo",
        "error: unknown kind \"polcy\"; did you mean \"policy\"? Choose one of: repository, policy, \
         update\nhint: a line of a file is named as FILE:LINE\n\
         hint: see 'kubectl imageupdate explain --help' for usage\n",
    );
    assert_mistake(
        "reconcile my-fleet",
        "error: unknown kind \"my-fleet\". Choose one of: all, repository, policy, update\n\
         hint: a name stands behind its kind: update my-fleet\n\
         hint: see 'kubectl imageupdate reconcile --help' for usage\n",
    );
    assert_mistake(
        "diff policy/podinfo",
        "error: \"policy/podinfo\" is an image policy; diff shows what automations would commit\n\
         hint: see 'kubectl imageupdate diff --help' for usage\n",
    );
    assert_mistake(
        "explain",
        "error: POLICY|UPDATE|FILE:LINE is required\n\
         hint: see 'kubectl imageupdate explain --help' for usage\n",
    );
}

#[test]
fn a_verb_of_another_program_names_ours() {
    for (theirs, ours) in [
        ("describe", "explain"),
        ("ls", "get"),
        ("sync", "reconcile"),
    ] {
        let answer = Program::new().run(&[theirs]);
        let meant = format!("did you mean \"{ours}\"?");
        assert!(answer.stderr.contains(&meant), "{}", answer.stderr);
        assert_eq!(answer.code, 2, "{theirs}");
    }
}

#[test]
fn help_is_answered_whatever_else_is_wrong() {
    let program = Program::new();
    let (long, short) = (program.ok(&["get", "--help"]), program.ok(&["get", "-h"]));
    for words in [
        &["get", "--help", "--bogus"][..],
        &["--timeout=x", "get", "image", "policy", "--help"],
        &["get", "--bogus", "polcy", "--help"],
    ] {
        assert_eq!(program.ok(words), long, "{words:?}");
    }
    assert_eq!(program.ok(&["get", "-A=perhaps", "--bogus", "-h"]), short);
    let create = program.ok(&["create", "--help"]);
    assert_eq!(program.ok(&["create", "image", "foo", "--help"]), create);
    assert_eq!(program.run(&["get", "--bogus", "--", "--help"]).code, 2);
    assert_eq!(program.run(&["zzzzzz", "--help"]).code, 2);
}

#[test]
fn help_is_a_verb_as_well() {
    let program = Program::new();
    assert_eq!(program.ok(&["help"]), program.ok(&["--help"]));
    let create = &["create", "policy", "--help"];
    assert_eq!(
        program.ok(&["help", "create", "policy"]),
        program.ok(create)
    );
    assert_eq!(program.run(&["help", "zzzzzz"]).code, 2);
}

#[test]
fn a_wrong_name_names_the_nearest_or_the_choices() {
    let stage = stage();
    let program = stage.program("admin");
    let namespace = stage.namespace.as_str();
    for (line, nearest) in [
        ("get policy podinf", "podinfo"),
        ("get policy podinf -A", "podinfo"),
        ("export repository podino", "podinfo"),
        ("delete policy podinfo-nxt --yes", "podinfo-next"),
        ("suspend update flux-sytem", "flux-system"),
        ("resume policy podimfo", "podinfo"),
        ("reconcile repository podinf", "podinfo"),
        ("reconcile policy podinf --request", "podinfo"),
        ("diff flux-sytem", "flux-system"),
        ("diff update flux-sytem", "flux-system"),
        ("explain podinf", "podinfo"),
        ("explain policy/podinf", "podinfo"),
        ("tags podinf", "podinfo"),
        ("tags repository/podinf", "podinfo"),
    ] {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.extend(["-n", namespace]);
        let answer = program.run(&words);
        let told = answer
            .stderr
            .contains(&format!("hint: did you mean \"{nearest}\"?\n"));
        assert_eq!(told, !nearest.is_empty(), "{line}: {}", answer.stderr);
        assert_ne!(answer.code, 0, "{line}");
    }
    let answer = program.run(&["get", "policy", "zzzzzzz", "-n", namespace]);
    assert_eq!(
        answer.stderr,
        format!(
            "Error from server (NotFound): imagepolicies.image.toolkit.fluxcd.io \"zzzzzzz\" not \
             found\nhint: choose one of: podinfo, podinfo-next\n\
             hint: looked in namespace \"{namespace}\"; -n names another one\n"
        )
    );
}

#[test]
fn a_wrong_flag_names_the_nearest() {
    assert_mistake(
        "create policy x --slect-semver 1.x",
        "error: unknown flag: --slect-semver; did you mean \"--select-semver\"?\n\
         hint: see 'kubectl imageupdate create policy --help' for usage\n",
    );
    assert_mistake(
        "get all -z",
        "error: unknown shorthand flag: 'z' in -z\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
}

#[test]
fn a_wrong_value_says_why_and_names_the_choices() {
    assert_mistake(
        "get all --timeout 10",
        "error: invalid argument \"10\" for \"--timeout\" flag: time: missing unit in duration \
         \"10\"\nhint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all --request-timeout=-5s",
        "error: invalid argument \"-5s\" for \"--request-timeout\" flag: a limit cannot be negative\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all --color alwys",
        "error: invalid argument \"alwys\" for \"--color\" flag; did you mean \"always\"? Choose \
         one of: auto, always, never\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all -A=perhaps",
        "error: invalid argument \"perhaps\" for \"-A, --all-namespaces\" flag: \
         strconv.ParseBool: parsing \"perhaps\": invalid syntax\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all -v=high",
        "error: invalid argument \"high\" for \"-v, --v\" flag: strconv.ParseInt: parsing \"high\": \
         invalid syntax\nhint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all -o jsonpath",
        "error: template format specified but no template given\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all -n",
        "error: flag needs an argument: 'n' in -n\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get all --namespace",
        "error: flag needs an argument: --namespace\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
}

#[test]
fn several_mistakes_give_several_messages() {
    assert_mistake(
        "get polcy --bogus --timeout abc --all-namespace=x",
        "error: unknown flag: --bogus\n\
         error: unknown flag: --all-namespace; did you mean \"--all-namespaces\"?\n\
         error: invalid argument \"abc\" for \"--timeout\" flag: time: invalid duration \"abc\"\n\
         error: unknown kind \"polcy\"; did you mean \"policy\"? Choose one of: all, repository, \
         policy, update\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    // Of an unknown flag nobody knows whether a value is missing.
    assert_mistake(
        "suspend policy podinfo --all-namespaces",
        "error: unknown flag: --all-namespaces; did you mean \"--namespace\"?\n\
         hint: see 'kubectl imageupdate suspend --help' for usage\n",
    );
    assert_mistake(
        "get polcy -A=perhaps",
        "error: invalid argument \"perhaps\" for \"-A, --all-namespaces\" flag: \
         strconv.ParseBool: parsing \"perhaps\": invalid syntax\n\
         error: unknown kind \"polcy\"; did you mean \"policy\"? Choose one of: all, repository, \
         policy, update\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    assert_mistake(
        "get polcy -o xml --sort-by {",
        "error: unknown kind \"polcy\"; did you mean \"policy\"? Choose one of: all, repository, \
         policy, update\n\
         error: unable to match a printer suitable for the output format \"xml\", allowed formats \
         are: custom-columns,json,jsonpath,name,wide,yaml\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
    // What stands behind an unknown flag is taken for its value.
    assert_mistake(
        "get --bogus value all",
        "error: unknown flag: --bogus\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
    );
}

#[test]
fn create_tells_everything_that_is_wrong_with_an_object() {
    let told = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = Program::new().run(&words);
        assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{line}");
        answer.stderr
    };
    assert_eq!(
        told("create update app --export"),
        "error: a reference to a GitRepository is required (--git-repo-ref)\n\
         error: the Git repository branch is required (--checkout-branch)\n\
         error: the author name is required (--author-name)\n\
         error: the author email is required (--author-email)\n"
    );
    assert_eq!(
        told("create repository p --image=https://x/y --provider=amazon --label=foo --export"),
        "error: name 'p' is invalid, it should adhere to standard defined in RFC 1123, the name can \
         only contain alphanumeric characters or '-'\n\
         error: image 'https://x/y' should not include URL scheme; remove 'https://'\n\
         error: invalid value \"amazon\" for --provider, must be one of: generic, aws, azure, gcp\n\
         error: invalid label format 'foo', must be key=value\n"
    );
    assert_eq!(
        told("create policy app --select-alpha=up --filter-extract=$x --export"),
        "error: the name of an ImageRepository in the namespace is required (--image-ref)\n\
         error: --select-alpha must be one of [\"asc\", \"desc\"]\n\
         error: cannot specify --filter-extract without specifying --filter-regex\n"
    );
}

#[test]
fn a_flag_that_needs_another_says_so() {
    assert_mistake(
        "reconcile --commit",
        "error: this needs --worktree DIR as well\n\
         hint: see 'kubectl imageupdate reconcile --help' for usage\n",
    );
}

#[test]
fn trouble_of_diff_is_two_wherever_its_flags_stand() {
    for line in [
        &["diff", "--bogus"][..],
        &["-n", "x", "diff", "-f", "nowhere"],
        &["--quiet", "diff", "-f", "nowhere"],
    ] {
        assert_eq!(Program::new().run(line).code, 2, "{line:?}");
    }
    assert_eq!(Program::new().run(&["get", "all", "-f", "nowhere"]).code, 1);
}

#[test]
fn flags_may_stand_before_the_verb_and_be_repeated() {
    let program = Program::new();
    let before = program.ok(&[
        "--export",
        "-n",
        "a",
        "--namespace=b",
        "create",
        "image",
        "repository",
        "app",
        "--image=ghcr.io/org/app",
        "--interval",
        "1m",
        "--interval=2m",
    ]);
    assert!(before.contains("namespace: b\n"), "{before}");
    assert!(before.contains("interval: 2m0s\n"), "{before}");
    let dashed = program.ok(&[
        "create",
        "policy",
        "app",
        "--image-ref=app",
        "--select-semver",
        ">=0",
        "--filter-regex",
        "-x$",
        "--export",
        "--export=t",
    ]);
    assert!(dashed.contains("pattern: -x$\n"), "{dashed}");
}
