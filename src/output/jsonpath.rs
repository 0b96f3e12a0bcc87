//! kubectl's JSONPath templates, as far as a list of objects needs them.
//!
//! For: `-o jsonpath=`, `-o custom-columns=` and `--sort-by`: text, `{.a.b}`, `['key']`, `[0]`, `[-1]`,
//! `[1:3]`, `[*]`, `..name`, filters `[?(@.a=="b")]`, `{range}` and `{end}`, and quoted text.
//! Refuses: script expressions.

use serde_json::Value;
use thiserror::Error;

/// Why a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonPathError {
    /// An action without its closing brace.
    #[error("unclosed action")]
    UnclosedAction,
    /// A bracket or quote that does not end.
    #[error("unterminated {0}")]
    Unterminated(&'static str),
    /// A character that does not fit.
    #[error("unrecognized character in action: {0:?}")]
    Unrecognized(String),
    /// `{end}` without `{range}`.
    #[error("not in range, nothing to end")]
    NothingToEnd,
    /// `{range}` without `{end}`.
    #[error("unclosed range")]
    UnclosedRange,
}

/// A template.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Node>);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Recursive,
    Wildcard,
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    Filter(Vec<Step>, Option<(Operator, Operand)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    Path(Vec<Step>),
}

impl JsonPath {
    /// Reads a template.
    pub fn parse(template: &str) -> Result<Self, JsonPathError> {
        let mut parser = Parser { rest: template };
        let nodes = parser.nodes(false)?;
        Ok(Self(nodes))
    }

    /// Reads one expression as `--sort-by` and custom columns take it: braces and the leading dot
    /// may be missing.
    pub fn parse_relaxed(expression: &str) -> Result<Self, JsonPathError> {
        let inner = expression
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
            .unwrap_or(expression);
        let dotted = if inner.starts_with(['.', '[', '$', '@']) {
            inner.to_owned()
        } else {
            format!(".{inner}")
        };
        Self::parse(&format!("{{{dotted}}}"))
    }

    /// The template's text for a value.
    pub fn render(&self, value: &Value) -> String {
        let mut text = String::new();
        render(&self.0, value, &mut text);
        text
    }

    /// The values that the template's paths find, in order.
    pub fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = Vec::new();
        for node in &self.0 {
            if let Node::Path(steps) = node {
                found.extend(walk(steps, value));
            }
        }
        found
    }
}

fn render(nodes: &[Node], current: &Value, text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(literal) => text.push_str(literal),
            Node::Path(steps) => {
                let found = walk(steps, current);
                let parts: Vec<String> = found.into_iter().map(plain).collect();
                text.push_str(&parts.join(" "));
            }
            Node::Range(steps, inner) => {
                for item in walk(steps, current) {
                    match item {
                        Value::Array(items) if !ends_in_many(steps) => {
                            for item in items {
                                render(inner, item, text);
                            }
                        }
                        item => render(inner, item, text),
                    }
                }
            }
        }
    }
}

fn ends_in_many(steps: &[Step]) -> bool {
    matches!(
        steps.last(),
        Some(Step::Wildcard | Step::Slice(..) | Step::Filter(..))
    )
}

/// A value as kubectl prints it: strings bare, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

fn walk<'v>(steps: &[Step], value: &'v Value) -> Vec<&'v Value> {
    let mut current = vec![value];
    for step in steps {
        let mut next = Vec::new();
        for value in current {
            step_into(step, value, &mut next);
        }
        current = next;
    }
    current
}

