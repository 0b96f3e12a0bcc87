//! One document as a list of scalars and comments, from the YAML parser's events.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::documents::Unfit;

/// What a scalar is in its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Key,
    /// Value of a mapping.
    Value,
    /// Item of a sequence, and whether it is the first.
    Item {
        first: bool,
    },
    Root,
}

/// A scalar of a document.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// Bytes of the file; for block scalars the content lines only.
    pub(super) range: Range<usize>,
    pub(super) style: ScalarStyle,
    pub(super) value: String,
    pub(super) role: Role,
    /// Keys and item numbers on the way to it, its own key included.
    pub(super) path: Vec<String>,
    /// Where an explicit tag begins that says anything but string.
    pub(super) foreign_tag: Option<usize>,
    /// Inside `{}` or `[]`.
    pub(super) flow: bool,
    /// The value of a key that stood there before.
    pub(super) duplicate: bool,
}

/// A part of a document in the order of the parser.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Scalar(Scalar),
    Alias(Range<usize>),
    Start { sequence: bool },
    End(Range<usize>),
    Comment(Range<usize>),
}

/// A parsed document.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) pieces: Vec<Piece>,
}

/// An open collection.
struct Frame {
    sequence: bool,
    flow: bool,
    /// Items seen, or scalars and collections of a mapping (even: a key is next).
    count: usize,
    keys: HashSet<String>,
    duplicate: bool,
}

/// Reads the document at `range` of the file; only the first YAML document in it counts, as in kyaml.
pub(super) fn read(text: &str, range: &Range<usize>) -> Result<Document, Unfit> {
    let source = &text[range.clone()];
    let unfit = |at: usize, reason: &str| Unfit {
        at: range.start + at,
        reason: reason.to_owned(),
    };
    let bom = if source.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let base = range.start + bom;
    let mut builder = Builder {
        base,
        frames: Vec::new(),
        path: Vec::new(),
        pieces: Vec::new(),
    };
    let mut parser = Parser::new_from_str(&source[bom..]);
    loop {
        let (event, span) = match parser.next_event() {
            None => break,
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                let marker = error.marker();
                let at = marker.byte_offset().unwrap_or(0) + bom;
                return Err(unfit(at.min(source.len()), &reason(&error.to_string())));
            }
        };
        let bytes = span.byte_range().unwrap_or(0..0);
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        let tag_start = span
            .tag_start
            .as_ref()
            .and_then(granit_parser::Marker::byte_offset);
        builder.event(event, bytes, tag_start);
    }
    builder
        .check()
        .map_err(|(at, reason)| Unfit { at, reason })?;
    Ok(Document {
        pieces: builder.pieces,
    })
}

/// The parser's message without its own place.
fn reason(message: &str) -> String {
    message
        .split(" at byte ")
        .next()
        .and_then(|m| m.split(" at line ").next())
        .unwrap_or(message)
        .to_owned()
}

struct Builder {
    base: usize,
    frames: Vec<Frame>,
    path: Vec<String>,
    pieces: Vec<Piece>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, bytes: Range<usize>, tag_start: Option<usize>) {
        let range = bytes.start + self.base..bytes.end + self.base;
        match event {
            Event::Scalar(value, style, _, tag) => {
                let foreign = tag.as_deref().is_some_and(is_foreign);
                let foreign_tag = tag_start.filter(|_| foreign).map(|at| at + self.base);
                self.scalar(value, style, range, foreign_tag);
            }
            Event::Alias(_) => {
                self.enter_node(None);
                self.pieces.push(Piece::Alias(range));
                self.leave_node();
            }
            Event::SequenceStart(style, ..) => self.start(true, style),
            Event::MappingStart(style, ..) => self.start(false, style),
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.pieces.push(Piece::End(range));
                self.leave_node();
            }
            Event::Comment(..) => self.pieces.push(Piece::Comment(range)),
            _ => {}
        }
    }

    /// Works out the role of a node, and puts its key or number on the path.
    fn enter_node(&mut self, key_text: Option<&str>) -> (Role, bool) {
        let Some(frame) = self.frames.last_mut() else {
            return (Role::Root, false);
        };
        if frame.sequence {
            self.path.push(frame.count.to_string());
            let first = frame.count == 0;
            frame.count += 1;
            return (Role::Item { first }, false);
        }
        let is_key = frame.count % 2 == 0;
        frame.count += 1;
        if is_key {
            let key = key_text.unwrap_or_default().to_owned();
            frame.duplicate = !frame.keys.insert(key.clone()) && key_text.is_some();
            self.path.push(key);
            (Role::Key, false)
        } else {
            (Role::Value, frame.duplicate)
        }
    }

    /// Takes the key or number off the path once the value is complete.
    fn leave_node(&mut self) {
        if let Some(frame) = self.frames.last() {
            let value_done = frame.sequence || frame.count % 2 == 0;
            if value_done {
                self.path.pop();
            }
        }
    }

    fn scalar(
        &mut self,
        value: Cow<'_, str>,
        style: ScalarStyle,
        range: Range<usize>,
        foreign_tag: Option<usize>,
    ) {
        let flow = self.frames.last().is_some_and(|frame| frame.flow);
        let (role, duplicate) = self.enter_node(Some(&value));
        self.pieces.push(Piece::Scalar(Scalar {
            range,
            style,
            value: value.into_owned(),
            role,
            path: self.path.clone(),
            foreign_tag,
            flow,
            duplicate,
        }));
        self.leave_node();
    }

    fn start(&mut self, sequence: bool, style: StructureStyle) {
        self.enter_node(None);
        let outer_flow = self.frames.last().is_some_and(|frame| frame.flow);
        self.pieces.push(Piece::Start { sequence });
        self.frames.push(Frame {
            sequence,
            flow: outer_flow || style == StructureStyle::Flow,
            count: 0,
            keys: HashSet::new(),
            duplicate: false,
        });
    }

    /// What kyaml refuses although it parses: documents that are no mapping, and `metadata` that is
    /// none.
    fn check(&self) -> Result<(), (usize, String)> {
        let mut first = self
            .pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Comment(_)));
        match first.next() {
            None | Some(Piece::Start { sequence: false }) => {}
            Some(Piece::Scalar(scalar)) if is_null(scalar) => {}
            Some(Piece::Start { sequence: true }) => {
                return Err((
                    self.base,
                    "the document is a sequence, not a mapping".to_owned(),
                ));
            }
            Some(_) => {
                return Err((
                    self.base,
                    "the document is a scalar, not a mapping".to_owned(),
                ));
            }
        }
        let mut after_metadata = None;
        for piece in self
            .pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Comment(_)))
        {
            if let Some(at) = after_metadata.take() {
                let fits = match piece {
                    Piece::Start { sequence } => !sequence,
                    Piece::Scalar(scalar) => is_null(scalar),
                    Piece::Alias(_) => true,
                    _ => false,
                };
                if !fits {
                    return Err((at, "metadata is no mapping".to_owned()));
                }
            }
            if let Piece::Scalar(scalar) = piece
                && scalar.role == Role::Key
                && scalar.path == ["metadata"]
            {
                after_metadata = Some(scalar.range.start);
            }
        }
        Ok(())
    }
}

fn is_null(scalar: &Scalar) -> bool {
    scalar.style == ScalarStyle::Plain
        && matches!(scalar.value.as_str(), "" | "~" | "null" | "Null" | "NULL")
}

/// An explicit tag of YAML's own that is not the one for strings.
fn is_foreign(tag: &Tag) -> bool {
    tag.core_suffix().is_some_and(|suffix| suffix != "str")
}
