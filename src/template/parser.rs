//! The tree of a template.

use std::collections::BTreeMap;

use super::TemplateError;
use super::functions;
use super::lexer::{Kind, Token, tokens};
use super::value::Value;
use crate::number::parse_float;
use crate::semver::quote;

/// An operand, with the byte it begins at.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Dot,
    Nil,
    Constant(Value, String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`
    Variable(String, Vec<String>),
    Function(String),
    /// `(pipeline).a`
    Chain(Box<Node>, Vec<String>),
    Pipe(Pipe),
}

/// A pipeline.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) variables: Vec<String>,
    /// `=` rather than `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Node>>,
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    Text(String),
    Action(Pipe, usize),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        name: String,
        pipe: Option<Pipe>,
        at: usize,
    },
    Break,
    Continue,
}

/// `if`, `with` and `range`.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) at: usize,
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Statement>,
    pub(super) otherwise: Vec<Statement>,
}

/// Every template of a text; the one without a name of its own is the text's.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) text: String,
    pub(super) templates: BTreeMap<String, Vec<Statement>>,
}

/// Line of a byte, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

/// Reads a template.
pub(super) fn parse(name: &str, text: &str) -> Result<Tree, TemplateError> {
    let mut parser = Parser {
        name,
        text,
        tokens: tokens(text),
        next: 0,
        variables: vec!["$".to_owned()],
        loops: 0,
        tree: Tree {
            text: text.to_owned(),
            ..Tree::default()
        },
    };
    let (body, end) = parser.statements()?;
    if let Some(word) = end {
        return Err(parser.fail(word.1, &format!("unexpected {{{{{}}}}}", word.0)));
    }
    parser.tree.templates.insert(name.to_owned(), body);
    Ok(parser.tree)
}

/// A number as Go's constants are read: an integer where it is one.
pub(super) fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix(['+', '-']) {
        Some(rest) => (plain.starts_with('-'), rest),
        None => (false, plain.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let (body, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.len() > 1
            && lower.starts_with('0')
            && lower.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (&lower[1..], 8)
        }
        _ => (lower.as_str(), 10),
    };
    if let Ok(value) = i64::from_str_radix(body, radix)
        && !body.starts_with(['+', '-'])
    {
        return Some(Value::Int(if negative { -value } else { value }));
    }
    let float = parse_float(text).ok()?;
    digits
        .starts_with(|c: char| c.is_ascii_digit() || c == '.')
        .then_some(Value::Float(float))
}

/// The words that end a list of statements.
type End = Option<(String, usize)>;

struct Parser<'t> {
    name: &'t str,
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    variables: Vec<String>,
    loops: usize,
    tree: Tree,
}

