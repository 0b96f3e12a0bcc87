//! Image names as Flux reads them.
//!
//! For: `ImageRepository.spec.image`, the references that setters write, and flux's own check in
//! `create`.
//! Source of rules and texts: go-containerregistry `pkg/name` with weak validation, and
//! image-reflector-controller's `parseImageReference`.
//! Refuses: any network access.

use core::net::Ipv4Addr;
use std::fmt;

use thiserror::Error;

/// Docker Hub's registry, which names without a registry belong to.
const DEFAULT_REGISTRY: &str = "index.docker.io";
/// Characters of a repository.
const REPOSITORY_CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-./";

/// An image without tag and digest, implied parts filled in. Prints as `registry/repository`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    registry: String,
    repository: String,
}

/// A digest: `algorithm:hex`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is not an image name, or not a digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ImageError(String);

impl ImageName {
    /// Reads `ImageRepository.spec.image`; the errors are image-reflector-controller's.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ImageError(format!(
                "image '{text}' should not include URL scheme; remove '{scheme}://'"
            )));
        }
        let (name, raw_registry) = parse_reference(text)?;
        let rest = match raw_registry {
            // `docker.io` is read as another name, so it is no prefix to be removed.
            Some(registry) if registry == name.registry => {
                text.strip_prefix(registry).unwrap_or(text)
            }
            _ => text.strip_prefix(&name.registry).unwrap_or(text),
        };
        if let Some(tag) = rest.split(':').nth(1) {
            return Err(ImageError(format!(
                "image '{text}' should not include a tag; remove ':{tag}'"
            )));
        }
        Ok(name)
    }

    /// Reads any image reference, as in a pod's `image:`; a tag and a digest are left out.
    pub fn of_reference(text: &str) -> Result<Self, ImageError> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ImageError(format!(
                "image '{text}' should not include URL scheme; remove '{scheme}://'"
            )));
        }
        parse_reference(text).map(|(name, _)| name)
    }

    /// Host and perhaps port, for example `index.docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository inside the registry, for example `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Whether plain http may be tried without being asked for: loopback names and addresses, and
    /// private IPv4 addresses.
    pub fn allows_plain_http(&self) -> bool {
        let registry = self.registry.as_str();
        let host = registry.split(':').next().unwrap_or_default();
        registry.starts_with("localhost:")
            || host.ends_with(".localhost")
            || registry.contains("127.0.0.1")
            || registry.contains("::1")
            || host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_private())
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

/// Reads a tag or digest reference with weak validation; also returns the registry as written.
fn parse_reference(text: &str) -> Result<(ImageName, Option<&str>), ImageError> {
    let failed = || ImageError(format!("could not parse reference: {text}"));
    let base = match tag_base(text) {
        Some(base) => base,
        None => digest_base(text).ok_or_else(failed)?,
    };
    let (registry, repository) = split_registry(base);
    check_repository(repository).map_err(|_| failed())?;
    check_registry(registry.unwrap_or_default()).map_err(|_| failed())?;
    let host = match registry {
        None | Some("docker.io") => DEFAULT_REGISTRY,
        Some(registry) => registry,
    };
    let implied = host == DEFAULT_REGISTRY && !repository.contains('/');
    let repository = if implied {
        format!("library/{repository}")
    } else {
        repository.to_owned()
    };
    Ok((
        ImageName {
            registry: host.to_owned(),
            repository,
        },
        registry,
    ))
}

/// The part before the tag of a tag reference.
fn tag_base(text: &str) -> Option<&str> {
    let base = match text.rsplit_once(':') {
        Some((base, tag)) if !tag.contains('/') => {
            let character = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if tag.is_empty() || tag.len() > 128 || !tag.chars().all(character) {
                return None;
            }
            base
        }
        _ => text,
    };
    check_repository(split_registry(base).1)
        .is_ok()
        .then_some(base)
}

/// The part before the tag and digest of a digest reference.
fn digest_base(text: &str) -> Option<&str> {
    let (base, digest) = text.split_once('@')?;
    let hex = digest.strip_prefix("sha256:")?;
    let valid = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if valid { tag_base(base) } else { None }
}

/// The first part is a registry when it has a dot or a colon and something follows it.
fn split_registry(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((registry, repository)) if registry.contains(['.', ':']) => {
            (Some(registry), repository)
        }
        _ => (None, text),
    }
}

fn check_repository(repository: &str) -> Result<(), ImageError> {
    if !(2..=255).contains(&repository.chars().count()) {
        return Err(ImageError(format!(
            "repository must be between 2 and 255 characters in length: {repository}"
        )));
    }
    if !repository
        .chars()
        .all(|character| REPOSITORY_CHARACTERS.contains(character))
    {
        return Err(ImageError(format!(
            "repository can only contain the characters `{REPOSITORY_CHARACTERS}`: {repository}"
        )));
    }
    Ok(())
}

/// A registry is what a URL takes for its host.
fn check_registry(registry: &str) -> Result<(), ImageError> {
    let failed = || {
        Err(ImageError(format!(
            "registries must be valid RFC 3986 URI authorities: {registry}"
        )))
    };
    let unfit = |c: char| c.is_control() || " @?#/\\^`{|}%".contains(c);
    if registry.contains(unfit) {
        return failed();
    }
    let port = match registry.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((_, "")) => "",
            Some((_, after)) => match after.strip_prefix(':') {
                Some(port) => port,
                None => return failed(),
            },
            None => return failed(),
        },
        None => match registry.split_once(':') {
            Some((_, port)) => port,
            None => "",
        },
    };
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        failed()
    }
}

/// Checks `create repository --image` as flux does, which is looser than the controller.
pub fn check_create_image(text: &str) -> Result<(), ImageError> {
    if text.is_empty() {
        return Err(ImageError("a repository name must be specified".to_owned()));
    }
    let (registry, repository) = split_registry(text);
    check_repository(repository)?;
    check_registry(registry.unwrap_or_default())
}

