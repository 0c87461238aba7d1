//! Paths of elements: names with predicates on attributes, a small part of XPath.

use std::collections::BTreeMap;
use std::fmt;

use super::parse::{Document, Element};

/// A path of an element, as `/configuration/location[@path='.']//aspNetCore`.
#[derive(Clone, Debug)]
pub struct ElementPath {
    text: String,
    pub(super) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Whether anything may stand in between (`//`).
    pub(super) anywhere: bool,
    pub(super) namespace: String,
    pub(super) local: String,
    /// Attributes that the element has to have, with their values.
    pub(super) attributes: Vec<(String, String)>,
}

impl ElementPath {
    /// Reads a path. `namespaces` has the prefixes that it may use.
    ///
    /// # Errors
    /// The message: it is none of the paths that are understood.
    pub fn parse(text: &str, namespaces: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut scanner = Scanner { text, rest: text };
        let mut steps = Vec::new();
        while !scanner.rest.is_empty() {
            if !scanner.pass("/") {
                return Err(scanner.wrong("`/`"));
            }
            let anywhere = scanner.pass("/");
            let name = scanner.name()?;
            let (namespace, local) = match name.split_once(':') {
                Some((prefix, local)) => {
                    let namespace = namespaces.get(prefix).ok_or_else(|| {
                        format!(
                            "`{text}`: the prefix `{prefix}` is unknown\nhint: `namespaces` gives it a name"
                        )
                    })?;
                    (namespace.clone(), local.to_owned())
                }
                None => (String::new(), name),
            };
            let mut attributes = Vec::new();
            while scanner.pass("[") {
                attributes.push(scanner.predicate()?);
            }
            steps.push(Step { anywhere, namespace, local, attributes });
        }
        if steps.is_empty() {
            return Err(
                "a path is empty\nhint: write it as `/configuration/appSettings/add[@key='x']`".to_owned()
            );
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The elements that the first `steps` steps select, in the order of the document.
    pub(super) fn select(&self, document: &Document, steps: usize) -> Vec<usize> {
        let Some((first, rest)) = self.steps[..steps].split_first() else { return Vec::new() };
        let roots = 0..document.elements.len().min(1);
        let mut found: Vec<usize> = if first.anywhere {
            (0..document.elements.len()).filter(|&number| first.fits(&document.elements[number])).collect()
        } else {
            roots.filter(|&number| first.fits(&document.elements[number])).collect()
        };
        for step in rest {
            let mut from = vec![false; document.elements.len()];
            found.iter().for_each(|&number| from[number] = true);
            let mut below = vec![false; document.elements.len()];
            let mut next = Vec::new();
            // Parents come before their children.
            for (number, element) in document.elements.iter().enumerate() {
                let Some(parent) = element.parent else { continue };
                below[number] = from[parent] || below[parent];
                let reached = if step.anywhere { below[number] } else { from[parent] };
                if reached && step.fits(element) {
                    next.push(number);
                }
            }
            found = next;
        }
        found
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn fits(&self, element: &Element) -> bool {
        element.local() == self.local
            && element.namespace == self.namespace
            && self.attributes.iter().all(|(name, value)| element.attribute(name) == Some(value))
    }
}

struct Scanner<'t> {
    text: &'t str,
    rest: &'t str,
}

impl Scanner<'_> {
    fn pass(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn wrong(&self, expected: &str) -> String {
        let column = self.text.chars().count() - self.rest.chars().count() + 1;
        format!(
            "`{}`: {expected} is expected at column {column}\nhint: a path is made of `/name`, `//name` and `[@attribute='value']`",
            self.text
        )
    }

    fn name(&mut self) -> Result<String, String> {
        let inside = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.' | ':');
        let length = self.rest.find(|char| !inside(char)).unwrap_or(self.rest.len());
        let name = &self.rest[..length];
        if !is_name(name) {
            return Err(self.wrong("a name"));
        }
        self.rest = &self.rest[length..];
        Ok(name.to_owned())
    }

    fn predicate(&mut self) -> Result<(String, String), String> {
        if !self.pass("@") {
            return Err(self.wrong("`@` and the name of an attribute"));
        }
        let name = self.name()?;
        if name.contains(':') {
            return Err(self.wrong("an attribute without a prefix"));
        }
        if !self.pass("=") {
            return Err(self.wrong("`=`"));
        }
        let quote = if self.pass("'") {
            '\''
        } else if self.pass("\"") {
            '"'
        } else {
            return Err(self.wrong("a value in quotes"));
        };
        let Some(length) = self.rest.find(quote) else { return Err(self.wrong("a closing quote")) };
        let value = self.rest[..length].to_owned();
        self.rest = &self.rest[length + 1..];
        if !self.pass("]") {
            return Err(self.wrong("`]`"));
        }
        check_characters(&value)?;
        Ok((name, value))
    }
}

/// Whether a text can be the name of an element or an attribute, with one prefix at most.
pub(super) fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|char: char| char.is_alphabetic() || char == '_')
            && part.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.'))
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}

/// Refuses characters that no XML document can hold (XML 1.0, 2.2).
pub(super) fn check_characters(text: &str) -> Result<(), String> {
    let odd = |char: char| {
        char.is_control() && !matches!(char, '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}')
            || matches!(char, '\u{fffe}' | '\u{ffff}')
    };
    match text.chars().find(|char| odd(*char)) {
        Some(char) => Err(format!("the character `{}` cannot be part of XML", char.escape_debug())),
        None => Ok(()),
    }
}
