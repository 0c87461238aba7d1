//! The elements of a document, for those who read settings and do not edit them.

use zeroize::Zeroizing;

use super::parse::parse;
use crate::document::Problem;

/// An element of settings.
pub(crate) struct ReadElement {
    /// Its name without a prefix.
    pub(crate) name: String,
    /// Its attributes; values are overwritten when they are dropped.
    pub(crate) attributes: Vec<(String, Zeroizing<String>)>,
    /// The number of the element that it stands in.
    pub(crate) parent: Option<usize>,
}

impl ReadElement {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the elements of a document, the root first.
///
/// # Errors
/// The text is no XML, or has what is not read: a document type, entities of its own.
pub(crate) fn read(text: &str) -> Result<Vec<ReadElement>, Problem> {
    let elements = parse(text)?.elements.into_iter();
    Ok(elements
        .map(|element| ReadElement {
            name: element.local().to_owned(),
            parent: element.parent,
            attributes: element
                .attributes
                .into_iter()
                .map(|attribute| (attribute.name, Zeroizing::new(attribute.value)))
                .collect(),
        })
        .collect())
}
