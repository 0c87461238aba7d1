//! Reads XML into a tree that knows where everything stands.

use std::ops::Range;

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::document::Problem;

/// Levels of elements that are read.
const DEPTH: usize = 256;

/// A document: its elements in order, the root first.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) elements: Vec<Element>,
    /// Where comments are, with their marks.
    pub(super) comments: Vec<Range<usize>>,
}

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    /// The name as written, with its prefix.
    pub(super) name: String,
    /// The namespace; empty for none.
    pub(super) namespace: String,
    /// The start tag, or the whole of an empty element.
    pub(super) open: Range<usize>,
    /// The end tag, unless it is written `<x/>`.
    pub(super) close: Option<Range<usize>>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    /// The text of all its text nodes.
    pub(super) text: String,
    /// Whether comments, CDATA or instructions stand in it.
    pub(super) mixed: bool,
}

/// An attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    /// The name as written.
    pub(super) name: String,
    /// Where the name begins.
    pub(super) start: usize,
    /// Where the value is, without its quotes.
    pub(super) raw: Range<usize>,
    /// The value.
    pub(super) value: String,
}

impl Element {
    /// The name without a prefix.
    pub(super) fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }

    /// The end of the element.
    pub(super) fn end(&self) -> usize {
        self.close.as_ref().map_or(self.open.end, |close| close.end)
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }
}

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Document, Problem> {
    let offset = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = NsReader::from_str(&text[offset..]);
    reader.config_mut().check_comments = true;
    let mut tree = Tree { text, document: Document::default(), open: Vec::new() };
    loop {
        let start = offset + position(reader.buffer_position());
        let event = reader.read_resolved_event();
        let (namespace, event) = match event {
            Ok((ResolveResult::Bound(namespace), event)) => (namespace.as_ref().to_owned(), event),
            Ok((ResolveResult::Unbound, event)) => (String::new(), event),
            Ok((ResolveResult::Unknown(prefix), _)) => {
                return Err(Problem::new(text, start, format!("the prefix `{prefix}` is not declared")));
            }
            Err(error) => {
                let at = offset + position(reader.error_position());
                return Err(Problem::new(text, at, format!("this is not well-formed XML: {error}")));
            }
        };
        let span = start..offset + position(reader.buffer_position());
        match event {
            Event::Eof => break,
            event => tree.take(event, namespace, span)?,
        }
    }
    if let Some(&number) = tree.open.last() {
        let element = &tree.document.elements[number];
        return Err(Problem::new(text, element.open.start, format!("`{}` has no end tag", element.name)));
    }
    if tree.document.elements.is_empty() {
        return Err(Problem::at_start("there is no element in the file"));
    }
    Ok(tree.document)
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

struct Tree<'t> {
    text: &'t str,
    document: Document,
    open: Vec<usize>,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, namespace: String, span: Range<usize>) -> Result<(), Problem> {
        let wrong = |message: &str| Err(Problem::new(self.text, span.start, message));
        match event {
            Event::Start(start) => self.element(&start, namespace, span, true)?,
            Event::Empty(start) => self.element(&start, namespace, span, false)?,
            Event::End(_) => {
                let number = self.open.pop();
                if let Some(element) = number.and_then(|number| self.document.elements.get_mut(number)) {
                    element.close = Some(span);
                }
            }
            Event::Text(text) => match self.current() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if text.trim().is_empty() => {}
                None => return wrong("there is text outside of the root element"),
            },
            Event::GeneralRef(reference) => {
                let char = match reference.resolve_char_ref() {
                    Ok(Some(char)) => Some(char.to_string()),
                    Ok(None) => quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned),
                    Err(_) => None,
                };
                let Some(char) = char else {
                    return wrong("this entity is not one of XML's own, and others are not read");
                };
                match self.current() {
                    Some(element) => element.text.push_str(&char),
                    None => return wrong("there is text outside of the root element"),
                }
            }
            Event::CData(data) => match self.current() {
                Some(element) => {
                    element.mixed = true;
                    element.text.push_str(&data.xml10_content());
                }
                None => return wrong("there is text outside of the root element"),
            },
            Event::Comment(_) => {
                self.document.comments.push(span);
                self.mix();
            }
            Event::PI(_) => self.mix(),
            Event::Decl(declaration) => {
                if let Some(encoding) = declaration.encoding() {
                    let encoding = encoding.map(|name| name.to_lowercase()).unwrap_or_default();
                    if !matches!(encoding.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii") {
                        return wrong(
                            "the file says that it is not UTF-8\nhint: save it as UTF-8, and say so in its first line",
                        );
                    }
                }
            }
            Event::DocType(_) => {
                return wrong(
                    "there is a document type (`<!DOCTYPE`), and these are not read\nhint: remove it",
                );
            }
            Event::Eof => {}
        }
        Ok(())
    }

    fn current(&mut self) -> Option<&mut Element> {
        let number = *self.open.last()?;
        self.document.elements.get_mut(number)
    }

    fn mix(&mut self) {
        if let Some(element) = self.current() {
            element.mixed = true;
        }
    }

    fn element(
        &mut self,
        start: &BytesStart<'_>,
        namespace: String,
        span: Range<usize>,
        open: bool,
    ) -> Result<(), Problem> {
        let wrong = |at: usize, message: String| Err(Problem::new(self.text, at, message));
        let parent = self.open.last().copied();
        if parent.is_none() && !self.document.elements.is_empty() {
            return wrong(span.start, "there is a second root element".to_owned());
        }
        if self.open.len() >= DEPTH {
            return wrong(span.start, format!("elements are nested deeper than {DEPTH} levels"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => {
                    return wrong(span.start, format!("the attributes of this tag are not valid: {error}"));
                }
            };
            let (name, raw) = (attribute.key.as_ref(), attribute.value.as_ref());
            let (Some(name_at), Some(raw_at)) = (inside(self.text, name), inside(self.text, raw)) else {
                return wrong(span.start, "the attributes of this tag cannot be located".to_owned());
            };
            if raw.contains('<') {
                return wrong(
                    raw_at,
                    format!("the value of `{name}` has a `<` in it, which is written `&lt;`"),
                );
            }
            // Line ends and tabs that are written as such are blanks in a value (XML 1.0, 3.3.3).
            let blank = raw.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
            let Ok(value) = quick_xml::escape::unescape(&blank) else {
                return wrong(
                    raw_at,
                    format!("the value of `{name}` has an entity that is not one of XML's own"),
                );
            };
            let value = value.into_owned();
            attributes.push(Attribute {
                name: name.to_owned(),
                start: name_at,
                raw: raw_at..raw_at + raw.len(),
                value,
            });
        }
        let number = self.document.elements.len();
        self.document.elements.push(Element {
            name: start.name().as_ref().to_owned(),
            namespace,
            open: span,
            close: None,
            attributes,
            parent,
            children: Vec::new(),
            text: String::new(),
            mixed: false,
        });
        if let Some(parent) = parent.and_then(|parent| self.document.elements.get_mut(parent)) {
            parent.children.push(number);
        }
        if open {
            self.open.push(number);
        }
        Ok(())
    }
}

/// Where a slice of a text is in it.
fn inside(text: &str, slice: &str) -> Option<usize> {
    let at = (slice.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (text.get(at..at + slice.len()) == Some(slice)).then_some(at)
}
