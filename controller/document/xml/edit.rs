//! Edits the elements of an XML document.

use std::fmt;

use serde_json::{Map, Value};

use super::mask;
use super::parse::{Attribute, Document, Element, parse};
use super::path::{ElementPath, check_characters, is_name};
use super::style::Style;
use crate::document::place::place;
use crate::document::{Edited, Problem, text_of};

/// Most changes of one edit.
const CHANGES: usize = 10_000;

/// What shall be in a document.
#[derive(Clone, Debug)]
pub struct XmlEdit {
    edits: Vec<ElementEdit>,
}

/// What shall be of one element.
#[derive(Clone)]
pub struct ElementEdit {
    path: ElementPath,
    /// Attributes with their values; none removes the attribute.
    attributes: Vec<(String, Option<String>)>,
    text: Option<String>,
    /// Whether there shall be no such element.
    absent: bool,
    /// Whether a missing element is made.
    create: bool,
}

/// One change of the text.
enum Change<'d> {
    Value(&'d Attribute, &'d str),
    Attribute(&'d Element, &'d str, &'d str),
    WithoutAttribute(&'d Attribute),
    Content(&'d Element, &'d str),
    Child(&'d Element, &'d super::path::Step),
    Without(&'d Element),
}

impl fmt::Debug for ElementEdit {
    /// Values may be secrets, so they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.attributes.iter().map(|(name, _)| name).collect();
        f.debug_struct("ElementEdit")
            .field("path", &self.path.to_string())
            .field("attributes", &names)
            .finish_non_exhaustive()
    }
}

impl ElementEdit {
    /// Makes an edit. Values of attributes are texts, numbers and booleans (`true`, `false`); null removes the attribute.
    ///
    /// # Errors
    /// The message: a name or value that XML cannot hold, or nothing to do.
    pub fn new(
        path: ElementPath,
        attributes: &Map<String, Value>,
        text: Option<String>,
        absent: bool,
        create: bool,
    ) -> Result<Self, String> {
        let mut wanted = Vec::new();
        for (name, value) in attributes {
            if !is_name(name) || name.contains(':') || name == "xmlns" {
                return Err(format!("`{path}`: `{name}` is not the name of an attribute without a prefix"));
            }
            let value = match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                _ => {
                    return Err(format!(
                        "`{path}`: the value of `{name}` is not a text, a number or a boolean"
                    ));
                }
            };
            check_characters(value.as_deref().unwrap_or_default())
                .map_err(|why| format!("`{path}`: `{name}`: {why}"))?;
            wanted.push((name.clone(), value));
        }
        check_characters(text.as_deref().unwrap_or_default()).map_err(|why| format!("`{path}`: {why}"))?;
        if absent && (!wanted.is_empty() || text.is_some() || create) {
            return Err(format!("`{path}`: `state: absent` takes no `attributes`, `text` or `create`"));
        }
        if !absent && wanted.is_empty() && text.is_none() && !create {
            return Err(format!(
                "`{path}`: nothing to do\nhint: give it `attributes`, `text`, `create: true` or `state: absent`"
            ));
        }
        for (name, value) in path.steps.last().into_iter().flat_map(|step| &step.attributes) {
            if wanted.iter().any(|(other, wanted)| other == name && wanted.as_ref() != Some(value)) {
                return Err(format!(
                    "`{path}`: `{name}` selects the element and is changed as well, so that it would not be found again\nhint: select it by something else"
                ));
            }
        }
        Ok(Self { path, attributes: wanted, text, absent, create })
    }

    /// The first thing that is not as it shall be, and what it is called.
    fn next<'d>(
        &'d self,
        text: &str,
        document: &'d Document,
    ) -> Result<Option<(String, Change<'d>)>, Problem> {
        let found = self.path.select(document, self.path.steps.len());
        if self.absent {
            return match found.last().map(|&number| (number, &document.elements[number])) {
                Some((0, root)) => {
                    Err(Problem::new(text, root.open.start, "the root element cannot be removed"))
                }
                Some((_, element)) => Ok(Some((self.path.to_string(), Change::Without(element)))),
                None => Ok(None),
            };
        }
        let element = match found.as_slice() {
            [number] => &document.elements[*number],
            [] => return self.missing(text, document).map(Some),
            several => return Err(ambiguous(text, document, several, &format!("`{}`", self.path))),
        };
        for (name, wanted) in &self.attributes {
            let label = || format!("{}/@{name}", self.path);
            let there = element.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
            match (there, wanted) {
                (Some(there), _) if there.name != *name => {
                    let message = format!(
                        "`{name}` is written `{}` here\nhint: write it so in the task; .NET tells the two apart",
                        there.name
                    );
                    return Err(Problem::new(text, there.start, message));
                }
                (Some(there), Some(value)) if there.value != *value => {
                    return Ok(Some((label(), Change::Value(there, value))));
                }
                (None, Some(value)) => return Ok(Some((label(), Change::Attribute(element, name, value)))),
                (Some(there), None) => return Ok(Some((label(), Change::WithoutAttribute(there)))),
                _ => {}
            }
        }
        match &self.text {
            Some(wanted) if element.text != *wanted || !element.children.is_empty() => {
                if !element.children.is_empty() || element.mixed {
                    let message = format!("`{}` holds more than text, which would be lost", self.path);
                    return Err(Problem::new(text, element.open.start, message));
                }
                Ok(Some((format!("{}/text()", self.path), Change::Content(element, wanted))))
            }
            _ => Ok(None),
        }
    }

    /// The element that has to be made first, or why it cannot be.
    fn missing<'d>(&'d self, text: &str, document: &'d Document) -> Result<(String, Change<'d>), Problem> {
        let steps = &self.path.steps;
        let mut known = steps.len() - 1;
        while known > 0 && self.path.select(document, known).is_empty() {
            known -= 1;
        }
        let found = self.path.select(document, known);
        let step = &steps[known];
        let root = &document.elements[0];
        if !self.create {
            let near = found.first().map_or(root, |&number| &document.elements[number]);
            let message = format!("`{}` is not there\nhint: `create: true` makes it", self.path);
            return Err(Problem::new(text, near.open.start, message));
        }
        let parent = match found.as_slice() {
            [number] => &document.elements[*number],
            [] => {
                let message = format!("`{}` starts with another root element than the file does", self.path);
                return Err(Problem::new(text, root.open.start, message));
            }
            several => {
                return Err(ambiguous(text, document, several, &format!("what is above `{}`", self.path)));
            }
        };
        if let Some(step) = steps[known..].iter().find(|step| step.anywhere) {
            let message = format!(
                "`//{}` is not there, and its place is not known\nhint: write the whole path of what `create` makes",
                step.local
            );
            return Err(Problem::new(text, parent.open.start, message));
        }
        if step.namespace != parent.namespace {
            let message =
                format!("`{}` is in another namespace than the element that it would be made in", step.local);
            return Err(Problem::new(text, parent.open.start, message));
        }
        let children = parent.children.iter().map(|&number| &document.elements[number]);
        let other =
            |child: &&Element| child.local() != step.local && child.local().eq_ignore_ascii_case(&step.local);
        if let Some(child) = children.into_iter().find(other) {
            let message = format!(
                "`{}` is written `{}` here\nhint: write it so in the task",
                step.local,
                child.local()
            );
            return Err(Problem::new(text, child.open.start, message));
        }
        Ok((self.path.to_string(), Change::Child(parent, step)))
    }
}

