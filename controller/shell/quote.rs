//! Quoting of words for POSIX sh.

/// Returns `word` as one word of POSIX sh. NUL cannot be in a shell word; callers refuse it.
pub fn quote(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for part in word.chars() {
        if part == '\'' { quoted.push_str("'\\''") } else { quoted.push(part) }
    }
    quoted.push('\'');
    quoted
}
