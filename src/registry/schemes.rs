//! Whether a registry is asked over https or plain http first.
//!
//! The controllers ping over https and race a plain ping where http is allowed, so https wins
//! wherever it is spoken. A port speaks one protocol, so the same answer is found with fewer
//! requests: where http is allowed by the name itself and a port is given (`localhost:5000`), the
//! real request goes out in plain text first, without credentials, and https is tried when the
//! answer is not a registry's. A TLS server refuses plain text at once, while a plain server may
//! wait for the end of a TLS hello's "line" for ever. Without a port the two schemes mean two
//! ports, and with `insecure` the name may be far away: there https comes first.

/// The order in which schemes are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schemes {
    /// https alone.
    Https,
    /// Plain http, and https when that is not spoken.
    HttpFirst,
    /// https, and plain http when that is not spoken.
    HttpsFirst,
}

impl Schemes {
    /// The order for a registry (`host` or `host:port`). `listed` says whether its name alone
    /// allows plain http, `insecure` whether the object allows it.
    pub(super) fn of(registry: &str, listed: bool, insecure: bool) -> Self {
        if listed && has_port(registry) {
            Self::HttpFirst
        } else if listed || insecure {
            Self::HttpsFirst
        } else {
            Self::Https
        }
    }

    /// The scheme that is tried first.
    pub(super) fn first(self) -> &'static str {
        match self {
            Self::HttpFirst => "http",
            Self::Https | Self::HttpsFirst => "https",
        }
    }
}

fn has_port(registry: &str) -> bool {
    let after_address = registry.rsplit(']').next().unwrap_or(registry);
    after_address.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_registries_with_a_port_are_asked_in_plain_text_first() {
        assert_eq!(
            Schemes::of("127.0.0.1:5000", true, false),
            Schemes::HttpFirst
        );
        assert_eq!(Schemes::of("[::1]:5000", true, true), Schemes::HttpFirst);
    }

    #[test]
    fn elsewhere_https_comes_first_or_alone() {
        assert_eq!(Schemes::of("10.0.0.1", true, false), Schemes::HttpsFirst);
        assert_eq!(Schemes::of("[::1]", true, false), Schemes::HttpsFirst);
        assert_eq!(
            Schemes::of("r.example:80", false, true),
            Schemes::HttpsFirst
        );
        assert_eq!(Schemes::of("r.example:80", false, false), Schemes::Https);
    }
}
