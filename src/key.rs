//! Names of objects and of files inside a tree.
//!
//! For: the two identities that every room passes around, [`NamespacedName`] and [`TreePath`].
//! Refuses: to know what the object is or whether the file exists.

use std::fmt;

use thiserror::Error;

/// The namespace and name of one Kubernetes object. Prints as `namespace/name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// Namespace; never empty for the kinds this tool works on, except for a `Namespace` itself.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl NamespacedName {
    /// Makes a key from its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// A path inside a tree: parts joined by `/`, no `.`, no `..`, no leading or trailing slash.
/// The empty path is the tree's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Why a text is not a [`TreePath`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("path {0:?} leads out of the tree")]
pub struct TreePathError(String);

impl TreePath {
    /// The tree's root.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Reads a path as Flux's `spec.update.path` is read: absolute paths and `..` are clamped at the
    /// root (the controller's secure join), `.` and empty parts vanish.
    pub fn clamp(text: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Self(parts.join("/"))
    }

    /// Reads a relative path strictly: one that leaves the tree is an error.
    pub fn parse(text: &str) -> Result<Self, TreePathError> {
        let mut parts: Vec<&str> = Vec::new();
        if text.starts_with('/') {
            return Err(TreePathError(text.to_owned()));
        }
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(|| TreePathError(text.to_owned()))?;
                }
                part => parts.push(part),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// The path below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self::clamp(name)
        } else {
            Self::clamp(&format!("{}/{name}", self.0))
        }
    }

    /// The text, without leading slash; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the tree's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last part; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The folder that holds it; the root's parent is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(
            self.0
                .rsplit_once('/')
                .map(|(parent, _)| parent.to_owned())
                .unwrap_or_default(),
        )
    }

    /// The parts, outermost first.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The path relative to `folder`, when it is inside it (or is it).
    pub fn below(&self, folder: &Self) -> Option<&str> {
        if folder.is_root() {
            return Some(&self.0);
        }
        let rest = self.0.strip_prefix(folder.as_str())?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clamped_path_never_leaves_the_tree() {
        assert_eq!(TreePath::clamp("/../a/./b//c/..").as_str(), "a/b");
        assert_eq!(TreePath::clamp("../..").as_str(), "");
    }

    #[test]
    fn a_strict_path_that_leaves_is_refused() {
        assert!(TreePath::parse("a/../../b").is_err());
        assert!(TreePath::parse("/etc").is_err());
        assert_eq!(TreePath::parse("./a/b").unwrap().as_str(), "a/b");
    }

    #[test]
    fn below_compares_whole_parts() {
        let folder = TreePath::clamp("apps");
        assert_eq!(
            TreePath::clamp("apps/x.yaml").below(&folder),
            Some("x.yaml")
        );
        assert_eq!(TreePath::clamp("apps2/x.yaml").below(&folder), None);
    }
}