impl Parser<'_> {
    fn fail(&self, at: usize, message: &str) -> TemplateError {
        TemplateError::new(format!(
            "template: {}:{}: {message}",
            self.name,
            line(self.text, at)
        ))
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
    }

    fn unexpected(&self, token: &Token, context: &str) -> TemplateError {
        let what = match token.kind {
            Kind::Error => return self.fail(token.at, &token.text),
            Kind::End => "EOF".to_owned(),
            Kind::Identifier if functions::is_keyword(&token.text) => format!("<{}>", token.text),
            _ => quote(&token.text),
        };
        self.fail(token.at, &format!("unexpected {what} in {context}"))
    }

    /// Statements up to `end`, `else` or the end of the text.
    fn statements(&mut self) -> Result<(Vec<Statement>, End), TemplateError> {
        let mut list = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                Kind::Text => list.push(Statement::Text(token.text)),
                Kind::End => return Ok((list, None)),
                Kind::Open => {
                    self.skip_space();
                    let word = self.peek().clone();
                    if word.kind == Kind::Identifier && matches!(word.text.as_str(), "end" | "else")
                    {
                        self.next += 1;
                        return Ok((list, Some((word.text, word.at))));
                    }
                    if let Some(statement) = self.action(token.at)? {
                        list.push(statement);
                    }
                }
                _ => return Err(self.unexpected(&token, "input")),
            }
        }
    }

    fn action(&mut self, at: usize) -> Result<Option<Statement>, TemplateError> {
        let word = self.peek().clone();
        if word.kind == Kind::Identifier {
            match word.text.as_str() {
                "if" | "with" | "range" => {
                    self.next += 1;
                    let branch = self.branch(&word.text, word.at)?;
                    return Ok(Some(match word.text.as_str() {
                        "if" => Statement::If(branch),
                        "with" => Statement::With(branch),
                        _ => Statement::Range(branch),
                    }));
                }
                "break" | "continue" => {
                    self.next += 1;
                    if self.loops == 0 {
                        return Err(self.fail(
                            word.at,
                            &format!("{{{{{}}}}} outside {{{{range}}}}", word.text),
                        ));
                    }
                    self.expect_close(&word.text)?;
                    let leaves = word.text == "break";
                    return Ok(Some(if leaves {
                        Statement::Break
                    } else {
                        Statement::Continue
                    }));
                }
                "define" => {
                    self.next += 1;
                    self.define()?;
                    return Ok(None);
                }
                "template" => {
                    self.next += 1;
                    return self.template(word.at).map(Some);
                }
                "block" => {
                    self.next += 1;
                    return self.block(word.at).map(Some);
                }
                _ => {}
            }
        }
        let pipe = self.pipeline("command", Kind::Close)?;
        Ok(Some(Statement::Action(pipe, at)))
    }

    fn expect_close(&mut self, context: &str) -> Result<(), TemplateError> {
        self.skip_space();
        let token = self.take();
        if token.kind == Kind::Close {
            return Ok(());
        }
        Err(self.unexpected(&token, context))
    }

    fn branch(&mut self, word: &str, at: usize) -> Result<Branch, TemplateError> {
        let scope = self.variables.len();
        let pipe = self.pipeline(word, Kind::Close)?;
        self.loops += usize::from(word == "range");
        let (body, mut end) = self.statements()?;
        let mut otherwise = Vec::new();
        if end.as_ref().is_some_and(|(word, _)| word == "else") {
            self.skip_space();
            let next = self.peek().clone();
            let chained = next.kind == Kind::Identifier
                && ((word == "if" && next.text == "if") || (word == "with" && next.text == "with"));
            if chained {
                self.next += 1;
                let branch = self.branch(word, next.at)?;
                self.variables.truncate(scope);
                let nested = if word == "if" {
                    Statement::If(branch)
                } else {
                    Statement::With(branch)
                };
                return Ok(Branch {
                    at,
                    pipe,
                    body,
                    otherwise: vec![nested],
                });
            }
            self.expect_close("else")?;
            (otherwise, end) = self.statements()?;
        }
        self.loops -= usize::from(word == "range");
        self.variables.truncate(scope);
        match end {
            Some((word, _)) if word == "end" => self.expect_close("end")?,
            Some((word, at)) => {
                return Err(self.fail(at, &format!("expected end; found {{{{{word}}}}}")));
            }
            None => return Err(self.fail(self.text.len(), "unexpected EOF")),
        }
        Ok(Branch {
            at,
            pipe,
            body,
            otherwise,
        })
    }

    fn template_name(&mut self, context: &str) -> Result<String, TemplateError> {
        self.skip_space();
        let token = self.take();
        match token.kind {
            Kind::String | Kind::RawString => self.unquoted(&token),
            _ => Err(self.unexpected(&token, context)),
        }
    }

    fn body_until_end(&mut self) -> Result<Vec<Statement>, TemplateError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (body, end) = self.statements()?;
        self.variables = variables;
        self.loops = loops;
        match end {
            Some((word, _)) if word == "end" => self.expect_close("end")?,
            Some((word, at)) => {
                return Err(self.fail(at, &format!("unexpected {{{{{word}}}}} in define clause")));
            }
            None => return Err(self.fail(self.text.len(), "unexpected EOF")),
        }
        Ok(body)
    }

    fn define(&mut self) -> Result<(), TemplateError> {
        let name = self.template_name("define clause")?;
        self.expect_close("define clause")?;
        let body = self.body_until_end()?;
        self.tree.templates.insert(name, body);
        Ok(())
    }

    fn template(&mut self, at: usize) -> Result<Statement, TemplateError> {
        let name = self.template_name("template clause")?;
        self.skip_space();
        let pipe = if self.peek().kind == Kind::Close {
            self.next += 1;
            None
        } else {
            Some(self.pipeline("template clause", Kind::Close)?)
        };
        Ok(Statement::Template { name, pipe, at })
    }

    fn block(&mut self, at: usize) -> Result<Statement, TemplateError> {
        let name = self.template_name("block clause")?;
        let pipe = self.pipeline("block clause", Kind::Close)?;
        let body = self.body_until_end()?;
        self.tree.templates.insert(name.clone(), body);
        Ok(Statement::Template {
            name,
            pipe: Some(pipe),
            at,
        })
    }

    /// A pipeline up to `end`, which is taken.
    fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, TemplateError> {
        let mut pipe = Pipe {
            variables: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        self.skip_space();
        self.declaration(&mut pipe, context)?;
        let start = self.peek().at;
        loop {
            self.skip_space();
            if self.peek().kind == end {
                self.next += 1;
                if pipe.commands.is_empty() {
                    return Err(self.fail(start, &format!("missing value for {context}")));
                }
                return Ok(pipe);
            }
            let command = self.command(end, context)?;
            self.check_stage(&pipe, &command)?;
            pipe.commands.push(command);
        }
    }

    /// Only a function can take the value of the stage before it.
    fn check_stage(&self, pipe: &Pipe, command: &[Node]) -> Result<(), TemplateError> {
        let Some(first) = command.first().filter(|_| !pipe.commands.is_empty()) else {
            return Ok(());
        };
        let stage = pipe.commands.len() + 1;
        match first.kind {
            NodeKind::Dot | NodeKind::Nil | NodeKind::Constant(..) => Err(self.fail(
                first.at,
                &format!("non executable command in pipeline stage {stage}"),
            )),
            _ => Ok(()),
        }
    }

    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Result<(), TemplateError> {
        let start = self.next;
        let mut names = Vec::new();
        while self.peek().kind == Kind::Variable {
            names.push(self.take().text);
            self.skip_space();
            match self.peek().kind {
                Kind::Declare | Kind::Assign => {
                    pipe.assigns = self.take().kind == Kind::Assign;
                    if !pipe.assigns {
                        self.variables.extend(names.iter().cloned());
                    }
                    pipe.variables = names;
                    return Ok(());
                }
                Kind::Comma if context == "range" && names.len() < 2 => {
                    self.next += 1;
                    self.skip_space();
                }
                _ => break,
            }
        }
        self.next = start;
        Ok(())
    }

    fn command(&mut self, end: Kind, context: &str) -> Result<Vec<Node>, TemplateError> {
        let mut operands: Vec<Node> = Vec::new();
        loop {
            self.skip_space();
            let token = self.peek().clone();
            match token.kind {
                Kind::Pipe => {
                    self.next += 1;
                    if operands.is_empty() {
                        return Err(self.unexpected(&token, context));
                    }
                    self.skip_space();
                    if self.peek().kind == end {
                        return Err(self.fail(token.at, &format!("missing value for {context}")));
                    }
                    return Ok(operands);
                }
                kind if kind == end => return Ok(operands),
                _ => operands.push(self.operand(context)?),
            }
        }
    }

    fn operand(&mut self, context: &str) -> Result<Node, TemplateError> {
        let token = self.take();
        let kind = match token.kind {
            Kind::Dot => NodeKind::Dot,
            Kind::Field => NodeKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Variable => {
                if !self.variables.contains(&token.text) {
                    return Err(self.fail(
                        token.at,
                        &format!("undefined variable {}", quote(&token.text)),
                    ));
                }
                NodeKind::Variable(token.text.clone(), Vec::new())
            }
            Kind::Identifier => match token.text.as_str() {
                "true" => NodeKind::Constant(Value::Bool(true), token.text.clone()),
                "false" => NodeKind::Constant(Value::Bool(false), token.text.clone()),
                "nil" => NodeKind::Nil,
                name if functions::is_function(name) => NodeKind::Function(name.to_owned()),
                name if functions::is_keyword(name) => return Err(self.unexpected(&token, context)),
                name => {
                    let message = format!("function {} not defined", quote(name));
                    return Err(self.fail(token.at, &message));
                }
            },
            Kind::Number => match number(&token.text) {
                Some(value) => NodeKind::Constant(value, token.text.clone()),
                None => return Err(self.unexpected(&token, context)),
            },
            Kind::String | Kind::RawString => {
                let text = self.unquoted(&token)?;
                NodeKind::Constant(Value::string(&text), token.text.clone())
            }
            Kind::Character => {
                let text = self.unquoted(&token)?;
                let code = text.chars().next().map_or(0, |c| i64::from(u32::from(c)));
                NodeKind::Constant(Value::Int(code), token.text.clone())
            }
            Kind::LeftParen => {
                NodeKind::Pipe(self.pipeline("parenthesized pipeline", Kind::RightParen)?)
            }
            _ => return Err(self.unexpected(&token, "operand")),
        };
        let node = Node { at: token.at, kind };
        self.fields(node)
    }

    /// Fields that follow an operand without a blank.
    fn fields(&mut self, mut node: Node) -> Result<Node, TemplateError> {
        let mut names = Vec::new();
        while self.peek().kind == Kind::Field {
            names.push(self.take().text[1..].to_owned());
        }
        if names.is_empty() {
            return Ok(node);
        }
        match &mut node.kind {
            NodeKind::Field(fields) | NodeKind::Variable(_, fields) => fields.append(&mut names),
            NodeKind::Constant(_, text) => {
                let message = format!("unexpected . after term {}", quote(text));
                return Err(self.fail(node.at, &message));
            }
            NodeKind::Nil => {
                return Err(self.fail(node.at, "unexpected . after term \"nil\""));
            }
            NodeKind::Dot => {
                return Err(self.fail(node.at, "unexpected . after term \".\""));
            }
            NodeKind::Function(_) | NodeKind::Pipe(_) | NodeKind::Chain(..) => {
                let at = node.at;
                node = Node {
                    at,
                    kind: NodeKind::Chain(Box::new(node), names),
                };
            }
        }
        Ok(node)
    }

    /// The text of a string or character constant.
    fn unquoted(&self, token: &Token) -> Result<String, TemplateError> {
        let inner = &token.text[1..token.text.len() - 1];
        if token.kind == Kind::RawString {
            return Ok(inner.replace('\r', ""));
        }
        unescape(inner).ok_or_else(|| self.fail(token.at, "invalid syntax"))
    }
}

/// Go's escapes inside a constant.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next()? {
            'a' => plain.push('\u{7}'),
            'b' => plain.push('\u{8}'),
            'f' => plain.push('\u{c}'),
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            'v' => plain.push('\u{b}'),
            'x' => plain.push(hex(&mut characters, 2)?),
            'u' => plain.push(hex(&mut characters, 4)?),
            'U' => plain.push(hex(&mut characters, 8)?),
            escaped @ ('\\' | '"' | '\'') => plain.push(escaped),
            first @ '0'..='7' => {
                let mut value = first.to_digit(8)?;
                for _ in 0..2 {
                    value = value * 8 + characters.next()?.to_digit(8)?;
                }
                plain.push(char::from_u32(value)?);
            }
            _ => return None,
        }
    }
    Some(plain)
}

fn hex(characters: &mut std::str::Chars<'_>, count: usize) -> Option<char> {
    let mut value = 0;
    for _ in 0..count {
        value = value * 16 + characters.next()?.to_digit(16)?;
    }
    char::from_u32(value)
}
