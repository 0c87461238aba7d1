//! XML settings (`web.config`): attributes, texts and elements that a path names. No document type, no entity but the five
//! of XML itself, nothing outside the file is ever read.

mod edit;
mod mask;
mod parse;
mod path;
mod read;
mod style;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use edit::{ElementEdit, XmlEdit};
pub use path::ElementPath;
pub(crate) use read::{ReadElement, read};
