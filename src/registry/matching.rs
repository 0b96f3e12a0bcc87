//! Which entry of a docker configuration is meant for an image.
//!
//! Two rules: the controllers' own (kubelet's) for secrets of the cluster, and docker's and
//! podman's for files of the user. Where neither finds anything, entries written for another name
//! of Docker Hub are tried: `docker login` accepts every name, and the controllers only one.

use std::collections::BTreeMap;

/// The name that image names carry for Docker Hub.
const HUB: &str = "index.docker.io";
/// Its other names.
const HUB_ALIASES: [&str; 3] = [
    "docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// The value for an image by kubelet's rule: keys in reverse order of their text, parts of the
/// host compared as patterns, ports equal, the path a plain prefix. Entries of several secrets are
/// one list: the key decides first, then the order of the secrets.
pub(super) fn for_secret<'a, T: Clone>(
    entries: impl IntoIterator<Item = (&'a str, T)>,
    registry: &str,
    repository: &str,
) -> Option<T> {
    let path = format!("/{repository}");
    let mut keys: Vec<(Key, T)> = entries
        .into_iter()
        .filter_map(|(key, value)| Some((Key::parse(key)?, value)))
        .collect();
    keys.sort_by(|(left, _), (right, _)| right.text.cmp(&left.text));
    let find = |registry: &str, keys: &[(Key, T)]| {
        keys.iter()
            .find(|(key, _)| key.matches(registry, &path))
            .map(|(_, value)| value.clone())
    };
    find(registry, &keys).or_else(|| {
        let hub = hub(registry)?;
        let renamed: Vec<(Key, T)> = keys
            .iter()
            .map(|(key, value)| (key.renamed(hub), value.clone()))
            .collect();
        find(hub, &renamed)
    })
}

/// The value for an image by docker's and podman's rule: the longest path first, then the host.
pub(super) fn for_user<'a, T>(
    entries: &'a BTreeMap<String, T>,
    registry: &str,
    repository: &str,
) -> Option<&'a T> {
    let names = names(registry);
    let mut scope = format!("/{repository}");
    loop {
        for name in &names {
            let wanted = format!("{name}{scope}");
            let found = entries
                .iter()
                .find(|(key, _)| Key::parse(key).is_some_and(|key| key.text == wanted));
            if let Some((_, value)) = found {
                return Some(value);
            }
        }
        match scope.rfind('/') {
            Some(end) => scope.truncate(end),
            None => return None,
        }
    }
}

/// The server name that credential helpers know a registry by.
pub(super) fn helper_server(registry: &str) -> &str {
    match hub(registry) {
        Some(_) => "https://index.docker.io/v1/",
        None => registry,
    }
}

/// Every name of a registry, its own first.
fn names(registry: &str) -> Vec<&str> {
    let mut names = vec![registry];
    if hub(registry).is_some() {
        let all = std::iter::once(HUB).chain(HUB_ALIASES);
        names.extend(all.filter(|name| *name != registry));
    }
    names
}

/// Docker Hub's name, if the registry is Docker Hub.
fn hub(registry: &str) -> Option<&'static str> {
    (registry == HUB || HUB_ALIASES.contains(&registry)).then_some(HUB)
}

/// A key without scheme and API version.
#[derive(Clone, Debug)]
struct Key {
    host: String,
    port: Option<String>,
    path: String,
    /// Host, port and path, for the order.
    text: String,
}

