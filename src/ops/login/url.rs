//! The parts of a repository's URL that logins depend on.

use crate::ports::url_without_secrets;

/// A URL, taken apart.
pub(super) struct Url {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

impl Url {
    /// Takes a URL apart; the error is Go's.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| !scheme.is_empty())
            .ok_or_else(|| {
                let shown = url_without_secrets(text);
                format!("parse {shown:?}: missing protocol scheme")
            })?;
        let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
        let (user, host) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((user, host)) => (Some(user), host),
        };
        let (username, password) = match user {
            None => (None, None),
            Some(user) => match user.split_once(':') {
                None => (Some(user), None),
                Some((name, password)) => (Some(name), Some(password)),
            },
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            username: username.map(unescape).filter(|name| !name.is_empty()),
            password: password.map(unescape),
        })
    }

    /// Whether this is a repository of AWS CodeCommit.
    pub(super) fn is_code_commit(&self) -> bool {
        let region = self
            .host
            .strip_prefix("git-codecommit-fips.")
            .or_else(|| self.host.strip_prefix("git-codecommit."))
            .map(|rest| rest.strip_suffix(".cn").unwrap_or(rest))
            .and_then(|rest| rest.strip_suffix(".amazonaws.com"));
        self.scheme == "https"
            && region.is_some_and(|region| !region.is_empty() && !region.contains('.'))
    }
}

/// Undoes percent encoding.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escape.unwrap_or(first));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_and_password_are_decoded() {
        let url = Url::parse("https://u%40x:p%2Fw@h:1/x").unwrap();
        assert_eq!(
            (url.username.as_deref(), url.password.as_deref()),
            (Some("u@x"), Some("p/w"))
        );
        assert_eq!((url.scheme.as_str(), url.host.as_str()), ("https", "h:1"));
        assert_eq!(
            Url::parse("://example.com").err().unwrap(),
            "parse \"://example.com\": missing protocol scheme"
        );
    }

    #[test]
    fn only_code_commits_own_hosts_are_its_own() {
        let is = |url: &str| Url::parse(url).unwrap().is_code_commit();
        assert!(is(
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x"
        ));
        assert!(is(
            "https://git-codecommit-fips.us-east-1.amazonaws.com/v1/repos/x"
        ));
        assert!(is(
            "https://git-codecommit.cn-north-1.amazonaws.com.cn/v1/repos/x"
        ));
        assert!(!is(
            "http://git-codecommit.eu-west-1.amazonaws.com/v1/repos/x"
        ));
        assert!(!is(
            "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/x"
        ));
        assert!(!is("https://git-codecommit.a.b.amazonaws.com/x"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_or_refused(text in any::<String>()) {
            let _ = Url::parse(&text);
        }
    }
}