impl XmlEdit {
    /// Makes an edit of several elements, which are looked at in this order.
    pub fn new(edits: Vec<ElementEdit>) -> Self {
        Self { edits }
    }

    /// Whether a file that is not there is as it shall be.
    pub fn needs_nothing(&self) -> bool {
        self.edits.iter().all(|edit| edit.absent)
    }

    /// Edits the bytes of a file.
    ///
    /// # Errors
    /// It is not well-formed, has a document type, or a path selects no element or several.
    pub fn apply(&self, bytes: &[u8]) -> Result<Edited, Problem> {
        let mut text = text_of(bytes)?.to_owned();
        let mut changes: Vec<String> = Vec::new();
        for _ in 0..=CHANGES {
            let document = parse(&text)?;
            let mut next = None;
            for edit in &self.edits {
                next = edit.next(&text, &document)?;
                if next.is_some() {
                    break;
                }
            }
            let Some((label, change)) = next else { return Ok(Edited { text, changes }) };
            let style = Style::of(&text, &document);
            let new = match change {
                Change::Value(attribute, value) => style.value(attribute, value),
                Change::Attribute(element, name, value) => style.attribute(element, name, value),
                Change::WithoutAttribute(attribute) => style.without_attribute(attribute),
                Change::Content(element, value) => style.content(element, value),
                Change::Child(parent, step) => style.child(&document, parent, step),
                Change::Without(element) => style.without(element),
            };
            if !changes.contains(&label) {
                changes.push(label);
            }
            text = new;
        }
        Err(Problem::at_start("the edits do not come to an end\nhint: two of them contradict each other"))
    }

    /// Old and new text as a difference may show them: without values that are secret.
    pub fn shown(&self, before: &str, after: &str) -> (String, String) {
        mask::shown(before, after)
    }
}

fn ambiguous(text: &str, document: &Document, found: &[usize], what: &str) -> Problem {
    let places: Vec<String> = found
        .iter()
        .take(5)
        .map(|&number| {
            let (line, column) = place(text, document.elements[number].open.start);
            format!("{line}:{column}")
        })
        .collect();
    let message = format!(
        "{} elements are {what}: at {}\nhint: add `[@attribute='value']` so that one is left",
        found.len(),
        places.join(", ")
    );
    Problem::new(text, document.elements[found[0]].open.start, message)
}