fn step_into<'v>(step: &Step, value: &'v Value, found: &mut Vec<&'v Value>) {
    match step {
        Step::Field(name) => match value {
            Value::Object(fields) => found.extend(fields.get(name)),
            Value::Array(items) => {
                found.extend(items.iter().filter_map(|item| item.get(name.as_str())));
            }
            _ => {}
        },
        Step::Recursive => {
            found.push(value);
            for child in children(value) {
                step_into(step, child, found);
            }
        }
        Step::Wildcard => found.extend(children(value)),
        Step::Index(index) => {
            if let Value::Array(items) = value {
                found.extend(position(*index, items.len()).and_then(|at| items.get(at)));
            }
        }
        Step::Slice(from, to) => {
            if let Value::Array(items) = value {
                let from = from
                    .map_or(Some(0), |at| position(at, items.len() + 1))
                    .unwrap_or(0);
                let to = to
                    .map_or(Some(items.len()), |at| position(at, items.len() + 1))
                    .unwrap_or(items.len());
                found.extend(items.iter().take(to).skip(from));
            }
        }
        Step::Filter(path, condition) => {
            found.extend(children(value).filter(|child| keeps(path, condition.as_ref(), child)));
        }
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn position(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}

fn keeps(path: &[Step], condition: Option<&(Operator, Operand)>, item: &Value) -> bool {
    let found = walk(path, item);
    let Some((operator, operand)) = condition else {
        return !found.is_empty();
    };
    let Some(left) = found.first() else {
        return false;
    };
    let right = match operand {
        Operand::Literal(value) => value,
        Operand::Path(path) => match walk(path, item).first() {
            Some(value) => *value,
            None => return false,
        },
    };
    let order = match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(plain(left).cmp(&plain(right))),
    };
    let Some(order) = order else {
        return false;
    };
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn nodes(&mut self, inside_range: bool) -> Result<Vec<Node>, JsonPathError> {
        let mut nodes = Vec::new();
        loop {
            let Some(open) = self.rest.find('{') else {
                if inside_range {
                    return Err(JsonPathError::UnclosedRange);
                }
                if !self.rest.is_empty() {
                    nodes.push(Node::Text(std::mem::take(&mut self.rest).to_owned()));
                }
                return Ok(nodes);
            };
            if open > 0 {
                nodes.push(Node::Text(self.rest[..open].to_owned()));
            }
            self.rest = &self.rest[open + 1..];
            let action = self.action()?.trim().to_owned();
            if action == "end" {
                if inside_range {
                    return Ok(nodes);
                }
                return Err(JsonPathError::NothingToEnd);
            }
            if let Some(path) = action.strip_prefix("range ") {
                let steps = Path { rest: path.trim() }.whole()?;
                let inner = self.nodes(true)?;
                nodes.push(Node::Range(steps, inner));
            } else if action.starts_with(['"', '\'']) {
                nodes.push(Node::Text(unquote(&action)?));
            } else {
                nodes.push(Node::Path(Path { rest: &action }.whole()?));
            }
        }
    }

    /// The text up to the closing brace; quotes protect braces.
    fn action(&mut self) -> Result<&str, JsonPathError> {
        let mut quote = None;
        let mut escaped = false;
        for (at, character) in self.rest.char_indices() {
            match (quote, character) {
                (Some(_), '\\') if !escaped => {
                    escaped = true;
                    continue;
                }
                (Some(open), character) if character == open && !escaped => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, '}') => {
                    let action = &self.rest[..at];
                    self.rest = &self.rest[at + 1..];
                    return Ok(action);
                }
                _ => {}
            }
            escaped = false;
        }
        Err(JsonPathError::UnclosedAction)
    }
}

fn unquote(text: &str) -> Result<String, JsonPathError> {
    let quote = text
        .chars()
        .next()
        .ok_or(JsonPathError::Unterminated("quoted string"))?;
    let inner = text[1..]
        .strip_suffix(quote)
        .ok_or(JsonPathError::Unterminated("quoted string"))?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(character) => plain.push(character),
            None => return Err(JsonPathError::Unterminated("quoted string")),
        }
    }
    Ok(plain)
}

struct Path<'t> {
    rest: &'t str,
}

