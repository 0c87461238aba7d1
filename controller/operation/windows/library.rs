//! The PowerShell functions that the operations call: static text, loaded once into every session.

use std::sync::OnceLock;

const PARTS: &[&str] = &[];

/// Returns the text of all functions, without the comment lines that start in the first column.
#[must_use]
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let lines = PARTS.iter().flat_map(|part| part.lines()).filter(|line| !line.starts_with('#'));
        lines.fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    })
}
