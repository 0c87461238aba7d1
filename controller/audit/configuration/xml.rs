//! Text of an XML file as tags with places: a stream, so that large files take no more memory than their text.
//!
//! No document type, no entity but XML's own five and characters by number, nothing outside of the file. Nesting, attributes and elements are
//! limited. The first thing that is not well-formed ends the file.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use quick_xml::NsReader;
use quick_xml::errors::Error;
use quick_xml::events::attributes::{AttrError, Attribute as RawAttribute};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::source::{Diagnostic, SourceFile, Span};

/// Levels of elements that are read.
const DEPTH: usize = 256;

/// Attributes that one tag may have.
const ATTRIBUTES: usize = 256;

/// Elements that one file may have.
const ELEMENTS: usize = 4_000_000;

/// Namespace of the configuration.
pub(super) const NAMESPACE: &str = "urn:schemas-usercube-com:configuration";

/// An element of the configuration's namespace.
pub(super) struct Tag<'t> {
    file: &'t Arc<SourceFile>,
    /// The name without its prefix.
    pub(super) name: &'t str,
    /// Where the tag is.
    range: Range<usize>,
    attributes: Vec<Attribute<'t>>,
}

/// An attribute.
pub(super) struct Attribute<'t> {
    /// The name as written.
    pub(super) name: &'t str,
    /// The value.
    pub(super) value: Cow<'t, str>,
    /// Where the value is, without its quotes.
    raw: Range<usize>,
    /// Where the name is.
    named: Range<usize>,
}

impl<'t> Tag<'t> {
    /// The attribute of a name.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute<'t>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// All attributes.
    pub(super) fn attributes(&self) -> &[Attribute<'t>] {
        &self.attributes
    }

    /// `FILE:LINE` of the tag.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file.name(), self.line(self.range.start))
    }

    /// `FILE:LINE` of an attribute, if that is another line than the tag's.
    pub(super) fn place_of(&self, attribute: &Attribute<'_>) -> Option<String> {
        let line = self.line(attribute.named.start);
        (line != self.line(self.range.start)).then(|| format!("{}:{line}", self.file.name()))
    }

    /// The name of the element, for a message.
    pub(super) fn span(&self) -> Span {
        let start = self.name.as_ptr() as usize - self.file.text().as_ptr() as usize;
        Span::new(Arc::clone(self.file), start, start + self.name.len())
    }

    /// The value of an attribute, for a message.
    pub(super) fn value_span(&self, attribute: &Attribute<'_>) -> Span {
        Span::new(Arc::clone(self.file), attribute.raw.start, attribute.raw.end)
    }

    /// The name of an attribute, for a message.
    pub(super) fn name_span(&self, attribute: &Attribute<'_>) -> Span {
        Span::new(Arc::clone(self.file), attribute.named.start, attribute.named.end)
    }

    fn line(&self, at: usize) -> usize {
        self.file.line_number(at)
    }
}

