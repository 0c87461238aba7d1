//! Reads JSON into a tree that knows where everything stands.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::document::Problem;
use crate::document::place::place;

/// Levels of nesting that .NET's reader takes (`JsonDocumentOptions.MaxDepth`).
const DEPTH: usize = 64;

/// Bytes of paths that are compared at most, when keys have `:` in them.
const PATHS: usize = 64 << 20;

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    /// Its one value.
    pub(super) root: Node,
    /// Where comments are, with their marks.
    pub(super) comments: Vec<Range<usize>>,
}

/// A value.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it is, brackets and quotes included.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Scalar(Value),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Member {
    /// The key, without its escapes.
    pub(super) key: String,
    /// Where the key begins.
    pub(super) start: usize,
    /// Its value.
    pub(super) value: Node,
    /// Where the comma behind it is.
    pub(super) comma: Option<usize>,
}

impl Node {
    /// The value without places.
    pub(super) fn value(&self) -> Value {
        match &self.kind {
            Kind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.value()))
                    .collect::<Map<_, _>>(),
            ),
            Kind::Array(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Scalar(value) => value.clone(),
        }
    }

    /// The members of an object.
    pub(super) fn members(&self) -> Option<&[Member]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }
}

/// Reads a document whose root is an object, and whose keys are different for .NET.
pub(super) fn parse(text: &str) -> Result<Document, Problem> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parser = Parser { text, at: start, comments: Vec::new(), levels: false };
    parser.blanks()?;
    if parser.at == text.len() {
        return Err(parser.wrong("the file is empty\nhint: settings are an object, at least `{}`"));
    }
    let root = parser.value(1)?;
    parser.blanks()?;
    if parser.at < text.len() {
        return Err(parser.wrong("something follows the end of the document"));
    }
    if root.members().is_none() {
        return Err(Problem::new(text, root.span.start, "settings are an object, and this is none"));
    }
    if parser.levels {
        check_paths(text, &root)?;
    }
    Ok(Document { root, comments: parser.comments })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    comments: Vec<Range<usize>>,
    /// Whether a key holds `:`, which separates levels, so that two places can be one setting.
    levels: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.text, self.at, message)
    }

    fn expected(&self, what: &str) -> Problem {
        match self.text[self.at..].chars().next() {
            Some(char) => {
                self.wrong(format!("{what} is expected here, and this is `{}`", char.escape_debug()))
            }
            None => self.wrong(format!("{what} is expected, and the file ends")),
        }
    }

    /// Passes white space and comments.
    fn blanks(&mut self) -> Result<(), Problem> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') => {
                    let rest = &self.text[self.at..];
                    let length = if rest.starts_with("//") {
                        rest.find(['\n', '\r']).unwrap_or(rest.len())
                    } else if rest.starts_with("/*") {
                        rest.find("*/")
                            .map(|end| end + 2)
                            .ok_or_else(|| self.wrong("this comment has no end"))?
                    } else {
                        return Err(self.expected("a comment"));
                    };
                    self.comments.push(self.at..self.at + length);
                    self.at += length;
                }
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        let start = self.at;
        if depth > DEPTH && matches!(self.peek(), Some(b'{' | b'[')) {
            return Err(self.wrong(format!("this is nested deeper than the {DEPTH} levels that .NET reads")));
        }
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::Scalar(Value::String(self.string()?)),
            Some(b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => Kind::Scalar(self.word()?),
            _ => return Err(self.expected("a value")),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Problem> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        let mut seen = HashMap::new();
        loop {
            self.blanks()?;
            match self.peek() {
                Some(b'}') => break,
                Some(b'"') if members.last().is_none_or(|member| member.comma.is_some()) => {}
                Some(b'"') => return Err(self.expected("`,` or `}`")),
                _ if members.last().is_some_and(|member| member.comma.is_none()) => {
                    return Err(self.expected("`,` or `}`"));
                }
                _ => return Err(self.expected("a key in double quotes, or `}`")),
            }
            let start = self.at;
            let key = self.string()?;
            self.levels |= key.contains(':');
            if let Some((other, at)) = seen.insert(key.to_lowercase(), (key.clone(), start)) {
                return Err(duplicate(self.text, start, &key, &other, at));
            }
            self.blanks()?;
            if self.peek() != Some(b':') {
                return Err(self.expected("`:`"));
            }
            self.at += 1;
            self.blanks()?;
            let value = self.value(depth + 1)?;
            self.blanks()?;
            let comma = (self.peek() == Some(b',')).then_some(self.at);
            self.at += usize::from(comma.is_some());
            members.push(Member { key, start, value, comma });
        }
        self.at += 1;
        Ok(Kind::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Problem> {
        self.at += 1;
        let (mut items, mut comma) = (Vec::new(), true);
        loop {
            self.blanks()?;
            match self.peek() {
                Some(b']') => break,
                _ if !comma => return Err(self.expected("`,` or `]`")),
                _ => {}
            }
            items.push(self.value(depth + 1)?);
            self.blanks()?;
            comma = self.peek() == Some(b',');
            self.at += usize::from(comma);
        }
        self.at += 1;
        Ok(Kind::Array(items))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                None | Some(b'\n' | b'\r') => return Err(self.wrong("this text has no closing `\"`")),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        // A backslash in front of a character of several bytes is no escape; only whole characters are cut out.
        let raw =
            self.text.get(start..=end).ok_or_else(|| self.wrong("an escape in this text is not valid"))?;
        let text = serde_json::from_str(raw).map_err(|error| {
            let at = start + error.column().saturating_sub(1).min(raw.len());
            Problem::new(
                self.text,
                at,
                "this text has a character or an escape that JSON does not know\nhint: a backslash is written twice",
            )
        })?;
        self.at = end + 1;
        Ok(text)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value, Problem> {
        let rest = &self.text[self.at..];
        let inside = |char: char| char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.' | '_');
        let word = &rest[..rest.find(|char| !inside(char)).unwrap_or(rest.len())];
        let value = serde_json::from_str(word)
            .map_err(|_| self.wrong("this is no value\nhint: text stands in double quotes"))?;
        self.at += word.len();
        Ok(value)
    }
}

fn duplicate(text: &str, start: usize, key: &str, other: &str, at: usize) -> Problem {
    let (line, column) = place(text, at);
    let hint = "hint: .NET does not tell keys apart by case; keep one of them";
    Problem::new(text, start, format!("`{key}` is there already: `{other}` at {line}:{column}\n{hint}"))
}

/// Refuses two ways to one setting, as in `{"A:B": 1, "A": {"B": 2}}`: `:` separates levels in keys.
fn check_paths(text: &str, root: &Node) -> Result<(), Problem> {
    let (mut seen, mut open, mut length) = (HashMap::new(), vec![(String::new(), root)], 0);
    while let Some((path, node)) = open.pop() {
        length += path.len();
        if length > PATHS {
            return Err(Problem::new(
                text,
                node.span.start,
                "the keys up to here are too many and too long to compare",
            ));
        }
        let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}:{key}") };
        match &node.kind {
            Kind::Object(members) => {
                open.extend(members.iter().rev().map(|member| (join(&member.key), &member.value)));
            }
            Kind::Array(items) if length + path.len() * items.len() <= PATHS => {
                open.extend(
                    items.iter().enumerate().rev().map(|(number, item)| (join(&number.to_string()), item)),
                );
            }
            Kind::Array(_) => length = PATHS,
            Kind::Scalar(_) => {
                let start = node.span.start;
                if let Some((other, at)) = seen.insert(path.to_lowercase(), (path.clone(), start)) {
                    return Err(duplicate(text, start, &path, &other, at));
                }
            }
        }
    }
    Ok(())
}
