//! The text of a `known_hosts` file.
//!
//! For: which keys are trusted for a host, and judging the key that a server shows.
//! Refuses: to trust on first use, and certificates.

use base64::Engine as _;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{Algorithm, HashAlg};
use sha1::{Digest as _, Sha1};

/// The keys of one host.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownKeys {
    trusted: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

/// What a server's key is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Trusted,
    /// There are keys for the host, and this is none of them.
    Changed,
    Unknown,
    Revoked,
}

/// Reads the lines that are about a host.
pub(super) fn read(text: &str, host: &str, port: u16) -> KnownKeys {
    let host = host.to_ascii_lowercase();
    let name = if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    };
    let mut keys = KnownKeys::default();
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        let (marker, hosts) = match first.strip_prefix('@') {
            Some(marker) => (Some(marker), words.next().unwrap_or_default()),
            None => (None, first),
        };
        if !matches(hosts, &name) {
            continue;
        }
        let (Some(kind), Some(data)) = (words.next(), words.next()) else {
            continue;
        };
        // A line of a kind that is not known here says nothing about the others.
        let Ok(key) = PublicKey::from_openssh(&format!("{kind} {data}")) else {
            continue;
        };
        match marker {
            None => keys.trusted.push(key),
            Some("revoked") => keys.revoked.push(key),
            Some(_) => {}
        }
    }
    keys
}

/// Whether a list of patterns is about a host.
fn matches(patterns: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        if pattern.starts_with('|') {
            found |= matches_hash(pattern, name);
            continue;
        }
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        // `[host]:22` is another spelling of the plain name.
        let pattern = pattern.to_ascii_lowercase();
        let pattern = pattern
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix("]:22"))
            .unwrap_or(&pattern);
        if matches_pattern(pattern.as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `*` stands for any text, `?` for one character.
fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, place));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[place] => {
                at += 1;
                place += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    at = star + 1;
                    place = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// `|1|salt|hash`, both base64; the hash is a HMAC-SHA1 of the name.
fn matches_hash(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('|').skip(1);
    let engine = base64::engine::general_purpose::STANDARD;
    let (Some("1"), Some(salt), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    match (engine.decode(salt), engine.decode(hash)) {
        (Ok(salt), Ok(hash)) => hmac_sha1(&salt, name.as_bytes()) == hash.as_slice(),
        _ => false,
    }
}

/// The keyed hash of RFC 2104.
fn hmac_sha1(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha1::new().chain_update(padded(0x36)).chain_update(text);
    Sha1::new()
        .chain_update(padded(0x5c))
        .chain_update(inner.finalize())
        .finalize()
        .into()
}

impl KnownKeys {
    /// Judges the key that a server shows.
    pub(super) fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |other: &PublicKey| other.key_data() == key.key_data();
        if self.revoked.iter().any(same) {
            Verdict::Revoked
        } else if self.trusted.iter().any(same) {
            Verdict::Trusted
        } else if self.trusted.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Changed
        }
    }

    /// The signature algorithms of the trusted keys: a server with several keys is to show one of
    /// these. Empty when there is none.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms = Vec::new();
        for key in &self.trusted {
            let offered = match key.algorithm() {
                Algorithm::Rsa { .. } => vec![
                    Algorithm::Rsa {
                        hash: Some(HashAlg::Sha512),
                    },
                    Algorithm::Rsa {
                        hash: Some(HashAlg::Sha256),
                    },
                    Algorithm::Rsa { hash: None },
                ],
                other => vec![other],
            };
            for algorithm in offered {
                if !algorithms.contains(&algorithm) {
                    algorithms.push(algorithm);
                }
            }
        }
        algorithms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    #[test]
    fn keys_are_found_by_name_port_pattern_and_hash() {
        for (line, host, port, known) in [
            ("example.com", "Example.com", 22, true),
            ("example.com", "example.com", 2222, false),
            ("[example.com]:2222", "example.com", 2222, true),
            ("[example.com]:22", "example.com", 22, true),
            ("other,example.com,10.0.0.1", "10.0.0.1", 22, true),
            ("*.example.com", "git.example.com", 22, true),
            (
                "*.example.com,!git.example.com",
                "git.example.com",
                22,
                false,
            ),
            ("git?.example.com", "git1.example.com", 22, true),
            (
                "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=",
                "example.com",
                22,
                true,
            ),
            (
                "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=",
                "example.org",
                22,
                false,
            ),
        ] {
            let keys = read(&format!("# a comment\n{line} {ONE} note\n"), host, port);
            let expected = if known {
                Verdict::Trusted
            } else {
                Verdict::Unknown
            };
            assert_eq!(keys.judge(&key(ONE)), expected, "{line}");
        }
    }

    #[test]
    fn another_key_is_a_changed_key_and_a_revoked_one_is_never_trusted() {
        let keys = read(&format!("h {ONE}\n"), "h", 22);
        assert_eq!(keys.judge(&key(OTHER)), Verdict::Changed);
        let keys = read(&format!("h {ONE}\n@revoked h {ONE}\n"), "h", 22);
        assert_eq!(keys.judge(&key(ONE)), Verdict::Revoked);
        let keys = read(&format!("@cert-authority h {ONE}\n"), "h", 22);
        assert_eq!(keys.judge(&key(ONE)), Verdict::Unknown);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ -~\\n]{0,200}", name in "[a-z.]{0,10}") {
            read(&text, &name, 22);
        }

        #[test]
        fn a_star_matches_everything(name in "[a-z.]{0,20}") {
            prop_assert!(matches_pattern(b"*", name.as_bytes()));
            prop_assert!(matches_pattern(name.as_bytes(), name.as_bytes()));
        }
    }
}
