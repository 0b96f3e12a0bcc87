//! The grammar.

use std::collections::BTreeMap;

use super::super::TemplateError;
use super::super::functions::{self, Library};
use super::super::value::Text;
use super::lexer::{Keyword, Kind, Lexer, Token};
use super::literal::unquote;
use super::number::Number;
use super::tree::{Branch, Command, Node, NodeKind, Pipe, Statement, Template, Tree};
use crate::semver::quote;

/// How deeply blocks and parentheses may be nested.
const NESTING_LIMIT: usize = 200;

/// Reads a template.
pub(in crate::template) fn parse(
    name: &str,
    text: &str,
    library: Library,
) -> Result<Tree, TemplateError> {
    let mut parser = Parser {
        name,
        library,
        lexer: Lexer::new(text),
        tokens: [END; 3],
        peeked: 0,
        action_line: 0,
        scope: Scope::new(),
        nesting: 0,
        templates: BTreeMap::new(),
    };
    let root = parser.root()?;
    parser.add(name, root)?;
    Ok(Tree {
        templates: parser.templates,
    })
}

const END: Token<'_> = Token {
    kind: Kind::End,
    text: "",
    at: 0,
    line: 1,
};

/// How a list of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

impl Ending {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A statement, or the end of a list of them.
enum Item {
    Statement(Statement),
    Ending(Ending),
}

/// What is known inside one template: variables, and how many loops are around.
struct Scope {
    variables: Vec<String>,
    loops: usize,
}

impl Scope {
    fn new() -> Self {
        Self {
            variables: vec!["$".to_owned()],
            loops: 0,
        }
    }
}

struct Parser<'t, 'n> {
    name: &'n str,
    library: Library,
    lexer: Lexer<'t>,
    /// Tokens read ahead, the next one last. Go's errors name the line of the first, which is why
    /// this keeps its shape.
    tokens: [Token<'t>; 3],
    peeked: usize,
    action_line: usize,
    scope: Scope,
    nesting: usize,
    templates: BTreeMap<String, Vec<Statement>>,
}

type Parsed<T> = Result<T, TemplateError>;

impl<'t> Parser<'t, '_> {
    fn fail<T>(&self, message: &str) -> Parsed<T> {
        let line = self.tokens[0].line;
        Err(TemplateError::new(format!(
            "template: {}:{line}: {message}",
            self.name
        )))
    }

