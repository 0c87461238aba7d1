//! Globs of file names as Python's `fnmatch` reads them, as regular expressions.

use fancy_regex::Regex;

/// Turns a glob into a regular expression for the whole of a name.
///
/// # Errors
/// The message: what is wrong with a range in it.
pub fn glob(text: &str) -> Result<Regex, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::from(r"(?s)\A");
    let mut at = 0;
    while let Some(char) = chars.get(at) {
        at += 1;
        match char {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                // A bracket that closes at once is a member of the set.
                let mut end = at + usize::from(chars.get(at) == Some(&'!'));
                end += usize::from(chars.get(end) == Some(&']'));
                while chars.get(end).is_some_and(|char| *char != ']') {
                    end += 1;
                }
                if end >= chars.len() {
                    out.push_str("\\[");
                    continue;
                }
                out.push('[');
                for (number, char) in chars[at..end].iter().enumerate() {
                    match char {
                        '!' if number == 0 => out.push('^'),
                        '-' => out.push('-'),
                        char => out.push_str(&fancy_regex::escape(&char.to_string())),
                    }
                }
                out.push(']');
                at = end + 1;
            }
            char => out.push_str(&fancy_regex::escape(&char.to_string())),
        }
    }
    out.push_str(r"\z");
    Regex::new(&out).map_err(|error| format!("`{text}` is not a pattern of names: {error}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_those_of_fnmatch() {
        for (pattern, name, matches) in [
            ("*.log", "a.log", true),
            ("*.log", "a.log.1", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("[!a]x", "bx", true),
            ("[!a]x", "ax", false),
            ("[]x]", "]", true),
            ("[a-c]1", "b1", true),
            ("a[b", "a[b", true),
            ("a.c", "abc", false),
            ("*", "a\nb", true),
            ("[^a]", "^", true),
        ] {
            assert_eq!(glob(pattern).unwrap().is_match(name).unwrap(), matches, "{pattern} {name}");
        }
    }
}
