//! A wrong word answers with what was meant, and with the command to look at.

use crate::program::{Answer, Program};

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
        "get all --timeout=-5s",
        "error: invalid argument \"-5s\" for \"--timeout\" flag: a limit cannot be negative\n\
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
    // What stands behind an unknown flag is taken for its value.
    assert_mistake(
        "get --bogus value all",
        "error: unknown flag: --bogus\n\
         hint: see 'kubectl imageupdate get --help' for usage\n",
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