/// What becomes of tags.
pub(super) trait Elements {
    /// Whether an element of the configuration's namespace at this depth (1 for the children of the root) is looked at.
    fn wants(&mut self, depth: usize, name: &str) -> bool;
    /// An element that is wanted begins.
    fn begin(&mut self, depth: usize, tag: &Tag<'_>);
    /// An element at this depth ends, wanted or not.
    fn end(&mut self, depth: usize);
    /// The root is another one, so that the file is none of the configuration's.
    fn other_root(&mut self, root: Diagnostic);
}

/// Reads a file to its end.
///
/// # Errors
/// What is not well-formed, or over a limit.
pub(super) fn walk(file: &Arc<SourceFile>, elements: &mut dyn Elements) -> Result<(), Diagnostic> {
    let text = file.text();
    let wrong = |range: Range<usize>, what: &str| {
        Diagnostic::error(&Span::new(Arc::clone(file), range.start, range.end), what)
    };
    let mut reader = NsReader::from_str(text);
    reader.config_mut().check_comments = true;
    let (mut open, mut count) = (Vec::<bool>::new(), 0_usize);
    let (mut seen_root, mut last_open) = (false, 0);
    loop {
        let start = position(reader.buffer_position());
        let (namespace, event) = match reader.read_resolved_event() {
            Ok((ResolveResult::Bound(namespace), event)) => (namespace.as_ref() == NAMESPACE, event),
            Ok((ResolveResult::Unbound, event)) => (false, event),
            Ok((ResolveResult::Unknown(prefix), _)) => {
                let what = format!("the prefix `{}` is not declared", short(&prefix.to_string()));
                return Err(wrong(start..position(reader.buffer_position()), &what));
            }
            Err(error) => {
                let at = position(reader.error_position()).min(text.len());
                let what = format!("this is not well-formed XML: {}", said(&error));
                return Err(wrong(at..at, &what));
            }
        };
        let range = start..position(reader.buffer_position());
        match event {
            Event::Start(ref tag) | Event::Empty(ref tag) => {
                count += 1;
                if count > ELEMENTS {
                    return Err(wrong(range, &format!("the file has more than {ELEMENTS} elements")));
                }
                let depth = open.len();
                if depth >= DEPTH {
                    return Err(wrong(range, &format!("elements are nested deeper than {DEPTH} levels")));
                }
                let (name, attributes) = attributes(file, tag, &range)?;
                let local = name.rsplit(':').next().unwrap_or(name);
                // What stands within an element of another namespace is none of the configuration's either.
                let ours = namespace && open.last().is_none_or(|parent| *parent);
                if depth == 0 {
                    if std::mem::replace(&mut seen_root, true) {
                        return Err(wrong(range, "there is a second root element"));
                    }
                    if !ours || local != "ConfigurationFile" {
                        elements.other_root(root(file, &range, name, local, namespace));
                        return Ok(());
                    }
                } else if ours && elements.wants(depth, local) {
                    elements.begin(depth, &Tag { file, name: local, range: range.clone(), attributes });
                }
                if matches!(event, Event::Start(_)) {
                    last_open = range.start;
                    open.push(ours);
                } else {
                    elements.end(depth);
                }
            }
            Event::End(_) => {
                open.pop();
                elements.end(open.len());
            }
            Event::Text(content) if open.is_empty() && !content.trim().is_empty() => {
                return Err(wrong(range, "there is text outside of the root element"));
            }
            Event::CData(_) if open.is_empty() => {
                return Err(wrong(range, "there is text outside of the root element"));
            }
            Event::GeneralRef(reference) => {
                let known = match reference.resolve_char_ref() {
                    Ok(Some(_)) => true,
                    Ok(None) => quick_xml::escape::resolve_xml_entity(&reference).is_some(),
                    Err(_) => false,
                };
                if !known || open.is_empty() {
                    return Err(wrong(range, NO_ENTITY).hint(ENTITY_HINT));
                }
            }
            Event::DocType(_) => {
                let range = range.start..range.start + "<!DOCTYPE".len();
                return Err(wrong(
                    range,
                    "there is a document type, and these are not read: their entities could be anything",
                )
                .hint("remove `<!DOCTYPE ...>`; the configuration needs none"));
            }
            Event::Eof => break,
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
    if !open.is_empty() {
        return Err(wrong(last_open..last_open + 1, "the file ends, and this element has no end tag")
            .hint("it, or one around it, was cut off"));
    }
    if !seen_root {
        return Err(wrong(0..0, "there is no element in the file"));
    }
    Ok(())
}

const NO_ENTITY: &str = "this entity is not one of XML's own, and others are not read";
const ENTITY_HINT: &str = "write the character itself, or `&amp;` for an ampersand";

/// Text of a file for a message: no longer than a line, nothing invisible in it.
pub(super) fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect::<String>().escape_debug().to_string();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// What the reader says, without what it says about its own settings.
fn said(error: &Error) -> String {
    let text = error.to_string();
    text.split("; raise the limit").next().unwrap_or_default().chars().take(200).collect()
}

fn root(file: &Arc<SourceFile>, range: &Range<usize>, name: &str, local: &str, ours: bool) -> Diagnostic {
    let span = Span::new(Arc::clone(file), range.start + 1, range.start + 1 + name.len());
    if local == "ConfigurationFile" {
        return Diagnostic::error(
            &span,
            "this `ConfigurationFile` is not in the namespace of the configuration, so nothing in it counts",
        )
        .hint(format!("write `<ConfigurationFile xmlns=\"{NAMESPACE}\">`"));
    }
    let what = format!("this is no file of the configuration: its root is `{}`", short(name));
    let warning = Diagnostic::warning(&span, what);
    if ours {
        return Diagnostic { severity: crate::source::Severity::Error, ..warning }
            .hint(format!("put it into `<ConfigurationFile xmlns=\"{NAMESPACE}\">`"));
    }
    warning.hint("it was passed over; keep other files elsewhere")
}

/// The name of a tag as written, and its attributes but those of namespaces.
fn attributes<'t>(
    file: &'t Arc<SourceFile>,
    tag: &BytesStart<'_>,
    range: &Range<usize>,
) -> Result<(&'t str, Vec<Attribute<'t>>), Diagnostic> {
    let text = file.text();
    let wrong = |at: Range<usize>, what: &str| {
        Err(Diagnostic::error(&Span::new(Arc::clone(file), at.start, at.end), what))
    };
    let inside = |slice: &str| {
        let at = (slice.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        text.get(at..at + slice.len()).map(|_| at..at + slice.len())
    };
    let Some(name) = inside(tag.name().as_ref()) else {
        return wrong(range.clone(), "this tag cannot be located");
    };
    let mut found: Vec<Attribute<'t>> = Vec::new();
    for attribute in tag.attributes().with_checks(false) {
        let RawAttribute { key, value } = match attribute {
            Ok(attribute) => attribute,
            Err(error) => {
                let (at, what) = misshapen(&error);
                // Positions are counted from the name of the tag.
                let at = (name.start + at).min(range.end);
                return wrong(at..at, what);
            }
        };
        let (Some(named), Some(raw)) = (inside(key.as_ref()), inside(value.as_ref())) else {
            return wrong(range.clone(), "the attributes of this tag cannot be located");
        };
        let (key, value) = (&text[named.clone()], &text[raw.clone()]);
        if found.len() >= ATTRIBUTES {
            return wrong(named, &format!("this tag has more than {ATTRIBUTES} attributes"));
        }
        if found.iter().any(|other| other.name == key) {
            return wrong(named, "this attribute is there twice");
        }
        if let Some(at) = value.find('<') {
            let at = raw.start + at;
            return wrong(at..at + 1, "a `<` in a value is written `&lt;`");
        }
        let value = match unescape(value) {
            Ok(value) => value,
            Err(at) => {
                let at = raw.start + at.start..raw.start + at.end;
                return wrong(at, NO_ENTITY).map_err(|error| error.hint(ENTITY_HINT));
            }
        };
        found.push(Attribute { name: key, value, raw, named });
    }
    Ok((&text[name], found))
}

/// A value without its escapes; line ends and tabs that are written as such are blanks in it (XML 1.0, 3.3.3).
fn unescape(raw: &str) -> Result<Cow<'_, str>, Range<usize>> {
    if !raw.contains(['&', '\n', '\r', '\t']) {
        return Ok(Cow::Borrowed(raw));
    }
    let (mut value, mut rest) = (String::with_capacity(raw.len()), raw);
    while let Some(at) = rest.find(['&', '\n', '\r', '\t']) {
        value.push_str(&rest[..at]);
        let start = raw.len() - rest.len() + at;
        rest = &rest[at..];
        if let Some(reference) = rest.strip_prefix('&') {
            // The longest reference that means something has ten characters: `&#x10ffff;`.
            let end = reference.bytes().take(32).position(|byte| byte == b';').ok_or(start..start + 1)?;
            let whole = start..start + end + 2;
            let name = &reference[..end];
            match name.strip_prefix('#') {
                Some(number) => {
                    let number = match number.strip_prefix('x') {
                        Some(hex) => u32::from_str_radix(hex, 16),
                        None => number.parse(),
                    };
                    let char = number.ok().filter(|_| !name.contains(['+', '-'])).and_then(char::from_u32);
                    value.push(char.filter(|char| *char != '\0').ok_or(whole)?);
                }
                None => value.push_str(quick_xml::escape::resolve_xml_entity(name).ok_or(whole)?),
            }
            rest = &reference[end + 1..];
        } else {
            rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
            value.push(' ');
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

fn misshapen(error: &AttrError) -> (usize, &'static str) {
    match error {
        AttrError::ExpectedEq(at) => (*at, "`=` and a value are expected behind the name of an attribute"),
        AttrError::ExpectedValue(at) => (*at, "a value in quotes is expected here"),
        AttrError::UnquotedValue(at) => (*at, "the value of an attribute is written in quotes"),
        AttrError::ExpectedQuote(at, _) => (*at, "the value of this attribute has no closing quote"),
        AttrError::Duplicated(at, _) => (*at, "this attribute is there twice"),
    }
}
