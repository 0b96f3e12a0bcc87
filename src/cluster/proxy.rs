//! Which proxy a URL goes through, by Go's rules for `HTTPS_PROXY` and `NO_PROXY`.

use std::net::IpAddr;

use http::Uri;

use super::settings::Environment;
use crate::network;

/// The proxy for `server` that the environment names, or none.
pub(super) fn from_environment<'a>(environment: &'a Environment, server: &Uri) -> Option<&'a str> {
    let variables = if server.scheme_str() == Some("https") {
        ["HTTPS_PROXY", "https_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy"]
    };
    let proxy = first(environment, variables)?;
    let host = server.host()?.trim_matches(['[', ']']);
    let port = server.port_u16().unwrap_or(match server.scheme_str() {
        Some("https") => 443,
        _ => 80,
    });
    if is_loopback(host) {
        return None;
    }
    let exceptions = first(environment, ["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let excepted = exceptions
        .split(',')
        .any(|pattern| excepts(pattern.trim(), host, port));
    (!excepted).then_some(proxy)
}

/// Reads a proxy's address; one without scheme is an HTTP proxy. `Err` holds kubectl's words.
pub(super) fn parse(address: &str) -> Result<Uri, String> {
    let text = if address.contains("://") {
        // Names are resolved by the proxy either way.
        address.replacen("socks5h://", "socks5://", 1)
    } else {
        format!("http://{address}")
    };
    // The address may hold a password, so it is not repeated.
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("invalid proxy URL: {error}"))?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        scheme => Err(format!(
            "invalid proxy URL: unsupported scheme {:?}, must be http, https, or socks5",
            scheme.unwrap_or_default()
        )),
    }
}

fn first<'a>(environment: &'a Environment, names: [&str; 2]) -> Option<&'a str> {
    names.into_iter().find_map(|name| environment.text(name))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether one entry of `NO_PROXY` covers the host: `*`, an address, a network, a domain with its
/// subdomains, or (with a leading dot) the subdomains alone; each perhaps with a port.
fn excepts(pattern: &str, host: &str, port: u16) -> bool {
    if pattern == "*" {
        return true;
    }
    if pattern.is_empty() {
        return false;
    }
    if let (Some((network, bits)), Ok(address)) = (pattern.split_once('/'), host.parse::<IpAddr>())
    {
        return network::contains(network, bits, address);
    }
    let (name, wanted_port) = split_port(pattern);
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let (Ok(name), Ok(host)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return name == host;
    }
    let name = name.strip_prefix('*').unwrap_or(&name);
    match name.strip_prefix('.') {
        Some(domain) => host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.')),
        None => {
            host == name
                || host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
    }
}

fn split_port(pattern: &str) -> (&str, Option<u16>) {
    if pattern.parse::<IpAddr>().is_ok() {
        return (pattern, None);
    }
    match pattern.rsplit_once(':') {
        Some((name, port)) => port
            .parse()
            .map_or((pattern, None), |port| (name, Some(port))),
        None => (pattern, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(no_proxy: &str, server: &str) -> bool {
        let mut environment = Environment::default();
        for (name, value) in [("https_proxy", "proxy:3128"), ("NO_PROXY", no_proxy)] {
            environment.variables.insert(name.into(), value.into());
        }
        from_environment(&environment, &server.parse().unwrap()).is_some()
    }

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        for (no_proxy, server, through) in [
            ("", "https://k8s.example.com", true),
            ("*", "https://k8s.example.com", false),
            ("example.com", "https://k8s.example.com", false),
            ("example.com", "https://example.com", false),
            ("example.com", "https://badexample.com", true),
            (".example.com", "https://example.com", true),
            (".example.com", "https://k8s.example.com", false),
            ("*.example.com", "https://k8s.example.com", false),
            ("k8s.example.com:6443", "https://k8s.example.com", true),
            (
                "k8s.example.com:6443",
                "https://k8s.example.com:6443",
                false,
            ),
            ("10.0.0.0/8", "https://10.1.2.3:6443", false),
            ("10.0.0.0/8", "https://11.1.2.3:6443", true),
            ("0.0.0.0/0", "https://11.1.2.3:6443", false),
            ("fd00::/8", "https://[fd00::1]:6443", false),
            ("other, 10.1.2.3", "https://10.1.2.3", false),
            ("", "https://localhost:6443", false),
            ("", "https://127.0.0.1:6443", false),
        ] {
            assert_eq!(chosen(no_proxy, server), through, "{no_proxy:?} {server}");
        }
    }

    #[test]
    fn a_proxy_without_scheme_is_an_http_proxy_and_others_are_named() {
        assert_eq!(parse("proxy:3128").unwrap().scheme_str(), Some("http"));
        assert_eq!(
            parse("socks5h://proxy:1080").unwrap().scheme_str(),
            Some("socks5")
        );
        let error = parse("ftp://user:hunter2@proxy").unwrap_err();
        assert!(
            error.contains("\"ftp\"") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
