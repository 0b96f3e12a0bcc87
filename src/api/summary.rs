//! The part of an image object that tables show, borrowed from the object's text: lists of thousands
//! are read without holding whole objects.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as DecodeError, Visitor};
use serde::{Deserialize, de::IntoDeserializer as _};
use serde_json::Value;

use super::image_policy::split_latest_image;
use super::meta::null_is_default;
use super::{ApiError, Kind};

/// A scalar as text: a string as it is, a number in digits, null as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'t>(Cow<'t, str>);

impl Text<'_> {
    /// The text, empty when there is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 't, 't> Deserialize<'de> for Text<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a number or null")
    }

    fn visit_borrowed_str<E: DecodeError>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: DecodeError>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_i64<E: DecodeError>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_u64<E: DecodeError>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_unit<E: DecodeError>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

/// What a table shows of an object of any of the three kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary<'t> {
    /// Names and age.
    #[serde(borrow)]
    pub metadata: SummaryMetadata<'t>,
    /// Wanted state.
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub spec: SummarySpec<'t>,
    /// Stored status.
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub status: SummaryStatus<'t>,
}

/// The metadata of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SummaryMetadata<'t> {
    /// Namespace.
    #[serde(borrow)]
    pub namespace: Text<'t>,
    /// Name.
    #[serde(borrow)]
    pub name: Text<'t>,
    /// RFC 3339 time of creation.
    #[serde(borrow)]
    pub creation_timestamp: Text<'t>,
}

/// The spec of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SummarySpec<'t> {
    /// Whether the controllers leave the object alone.
    #[serde(deserialize_with = "null_is_default")]
    pub suspend: bool,
    /// The image of a repository.
    #[serde(borrow)]
    pub image: Text<'t>,
}

/// The status of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SummaryStatus<'t> {
    /// Conditions, in stored order.
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub conditions: Vec<SummaryCondition<'t>>,
    /// The last scan of a repository.
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub last_scan_result: SummaryScan<'t>,
    /// The choice of a policy.
    #[serde(borrow, deserialize_with = "null_is_default")]
    latest_ref: Option<SummaryRef<'t>>,
    #[serde(borrow)]
    latest_image: Text<'t>,
    /// The choice of a policy before.
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub observed_previous_ref: SummaryRef<'t>,
    /// RFC 3339 time of an automation's last run.
    #[serde(borrow)]
    pub last_automation_run_time: Text<'t>,
    /// The commit that an automation pushed last.
    #[serde(borrow)]
    pub last_push_commit: Text<'t>,
    /// The revision that an automation worked on last.
    #[serde(borrow)]
    pub observed_source_revision: Text<'t>,
}

/// A condition of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SummaryCondition<'t> {
    /// For example `Ready`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'t>,
    /// `True`, `False` or `Unknown`.
    #[serde(borrow)]
    pub status: Text<'t>,
    /// For people.
    #[serde(borrow)]
    pub message: Text<'t>,
}

/// A scan of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SummaryScan<'t> {
    /// RFC 3339 time.
    #[serde(borrow)]
    pub scan_time: Text<'t>,
    /// Number of tags.
    #[serde(borrow)]
    pub tag_count: Text<'t>,
}

/// An image reference of a [`Summary`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SummaryRef<'t> {
    /// Image without tag.
    #[serde(borrow)]
    pub name: Text<'t>,
    /// Tag.
    #[serde(borrow)]
    pub tag: Text<'t>,
    /// Digest, when the policy reflects it.
    #[serde(borrow)]
    pub digest: Text<'t>,
}

impl<'t> Summary<'t> {
    /// Reads the JSON text of an object.
    pub fn from_text(kind: Kind, text: &'t [u8]) -> Result<Self, ApiError> {
        serde_json::from_slice(text).map_err(|source| unreadable(kind, source))
    }

    /// Reads an object.
    pub fn from_value(kind: Kind, object: &'t Value) -> Result<Self, ApiError> {
        Self::deserialize(object.into_deserializer()).map_err(|source| unreadable(kind, source))
    }

    /// The condition of a type, for example `Ready`.
    pub fn condition(&self, kind: &str) -> Option<&SummaryCondition<'t>> {
        let mut conditions = self.status.conditions.iter();
        conditions.find(|condition| condition.kind.as_str() == kind)
    }

    /// Image, tag and digest that a policy chose, empty when it chose none. `latestImage` of older
    /// versions is split at the last colon behind the last slash.
    pub fn chosen(&self) -> (&str, &str, &str) {
        if let Some(chosen) = &self.status.latest_ref {
            return (
                chosen.name.as_str(),
                chosen.tag.as_str(),
                chosen.digest.as_str(),
            );
        }
        let image = self.status.latest_image.as_str();
        let (name, tag) = split_latest_image(image).unwrap_or((image, ""));
        (name, tag, "")
    }
}

fn unreadable(kind: Kind, source: serde_json::Error) -> ApiError {
    ApiError {
        kind: kind.name(),
        key: "of a list".to_owned(),
        field: "metadata, spec or status",
        source,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_summary_reads_texts_numbers_and_nulls() {
        let text = br#"{"metadata": {"name": "p", "namespace": "n", "labels": null},
            "spec": {"suspend": true, "image": "a\/b"},
            "status": {"conditions": null, "lastScanResult": {"tagCount": 42, "scanTime": null}}}"#;
        let summary = Summary::from_text(Kind::ImageRepository, text).unwrap();
        assert_eq!(summary.metadata.name.as_str(), "p");
        assert!(summary.spec.suspend);
        assert_eq!(summary.spec.image.as_str(), "a/b");
        assert_eq!(summary.status.last_scan_result.tag_count.as_str(), "42");
        assert_eq!(summary.status.last_scan_result.scan_time.as_str(), "");
        assert!(summary.condition("Ready").is_none());
    }

    #[test]
    fn the_choice_of_a_policy_is_found_in_every_version() {
        let new = json!({"status": {"latestRef": {"name": "a/b", "tag": "1"}}});
        let old = json!({"status": {"latestImage": "localhost:5000/b:1.0"}});
        let none = json!({"status": null});
        let chosen = |object: &Value| {
            let summary = Summary::from_value(Kind::ImagePolicy, object).unwrap();
            let (name, tag, digest) = summary.chosen();
            format!("{name} {tag} {digest}")
        };
        assert_eq!(chosen(&new), "a/b 1 ");
        assert_eq!(chosen(&old), "localhost:5000/b 1.0 ");
        assert_eq!(chosen(&none), "  ");
    }

    #[test]
    fn an_object_of_another_shape_is_an_error_that_names_the_kind() {
        let error = Summary::from_text(Kind::ImagePolicy, b"{\"spec\": 1}").unwrap_err();
        assert!(
            error.to_string().starts_with("ImagePolicy of a list: "),
            "{error}"
        );
    }
}
