//! Text in columns of a terminal, where a Chinese character takes two and an accent none.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// Columns that a sanitised text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The text, or as much of it as fits into the columns with `…` at its end.
pub fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(1);
    let mut end = 0;
    // A column takes a few code points at most in honest text; endless accents are cut.
    for (at, c) in text.char_indices().take(columns * 8) {
        let next = at + c.len_utf8();
        if width(&text[..next]) > room {
            break;
        }
        end = next;
    }
    Cow::Owned(if columns == 0 { String::new() } else { format!("{}…", &text[..end]) })
}

/// The text and spaces up to that many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_at_the_column() {
        assert_eq!(shorten("short", 5), "short");
        assert_eq!(shorten("too long", 5), "too …");
        assert_eq!(shorten("日本語です", 6), "日本…");
        assert_eq!(shorten("x", 0), "");
        assert_eq!(pad("日本", 6), "日本  ");
    }

    proptest! {
        #[test]
        fn never_wider_than_asked(text in any::<String>(), columns in 0_usize..40) {
            prop_assert!(width(&shorten(&text, columns)) <= columns);
        }
    }
}
