//! The kinds this tool reads, and every name a person may use for one.

/// API group of the three image kinds.
pub const IMAGE_GROUP: &str = "image.toolkit.fluxcd.io";
/// API group of `GitRepository`.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";

/// A kind of object that this tool reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `image.toolkit.fluxcd.io` `ImageRepository`.
    ImageRepository,
    /// `image.toolkit.fluxcd.io` `ImagePolicy`.
    ImagePolicy,
    /// `image.toolkit.fluxcd.io` `ImageUpdateAutomation`.
    ImageUpdateAutomation,
    /// `source.toolkit.fluxcd.io` `GitRepository`.
    GitRepository,
    /// Core `Secret`.
    Secret,
    /// Core `ServiceAccount`.
    ServiceAccount,
    /// Core `Namespace`.
    Namespace,
}

impl Kind {
    /// The three image kinds, in the order in which they depend on each other and are listed.
    pub const IMAGE: [Self; 3] = [
        Self::ImageRepository,
        Self::ImagePolicy,
        Self::ImageUpdateAutomation,
    ];

    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::ImageRepository,
        Self::ImagePolicy,
        Self::ImageUpdateAutomation,
        Self::GitRepository,
        Self::Secret,
        Self::ServiceAccount,
        Self::Namespace,
    ];

    /// The `kind` field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImageRepository => "ImageRepository",
            Self::ImagePolicy => "ImagePolicy",
            Self::ImageUpdateAutomation => "ImageUpdateAutomation",
            Self::GitRepository => "GitRepository",
            Self::Secret => "Secret",
            Self::ServiceAccount => "ServiceAccount",
            Self::Namespace => "Namespace",
        }
    }

    /// The resource's plural, as in request paths.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ImageRepository => "imagerepositories",
            Self::ImagePolicy => "imagepolicies",
            Self::ImageUpdateAutomation => "imageupdateautomations",
            Self::GitRepository => "gitrepositories",
            Self::Secret => "secrets",
            Self::ServiceAccount => "serviceaccounts",
            Self::Namespace => "namespaces",
        }
    }

    /// The resource's singular: the kind in lower case.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::ImageRepository => "imagerepository",
            Self::ImagePolicy => "imagepolicy",
            Self::ImageUpdateAutomation => "imageupdateautomation",
            Self::GitRepository => "gitrepository",
            Self::Secret => "secret",
            Self::ServiceAccount => "serviceaccount",
            Self::Namespace => "namespace",
        }
    }

    /// What flux calls the kind in sentences, for example `image policy`.
    pub const fn human(self) -> &'static str {
        match self {
            Self::ImageRepository => "image repository",
            Self::ImagePolicy => "image policy",
            Self::ImageUpdateAutomation => "image update automation",
            Self::GitRepository => "Git repository",
            Self::Secret => "secret",
            Self::ServiceAccount => "service account",
            Self::Namespace => "namespace",
        }
    }

    /// The API group; empty for core kinds.
    pub const fn group(self) -> &'static str {
        match self {
            Self::ImageRepository | Self::ImagePolicy | Self::ImageUpdateAutomation => IMAGE_GROUP,
            Self::GitRepository => SOURCE_GROUP,
            Self::Secret | Self::ServiceAccount | Self::Namespace => "",
        }
    }

    /// The versions this tool reads, the preferred one first.
    pub const fn versions(self) -> &'static [&'static str] {
        match self {
            Self::ImageRepository
            | Self::ImagePolicy
            | Self::ImageUpdateAutomation
            | Self::GitRepository => &["v1", "v1beta2", "v1beta1"],
            Self::Secret | Self::ServiceAccount | Self::Namespace => &["v1"],
        }
    }

    /// Words that name the kind on the command line, besides kind, plural and singular.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::ImageRepository => {
                &["repository", "repositories", "repo", "imgrepo", "imagerepo"]
            }
            Self::ImagePolicy => &["policy", "policies", "imgpol", "imagepol"],
            Self::ImageUpdateAutomation => &[
                "update",
                "updates",
                "automation",
                "automations",
                "iua",
                "imgupd",
                "imgauto",
            ],
            Self::GitRepository | Self::Secret | Self::ServiceAccount | Self::Namespace => &[],
        }
    }

    /// The image kind that a word of the command line names (any letter case, with or without the
    /// API group behind a dot).
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let word = word
            .strip_suffix(IMAGE_GROUP)
            .and_then(|w| w.strip_suffix('.'))
            .unwrap_or(&word);
        Self::IMAGE.into_iter().find(|kind| {
            word == kind.plural() || word == kind.singular() || kind.words().contains(&word)
        })
    }

    /// The kind with this group and `kind` field, whatever the version.
    pub fn from_api(group: &str, kind: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|k| k.group() == group && k.name() == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_kinds() {
        for (word, kind) in [
            ("repo", Kind::ImageRepository),
            ("ImagePolicies", Kind::ImagePolicy),
            ("iua", Kind::ImageUpdateAutomation),
            ("imagepolicy.image.toolkit.fluxcd.io", Kind::ImagePolicy),
        ] {
            assert_eq!(Kind::from_word(word), Some(kind), "{word}");
        }
        assert_eq!(Kind::from_word("secret"), None);
    }
}
