//! JSON settings as .NET's configuration reads them: comments and trailing commas are fine, keys do not differ by case
//! alone, nesting ends at 64 levels.

mod edit;
mod mask;
mod parse;
mod read;
mod settings;
mod style;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use edit::JsonEdit;
pub(crate) use read::{read, tree};
pub use settings::{Setting, Settings};
