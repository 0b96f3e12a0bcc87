//! `-o`.

use thiserror::Error;

use super::jsonpath::{JsonPath, JsonPathError};

/// How an answer is printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    /// A table, or result lines.
    #[default]
    Human,
    /// The same with more columns.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// `kind.group/name` lines.
    Name,
    /// Values picked by a JSONPath template.
    JsonPath(JsonPath),
    /// Columns picked by JSONPath expressions: header and expression.
    CustomColumns(Vec<(String, JsonPath)>),
}

/// Why a format is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// kubectl's sentence.
    #[error(
        "unable to match a printer suitable for the output format {format:?}, allowed formats are: {allowed}"
    )]
    Unknown {
        /// What was asked for.
        format: String,
        /// What there is.
        allowed: String,
    },
    /// A template that cannot be read.
    #[error("error parsing jsonpath {template}, {source}")]
    JsonPath {
        /// The template.
        template: String,
        /// Why.
        source: JsonPathError,
    },
    /// A format without its template; kubectl's sentence.
    #[error("template format specified but no template given")]
    NoTemplate,
    /// A format without its columns; kubectl's sentence.
    #[error("custom-columns format specified but no custom columns given")]
    NoColumns,
    /// Columns that cannot be read; kubectl's sentence.
    #[error("unexpected custom-columns spec: {0}, expected <header>:<json-path-expr>")]
    Columns(String),
}

const ALL: &[&str] = &["custom-columns", "json", "jsonpath", "name", "wide", "yaml"];

impl Format {
    /// Reads the value of `-o`. `allowed` limits the choice for commands whose answer is not a list
    /// of objects; empty means every format.
    pub fn parse(text: &str, allowed: &[&str]) -> Result<Self, FormatError> {
        let allowed = if allowed.is_empty() { ALL } else { allowed };
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, argument),
            None => (text, ""),
        };
        // As in kubectl, where letter case does not count.
        let name = name.to_lowercase();
        let unknown = || FormatError::Unknown {
            format: text.to_owned(),
            allowed: allowed.join(","),
        };
        if !allowed.contains(&name.as_str()) {
            return Err(unknown());
        }
        match name.as_str() {
            "wide" => Ok(Self::Wide),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "name" => Ok(Self::Name),
            "jsonpath" if argument.is_empty() => Err(FormatError::NoTemplate),
            "jsonpath" => JsonPath::parse(argument)
                .map(Self::JsonPath)
                .map_err(|source| FormatError::JsonPath {
                    template: argument.to_owned(),
                    source,
                }),
            "custom-columns" if argument.is_empty() => Err(FormatError::NoColumns),
            "custom-columns" => Self::columns(argument),
            _ => Err(unknown()),
        }
    }

    /// Whether the answer is rows below a header.
    pub fn is_table(&self) -> bool {
        matches!(self, Self::Human | Self::Wide | Self::CustomColumns(_))
    }

    fn columns(spec: &str) -> Result<Self, FormatError> {
        let mut columns = Vec::new();
        for column in spec.split(',') {
            let (header, path) = column
                .split_once(':')
                .filter(|(header, path)| !header.is_empty() && !path.is_empty())
                .ok_or_else(|| FormatError::Columns(column.to_owned()))?;
            let path = JsonPath::parse_relaxed(path).map_err(|source| FormatError::JsonPath {
                template: path.to_owned(),
                source,
            })?;
            columns.push((header.to_owned(), path));
        }
        Ok(Self::CustomColumns(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_names_the_choices() {
        let error = Format::parse("xml", &["json", "yaml"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unable to match a printer suitable for the output format \"xml\", \
             allowed formats are: json,yaml"
        );
    }

    #[test]
    fn a_format_needs_what_it_prints() {
        let error = |text: &str| Format::parse(text, &[]).unwrap_err().to_string();
        let no_template = "template format specified but no template given";
        assert_eq!(error("jsonpath"), no_template);
        assert_eq!(error("jsonpath="), no_template);
        assert_eq!(
            error("custom-columns="),
            "custom-columns format specified but no custom columns given"
        );
        assert_eq!(
            error("custom-columns=N:.a,M"),
            "unexpected custom-columns spec: M, expected <header>:<json-path-expr>"
        );
        assert_eq!(Format::parse("JSON", &[]), Ok(Format::Json));
    }

    #[test]
    fn custom_columns_need_header_and_path() {
        assert!(matches!(
            Format::parse("custom-columns=N:.metadata.name", &[]),
            Ok(Format::CustomColumns(columns)) if columns.len() == 1
        ));
        assert!(Format::parse("custom-columns=N", &[]).is_err());
    }
}
