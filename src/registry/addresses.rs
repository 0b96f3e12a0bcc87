//! Which hosts are this machine or a private network, read from the name alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// The address, when the host of a URL is one.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Whether the URL names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(address) => plain(address).is_loopback(),
        None => url.host_str().is_some_and(|host| {
            let host = host.trim_end_matches('.');
            host == "localhost" || host.ends_with(".localhost")
        }),
    }
}

/// Whether the URL names an address that only has a meaning inside some network: credentials and
/// redirects are not sent there because a registry says so.
pub(super) fn is_private(url: &Url) -> bool {
    literal(url).is_some_and(|address| match plain(address) {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    })
}

/// An IPv4 address that is written as an IPv6 address is judged as what it is.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.octets()[0] == 0
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("https://{host}/x")).unwrap()
    }

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.9.9.9:5000",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "2130706433",
        ] {
            assert!(is_private(&url(host)), "{host}");
        }
        for host in ["8.8.8.8", "172.32.0.1", "localhost", "[2001:db8::1]", "a.b"] {
            assert!(!is_private(&url(host)), "{host}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for host in ["localhost:1", "x.localhost", "127.0.0.2", "[::1]:5000"] {
            assert!(is_loopback(&url(host)), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example", "notlocalhost"] {
            assert!(!is_loopback(&url(host)), "{host}");
        }
    }
}
