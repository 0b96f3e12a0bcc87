//! Which proxy a URL is asked through: the one of a Secret, or the environment's with its
//! exceptions, by the rules of Go's `httpproxy` that the controllers follow.

use std::net::IpAddr;

use reqwest::{Proxy, Url};

use super::addresses;
use super::settings::Environment;
use crate::network;
use crate::ports::ProxySettings;
use crate::redacted::Redacted;

/// A proxy and its login.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChosenProxy {
    /// Host and port, for people.
    pub(super) shown: String,
    /// The whole address; the environment's may hold a password.
    address: Redacted<String>,
    login: Option<(String, Redacted<String>)>,
}

impl ChosenProxy {
    /// The proxy for a URL, if there is one. A proxy of a Secret has no exceptions.
    pub(super) fn for_url(
        settings: Option<&ProxySettings>,
        environment: &Environment,
        url: &Url,
    ) -> Option<Self> {
        if let Some(settings) = settings {
            let login = settings.username.as_ref().map(|username| {
                let password = settings.password.clone();
                (username.clone(), password.unwrap_or_default())
            });
            return Some(Self::new(&settings.address, login));
        }
        if addresses::is_loopback(url) {
            return None;
        }
        let names: &[&str] = if url.scheme() == "https" {
            &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        } else {
            &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        };
        let address = environment.first(names)?;
        let exceptions = environment.first(&["NO_PROXY", "no_proxy"]);
        if is_excepted(exceptions.unwrap_or_default(), url) {
            return None;
        }
        Some(Self::new(address, None))
    }

    fn new(address: &str, login: Option<(String, Redacted<String>)>) -> Self {
        // As in Go, names are resolved by the proxy.
        let address = match address.split_once("://") {
            Some(("socks5", rest)) => format!("socks5h://{rest}"),
            Some(_) => address.to_owned(),
            None => format!("http://{address}"),
        };
        let (_, rest) = address.split_once("://").unwrap_or(("", &address));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let shown = authority.rsplit('@').next().unwrap_or_default().to_owned();
        Self {
            shown,
            address: Redacted::new(address),
            login,
        }
    }

    /// The proxy as the HTTP client takes it.
    pub(super) fn build(&self) -> Result<Proxy, String> {
        // The parser's error may quote the address, and that may hold a password.
        let proxy = Proxy::all(self.address.expose())
            .map_err(|_| format!("the address of the proxy {:?} cannot be used", self.shown))?;
        Ok(match &self.login {
            Some((username, password)) => proxy.basic_auth(username, password.expose()),
            None => proxy,
        })
    }
}

/// Whether a list of exceptions names the host of a URL.
fn is_excepted(list: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let port = url.port_or_known_default();
    let address = addresses::literal(url);
    list.split(',')
        .map(|entry| entry.trim().to_ascii_lowercase())
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some((network, bits)) = entry.split_once('/') {
                return address.is_some_and(|address| network::contains(network, bits, address));
            }
            let (name, wanted) = split_port(&entry);
            if wanted.is_some() && wanted != port {
                return false;
            }
            if let Ok(excepted) = name.parse::<IpAddr>() {
                return address == Some(excepted);
            }
            let name = name.strip_prefix('*').unwrap_or(name);
            match name.strip_prefix('.') {
                Some(_) => host.ends_with(name),
                None => host == name || host.ends_with(&format!(".{name}")),
            }
        })
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    let bare = |host: &'_ str| -> bool { host.parse::<IpAddr>().is_ok() };
    if bare(entry) {
        return (entry, None);
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
        _ => (entry, None),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn excepted(list: &str, url: &str) -> bool {
        is_excepted(list, &Url::parse(url).unwrap())
    }

    #[test]
    fn exceptions_are_names_domains_addresses_networks_and_ports() {
        for (list, url) in [
            ("example.com", "https://example.com/"),
            ("example.com", "https://a.b.example.com/"),
            ("a, EXAMPLE.com ,b", "https://example.com./"),
            (".example.com", "https://a.example.com/"),
            ("*.example.com", "https://a.example.com/"),
            ("*", "https://example.com/"),
            ("10.0.0.1", "https://10.0.0.1/"),
            ("10.0.0.0/8", "http://10.200.1.1:5000/"),
            ("0.0.0.0/0", "http://10.200.1.1:5000/"),
            ("fd00::/8", "http://[fd12::1]:5000/"),
            ("example.com:5000", "https://example.com:5000/"),
            ("example.com:443", "https://example.com/"),
        ] {
            assert!(excepted(list, url), "{list} {url}");
        }
        for (list, url) in [
            ("", "https://example.com/"),
            (".example.com", "https://example.com/"),
            ("example.com", "https://notexample.com/"),
            ("10.0.0.0/8", "https://11.0.0.1/"),
            ("10.0.0.0/40", "https://10.0.0.1/"),
            ("example.com:5000", "https://example.com/"),
        ] {
            assert!(!excepted(list, url), "{list} {url}");
        }
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_environment_counts_by_scheme_and_never_for_this_machine() {
        let environment = environment(&[
            ("HTTPS_PROXY", "http://user:pass@secure.example:3128/"),
            ("http_proxy", "plain.example:3128"),
        ]);
        let shown = |url: &str| {
            ChosenProxy::for_url(None, &environment, &Url::parse(url).unwrap())
                .map(|proxy| proxy.shown)
        };
        assert_eq!(
            shown("https://r.example/"),
            Some("secure.example:3128".into())
        );
        assert_eq!(
            shown("http://r.example/"),
            Some("plain.example:3128".into())
        );
        assert_eq!(shown("https://localhost:5000/"), None);
        assert_eq!(shown("http://127.0.0.2:5000/"), None);
    }

    #[test]
    fn a_proxy_never_shows_its_password() {
        let environment = environment(&[("HTTPS_PROXY", "http://user:hunter2@p.example:1")]);
        let url = Url::parse("https://r.example/").unwrap();
        let proxy = ChosenProxy::for_url(None, &environment, &url).unwrap();
        assert!(!format!("{proxy:?}").contains("hunter2"));
        let bad = ChosenProxy::new("http://user:hunter2@ p", None);
        assert!(!bad.build().unwrap_err().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_a_panic(list in "\\PC{0,60}") {
            let _ = excepted(&list, "https://a.example:5000/");
        }
    }
}
