//! Markers: how a comment is read, and what became of it.

use std::collections::HashMap;

use serde_json::Value;

/// What became of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkerState {
    /// Its scalar gets a new value.
    Updated,
    /// Its scalar has the value already.
    Current,
    /// No such policy in the automation's namespace.
    UnknownPolicy,
    /// The policy is not decided now.
    PolicyNotReady,
    /// The cluster's controllers do not hold the policy's choice yet and would take it back.
    AheadOfCluster,
    /// The automation's selector leaves the policy out.
    PolicyNotSelected,
    /// The policy is in another namespace.
    OtherNamespace,
    /// The comment, or the policy's name in it, has another form.
    Malformed,
    /// The comment stands where the controller does not look.
    Misplaced,
    /// The controllers cannot read the file; it is not edited.
    UnreadableFile,
    /// Its scalar would get a new value, but the file's edits cannot be proven to change nothing
    /// else, so the file is not edited.
    EditRefused,
    /// A plain marker on `newName:`, `newTag:` or `digest:` of a kustomization (rule D6).
    WrongKustomizationMarker,
    /// The policy has no digest (rule D5).
    NoDigest,
}

impl MarkerState {
    /// Stable code, listed in `docs/reasons.md`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Current => "current",
            Self::UnknownPolicy => "policy-unknown",
            Self::PolicyNotReady => "policy-not-ready",
            Self::AheadOfCluster => "ahead-of-cluster",
            Self::PolicyNotSelected => "policy-not-selected",
            Self::OtherNamespace => "other-namespace",
            Self::Malformed => "malformed-marker",
            Self::Misplaced => "misplaced-marker",
            Self::UnreadableFile => "unreadable-file",
            Self::EditRefused => "edit-refused",
            Self::WrongKustomizationMarker => "wrong-kustomization-marker",
            Self::NoDigest => "no-digest",
        }
    }
}

/// One marker of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Line of the marked scalar's first byte, or of the comment when it marks nothing; from 1.
    pub line: usize,
    /// Column of the same, in characters, from 1.
    pub column: usize,
    /// The marker's text, for example `flux-system:podinfo:tag`; the whole comment when malformed.
    pub setter: String,
    /// What became of it.
    pub state: MarkerState,
    /// The scalar's text, if the marker marks one.
    pub old: Option<String>,
    /// The text it gets, or would get.
    pub new: Option<String>,
    /// For a wrong marker of a kustomization, the right one.
    pub right: Option<String>,
}

impl Marker {
    /// A marker at a line and column, of which nothing else is known yet.
    pub(super) fn new((line, column): (usize, usize), setter: String, state: MarkerState) -> Self {
        Self {
            line,
            column,
            setter,
            state,
            old: None,
            new: None,
            right: None,
        }
    }

    /// What to tell the user, when the marker will not do what it seems to promise.
    pub fn warning(&self) -> Option<String> {
        let setter = &self.setter;
        Some(match self.state {
            MarkerState::Updated | MarkerState::Current => return None,
            MarkerState::UnreadableFile => format!(
                "marker \"{setter}\" is in a file that cannot be parsed, so it is not edited"
            ),
            MarkerState::EditRefused => format!(
                "marker \"{setter}\" is in a file that cannot be edited without changing more than \
                 the marked values, so it is not edited"
            ),
            MarkerState::UnknownPolicy => {
                format!("marker \"{setter}\": there is no such image policy")
            }
            MarkerState::PolicyNotReady => {
                format!("marker \"{setter}\": the image policy is not decided; nothing is written")
            }
            MarkerState::AheadOfCluster => format!(
                "marker \"{setter}\": the cluster's controllers hold another image and would take \
                 this one back; nothing is written"
            ),
            MarkerState::PolicyNotSelected => {
                format!(
                    "marker \"{setter}\": the automation's policySelector leaves the policy out"
                )
            }
            MarkerState::OtherNamespace => format!(
                "marker \"{setter}\": an automation uses policies of its own namespace only"
            ),
            MarkerState::Malformed => format!(
                "marker {setter:?} has another form than {{\"$imagepolicy\": \
                 \"NAMESPACE:POLICY[:tag|:name|:digest]\"}}"
            ),
            MarkerState::Misplaced => format!(
                "marker \"{setter}\" stands where the controllers do not look; put it behind the \
                 value, on the same line"
            ),
            MarkerState::WrongKustomizationMarker => format!(
                "marker \"{setter}\" would put name and tag into one field of the kustomization; \
                 the right one here is \"{}\"",
                self.right.as_deref().unwrap_or_default()
            ),
            MarkerState::NoDigest => format!(
                "marker \"{setter}\": the policy has no digest (spec.digestReflectionPolicy); the \
                 field keeps its value"
            ),
        })
    }
}

