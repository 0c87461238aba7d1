//! What keeps text inert on a page: every value of a template goes through here.
//!
//! Besides the characters that HTML gives a meaning to, those that reorder or hide text become visible, as they do on
//! a terminal. Templates choose nothing: the escaper belongs to their file names (`askama.toml`).

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

use crate::hostlog::sanitize_text;

/// Escapes for HTML, after what is invisible or reorders text was made visible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inert;

impl Escaper for Inert {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(dest, &sanitize_text(text))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        Inert.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn markup_and_controls_become_text() {
        assert_eq!(escaped("</script><b>&\"'"), "&#60;/script&#62;&#60;b&#62;&#38;&#34;&#39;");
        assert_eq!(escaped("a\u{202e}b\0\x1b[31m"), r"a\u{202e}b\x00\x1b[31m");
        assert_eq!(escaped("Zürich 日本\n"), "Zürich 日本\n");
    }

    proptest! {
        #[test]
        fn nothing_that_html_acts_on_is_left(text in any::<String>()) {
            let out = escaped(&text);
            let acting = ['<', '>', '"', '\'', '\0', '\u{202e}'];
            prop_assert!(!out.contains(acting));
        }
    }
}