/// Checks `name:tag@digest` as image-automation-controller does before it writes it anywhere.
pub fn validate_reference(text: &str) -> Result<(), ImageError> {
    parse_reference(text).map(|_| ())
}

impl Digest {
    /// Wraps a digest that a registry sent, after checking its form.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let valid = text.split_once(':').is_some_and(|(algorithm, hex)| {
            let length = match algorithm {
                "sha256" => 64,
                "sha384" => 96,
                "sha512" => 128,
                _ => return false,
            };
            hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageError(format!("no digest: {text:?}")))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reference_may_have_tag_and_digest() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for text in [
            "ghcr.io/x/y".to_owned(),
            "ghcr.io/x/y:v1".to_owned(),
            format!("ghcr.io/x/y@{digest}"),
            format!("ghcr.io/x/y:v1@{digest}"),
        ] {
            let name = ImageName::of_reference(&text).unwrap();
            assert_eq!(name.to_string(), "ghcr.io/x/y", "{text}");
        }
        assert_eq!(
            ImageName::of_reference("alpine:3").unwrap().to_string(),
            "index.docker.io/library/alpine"
        );
        assert!(ImageName::of_reference("https://ghcr.io/x/y").is_err());
    }

    #[track_caller]
    fn assert_name(text: &str, expected: &str) {
        match ImageName::parse(text) {
            Ok(name) => assert_eq!(name.to_string(), expected, "{text}"),
            Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
        }
    }

    #[test]
    fn names_are_completed_as_the_controller_completes_them() {
        for text in [
            "alpine",
            "library/alpine",
            "docker.io/alpine",
            "index.docker.io/library/alpine",
        ] {
            assert_name(text, "index.docker.io/library/alpine");
        }
        assert_name(
            "stefanprodan/podinfo",
            "index.docker.io/stefanprodan/podinfo",
        );
        assert_name(
            "registry-1.docker.io/library/alpine",
            "registry-1.docker.io/library/alpine",
        );
        assert_name("localhost/foo", "index.docker.io/localhost/foo");
        assert_name("localhost:5000/foo", "localhost:5000/foo");
        assert_name("[::1]:5000/foo", "[::1]:5000/foo");
        assert_name("ghcr.io", "index.docker.io/library/ghcr.io");
        assert_name("ghcr.io/x/y/", "ghcr.io/x/y/");
        assert_name("ghcr.io/../y", "ghcr.io/../y");
        assert_name("REG.io/x/y", "REG.io/x/y");
    }

    #[test]
    fn refusals_have_the_controllers_words() {
        for text in [
            "a",
            "docker.io/a",
            "gcr.io/x",
            "ghcr.io/Stefan/podinfo",
            "ghcr.io/",
            "",
            " ghcr.io/x/y",
            "user@ghcr.io/x/y",
            "ghcr.io:abc/xx/yy",
            "ghcr.io/x/y:",
            "ghcr.io/x/y?z",
            "ghcr.io/x/y/foo:bar:zzz:qqq/aaa",
        ] {
            assert_name(text, &format!("could not parse reference: {text}"));
        }
        assert_name(
            "alpine:3.18",
            "image 'alpine:3.18' should not include a tag; remove ':3.18'",
        );
        assert_name(
            "localhost:5000/foo:1.0",
            "image 'localhost:5000/foo:1.0' should not include a tag; remove ':1.0'",
        );
        let hex = "a".repeat(64);
        assert_name(
            &format!("ghcr.io/x/y@sha256:{hex}"),
            &format!("image 'ghcr.io/x/y@sha256:{hex}' should not include a tag; remove ':{hex}'"),
        );
        assert_name(
            "oci://ghcr.io/x",
            "image 'oci://ghcr.io/x' should not include URL scheme; remove 'oci://'",
        );
    }

    #[test]
    fn plain_http_is_for_loopback_and_private_addresses() {
        let allows = |text: &str| ImageName::parse(text).unwrap().allows_plain_http();
        for text in [
            "localhost:5000/foo",
            "127.0.0.1:5000/foo",
            "[::1]:5000/foo",
            "10.0.0.5:5000/foo",
            "192.168.1.1/foo",
        ] {
            assert!(allows(text), "{text}");
        }
        for text in [
            "172.32.0.1/foo",
            "reg.local:5000/foo",
            "ghcr.io/x/y",
            "127.0.0.2:1/foo",
        ] {
            assert!(!allows(text), "{text}");
        }
    }

    #[test]
    fn flux_checks_less() {
        let check = |text: &str| check_create_image(text).map_err(|error| error.to_string());
        assert_eq!(check("https://ghcr.io/foo"), Ok(()));
        assert_eq!(check("[::1]:5000/foo"), Ok(()));
        assert_eq!(
            check("ghcr.io/foo/bar:1.0").unwrap_err(),
            "repository can only contain the characters \
             `abcdefghijklmnopqrstuvwxyz0123456789_-./`: foo/bar:1.0"
        );
        assert_eq!(
            check("host:port/foo").unwrap_err(),
            "registries must be valid RFC 3986 URI authorities: host:port"
        );
    }

    #[test]
    fn references_that_setters_write_are_validated() {
        let digest = format!("sha256:{}", "0".repeat(64));
        assert!(validate_reference(&format!("ghcr.io/a/b:1.0@{digest}")).is_ok());
        for text in [
            "foo:",
            "Foo/bar:1",
            "foo bar:1",
            "foo:1@sha256:12",
            "foo:1~2",
        ] {
            assert!(validate_reference(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = ImageName::parse(&text);
            let _ = Digest::parse(&text);
        }
    }
}