/// What a comment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing about policies.
    Nothing,
    /// It names a policy, or tries to.
    Setter(String),
    /// It mentions the token in another form.
    Malformed(String),
}

/// Reads a comment, `#` included. Its text must be one JSON object of strings.
pub(super) fn read(comment: &str) -> Reading {
    let text = comment.trim_start_matches('#');
    let mentions = || {
        if text.contains("$imagepolicy") {
            Reading::Malformed(text.trim().to_owned())
        } else {
            Reading::Nothing
        }
    };
    // JSON's own blanks only: a no-break space is no blank.
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    if !trimmed.starts_with('{') {
        return mentions();
    }
    if let Some(setter) = short_hand(trimmed) {
        return Reading::Setter(percent_decoded(&setter));
    }
    match reference(trimmed) {
        Some(setter) => Reading::Setter(percent_decoded(&setter)),
        None => mentions(),
    }
}

/// The text of `$imagepolicy`, if the whole comment is one object of strings. Go reads a null into
/// a map of strings as an empty one.
fn short_hand(comment: &str) -> Option<String> {
    let fields: HashMap<String, Option<String>> = serde_json::from_str(comment).ok()?;
    let setter = fields.get("$imagepolicy")?.clone()?;
    (!setter.is_empty()).then_some(setter)
}

/// The setter of a `$ref`. The controller reads it as a schema: other fields may hold anything, and
/// what follows the object is not looked at.
fn reference(comment: &str) -> Option<String> {
    let mut values = serde_json::Deserializer::from_str(comment).into_iter::<Value>();
    let schema = values.next()?.ok()?;
    let reference = schema.get("$ref")?.as_str()?;
    let setter = reference.strip_prefix("#/definitions/io.k8s.cli.setters.")?;
    Some(setter.to_owned())
}

/// The controller looks setters up by a JSON reference, in which `%41` is `A`. Text with a broken
/// escape is no reference and stays as it is.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let escape = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
            return text.to_owned();
        };
        bytes.push(byte);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_setter(comment: &str) {
        assert_eq!(
            read(comment),
            Reading::Setter("ns:p".to_owned()),
            "{comment}"
        );
    }

    #[test]
    fn comments_are_read_as_the_controller_reads_them() {
        assert_setter("# {\"$imagepolicy\": \"ns:p\"}");
        assert_setter("#{\"$imagepolicy\":\"ns:p\"}");
        assert_setter("### {  \"$imagepolicy\"  :  \"ns:p\"  }   ");
        assert_setter("# {\"$imagepolicy\":\"ns:p\",\"x\":\"y\"}");
        assert_setter("# {\"$imagepolicy\":\"x\",\"$imagepolicy\":\"ns:p\"}");
        assert_setter("# {\"\\u0024imagepolicy\":\"ns:p\"}");
        assert_setter("# {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\"}");
        assert_setter("# {\"$ref\":\"#/definitions/io.k8s.cli.setters.ns:p\",\"x\":1} x");
        for malformed in [
            "# x {\"$imagepolicy\": \"ns:p\"}",
            "# {\"$imagepolicy\":\"ns:p\",\"x\":1}",
            "# {\"$imagepolicy\":1,\"$imagepolicy\":\"ns:p\"}",
            "# {\"$imagepolicy\": \"\"}",
            "# {'$imagepolicy': 'ns:p'}",
            "# {\"$imagepolicy\": \"ns:p\"} x",
        ] {
            assert!(
                matches!(read(malformed), Reading::Malformed(_)),
                "{malformed}"
            );
        }
        assert_eq!(read("# null"), Reading::Nothing);
        assert_eq!(
            read("# {\"x-k8s-cli\":{\"setter\":{\"name\":\"N\"}}}"),
            Reading::Nothing
        );
    }
}
