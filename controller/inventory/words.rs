//! Splits a line of an INI inventory into words, with quotes, escapes and comments as in a POSIX shell (Python's `shlex`).

/// A word without its quotes, and where it stands in the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Splits `line`, which begins at `offset` of its file. A `#` begins a comment wherever it stands outside of quotes.
///
/// # Errors
/// The offset of a quote or backslash that nothing closes.
pub(super) fn words(line: &str, offset: usize) -> Result<Vec<Word>, usize> {
    let mut words = Vec::new();
    let mut current: Option<Word> = None;
    let mut characters = line.char_indices().map(|(at, character)| (at + offset, character));
    while let Some((at, character)) = characters.next() {
        if character == '#' {
            break;
        }
        if character.is_ascii_whitespace() {
            words.extend(current.take());
            continue;
        }
        let word = current.get_or_insert_with(|| Word { text: String::new(), start: at, end: at });
        match character {
            '\'' => loop {
                match characters.next() {
                    None => return Err(at),
                    Some((end, '\'')) => {
                        word.end = end;
                        break;
                    }
                    Some((_, character)) => word.text.push(character),
                }
            },
            '"' => loop {
                match characters.next() {
                    None => return Err(at),
                    Some((end, '"')) => {
                        word.end = end;
                        break;
                    }
                    Some((_, '\\')) => match characters.next() {
                        None => return Err(at),
                        Some((_, escaped @ ('"' | '\\'))) => word.text.push(escaped),
                        Some((_, other)) => word.text.extend(['\\', other]),
                    },
                    Some((_, character)) => word.text.push(character),
                }
            },
            '\\' => match characters.next() {
                None => return Err(at),
                Some((end, escaped)) => {
                    word.text.push(escaped);
                    word.end = end + escaped.len_utf8() - 1;
                }
            },
            _ => {
                word.text.push(character);
                word.end = at + character.len_utf8() - 1;
            }
        }
        word.end += 1;
    }
    words.extend(current);
    Ok(words)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a  b\tc", "a|b|c")]
    #[case("a x='1 2' y=\"3 4\"", "a|x=1 2|y=3 4")]
    #[case(r#"a x="q\"q\\n\n" y=\#z '\'"#, r#"a|x=q"q\n\n|y=#z|\"#)]
    #[case("a x=1#2 y=3", "a|x=1")]
    #[case("a '' # c", "a|")]
    #[case("ä x=ö", "ä|x=ö")]
    fn splits_as_a_shell_does(#[case] line: &str, #[case] expected: &str) {
        let texts: Vec<String> = words(line, 0).unwrap().into_iter().map(|word| word.text).collect();
        assert_eq!(texts.join("|"), expected);
    }

    #[test]
    fn words_know_where_they_stand() {
        let found = words("ab 'c d'é x", 100).unwrap();
        let places: Vec<(usize, usize)> = found.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(places, [(100, 102), (103, 110), (111, 112)]);
        assert_eq!(words("a x='b", 10), Err(14));
        assert_eq!(words("a x=\"b", 10), Err(14));
        assert_eq!(words("a\\", 10), Err(11));
    }
}
