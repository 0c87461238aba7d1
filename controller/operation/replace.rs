//! All matches of a pattern in a text file: what `replace` makes of it. Pure.

use fancy_regex::Regex;

use super::text::{Edited, Shape, TextEdit};
use crate::template::regexes;

/// Largest text that replacing may make.
const LARGEST: usize = 16 << 20;

/// Replaces all matches of a pattern.
#[derive(Clone, Debug)]
pub struct ReplaceEdit {
    regex: Regex,
    replacement: String,
    /// What has the text in its group `subsection` where it is replaced, and how it was written.
    section: Option<(Regex, String)>,
}

impl ReplaceEdit {
    /// Makes an edit of patterns in Python's syntax; `^` and `$` fit at every line.
    ///
    /// # Errors
    /// The message: which pattern is wrong.
    pub fn new(
        regexp: &str,
        replacement: &str,
        after: Option<&str>,
        before: Option<&str>,
    ) -> Result<Self, String> {
        let written = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let section = match (written(after), written(before)) {
            (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
            (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
            (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
            (None, None) => None,
        };
        let section = match section {
            Some(pattern) => Some((regexes::of_text(&pattern, false, true)?, pattern)),
            None => None,
        };
        Ok(Self {
            regex: regexes::of_text(regexp, true, false)?,
            replacement: replacement.to_owned(),
            section,
        })
    }

    /// Replaces as Python's `re.subn` does: a match of nothing may follow directly behind another match.
    fn replaced(&self, text: &str) -> Result<(String, usize), String> {
        let (mut out, mut end, mut from, mut count) = (String::new(), 0, 0, 0);
        let mut last_empty = None;
        while from <= text.len() {
            let captures = self
                .regex
                .captures_from_pos(text, from)
                .map_err(|error| format!("the regular expression takes too long: {error}"))?;
            let Some(captures) = captures else { break };
            let Some(whole) = captures.get(0) else { break };
            let step = |at: usize| at + text[at..].chars().next().map_or(1, char::len_utf8);
            if whole.start() == whole.end() && last_empty == Some(whole.end()) {
                from = step(whole.end());
                continue;
            }
            out.push_str(&text[end..whole.start()]);
            regexes::expand(&self.replacement, &captures, &mut out).map_err(|error| {
                let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
                format!("the replacement does not fit the pattern: {detail}")
            })?;
            if out.len() > LARGEST {
                return Err(format!("the text would become larger than {LARGEST} bytes"));
            }
            end = whole.end();
            count += 1;
            last_empty = (whole.start() == whole.end()).then_some(end);
            from = end;
        }
        out.push_str(text.get(end..).unwrap_or_default());
        Ok((out, count))
    }
}

impl TextEdit for ReplaceEdit {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        let bytes = bytes.unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|error| {
            format!(
                "the file is not UTF-8: byte {} does not fit\nhint: use `lineinfile`, which works on bytes",
                error.valid_up_to()
            )
        })?;
        let (mut from, mut to) = (0, text.len());
        if let Some((regex, written)) = &self.section {
            let captures = regex
                .captures(text)
                .map_err(|error| format!("the regular expression takes too long: {error}"))?;
            let Some(section) =
                captures.and_then(|captures| captures.name("subsection").map(|found| found.range()))
            else {
                let message =
                    format!("Pattern for before/after params did not match the given file: {written}");
                return Ok(Edited { over: true, ..Edited::new(bytes.to_vec(), message) });
            };
            (from, to) = (section.start, section.end);
        }
        let (replaced, count) = self.replaced(&text[from..to])?;
        if count == 0 || replaced == text[from..to] {
            return Ok(Edited::new(bytes.to_vec(), ""));
        }
        let edited = [&text[..from], &replaced, &text[to..]].concat();
        Ok(Edited::new(edited.into_bytes(), format!("{count} replacements made")))
    }

    fn shape(&self) -> Shape {
        Shape::Text
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn replace(regexp: &str, by: &str, text: &str) -> (String, String) {
        let edited = ReplaceEdit::new(regexp, by, None, None).unwrap().edit(Some(text.as_bytes())).unwrap();
        (String::from_utf8(edited.bytes).unwrap(), edited.message)
    }

    #[test]
    fn matches_are_those_of_python() {
        for (regexp, by, text, expected, count) in [
            ("^a", "b", "a\na\nxa\n", "b\nb\nxa\n", 2),
            (r"(\w+) (?P<two>\w+)", r"\g<two> \1", "é ü", "ü é", 1),
            ("x*", "-", "abxd", "-a-b--d-", 5),
            ("x*", "-", "", "-", 1),
            (r"b$", "c", "ab\nb", "ac\nc", 2),
            (r"\n", "", "a\nb\n", "ab", 2),
        ] {
            assert_eq!(
                replace(regexp, by, text),
                (expected.to_owned(), format!("{count} replacements made")),
                "{regexp}"
            );
        }
        assert_eq!(replace("z", "y", "abc"), ("abc".to_owned(), String::new()));
        assert!(ReplaceEdit::new("(", "", None, None).unwrap_err().contains("not valid"));
        let wrong = ReplaceEdit::new("a", r"\2", None, None).unwrap();
        assert!(wrong.edit(Some(b"a")).unwrap_err().contains("the group `2`"));
        assert!(wrong.edit(Some(b"\xff")).unwrap_err().contains("not UTF-8"));
    }

    #[test]
    fn only_the_section_between_is_edited() {
        let edit = ReplaceEdit::new("x", "y", Some("<a>"), Some("</a>")).unwrap();
        assert_eq!(edit.edit(Some(b"x<a>x\nx</a>x</a>")).unwrap().bytes, b"x<a>y\ny</a>x</a>");
        let edited = edit.edit(Some(b"x")).unwrap();
        assert!(edited.over && edited.message.ends_with(": <a>(?P<subsection>.*?)</a>"));
        let edit = ReplaceEdit::new("x", "y", None, Some("END")).unwrap();
        assert_eq!(edit.edit(Some(b"xENDxENDx")).unwrap().bytes, b"yENDyENDx");
    }
}
