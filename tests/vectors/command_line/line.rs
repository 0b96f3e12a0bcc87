//! flux's command lines in one order, so that the rules need to know one form only.

/// Flags of flux that are true or false.
const SWITCHES: &[&str] = &[
    "-A",
    "--all-namespaces",
    "--no-header",
    "-w",
    "--watch",
    "--all",
    "--wait",
    "-s",
    "--silent",
    "--export",
    "--verbose",
    "--ns-follows-kube-context",
    "--insecure-skip-tls-verify",
    "--disable-compression",
    "-h",
    "--help",
    "-v",
    "--version",
];

/// Flags of flux that take a value and may stand apart from it.
const WITH_VALUE: &[&str] = &[
    "-n",
    "--namespace",
    "-l",
    "--label-selector",
    "--status-selector",
    "--timeout",
    "--kubeconfig",
    "--context",
    "--cluster",
    "--user",
    "--server",
    "--token",
    "--as",
    "--as-uid",
    "--as-group",
    "--as-user-extra",
    "--client-certificate",
    "--client-key",
    "--certificate-authority",
    "--tls-server-name",
    "--cache-dir",
    "--kube-api-qps",
    "--kube-api-burst",
    "--label",
    "--interval",
    "--image",
    "--secret-ref",
    "--cert-ref",
    "--scan-timeout",
    "--image-ref",
    "--select-semver",
    "--select-alpha",
    "--select-numeric",
    "--filter-regex",
    "--filter-extract",
    "--reflect-digest",
    "--git-repo-ref",
    "--git-repo-namespace",
    "--git-repo-path",
    "--checkout-branch",
    "--push-branch",
    "--commit-template",
    "--author-name",
    "--author-email",
    "--signing-key-secret",
    "--signing-key-type",
];

/// Whether a word is a flag whose value is the next word.
pub(super) fn takes_value(word: &str) -> bool {
    WITH_VALUE.contains(&word)
}

/// The words first (verb, noun, kind, names), then every flag with its value apart from it. A line
/// that flux does not understand, and one of completion, stays as it is.
pub(super) fn in_order(arguments: &[String]) -> Vec<String> {
    let is_completion = arguments.first().is_some_and(|word| word == "__complete");
    match ordered(arguments) {
        Some(ordered) if !is_completion => ordered,
        _ => arguments.to_vec(),
    }
}

fn ordered(arguments: &[String]) -> Option<Vec<String>> {
    let (mut words, mut flags) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') || argument == "-" {
            words.push(argument.clone());
        } else if takes_value(argument) {
            flags.extend([argument.clone(), rest.next()?.clone()]);
        } else if let Some((flag, value)) = argument
            .split_once('=')
            .filter(|(flag, _)| takes_value(flag))
        {
            flags.extend([flag.to_owned(), value.to_owned()]);
        } else if SWITCHES.contains(&argument.split('=').next()?) {
            flags.push(argument.clone());
        } else {
            flags.extend(shorts(argument)?);
        }
    }
    words.append(&mut flags);
    Some(words)
}

/// `-Anapps` as `-A -n apps`.
fn shorts(argument: &str) -> Option<Vec<String>> {
    let letters = argument
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'))?;
    let mut flags = Vec::new();
    for (at, letter) in letters.char_indices() {
        let flag = format!("-{letter}");
        let value = &letters[at + letter.len_utf8()..];
        if takes_value(&flag) {
            // What follows is the value, if anything does.
            let value = value.strip_prefix('=').unwrap_or(value);
            flags.extend([flag, value.to_owned()]);
            return (!value.is_empty()).then_some(flags);
        }
        if !SWITCHES.contains(&flag.as_str()) || value.starts_with('=') {
            return None;
        }
        flags.push(flag);
    }
    Some(flags)
}
