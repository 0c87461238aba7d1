//! The PowerShell functions that the operations call: static text, loaded once into every session.

use std::sync::OnceLock;

const PARTS: &[&str] = &[
    include_str!("ledger.ps1"),
    include_str!("lease.ps1"),
    include_str!("lease_look.ps1"),
    include_str!("found.ps1"),
    include_str!("prune.ps1"),
];
/// What keeps a claim alive in a shell of its own.
const BESIDE: &[&str] = &[include_str!("lease.ps1"), include_str!("lease_renew.ps1")];

/// Returns the text of all functions, without the comment lines that start in the first column.
#[must_use]
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| without_comments(PARTS))
}

/// Returns the text of the functions that renew a lease beside a session.
#[must_use]
pub fn beside_library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| without_comments(BESIDE))
}

fn without_comments(parts: &[&str]) -> String {
    let lines = parts.iter().flat_map(|part| part.lines()).filter(|line| !line.starts_with('#'));
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}
