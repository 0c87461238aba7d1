//! The PowerShell functions that the operations call: static text, loaded once into every session.

use std::sync::OnceLock;

const PARTS: &[&str] = &[
    include_str!("seam.ps1"),
    include_str!("point.ps1"),
    include_str!("point_file.ps1"),
    include_str!("restore.ps1"),
    include_str!("restore_file.ps1"),
    include_str!("ensure.ps1"),
];

/// Returns the text of all functions, without the comment lines that start in the first column.
#[must_use]
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let lines = PARTS
            .iter()
            .chain(super::files::PARTS)
            .flat_map(|part| part.lines())
            .filter(|line| !line.starts_with('#'));
        lines.fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    })
}
