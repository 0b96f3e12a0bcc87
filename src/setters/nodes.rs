//! One document as a list of scalars, collections and comments, from the YAML parser's events.
//!
//! A node knows the collection that it is in and its place there, so that its path can be told
//! when it is wanted: few nodes are marked, and paths of all others would cost more than parsing.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::documents::Unfit;
use super::fitness;
use super::tabs::{self, Before};

/// Where a node stands in its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    Key,
    /// Value of a mapping; the piece that is its key, when that is a scalar.
    Value {
        key: Option<usize>,
    },
    /// Item of a sequence, counted from 0.
    Item {
        number: usize,
    },
}

/// A scalar of a document.
#[derive(Clone, Debug)]
pub(super) struct Scalar<'t> {
    /// Bytes of the file; for block scalars the content lines only.
    pub(super) range: Range<usize>,
    pub(super) style: ScalarStyle,
    pub(super) value: Cow<'t, str>,
    pub(super) place: Place,
    /// The collection that it is in.
    pub(super) collection: Option<usize>,
    /// Where an explicit tag begins that says anything but string.
    pub(super) foreign_tag: Option<usize>,
    /// Inside `{}` or `[]`.
    pub(super) flow: bool,
}

impl Scalar<'_> {
    /// Whether it is `|` or `>`.
    pub(super) fn is_block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// Whether a YAML parser reads it as nothing.
    pub(super) fn is_null(&self) -> bool {
        self.style == ScalarStyle::Plain
            && matches!(&*self.value, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// A mapping or a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Collection {
    pub(super) sequence: bool,
    pub(super) place: Place,
    /// The collection that it is in.
    pub(super) parent: Option<usize>,
}

/// A part of a document in the order of the parser.
#[derive(Clone, Debug)]
pub(super) enum Piece<'t> {
    Scalar(Scalar<'t>),
    Alias(Range<usize>),
    /// A collection begins.
    Start(usize),
    End(Range<usize>),
    Comment(Range<usize>),
}

/// A parsed document.
#[derive(Clone, Debug, Default)]
pub(super) struct Document<'t> {
    pub(super) pieces: Vec<Piece<'t>>,
    pub(super) collections: Vec<Collection>,
}

impl<'t> Document<'t> {
    pub(super) fn scalar(&self, piece: usize) -> Option<&Scalar<'t>> {
        match self.pieces.get(piece) {
            Some(Piece::Scalar(scalar)) => Some(scalar),
            _ => None,
        }
    }

    /// Every scalar, with its place among the pieces.
    pub(super) fn scalars(&self) -> impl Iterator<Item = (usize, &Scalar<'t>)> {
        self.pieces.iter().enumerate().filter_map(|(index, piece)| {
            let Piece::Scalar(scalar) = piece else {
                return None;
            };
            Some((index, scalar))
        })
    }

    /// The text of a value's key; empty for a key that is no scalar, `None` for what is no value.
    pub(super) fn key(&self, place: Place) -> Option<&str> {
        let Place::Value { key } = place else {
            return None;
        };
        let scalar = key.and_then(|key| self.scalar(key));
        Some(scalar.map_or("", |scalar| &scalar.value))
    }

    /// The collections that a node is in, the outermost first.
    pub(super) fn ancestors(&self, collection: Option<usize>) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = collection;
        while let Some(index) = next {
            chain.push(index);
            next = self.collections[index].parent;
        }
        chain.reverse();
        chain
    }

    /// The value of a key of the outermost mapping, if it is a scalar.
    pub(super) fn top_value(&self, key: &str) -> Option<&str> {
        self.scalars()
            .find(|(_, scalar)| scalar.collection == Some(0) && self.key(scalar.place) == Some(key))
            .map(|(_, scalar)| &*scalar.value)
    }
}

/// Reads the document at `range` of the file; only the first YAML document in it counts, as in kyaml.
pub(super) fn read<'t>(text: &'t str, range: &Range<usize>) -> Result<Document<'t>, Unfit> {
    let source = &text[range.clone()];
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let base = range.end - body.len();
    let mut builder = Builder {
        text,
        body,
        base,
        tabs: body.contains('\t').then_some(Tabs {
            seen: base,
            before: Before::Other,
            refused: None,
        }),
        unfit: None,
        frames: Vec::new(),
        document: Document::default(),
    };
    let mut parser = Parser::new_from_str(body);
    let mut behind = None;
    loop {
        let (event, span) = match parser.next_event() {
            None => break,
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0).min(body.len());
                return Err(Unfit::unreadable(base + at, reason(&error.to_string())));
            }
        };
        if matches!(event, Event::DocumentEnd) {
            behind = span.byte_range().map(|bytes| bytes.start);
            break;
        }
        let bytes = span.byte_range().unwrap_or(0..0);
        let tag_start = span
            .tag_start
            .as_ref()
            .and_then(granit_parser::Marker::byte_offset);
        builder.look_for_tabs(&event, &bytes);
        builder.event(event, bytes, tag_start);
    }
    let behind = behind.unwrap_or(body.len());
    builder.look_for_tabs(&Event::StreamEnd, &(behind..behind));
    if let Some(unfit) = builder.unfit {
        return Err(unfit);
    }
    if let Some(at) = builder.tabs.and_then(|tabs| tabs.refused) {
        let reason = "the controllers' parser takes no tab here";
        return Err(Unfit::unreadable(at, reason));
    }
    fitness::check(&builder.document, base)?;
    Ok(builder.document)
}

/// The parser's message without its own place.
fn reason(message: &str) -> &str {
    let end = [" at byte ", " at line "]
        .iter()
        .filter_map(|place| message.find(place))
        .min();
    &message[..end.unwrap_or(message.len())]
}

