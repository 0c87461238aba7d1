//! Words and lines as Windows programs read them.
//!
//! A program gets one line and takes it apart itself, most of them by the rules of `CommandLineToArgvW` and the C
//! run-time ("Parsing C command-line arguments", Microsoft): backslashes are ordinary but in front of a quote, where
//! two are one, and an odd one makes the quote ordinary.

/// Returns a word that is read back as it was.
pub fn quote_word(word: &str) -> String {
    let plain = !word.is_empty() && !word.contains([' ', '\t', '\n', '\u{b}', '"']);
    if plain {
        return word.to_owned();
    }
    let mut quoted = String::from('"');
    let mut slashes = 0;
    for part in word.chars() {
        match part {
            '\\' => {
                slashes += 1;
                continue;
            }
            '"' => quoted.extend(std::iter::repeat_n('\\', 2 * slashes + 1)),
            _ => quoted.extend(std::iter::repeat_n('\\', slashes)),
        }
        quoted.push(part);
        slashes = 0;
    }
    quoted.extend(std::iter::repeat_n('\\', 2 * slashes));
    quoted.push('"');
    quoted
}

/// Returns words as one line. The first one is a program: it may not hold a quote, which no rule can write there.
pub fn quote_argv<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote_word).collect::<Vec<_>>().join(" ")
}

/// Takes a line apart as `CommandLineToArgvW` does. The first word follows another rule: quotes group, and nothing
/// escapes.
pub fn split_argv(line: &str) -> Vec<String> {
    let mut rest = line.trim_start_matches([' ', '\t']).chars().peekable();
    let mut words = Vec::new();
    if rest.peek().is_none() {
        return words;
    }
    let (mut word, mut quoted) = (String::new(), false);
    while let Some(part) = rest.next_if(|part| quoted || !matches!(part, ' ' | '\t')) {
        if part == '"' { quoted = !quoted } else { word.push(part) }
    }
    words.push(word);
    loop {
        while rest.next_if(|part| matches!(part, ' ' | '\t')).is_some() {}
        if rest.peek().is_none() {
            return words;
        }
        words.push(argument(&mut rest));
    }
}

/// Reads one word behind the first.
fn argument(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let (mut word, mut quoted, mut slashes) = (String::new(), false, 0);
    while let Some(part) = rest.next_if(|part| quoted || !matches!(part, ' ' | '\t')) {
        match part {
            '\\' => slashes += 1,
            '"' => {
                word.extend(std::iter::repeat_n('\\', slashes / 2));
                if slashes % 2 == 1 {
                    word.push('"');
                } else if quoted && rest.next_if_eq(&'"').is_some() {
                    // Two within quotes are one.
                    word.push('"');
                } else {
                    quoted = !quoted;
                }
                slashes = 0;
            }
            _ => {
                word.extend(std::iter::repeat_n('\\', slashes));
                word.push(part);
                slashes = 0;
            }
        }
    }
    word.extend(std::iter::repeat_n('\\', slashes));
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_quoted_as_the_documentation_shows() {
        for (word, quoted) in [
            ("", r#""""#),
            ("plain", "plain"),
            (r"C:\Program Files\x", r#""C:\Program Files\x""#),
            (r"C:\dir\", r"C:\dir\"),
            (r"C:\a dir\", r#""C:\a dir\\""#),
            (r#"say "hi""#, r#""say \"hi\"""#),
            (r#"a\\"b"#, r#""a\\\\\"b""#),
            ("tab\there", "\"tab\there\""),
        ] {
            assert_eq!(quote_word(word), quoted, "{word}");
        }
    }

    #[test]
    fn lines_are_taken_apart_as_the_documentation_shows() {
        for (line, words) in [
            (r#"x "a b c" d e"#, vec!["x", "a b c", "d", "e"]),
            (r#"x "ab\"c" "\\" d"#, vec!["x", "ab\"c", "\\", "d"]),
            (r#"x a\\\b d"e f"g h"#, vec!["x", r"a\\\b", "de fg", "h"]),
            (r#"x a\\\"b c d"#, vec!["x", r#"a\"b"#, "c", "d"]),
            (r#"x a\\\\"b c" d e"#, vec!["x", r"a\\b c", "d", "e"]),
            (r#""C:\a b\x.exe" y"#, vec![r"C:\a b\x.exe", "y"]),
            (r#"x """#, vec!["x", ""]),
            ("", vec![]),
        ] {
            assert_eq!(split_argv(line), words, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_was_quoted_is_read_back(words in prop::collection::vec("[a \\\\\"\t\u{e4}]{0,12}", 0..6)) {
            let line = std::iter::once("x").chain(words.iter().map(String::as_str));
            let read = split_argv(&quote_argv(line));
            prop_assert_eq!(&read[1..], &words[..]);
        }
    }
}
