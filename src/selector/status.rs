//! Selectors of conditions.

use super::SelectorError;

/// flux's selector of conditions: `type=status` or `type!=status`, in any letter case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSelector {
    kind: String,
    status: String,
    is_negated: bool,
}

impl StatusSelector {
    /// Reads the selector; it is split at the first `!=`, else at the first `=`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let parts = match text.split_once("!=") {
            Some((kind, status)) => Some((kind, status, true)),
            None => text
                .split_once('=')
                .map(|(kind, status)| (kind, status, false)),
        };
        let (kind, status, is_negated) = parts.ok_or_else(|| {
            SelectorError(format!(
                "expected status selector in type=status or type!=status format, but found: {text}"
            ))
        })?;
        Ok(Self {
            kind: kind.to_lowercase(),
            status: status.to_lowercase(),
            is_negated,
        })
    }

    /// Whether conditions, as type and status, are chosen. Where the type is missing, only `!=` is met.
    pub fn matches<'c>(&self, conditions: impl IntoIterator<Item = (&'c str, &'c str)>) -> bool {
        let status = conditions
            .into_iter()
            .find(|(kind, _)| kind.to_lowercase() == self.kind)
            .map(|(_, status)| status.to_lowercase());
        match status {
            Some(status) => (status == self.status) != self.is_negated,
            None => self.is_negated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_chosen_by_type_and_status() {
        let conditions = [("Ready", "False"), ("Stalled", "True")];
        for (selector, is_met) in [
            ("ready=false", true),
            ("READY=True", false),
            ("ready!=true", true),
            ("Stalled!=TRUE", false),
            ("reconciling=true", false),
            ("reconciling!=true", true),
            ("ready==false", false),
        ] {
            let parsed = StatusSelector::parse(selector).unwrap();
            assert_eq!(parsed.matches(conditions), is_met, "{selector}");
        }
        assert_eq!(
            StatusSelector::parse("ready").unwrap_err().to_string(),
            "expected status selector in type=status or type!=status format, but found: ready"
        );
    }
}
