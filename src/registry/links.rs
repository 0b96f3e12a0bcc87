//! Where the next page is: the `Link` header, resolved and kept on the registry's own origin.

use reqwest::Url;

/// Why a `Link` cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LinkError {
    /// It leaves the registry.
    OtherHost(String),
    /// It is no URL.
    Malformed,
}

/// The target of the next page, if the headers name one.
///
/// The text between the first `<` and `>` counts, as the controllers have it; when several links
/// are sent, the one whose relation is `next`. A link to the same host name with another scheme
/// or its default port comes from a registry behind a proxy that ends TLS: its path is asked for
/// at the origin that answered.
pub(super) fn next_page<'a>(
    request: &Url,
    headers: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Url>, LinkError> {
    let Some(target) = headers
        .into_iter()
        .flat_map(links)
        .find(|(_, relation)| relation.as_deref().is_none_or(is_next))
        .map(|(target, _)| target)
    else {
        return Ok(None);
    };
    let mut url = request.join(target).map_err(|_| LinkError::Malformed)?;
    if url.origin() != request.origin() {
        let web = matches!(url.scheme(), "http" | "https");
        if !web || url.host() != request.host() || !same_port(&url, request) {
            let host = url.host_str().unwrap_or(url.scheme()).to_owned();
            return Err(LinkError::OtherHost(host));
        }
        let mut own = request.clone();
        own.set_path(url.path());
        own.set_query(url.query());
        url = own;
    }
    url.set_fragment(None);
    Ok(Some(url))
}

fn same_port(link: &Url, request: &Url) -> bool {
    link.port_or_known_default() == request.port_or_known_default() || link.port().is_none()
}

fn is_next(relation: &str) -> bool {
    relation
        .split_ascii_whitespace()
        .any(|word| word.eq_ignore_ascii_case("next"))
}

/// Every `<target>` of a header with its `rel`.
fn links(header: &str) -> Vec<(&str, Option<String>)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, parameters)) = after.split_once('>') else {
            break;
        };
        let end = parameters.find('<').unwrap_or(parameters.len());
        found.push((target.trim(), relation(&parameters[..end])));
        rest = &parameters[end..];
    }
    found
}

fn relation(parameters: &str) -> Option<String> {
    parameters.split([';', ',']).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("rel")
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: &str = "https://reg.example:5000/v2/a/b/tags/list?n=1000";

    fn next(link: &str) -> Result<Option<String>, LinkError> {
        let request = Url::parse(REQUEST).unwrap();
        next_page(&request, [link]).map(|url| url.map(String::from))
    }

    #[test]
    fn relative_and_absolute_links_are_followed() {
        let expected = Ok(Some(
            "https://reg.example:5000/v2/a/b/tags/list?last=x%2Fy&n=10".into(),
        ));
        for link in [
            "</v2/a/b/tags/list?last=x%2Fy&n=10>; rel=\"next\"",
            "<list?last=x%2Fy&n=10>;rel=next",
            "<https://reg.example:5000/v2/a/b/tags/list?last=x%2Fy&n=10>",
            "<https://x.example/first>; rel=\"first\", </v2/a/b/tags/list?last=x%2Fy&n=10>; rel=\"next\"",
        ] {
            assert_eq!(next(link), expected, "{link}");
        }
    }

    #[test]
    fn a_link_of_a_proxied_registry_stays_on_the_origin_that_answered() {
        for link in [
            "<http://reg.example/v2/x?c=1>",
            "<http://reg.example:5000/v2/x?c=1>",
        ] {
            assert_eq!(
                next(link),
                Ok(Some("https://reg.example:5000/v2/x?c=1".into()))
            );
        }
    }

    #[test]
    fn another_host_is_refused_by_name() {
        for (link, host) in [
            ("<https://evil.example/v2/a>", "evil.example"),
            ("<//evil.example/v2/a>", "evil.example"),
            ("<https://reg.example:6000/v2/a>", "reg.example"),
            ("<ftp://reg.example:5000/v2/a>", "reg.example"),
            ("<file:///etc/passwd>", "file"),
        ] {
            assert_eq!(next(link), Err(LinkError::OtherHost(host.into())), "{link}");
        }
    }

    #[test]
    fn no_next_link_ends_the_list() {
        for link in ["", "</v2/first>; rel=\"first\"", "garbage", "<unclosed"] {
            assert_eq!(next(link), Ok(None), "{link}");
        }
    }

    proptest! {
        #[test]
        fn a_followed_link_never_leaves_the_origin(link in "\\PC{0,60}") {
            let request = Url::parse(REQUEST).unwrap();
            for header in [link.clone(), format!("<{link}>; rel=next")] {
                if let Ok(Some(url)) = next_page(&request, [header.as_str()]) {
                    prop_assert_eq!(url.origin(), request.origin());
                }
            }
        }
    }
}
