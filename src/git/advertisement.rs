//! What a server says about itself before anything is asked: protocol, capabilities, references.
//!
//! For: reading the first answer of a service in protocol v0, v1 and v2.
//! Refuses: to read what is not a Git advertisement, for example a web page.

use std::io::{self, Read};

use gix::ObjectId;

use super::packet::{self, Packet, RemoteError};

/// Protocol of the answer. Version 1 differs from 0 by one line only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V0,
    V2,
}

/// One reference of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Full name.
    pub(super) name: String,
    /// What it points at; a tag object for an annotated tag.
    pub(super) target: ObjectId,
    /// What an annotated tag leads to.
    pub(super) peeled: Option<ObjectId>,
}

impl Reference {
    /// The commit, for references that lead to one.
    pub(super) fn commit(&self) -> ObjectId {
        self.peeled.unwrap_or(self.target)
    }
}

/// The advertisement.
#[derive(Clone, Debug)]
pub(super) struct Advertisement {
    pub(super) version: Version,
    capabilities: Vec<String>,
    /// All references in v0; none in v2, where they are asked for.
    pub(super) references: Vec<Reference>,
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// Turns an `ERR` line into an error.
pub(super) fn check_error(line: &[u8]) -> io::Result<()> {
    match line.strip_prefix(b"ERR ") {
        Some(text) => Err(io::Error::other(RemoteError(
            String::from_utf8_lossy(text).trim_end().to_owned(),
        ))),
        None => Ok(()),
    }
}

impl Advertisement {
    /// Reads an advertisement to its flush packet.
    pub(super) fn read(reader: &mut dyn Read) -> io::Result<Self> {
        let mut answer = Self {
            version: Version::V0,
            capabilities: Vec::new(),
            references: Vec::new(),
        };
        let mut first = true;
        loop {
            let packet = match packet::read(reader)? {
                Some(packet) => packet,
                None if first => return Err(invalid("the answer is empty")),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            };
            let Some(line) = packet.line() else {
                if packet == Packet::Flush && !first {
                    return answer.checked();
                }
                // The flush after `# service=…`, which http puts before the advertisement proper.
                continue;
            };
            check_error(line)?;
            if first && line.starts_with(b"# service=") {
                continue;
            }
            if first && line == b"version 2" {
                answer.version = Version::V2;
            } else if answer.version == Version::V2 {
                answer
                    .capabilities
                    .push(String::from_utf8_lossy(line).into_owned());
            } else if !(first && line == b"version 1") {
                answer.read_reference(line, answer.capabilities.is_empty())?;
            }
            first = false;
        }
    }

    fn read_reference(&mut self, line: &[u8], with_capabilities: bool) -> io::Result<()> {
        let mut line = line;
        if with_capabilities && let Some(end) = line.iter().position(|byte| *byte == 0) {
            self.capabilities = String::from_utf8_lossy(&line[end + 1..])
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect();
            line = &line[..end];
        }
        if line.starts_with(b"shallow ") {
            return Ok(());
        }
        self.check_object_format()?;
        let (id, name) = parse_reference(line)?;
        if let Some(tag) = name.strip_suffix("^{}") {
            if let Some(last) = self.references.last_mut().filter(|last| last.name == tag) {
                last.peeled = Some(id);
            }
        } else if !id.is_null() {
            self.references.push(Reference {
                name,
                target: id,
                peeled: None,
            });
        }
        Ok(())
    }

    fn checked(self) -> io::Result<Self> {
        self.check_object_format()?;
        Ok(self)
    }

    fn check_object_format(&self) -> io::Result<()> {
        match self.value("object-format") {
            Some(format) if format != "sha1" => {
                Err(io::Error::other(UnsupportedObjectFormat(format.to_owned())))
            }
            _ => Ok(()),
        }
    }

    /// Whether a capability is announced, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.capabilities.iter().any(|capability| {
            capability == name
                || capability
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('='))
        })
    }

    /// The value of a capability.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.capabilities
            .iter()
            .find_map(|capability| capability.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether upload-pack has a feature: in v2 those are words of the capability `fetch`.
    pub(super) fn can_fetch_with(&self, feature: &str) -> bool {
        match self.version {
            Version::V0 => self.has(feature),
            Version::V2 => self
                .value("fetch")
                .is_some_and(|features| features.split(' ').any(|word| word == feature)),
        }
    }

    /// Whether objects may be asked for that no reference points at.
    pub(super) fn can_want_any(&self) -> bool {
        self.version == Version::V2
            || self.has("allow-reachable-sha1-in-want")
            || self.has("allow-any-sha1-in-want")
    }

    /// The reference of exactly this name.
    pub(super) fn find(&self, name: &str) -> Option<&Reference> {
        self.references
            .iter()
            .find(|reference| reference.name == name)
    }
}

