//! Reads `WWW-Authenticate`: several headers, several challenges in one header, quoted commas.

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from a token server.
    Bearer(Bearer),
}

/// The parameters of a bearer challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearer {
    /// URL of the token server.
    pub(super) realm: String,
    /// Name of the registry there.
    pub(super) service: Option<String>,
    /// What the refused request needs; several are separated by spaces.
    pub(super) scope: Option<String>,
    /// What is wrong with the token that was shown.
    pub(super) error: Option<String>,
}

/// The challenge to answer: a bearer challenge with a realm before a basic one. The names of all
/// schemes are returned when none of them can be answered.
pub(super) fn choose<'a>(
    headers: impl IntoIterator<Item = &'a str>,
) -> Result<Challenge, Vec<String>> {
    let parsed: Vec<(String, Vec<(String, String)>)> =
        headers.into_iter().flat_map(parse_header).collect();
    let bearer = parsed.iter().find_map(|(scheme, parameters)| {
        let value = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let realm = value("realm").filter(|_| scheme == "bearer")?;
        Some(Challenge::Bearer(Bearer {
            realm,
            service: value("service"),
            scope: value("scope"),
            error: value("error"),
        }))
    });
    let basic = || {
        parsed
            .iter()
            .any(|(scheme, _)| scheme == "basic")
            .then_some(Challenge::Basic)
    };
    bearer
        .or_else(basic)
        .ok_or_else(|| parsed.into_iter().map(|(scheme, _)| scheme).collect())
}

/// Every challenge of one header: the scheme and its parameters, names in lower case.
fn parse_header(header: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            // Not a token: skip one character rather than stop, servers send odd things.
            let mut characters = rest.chars();
            characters.next();
            rest = characters.as_str();
            continue;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        // `name = value` belongs to the challenge before it; everything else begins a new one.
        match (spaced.strip_prefix('='), challenges.last_mut()) {
            (Some(value), Some((_, parameters))) if !value.starts_with('=') => {
                let (value, after) = parameter_value(value.trim_start_matches([' ', '\t']));
                parameters.push((word.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(padding), _) => rest = padding.trim_start_matches('='),
            (None, _) => {
                challenges.push((word.to_ascii_lowercase(), Vec::new()));
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    challenges
}

/// The leading token of a text, and the rest. Slashes and colons are let through: servers send
/// unquoted URLs.
fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || c.is_ascii_control() || "=,\"".contains(c))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A quoted string or a token, and the rest. A quote that never closes ends with the header.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_ascii_whitespace() || c == ',')
            .unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        let value = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: value(service),
            scope: value(scope),
            error: None,
        })
    }

    #[test]
    fn a_basic_challenge_is_read() {
        assert_eq!(
            choose([r#"Basic realm="basic-realm""#]),
            Ok(Challenge::Basic)
        );
        assert_eq!(choose(["basic"]), Ok(Challenge::Basic));
    }

    #[test]
    fn a_comma_inside_quotes_does_not_end_a_parameter() {
        let header = r#"Bearer realm="http://l:1/token",service="reg.test",scope="repository:a/b:pull,push",odd="x, y""#;
        assert_eq!(
            choose([header]),
            Ok(bearer(
                "http://l:1/token",
                "reg.test",
                "repository:a/b:pull,push"
            ))
        );
    }

    #[test]
    fn names_in_any_case_spaces_and_missing_quotes_are_accepted() {
        let header = "BEARER Realm = https://a/t , SERVICE=s,scope=\"repository:x:pull\"";
        assert_eq!(
            choose([header]),
            Ok(bearer("https://a/t", "s", "repository:x:pull"))
        );
        let escaped = r#"Bearer realm="https://a/\"t\"""#;
        assert_eq!(choose([escaped]), Ok(bearer("https://a/\"t\"", "", "")));
    }

    #[test]
    fn bearer_is_preferred_wherever_it_stands() {
        let expected = Ok(bearer("https://a/t", "", ""));
        assert_eq!(
            choose([r#"Basic realm="x", Bearer realm="https://a/t""#]),
            expected
        );
        assert_eq!(
            choose(["Negotiate", "Basic", r#"Bearer realm="https://a/t""#]),
            expected
        );
        assert_eq!(
            choose([r#"Bearer realm="https://a/t", Basic realm="x""#]),
            expected
        );
    }

    #[test]
    fn a_bearer_challenge_without_a_realm_cannot_be_answered() {
        assert_eq!(choose(["Bearer service=\"x\""]), Err(vec!["bearer".into()]));
        assert_eq!(
            choose(["Bearer service=\"x\", Basic"]),
            Ok(Challenge::Basic)
        );
    }

    #[test]
    fn unknown_schemes_are_named() {
        let schemes = choose(["Negotiate YII=, NTLM", "Digest realm=\"x\", nonce=\"a,b\""]);
        assert_eq!(
            schemes,
            Err(vec!["negotiate".into(), "ntlm".into(), "digest".into()])
        );
        assert_eq!(choose([]), Err(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "\\PC{0,80}") {
            let _ = choose([header.as_str()]);
        }

        #[test]
        fn quoted_values_come_back_whole(
            realm in "[ -~]{1,40}", service in "[ -~]{1,20}", scope in "[ -~]{1,40}",
        ) {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!(
                "Bearer realm=\"{}\",service=\"{}\", scope=\"{}\"",
                quote(&realm), quote(&service), quote(&scope)
            );
            prop_assert_eq!(choose([header.as_str()]), Ok(bearer(&realm, &service, &scope)));
        }
    }
}
