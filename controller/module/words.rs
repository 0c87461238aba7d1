//! Splits a command line into words the way a POSIX shell quotes them (Python's `shlex.split`).

use super::ModuleError;

/// Splits `text` into words.
///
/// # Errors
/// A quote is not closed, a backslash is the last character.
pub fn split(text: &str) -> Result<Vec<String>, ModuleError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(|| unclosed(text))? {
                        '\'' => break,
                        char => word.push(char),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(|| unclosed(text))? {
                        '"' => break,
                        '\\' => match chars.next().ok_or_else(|| unclosed(text))? {
                            char @ ('"' | '\\') => word.push(char),
                            char => word.extend(['\\', char]),
                        },
                        char => word.push(char),
                    }
                }
            }
            '\\' => {
                let escaped = chars.next().ok_or_else(|| {
                    ModuleError::new(format!("`{text}` ends in a backslash that escapes nothing"))
                })?;
                word.get_or_insert_default().push(escaped);
            }
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Ok(words)
}

fn unclosed(text: &str) -> ModuleError {
    ModuleError::new(format!("a quote is not closed in `{text}`"))
}

/// Refuses text that no argument of a program can hold.
///
/// # Errors
/// There is a NUL in it.
pub(super) fn no_nul<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), ModuleError> {
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(ModuleError::new("a NUL character cannot be part of a command"));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_shlex() {
        for (text, expected) in [
            ("a b", vec!["a", "b"]),
            ("  a\t\n b ", vec!["a", "b"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            (r#""a\"b\\c\d""#, vec![r#"a"b\c\d"#]),
            (r"'a\b'", vec![r"a\b"]),
            (r"a\ b", vec!["a b"]),
            ("'' \"\"", vec!["", ""]),
            ("a # b", vec!["a", "#", "b"]),
            ("a;b|c", vec!["a;b|c"]),
            ("é\u{a0}x", vec!["é\u{a0}x"]),
        ] {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        }
        for text in ["'a", "\"a", "\"a\\", "a\\"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