/// The server's repository cannot be read here.
#[derive(Debug, thiserror::Error)]
#[error("the repository uses object format {0}; only sha1 repositories are supported")]
pub(super) struct UnsupportedObjectFormat(pub(super) String);

/// `<id> <name>`.
fn parse_reference(line: &[u8]) -> io::Result<(ObjectId, String)> {
    let text = String::from_utf8_lossy(line);
    let (id, name) = text
        .split_once(' ')
        .ok_or_else(|| invalid(format!("expected a reference, got {text:?}")))?;
    let id = ObjectId::from_hex(id.as_bytes())
        .map_err(|_| invalid(format!("expected an object id, got {id:?}")))?;
    Ok((id, name.to_owned()))
}

/// One line of the answer to `ls-refs`: `<id> <name>[ symref-target:…][ peeled:…]`. An unborn
/// reference gives nothing.
pub(super) fn parse_listed(line: &[u8]) -> io::Result<Option<Reference>> {
    check_error(line)?;
    if line.starts_with(b"unborn ") {
        return Ok(None);
    }
    let (target, rest) = parse_reference(line)?;
    let mut words = rest.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let peeled = words
        .find_map(|word| word.strip_prefix("peeled:"))
        .map(|id| {
            ObjectId::from_hex(id.as_bytes())
                .map_err(|_| invalid(format!("expected an object id, got {id:?}")))
        })
        .transpose()?;
    Ok(Some(Reference {
        name,
        target,
        peeled,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::packet::Body;
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn a_v0_answer_over_http_gives_references_and_capabilities() {
        let mut body = Body::default();
        body.line("# service=git-upload-pack");
        body.flush();
        body.data(format!("{ID} HEAD\0shallow filter symref=HEAD:refs/heads/main\n").as_bytes());
        body.line(&format!("{ID} refs/tags/v1"));
        body.line(&format!("{OTHER} refs/tags/v1^{{}}"));
        body.flush();
        let answer = Advertisement::read(&mut body.into_bytes().as_slice()).unwrap();
        assert_eq!(answer.version, Version::V0);
        assert!(answer.can_fetch_with("filter"));
        assert!(!answer.can_want_any());
        assert_eq!(
            answer.find("refs/tags/v1").unwrap().commit().to_string(),
            OTHER
        );
    }

    #[test]
    fn a_v2_answer_gives_fetch_features() {
        let mut body = Body::default();
        body.line("version 2");
        body.line("ls-refs=unborn");
        body.line("fetch=shallow wait-for-done filter");
        body.flush();
        let answer = Advertisement::read(&mut body.into_bytes().as_slice()).unwrap();
        assert!(answer.can_fetch_with("filter") && answer.can_want_any());
        assert!(!answer.can_fetch_with("ref-in-want"));
    }

    #[test]
    fn an_empty_repository_has_no_reference() {
        let mut body = Body::default();
        body.data(
            format!(
                "{} capabilities^{{}}\0report-status atomic\n",
                "0".repeat(40)
            )
            .as_bytes(),
        );
        body.flush();
        let answer = Advertisement::read(&mut body.into_bytes().as_slice()).unwrap();
        assert!(answer.references.is_empty() && answer.has("atomic"));
    }

    #[test]
    fn a_sha256_repository_is_refused_by_name() {
        let mut body = Body::default();
        body.line("version 2");
        body.line("object-format=sha256");
        body.flush();
        let error = Advertisement::read(&mut body.into_bytes().as_slice()).unwrap_err();
        assert!(error.to_string().contains("sha256"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(lines in proptest::collection::vec("[\\x00-~]{0,60}", 0..6)) {
            let mut body = Body::default();
            for line in lines {
                body.line(&line);
            }
            body.flush();
            let _ = Advertisement::read(&mut body.into_bytes().as_slice());
        }
    }
}