/// The search for tabs that the controllers refuse; documents without any tab need none.
struct Tabs {
    /// Where the last node or comment ended.
    seen: usize,
    before: Before,
    /// The first one.
    refused: Option<usize>,
}

/// An open collection.
struct Frame {
    collection: usize,
    sequence: bool,
    flow: bool,
    /// Where it begins, in bytes from the start of its line, if that is asked.
    column: usize,
    /// Items seen, or keys and values of a mapping (even: a key is next).
    count: usize,
    /// The last key, if it was a scalar.
    key: Option<usize>,
}

struct Builder<'t> {
    text: &'t str,
    tabs: Option<Tabs>,
    /// The first node that the controllers' parser refuses.
    unfit: Option<Unfit>,
    /// What is parsed, and where it begins in the file.
    body: &'t str,
    base: usize,
    frames: Vec<Frame>,
    document: Document<'t>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, bytes: Range<usize>, tag_start: Option<usize>) {
        let range = bytes.start + self.base..bytes.end + self.base;
        if self.unfit.is_none() {
            self.unfit = fitness::of_node(self.text, &event, &range);
        }
        match event {
            Event::Scalar(mut value, style, _, tag) => {
                let foreign = tag.as_deref().is_some_and(is_foreign);
                if self.ends_text_unbroken(style, &range) && value.ends_with('\n') {
                    value = Cow::Owned(value[..value.len() - 1].to_owned());
                }
                let (place, collection) = self.enter(true);
                self.document.pieces.push(Piece::Scalar(Scalar {
                    range,
                    style,
                    value,
                    place,
                    collection,
                    foreign_tag: tag_start.filter(|_| foreign).map(|at| at + self.base),
                    flow: self.frames.last().is_some_and(|frame| frame.flow),
                }));
            }
            Event::Alias(_) => {
                self.enter(false);
                self.document.pieces.push(Piece::Alias(range));
            }
            Event::SequenceStart(style, ..) => self.start(true, style, range.start),
            Event::MappingStart(style, ..) => self.start(false, style, range.start),
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
                self.document.pieces.push(Piece::End(range));
            }
            Event::Comment(..) => self.document.pieces.push(Piece::Comment(range)),
            _ => {}
        }
    }

    /// Looks between the last node or comment and the next one.
    fn look_for_tabs(&mut self, event: &Event<'_>, bytes: &Range<usize>) {
        let frame = self.frames.last();
        let Some(tabs) = &mut self.tabs else {
            return;
        };
        let (start, end) = (bytes.start + self.base, bytes.end + self.base);
        if tabs.refused.is_none() && tabs.seen < start && !frame.is_some_and(|frame| frame.flow) {
            tabs.refused = tabs::refused(self.text, tabs.seen..start, tabs.before);
        }
        if end > tabs.seen {
            tabs.before = match event {
                Event::Scalar(_, ScalarStyle::Plain, ..) => Before::Plain {
                    continues_at: frame.map_or(0, |frame| frame.column + 1),
                },
                _ => Before::Other,
            };
            tabs.seen = end;
        }
    }

    /// Whether the text ends inside the last line of a block scalar. The controllers' parser then
    /// reads no line break there, whatever the header says.
    fn ends_text_unbroken(&self, style: ScalarStyle, range: &Range<usize>) -> bool {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if !block || range.end != self.base + self.body.len() {
            return false;
        }
        let last_line = self.body.rsplit('\n').next().unwrap_or_default();
        !last_line.trim_start_matches(' ').is_empty()
    }

    /// The place of the next node, and its collection. `scalar` says whether it is one, and so may
    /// be a key with a text; it becomes the next piece then.
    fn enter(&mut self, scalar: bool) -> (Place, Option<usize>) {
        let Some(frame) = self.frames.last_mut() else {
            return (Place::Root, None);
        };
        let place = if frame.sequence {
            Place::Item {
                number: frame.count,
            }
        } else if frame.count % 2 == 0 {
            frame.key = scalar.then_some(self.document.pieces.len());
            Place::Key
        } else {
            Place::Value { key: frame.key }
        };
        frame.count += 1;
        (place, Some(frame.collection))
    }

    fn start(&mut self, sequence: bool, style: StructureStyle, at: usize) {
        let (place, parent) = self.enter(false);
        let outer_flow = self.frames.last().is_some_and(|frame| frame.flow);
        let collection = self.document.collections.len();
        self.document.collections.push(Collection {
            sequence,
            place,
            parent,
        });
        self.document.pieces.push(Piece::Start(collection));
        // Only block collections are indented, and only tabs ask for it.
        let wants_column = self.tabs.is_some() && style != StructureStyle::Flow;
        self.frames.push(Frame {
            collection,
            sequence,
            flow: outer_flow || style == StructureStyle::Flow,
            column: if wants_column {
                column(self.text, at)
            } else {
                0
            },
            count: 0,
            key: None,
        });
    }
}

/// How far into its line a byte stands.
fn column(text: &str, at: usize) -> usize {
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    text[line..at].trim_start_matches('\u{feff}').len()
}

/// An explicit tag of YAML's own that is not the one for strings.
fn is_foreign(tag: &Tag) -> bool {
    tag.core_suffix().is_some_and(|suffix| suffix != "str")
}

/// Whether the first document of a text can be read, for the tests of what makes one unreadable.
#[cfg(test)]
#[track_caller]
pub(super) fn assert_read(text: &str, readable: bool) {
    let ranges = super::documents::documents(text).unwrap();
    let found = read(text, &ranges[0]).map(|_| ());
    assert_eq!(found.is_ok(), readable, "{text:?}: {found:?}");
}
