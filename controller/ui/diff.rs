//! Unified diffs, coloured line by line.

use super::{Palette, Tone};
use crate::hostlog::sanitize_text;

/// The lines of a unified diff, sanitised and painted.
pub(super) fn diff_lines(diff: &str, palette: Palette) -> Vec<String> {
    sanitize_text(diff).lines().map(|line| palette.paint_some(tone_of(line), line)).collect()
}

fn tone_of(line: &str) -> Option<Tone> {
    if line.starts_with("+++ ") || line.starts_with("--- ") {
        Some(Tone::Strong)
    } else if line.starts_with("@@") {
        Some(Tone::Skipped)
    } else if line.starts_with('+') {
        Some(Tone::Ok)
    } else if line.starts_with('-') {
        Some(Tone::Failed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- before: /etc/a\n+++ after: /etc/a\n@@ -1,2 +1,2 @@\n same\n-old\x1b[2J\n+new\n";

    #[test]
    fn shows_a_diff_without_escapes_of_the_host() {
        insta::assert_snapshot!(diff_lines(DIFF, Palette { color: false }).join("\n"), @r"
        --- before: /etc/a
        +++ after: /etc/a
        @@ -1,2 +1,2 @@
         same
        -old\x1b[2J
        +new
        ");
    }

    #[test]
    fn colours_by_line() {
        let lines = diff_lines(DIFF, Palette { color: true });
        assert_eq!(lines[2], "\x1b[0;36m@@ -1,2 +1,2 @@\x1b[0m");
        assert_eq!(lines[3], " same");
        assert_eq!(lines[4], "\x1b[0;31m-old\\x1b[2J\x1b[0m");
        assert_eq!(lines[5], "\x1b[0;32m+new\x1b[0m");
    }
}