    fn next(&mut self) -> Token<'t> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next();
        }
        self.tokens[self.peeked]
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> Token<'t> {
        let token = self.next();
        self.backup();
        token
    }

    fn next_word(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token<'t> {
        let token = self.next_word();
        self.backup();
        token
    }

    fn unexpected<T>(&self, token: Token<'t>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            let shown = match token.kind {
                Kind::End => "EOF".to_owned(),
                Kind::Keyword(_) | Kind::Dot => format!("<{}>", token.text),
                _ if token.text.len() > 10 => {
                    let cut: String = token.text.chars().take(10).collect();
                    format!("{}...", quote(&cut))
                }
                _ => quote(token.text),
            };
            return self.fail(&format!("unexpected {shown} in {context}"));
        }
        let message = self.lexer.error();
        let started = if self.action_line == 0 || self.action_line == token.line {
            String::new()
        } else {
            let action = if message.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            format!("{action} started at {}:{}", self.name, self.action_line)
        };
        self.fail(&format!("{message}{started}"))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'t>> {
        let token = self.next_word();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(token, context)
        }
    }

    /// Goes one level down, as far as that is allowed.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_LIMIT {
            return self.fail(&format!(
                "blocks and parentheses are nested more than {NESTING_LIMIT} deep"
            ));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// The whole text: statements, and definitions between them.
    fn root(&mut self) -> Parsed<Vec<Statement>> {
        let mut root = Vec::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::LeftDelimiter {
                let delimiter = self.next();
                if self.next_word().kind == Kind::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.tokens[1] = delimiter;
                self.peeked = 2;
            }
            match self.text_or_action()? {
                Item::Statement(statement) => root.push(statement),
                Item::Ending(ending) => {
                    return self.fail(&format!("unexpected {}", ending.text()));
                }
            }
        }
        Ok(root)
    }

    /// Adds a template. One without content neither replaces another nor stands in its way.
    fn add(&mut self, name: &str, body: Vec<Statement>) -> Parsed<()> {
        let free = self.templates.get(name).is_none_or(|body| is_blank(body));
        if free {
            self.templates.insert(name.to_owned(), body);
        } else if !is_blank(&body) {
            let name = quote(name);
            return self.fail(&format!("template: multiple definition of template {name}"));
        }
        Ok(())
    }

    /// Statements of another template: no variables from here, no loops.
    fn separate_body(&mut self, context: &str) -> Parsed<Vec<Statement>> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let line = std::mem::take(&mut self.action_line);
        let (body, ending) = self.nested(Self::statements)?;
        if ending == Ending::Else {
            return self.fail(&format!("unexpected {} in {context}", ending.text()));
        }
        self.scope = outer;
        self.action_line = line;
        Ok(body)
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let token = self.next_word();
        let name = self.template_name(token, context)?;
        self.expect(Kind::RightDelimiter, context)?;
        let body = self.separate_body(context)?;
        self.add(&name, body)
    }

    fn statements(&mut self) -> Parsed<(Vec<Statement>, Ending)> {
        let mut list = Vec::new();
        while self.peek_word().kind != Kind::End {
            match self.text_or_action()? {
                Item::Statement(statement) => list.push(statement),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_word();
        match token.kind {
            Kind::Text => Ok(Item::Statement(Statement::Text(Text::from(token.text)))),
            Kind::LeftDelimiter => {
                self.action_line = token.line;
                let item = self.action()?;
                self.action_line = 0;
                Ok(item)
            }
            _ => self.unexpected(token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_word();
        let keyword = match token.kind {
            Kind::Keyword(keyword) => Some(keyword),
            _ => None,
        };
        let statement = match keyword {
            Some(Keyword::End) => {
                self.expect(Kind::RightDelimiter, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            Some(Keyword::Else) => {
                // `else if` and `else with`: the block around the `else` reads on from there.
                let next = self.peek_word().kind;
                if !matches!(next, Kind::Keyword(Keyword::If | Keyword::With)) {
                    self.expect(Kind::RightDelimiter, "else")?;
                }
                return Ok(Item::Ending(Ending::Else));
            }
            Some(Keyword::If) => Statement::If(self.nested(|p| p.branch(Keyword::If, "if"))?),
            Some(Keyword::With) => {
                Statement::With(self.nested(|p| p.branch(Keyword::With, "with"))?)
            }
            Some(Keyword::Range) => {
                Statement::Range(self.nested(|p| p.branch(Keyword::Range, "range"))?)
            }
            Some(Keyword::Break) => self.leave("{{break}}", Statement::Break)?,
            Some(Keyword::Continue) => self.leave("{{continue}}", Statement::Continue)?,
            Some(Keyword::Template) => self.template()?,
            Some(Keyword::Block) => self.block()?,
            _ => {
                self.backup();
                Statement::Action(self.pipeline("command", Kind::RightDelimiter)?)
            }
        };
        Ok(Item::Statement(statement))
    }

    fn leave(&mut self, context: &str, statement: Statement) -> Parsed<Statement> {
        self.expect(Kind::RightDelimiter, context)?;
        if self.scope.loops == 0 {
            return self.fail(&format!("{context} outside {{{{range}}}}"));
        }
        Ok(statement)
    }

    fn branch(&mut self, keyword: Keyword, context: &str) -> Parsed<Branch> {
        let variables = self.scope.variables.len();
        let pipe = self.pipeline(context, Kind::RightDelimiter)?;
        let looping = usize::from(keyword == Keyword::Range);
        self.scope.loops += looping;
        let (body, ending) = self.statements()?;
        self.scope.loops -= looping;
        let mut otherwise = Vec::new();
        if ending == Ending::Else {
            let next = self.peek().kind;
            if keyword != Keyword::Range && next == Kind::Keyword(keyword) {
                self.next();
                let inner = self.nested(|p| p.branch(keyword, context))?;
                otherwise.push(if keyword == Keyword::If {
                    Statement::If(inner)
                } else {
                    Statement::With(inner)
                });
            } else {
                let ending;
                (otherwise, ending) = self.statements()?;
                if ending == Ending::Else {
                    return self.fail(&format!("expected end; found {}", ending.text()));
                }
            }
        }
        self.scope.variables.truncate(variables);
        Ok(Branch {
            pipe,
            body,
            otherwise,
        })
    }

    fn template_name(&mut self, token: Token<'t>, context: &str) -> Parsed<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(token.text) {
            Some(name) => Ok(name.to_str().into_owned()),
            None => self.fail("invalid syntax"),
        }
    }

    fn template(&mut self) -> Parsed<Statement> {
        let context = "template clause";
        let token = self.next_word();
        let name = self.template_name(token, context)?;
        let pipe = if self.next_word().kind == Kind::RightDelimiter {
            None
        } else {
            self.backup();
            Some(self.pipeline(context, Kind::RightDelimiter)?)
        };
        Ok(Statement::Template(Template {
            at: token.at,
            name,
            pipe,
        }))
    }

    /// A definition and its use in one.
    fn block(&mut self) -> Parsed<Statement> {
        let context = "block clause";
        let token = self.next_word();
        let name = self.template_name(token, context)?;
        let pipe = Some(self.pipeline(context, Kind::RightDelimiter)?);
        let body = self.separate_body(context)?;
        self.add(&name, body)?;
        Ok(Statement::Template(Template {
            at: token.at,
            name,
            pipe,
        }))
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let mut pipe = Pipe {
            at: self.peek_word().at,
            variables: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::Character
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Keyword(Keyword::Nil)
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParenthesis => {
                    self.backup();
                    pipe.commands.push(self.command()?);
                }
                _ => return self.unexpected(token, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.fail(&format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let NodeKind::Bool(_)
            | NodeKind::Dot
            | NodeKind::Nil
            | NodeKind::Number(_)
            | NodeKind::String(..) = command.operands[0].kind
            {
                let stage = index + 1;
                return self.fail(&format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and in a range `$x, $y :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_word();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            let behind = self.peek();
            let next = self.peek_word();
            let comma = next.kind == Kind::Other && next.text == ",";
            if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                // No declaration: the variable goes back, with the blank behind it.
                if behind.kind == Kind::Space {
                    self.tokens[1] = behind;
                    self.tokens[2] = variable;
                    self.peeked = 3;
                } else {
                    self.tokens[1] = variable;
                    self.peeked = 2;
                }
                return Ok(());
            }
            self.next_word();
            pipe.variables.push(variable.text.to_owned());
            self.scope.variables.push(variable.text.to_owned());
            if !comma {
                pipe.assigns = next.kind == Kind::Assign;
                return Ok(());
            }
            if context != "range" || pipe.variables.len() >= 2 {
                return self.fail(&format!("too many declarations in {context}"));
            }
            if !matches!(
                self.peek_word().kind,
                Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis
            ) {
                return self.fail("range can only initialize variables");
            }
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command {
            at: self.peek_word().at,
            operands: Vec::new(),
        };
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                command.operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.backup();
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(token, "operand"),
            }
        }
        if command.operands.is_empty() {
            return self.fail("empty command");
        }
        Ok(command)
    }

    /// A term and the fields behind it.
    fn operand(&mut self) -> Parsed<Option<Node>> {
        let Some(term) = self.term()? else {
            return Ok(None);
        };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text[1..].to_owned());
        }
        let kind = match term.kind {
            NodeKind::Field(mut before) => {
                before.append(&mut fields);
                NodeKind::Field(before)
            }
            NodeKind::Variable(name, mut before) => {
                before.append(&mut fields);
                NodeKind::Variable(name, before)
            }
            NodeKind::Bool(_)
            | NodeKind::String(..)
            | NodeKind::Number(_)
            | NodeKind::Nil
            | NodeKind::Dot => {
                let term = quote(&term.to_string());
                return self.fail(&format!("unexpected . after term {term}"));
            }
            _ => NodeKind::Chain(Box::new(term), fields),
        };
        // Go's errors point at the second link of a chain.
        Ok(Some(Node { at: first.at, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Node>> {
        let token = self.next_word();
        let kind = match token.kind {
            Kind::Identifier => match functions::find(token.text, self.library) {
                Some(function) => NodeKind::Function(function),
                None => {
                    let name = quote(token.text);
                    let error = self.fail(&format!("function {name} not defined"));
                    let hint = functions::hint(token.text);
                    return error.map_err(|error: TemplateError| error.with_hint(hint));
                }
            },
            Kind::Dot => NodeKind::Dot,
            Kind::Keyword(Keyword::Nil) => NodeKind::Nil,
            Kind::Variable => {
                if !self.scope.variables.iter().any(|known| known == token.text) {
                    return self.fail(&format!("undefined variable {}", quote(token.text)));
                }
                NodeKind::Variable(token.text.to_owned(), Vec::new())
            }
            Kind::Field => NodeKind::Field(vec![token.text[1..].to_owned()]),
            Kind::Bool => NodeKind::Bool(token.text == "true"),
            Kind::Character | Kind::Complex | Kind::Number => {
                let number = match token.kind {
                    Kind::Character => Number::character(token.text),
                    Kind::Complex => Number::complex(token.text),
                    _ => Number::plain(token.text),
                };
                match number {
                    Ok(number) => NodeKind::Number(Box::new(number)),
                    Err(message) => return self.fail(&message),
                }
            }
            Kind::LeftParenthesis => NodeKind::Pipe(self.nested(|parser| {
                parser.pipeline("parenthesized pipeline", Kind::RightParenthesis)
            })?),
            Kind::String | Kind::RawString => match unquote(token.text) {
                Some(text) => NodeKind::String(text, token.text.to_owned()),
                None => return self.fail("invalid syntax"),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        // A pipe in parentheses begins where its first operand does.
        let at = match &kind {
            NodeKind::Pipe(pipe) => pipe.at,
            _ => token.at,
        };
        Ok(Some(Node { at, kind }))
    }
}

/// Whether statements are nothing but white space.
fn is_blank(statements: &[Statement]) -> bool {
    statements.iter().all(|statement| match statement {
        Statement::Text(text) => text.to_str().trim().is_empty(),
        _ => false,
    })
}
