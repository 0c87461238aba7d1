//! JSON settings as .NET's configuration reads them: comments and trailing commas are fine, keys do not differ by case
//! alone, nesting ends at 64 levels.

mod edit;
mod mask;
mod parse;
mod style;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use edit::JsonEdit;

use serde_json::Value;

use super::Problem;

/// Reads a document without changing it; its root is an object.
///
/// # Errors
/// It is too large, not UTF-8, or no settings that .NET reads. The problem holds no value of the document.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    Ok(parse::parse(super::text_of(bytes)?)?.root.value())
}
