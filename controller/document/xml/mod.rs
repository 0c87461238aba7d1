//! XML settings (`web.config`): attributes, texts and elements that a path names. No document type, no entity but the five
//! of XML itself, nothing outside the file is ever read.

mod edit;
mod mask;
mod parse;
mod path;
mod style;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use edit::{ElementEdit, XmlEdit};
pub use path::ElementPath;

use super::Problem;

/// The attributes of all elements of a name, in the order of the document; the name is without a prefix.
///
/// # Errors
/// It is too large, not UTF-8, or not well-formed.
pub fn attributes(bytes: &[u8], name: &str) -> Result<Vec<Vec<(String, String)>>, Problem> {
    let document = parse::parse(super::text_of(bytes)?)?;
    let named = document.elements.iter().filter(|element| element.local() == name);
    let pairs = |element: &parse::Element| {
        element.attributes.iter().map(|one| (one.name.clone(), one.value.clone())).collect()
    };
    Ok(named.map(pairs).collect())
}