impl Path<'_> {
    fn whole(mut self) -> Result<Vec<Step>, JsonPathError> {
        let steps = self.steps()?;
        if self.rest.is_empty() {
            Ok(steps)
        } else {
            Err(JsonPathError::Unrecognized(self.rest.to_owned()))
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, JsonPathError> {
        let mut steps = Vec::new();
        if self.rest.starts_with(['$', '@']) {
            self.rest = &self.rest[1..];
        }
        loop {
            if let Some(rest) = self.rest.strip_prefix("..") {
                self.rest = rest;
                steps.push(Step::Recursive);
                if !self.rest.starts_with('[') {
                    self.name(&mut steps);
                }
            } else if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                self.name(&mut steps);
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                self.bracket(&mut steps)?;
            } else {
                return Ok(steps);
            }
        }
    }

    fn name(&mut self, steps: &mut Vec<Step>) {
        if let Some(rest) = self.rest.strip_prefix('*') {
            self.rest = rest;
            steps.push(Step::Wildcard);
            return;
        }
        let mut name = String::new();
        let mut characters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                // A backslash protects a dot inside a key, as in labels.
                '\\' => name.extend(characters.next().map(|(_, next)| next)),
                '.' | '[' | ' ' | ']' | ')' | '=' | '!' | '<' | '>' | ',' => {
                    end = at;
                    break;
                }
                character => name.push(character),
            }
        }
        self.rest = &self.rest[end..];
        if !name.is_empty() {
            steps.push(Step::Field(name));
        }
    }

    fn bracket(&mut self, steps: &mut Vec<Step>) -> Result<(), JsonPathError> {
        if let Some(rest) = self.rest.strip_prefix("?(") {
            self.rest = rest;
            steps.push(self.filter()?);
        } else {
            let end = self
                .rest
                .find(']')
                .ok_or(JsonPathError::Unterminated("array"))?;
            let inner = self.rest[..end].trim();
            steps.push(index(inner)?);
            self.rest = &self.rest[end..];
        }
        self.rest = self
            .rest
            .strip_prefix(']')
            .ok_or(JsonPathError::Unterminated("array"))?;
        Ok(())
    }

    fn filter(&mut self) -> Result<Step, JsonPathError> {
        self.blanks();
        let left = self.steps()?;
        self.blanks();
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let mut condition = None;
        for (text, operator) in operators {
            if let Some(rest) = self.rest.strip_prefix(text) {
                self.rest = rest;
                self.blanks();
                condition = Some((operator, self.operand()?));
                self.blanks();
                break;
            }
        }
        self.rest = self
            .rest
            .strip_prefix(')')
            .ok_or(JsonPathError::Unterminated("filter"))?;
        Ok(Step::Filter(left, condition))
    }

    fn operand(&mut self) -> Result<Operand, JsonPathError> {
        if self.rest.starts_with(['@', '.', '$']) {
            return Ok(Operand::Path(self.steps()?));
        }
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let end = self.rest[1..]
                .find(quote)
                .ok_or(JsonPathError::Unterminated("quoted string"))?;
            let text = unquote(&self.rest[..end + 2])?;
            self.rest = &self.rest[end + 2..];
            return Ok(Operand::Literal(Value::String(text)));
        }
        let end = self
            .rest
            .find([')', ' '])
            .ok_or(JsonPathError::Unterminated("filter"))?;
        let word = &self.rest[..end];
        let value =
            serde_json::from_str(word).map_err(|_| JsonPathError::Unrecognized(word.to_owned()))?;
        self.rest = &self.rest[end..];
        Ok(Operand::Literal(value))
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn index(inner: &str) -> Result<Step, JsonPathError> {
    if inner == "*" {
        return Ok(Step::Wildcard);
    }
    if inner.starts_with(['"', '\'']) {
        return Ok(Step::Field(unquote(inner)?));
    }
    let number = |text: &str| {
        text.trim()
            .parse::<i64>()
            .map_err(|_| JsonPathError::Unrecognized(inner.to_owned()))
    };
    if let Some((from, to)) = inner.split_once(':') {
        let bound = |text: &str| {
            if text.trim().is_empty() {
                Ok(None)
            } else {
                number(text).map(Some)
            }
        };
        return Ok(Step::Slice(bound(from)?, bound(to)?));
    }
    Ok(Step::Index(number(inner)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_renders(template: &str, expected: &str) {
        let value = json!({
            "items": [
                {"metadata": {"name": "a", "labels": {"app.kubernetes.io/x": "1"}}, "n": 1},
                {"metadata": {"name": "b"}, "n": 2, "status": {"conditions": [
                    {"type": "Stalled", "status": "False"}, {"type": "Ready", "status": "True"}]}},
            ],
        });
        assert_eq!(
            JsonPath::parse(template).unwrap().render(&value),
            expected,
            "{template}"
        );
    }

    #[test]
    fn templates_render_as_kubectls() {
        assert_renders("{.items[*].metadata.name}", "a b");
        assert_renders("{.items[-1].metadata['name']}", "b");
        assert_renders(
            "{range .items[*]}{.metadata.name}={.n}{\"\\n\"}{end}",
            "a=1\nb=2\n",
        );
        assert_renders("{.items[?(@.n>1)].metadata.name}", "b");
        assert_renders(
            "{.items[1].status.conditions[?(@.type==\"Ready\")].status}",
            "True",
        );
        assert_renders("{..name}", "a b");
        assert_renders("{.items[0].metadata.labels.app\\.kubernetes\\.io/x}", "1");
        assert_renders("{.items[0:1].n} tags", "1 tags");
        assert_renders("{.missing}", "");
        assert_renders(
            "{.items[0].metadata.labels}",
            "{\"app.kubernetes.io/x\":\"1\"}",
        );
    }

    #[test]
    fn broken_templates_say_why() {
        assert_eq!(
            JsonPath::parse("{.a").unwrap_err(),
            JsonPathError::UnclosedAction
        );
        assert_eq!(
            JsonPath::parse("{range .a}x").unwrap_err(),
            JsonPathError::UnclosedRange
        );
        assert_eq!(
            JsonPath::parse("{end}").unwrap_err(),
            JsonPathError::NothingToEnd
        );
    }

    #[test]
    fn sort_expressions_may_be_bare() {
        let value = json!({"metadata": {"name": "a"}});
        for expression in ["metadata.name", ".metadata.name", "{.metadata.name}"] {
            let found = JsonPath::parse_relaxed(expression).unwrap();
            assert_eq!(found.find(&value), [&json!("a")], "{expression}");
        }
    }

    proptest! {
        #[test]
        fn no_template_panics(template in "\\PC*") {
            if let Ok(path) = JsonPath::parse(&template) {
                path.render(&json!({"a": [1, {"b": "c"}]}));
            }
        }
    }
}
