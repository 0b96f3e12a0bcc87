//! Placeholders: what stands for addresses, commits and times.

use serde_json::Value;

/// Values by placeholder; filled in on the way in, mapped back on the way out.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    /// `${NAME}` and its value.
    pairs: Vec<(String, String)>,
}

impl Placeholders {
    pub fn bind(&mut self, name: &str, value: impl Into<String>) {
        self.pairs.push((format!("${{{name}}}"), value.into()));
    }

    /// A commit, in full and abbreviated.
    pub fn bind_commit(&mut self, label: &str, id: &str) {
        self.bind(label, id);
        self.bind(&format!("{label}:short"), &id[..7]);
    }

    /// Puts values in place of placeholders.
    pub fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.pairs {
            text = text.replace(name.as_str(), value);
        }
        text
    }

    pub fn fill_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.fill(text).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }

    pub fn fill_value(&self, value: &Value) -> Value {
        map_texts(value, &|text| self.fill(text))
    }

    /// Puts placeholders in place of values, the longest value first.
    pub fn map_back(&self, text: &str) -> String {
        let mut pairs: Vec<&(String, String)> = self.pairs.iter().collect();
        pairs.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let mut text = text.to_owned();
        for (name, value) in pairs {
            if !value.is_empty() {
                text = text.replace(value.as_str(), name);
            }
        }
        text
    }

    pub fn map_back_value(&self, value: &Value) -> Value {
        map_texts(value, &|text| self.map_back(text))
    }

    /// The label of a commit id, or the id.
    pub fn label(&self, id: &str) -> String {
        self.pairs
            .iter()
            .find(|(_, value)| value == id)
            .map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }

    /// Whether a placeholder such as `PUSH:1` has a value.
    pub fn is_bound(&self, placeholder: &str) -> bool {
        self.pairs.iter().any(|(name, _)| name == placeholder)
    }
}

fn map_texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map_texts(item, change)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (change(name), map_texts(value, change)))
                .collect(),
        ),
        other => other.clone(),
    }
}