impl Key {
    fn parse(key: &str) -> Option<Self> {
        let bare = key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"))
            .unwrap_or(key);
        let (authority, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
        let path = ["/v1/", "/v2/"]
            .iter()
            .find(|version| path.starts_with(**version))
            .map_or(path, |_| &path[3..]);
        let path = if path == "/" { "" } else { path };
        if authority.is_empty() || authority.contains(['@', ' ']) {
            return None;
        }
        let (host, port) = split_port(authority);
        Some(Self {
            host: host.to_owned(),
            port: port.map(str::to_owned),
            path: path.to_owned(),
            text: format!("{authority}{path}"),
        })
    }

    /// The key under Docker Hub's proper name, if it is one of the others.
    fn renamed(&self, hub: &str) -> Self {
        let mut key = self.clone();
        if HUB_ALIASES.contains(&key.host.as_str()) {
            hub.clone_into(&mut key.host);
        }
        key
    }

    fn matches(&self, registry: &str, path: &str) -> bool {
        let (host, port) = split_port(registry);
        let (own, other): (Vec<&str>, Vec<&str>) =
            (self.host.split('.').collect(), host.split('.').collect());
        self.port.as_deref() == port
            && own.len() == other.len()
            && path.starts_with(&self.path)
            && own
                .iter()
                .zip(&other)
                .all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether a text matches a shell pattern (`*`, `?`, `[a-z]`, `\x`); malformed patterns do not.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        ([b'?', rest @ ..], [_, tail @ ..]) => glob(rest, tail),
        // A host may be an address in brackets, which is no class.
        ([b'[', rest @ ..], [first, tail @ ..]) => match class(rest, *first) {
            Some((true, rest)) => glob(rest, tail),
            Some((false, _)) | None => pattern == text,
        },
        ([b'\\', literal, rest @ ..] | [literal, rest @ ..], [first, tail @ ..]) => {
            literal == first && glob(rest, tail)
        }
        _ => false,
    }
}

/// Whether a byte is in the class that begins here, and what follows the class.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let end = pattern.iter().position(|&byte| byte == b']')?;
    let (members, rest) = (&pattern[..end], &pattern[end + 1..]);
    let (negated, members) = match members {
        [b'^', members @ ..] => (true, members),
        members => (false, members),
    };
    let mut found = false;
    let mut index = 0;
    while index < members.len() {
        if members.get(index + 1) == Some(&b'-') && index + 2 < members.len() {
            found |= (members[index]..=members[index + 2]).contains(&byte);
            index += 3;
        } else {
            found |= members[index] == byte;
            index += 1;
        }
    }
    Some((found != negated, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(keys: &[&str]) -> BTreeMap<String, String> {
        keys.iter()
            .map(|key| ((*key).to_owned(), (*key).to_owned()))
            .collect()
    }

    fn secret(keys: &[&str], registry: &str, repository: &str) -> Option<String> {
        let keys = keys.iter().map(|key| (*key, (*key).to_owned()));
        for_secret(keys, registry, repository)
    }

    fn user(keys: &[&str], registry: &str, repository: &str) -> Option<String> {
        for_user(&entries(keys), registry, repository).cloned()
    }

    #[test]
    fn schemes_and_api_versions_in_keys_do_not_count() {
        for key in [
            "ghcr.io",
            "https://ghcr.io",
            "http://ghcr.io/v1/",
            "https://ghcr.io/v2/",
            "ghcr.io/",
            "ghcr.io/v2/org/",
        ] {
            assert!(secret(&[key], "ghcr.io", "org/app").is_some(), "{key}");
        }
        assert_eq!(secret(&["ghcr.io:443"], "ghcr.io", "org/app"), None);
        assert_eq!(secret(&["ghcr.io"], "ghcr.io:443", "org/app"), None);
    }

    #[test]
    fn the_greatest_key_that_matches_is_used_alone() {
        let keys = ["ghcr.io", "ghcr.io/org", "ghcr.io/other", "*.io"];
        assert_eq!(
            secret(&keys, "ghcr.io", "org/app").as_deref(),
            Some("ghcr.io/org")
        );
        // A path is a prefix of text, not of segments: kubelet's own rule.
        assert_eq!(
            secret(&keys, "ghcr.io", "organisation/app").as_deref(),
            Some("ghcr.io/org")
        );
        assert_eq!(
            secret(&keys, "ghcr.io", "x/app").as_deref(),
            Some("ghcr.io")
        );
        assert_eq!(secret(&keys, "quay.io", "x/app").as_deref(), Some("*.io"));
    }

    #[test]
    fn of_equal_keys_the_first_secret_counts() {
        let found = for_secret([("ghcr.io", 1), ("https://ghcr.io", 2)], "ghcr.io", "a/b");
        assert_eq!(found, Some(1));
    }

    #[test]
    fn patterns_match_within_one_part_of_the_host() {
        assert!(secret(&["*.example.com"], "a.example.com", "x/y").is_some());
        assert!(secret(&["*.example.com"], "a.b.example.com", "x/y").is_none());
        assert!(secret(&["reg?.example.[a-c]om"], "reg1.example.com", "x/y").is_some());
        assert!(
            secret(
                &["*.dkr.ecr.*.amazonaws.com"],
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "x"
            )
            .is_some()
        );
        assert!(secret(&["[::1]:5000"], "[::1]:5000", "x").is_some());
    }

    #[test]
    fn docker_hub_is_found_under_every_name() {
        for key in [
            "https://index.docker.io/v1/",
            "index.docker.io",
            "docker.io",
            "https://registry-1.docker.io",
            "docker.io/library",
        ] {
            assert!(
                secret(&[key], "index.docker.io", "library/alpine").is_some(),
                "{key}"
            );
            assert!(
                user(&[key], "index.docker.io", "library/alpine").is_some(),
                "{key}"
            );
        }
        // The controllers' own match comes first, whatever the aliases say.
        assert_eq!(
            secret(&["docker.io", "index.docker.io"], "index.docker.io", "a/b").as_deref(),
            Some("index.docker.io")
        );
        assert_eq!(secret(&["docker.io"], "ghcr.io", "a/b"), None);
    }

    #[test]
    fn files_of_the_user_prefer_the_longest_path() {
        let keys = ["quay.io", "quay.io/org", "quay.io/org/app"];
        assert_eq!(
            user(&keys, "quay.io", "org/app").as_deref(),
            Some("quay.io/org/app")
        );
        assert_eq!(
            user(&keys, "quay.io", "org/b").as_deref(),
            Some("quay.io/org")
        );
        assert_eq!(
            user(&keys, "quay.io", "organisation/b").as_deref(),
            Some("quay.io")
        );
        assert_eq!(user(&["*.io"], "quay.io", "a"), None);
    }

    proptest! {
        #[test]
        fn any_key_is_compared_without_a_panic(key in "\\PC{0,30}", registry in "\\PC{0,20}", repository in "\\PC{0,20}") {
            let _ = secret(&[&key], &registry, &repository);
            let _ = user(&[&key], &registry, &repository);
        }

        #[test]
        fn a_star_matches_every_text(text in "[a-z]{0,12}", end in "[a-z]{0,3}") {
            let whole = format!("{text}{end}");
            let pattern = format!("*{end}");
            prop_assert!(glob(pattern.as_bytes(), whole.as_bytes()));
        }
    }
}
