//! One line of an ssh configuration: a keyword and its values.

use crate::transport::TransportError;

/// One `Keyword value...` line.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The keyword in lower case.
    pub keyword: String,
    /// Its values, quotes removed.
    pub values: Vec<String>,
    /// `FILE:LINE`, or where else it was given.
    pub place: String,
}

impl Setting {
    pub(super) fn first(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    pub(super) fn error(&self, what: &str) -> TransportError {
        TransportError::Local { message: format!("{}: {what}", self.place) }
    }
}

/// A line, or what follows `-o`: a keyword, then values, with an optional `=` between. `None` for a line without a
/// setting.
///
/// # Errors
/// A keyword without a value, or an open quote.
pub fn parse_setting(line: &str, place: &str) -> Result<Option<Setting>, TransportError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let wrong = |what: &str| TransportError::Local { message: format!("{place}: {what}") };
    let end = line.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let values = split_words(rest, true).ok_or_else(|| wrong("a quote is not closed"))?;
    if values.is_empty() {
        return Err(wrong(&format!("`{keyword}` has no value")));
    }
    Ok(Some(Setting { keyword: keyword.to_lowercase(), values, place: place.to_owned() }))
}

/// Splits at blanks outside of quotes. `None` if a quote is open at the end.
pub(crate) fn split_words(text: &str, comments: bool) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, '\\') if letters.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\' | ' ')) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (None, '#') if comments && word.is_none() => break,
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// A truth value.
pub(super) fn yes_or_no(setting: &Setting) -> Result<bool, TransportError> {
    match setting.first().to_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        other => Err(setting.error(&format!("`{other}` is neither `yes` nor `no`"))),
    }
}

/// A time in OpenSSH's format: seconds, or numbers with the units `s m h d w`.
pub(super) fn seconds(setting: &Setting) -> Result<u64, TransportError> {
    let text = setting.first();
    let wrong = || setting.error(&format!("`{text}` is not a time"));
    let mut total: u64 = 0;
    let mut digits = String::new();
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        digits.clear();
    }
    if digits.is_empty() {
        return if text.is_empty() { Err(wrong()) } else { Ok(total) };
    }
    digits.parse().ok().and_then(|part| total.checked_add(part)).ok_or_else(wrong)
}
