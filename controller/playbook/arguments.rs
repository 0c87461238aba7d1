//! Splits the text behind a module's name, `src=a dest="b c"` or a command line, as Ansible does:
//! words end at spaces and line ends, but not inside quotes or template braces.

/// Options that may stand inside the text of a command (`command: make creates=/x`).
const COMMAND_OPTIONS: &[&str] =
    &["chdir", "creates", "executable", "removes", "stdin", "stdin_add_newline", "strip_empty_ends", "warn"];

/// What the text says.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Arguments {
    /// `key=value` pairs.
    pub pairs: Vec<(String, String)>,
    /// The words that are no pairs, with the white space between them.
    pub text: String,
}

/// Quotes or template braces that are not closed.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("the text has {0}")]
pub struct Unbalanced(&'static str);

/// Splits `source`. In the text of a `command` only the options of commands are pairs; other words with
/// `=` belong to the command.
///
/// # Errors
/// Quotes or template braces that are not closed.
pub fn split(source: &str, command: bool) -> Result<Arguments, Unbalanced> {
    let mut arguments = Arguments::default();
    let mut last_is_text = false;
    // What followed the last word of the text; white space behind a pair goes with the pair.
    let mut gap = String::new();
    let (words, trailing) = words(source)?;
    for word in words {
        let decoded = decode(&word.text);
        let pair = assignment(&decoded)
            .map(|at| (decoded[..at].trim(), decoded[at + 1..].trim()))
            .filter(|(key, _)| !key.is_empty() && (!command || COMMAND_OPTIONS.contains(key)));
        if last_is_text {
            gap.clone_from(&word.before);
        }
        last_is_text = pair.is_none();
        if let Some((key, value)) = pair {
            arguments.pairs.push((key.to_owned(), unquote(value).to_owned()));
            continue;
        }
        if !arguments.text.is_empty() {
            arguments.text.push_str(&gap);
        }
        // Outside of pairs a backslash only serves to protect the sign.
        match assignment(&decoded) {
            Some(_) => arguments.text.push_str(&word.text),
            None => arguments.text.push_str(&word.text.replace("\\=", "=")),
        }
    }
    if last_is_text {
        arguments.text.push_str(trailing);
    }
    Ok(arguments)
}

struct Word {
    before: String,
    text: String,
}

/// Cuts the text into words, each with the white space in front of it; gives back what follows the last.
fn words(source: &str) -> Result<(Vec<Word>, &str), Unbalanced> {
    let mut words = Vec::new();
    let mut before = String::new();
    let mut text = String::new();
    let mut quote = None;
    let mut closers: Vec<&str> = Vec::new();
    let mut rest = source;
    let mut trailing = source;
    let mut previous = '\n';
    while let Some(character) = rest.chars().next() {
        let free = quote.is_none() && closers.is_empty();
        if free && matches!(character, ' ' | '\n') {
            if !text.is_empty() {
                words.push(Word { before: std::mem::take(&mut before), text: std::mem::take(&mut text) });
                trailing = rest;
            }
            before.push(character);
            rest = &rest[1..];
            previous = character;
            continue;
        }
        // A lone backslash at the end of a line joins the next line to this one.
        if free && text.is_empty() && rest.starts_with("\\\n") {
            before = if rest[2..].starts_with([' ', '\n']) { String::new() } else { " ".to_owned() };
            rest = &rest[2..];
            trailing = "";
            continue;
        }
        let mut taken = character.len_utf8();
        if let Some(closer) = closers.last().filter(|closer| rest.starts_with(**closer)) {
            taken = closer.len();
            closers.pop();
        } else if let Some(closer) = opened(rest) {
            taken = 2;
            closers.push(closer);
        } else if closers.is_empty() && matches!(character, '"' | '\'') && previous != '\\' {
            match quote {
                None => quote = Some(character),
                Some(open) if open == character => quote = None,
                Some(_) => {}
            }
        }
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
        previous = character;
    }
    if !closers.is_empty() {
        return Err(Unbalanced("template braces that are not closed"));
    }
    if quote.is_some() {
        return Err(Unbalanced("a quote that is not closed"));
    }
    if !text.is_empty() {
        words.push(Word { before, text });
        trailing = "";
    }
    Ok((words, trailing))
}

/// Returns what closes the template braces that the text begins with.
fn opened(rest: &str) -> Option<&'static str> {
    [("{{", "}}"), ("{%", "%}"), ("{#", "#}")]
        .into_iter()
        .find_map(|(opener, closer)| rest.starts_with(opener).then_some(closer))
}

/// Finds the first `=` that no backslash protects.
fn assignment(word: &str) -> Option<usize> {
    word.match_indices('=').map(|(at, _)| at).find(|at| !word[..*at].ends_with('\\'))
}

/// Takes away the quotes around a whole value.
fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.ends_with('\\')) {
            return inner;
        }
    }
    value
}

/// Replaces backslash escapes (`\n`, `\t`, `\"`, `\x41`, `\u00e9`, ...) by what they stand for.
fn decode(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (character, length) = escape(rest).unwrap_or(('\\', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// Reads one escape at the start of the text: the character and the length of the escape in bytes.
fn escape(text: &str) -> Option<(char, usize)> {
    let kind = text[1..].chars().next()?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    if digits > 0 {
        let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
        return Some((char::from_u32(code)?, 2 + digits));
    }
    let character = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' => kind,
        _ => return None,
    };
    Some((character, 2))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Each case was put to ansible-core 2.19; an empty text means that it found none.
    #[rstest]
    #[case("src={{ a | default('b c') }} dest=\"x y\"", false, &[("src", "{{ a | default('b c') }}"), ("dest", "x y")], "")]
    #[case("a=1 b='2 3' c=\"4\\n5\"", false, &[("a", "1"), ("b", "2 3"), ("c", "4\n5")], "")]
    #[case("a=b=c", false, &[("a", "b=c")], "")]
    #[case("free a=1", false, &[("a", "1")], "free")]
    #[case("a=1\nb=2", false, &[("a", "1"), ("b", "2")], "")]
    #[case("a\\=b", false, &[], "a=b")]
    #[case("msg='it''s'", false, &[("msg", "it''s")], "")]
    #[case("a=  b", false, &[("a", "")], "b")]
    #[case("", false, &[], "")]
    #[case("a=\\x41 b=\\t", false, &[("a", "A"), ("b", "")], "")]
    #[case("a=1 \\\n b=2", false, &[("a", "1"), ("b", "2")], "")]
    #[case("a=1 \\\nb=2 \\\n  c=3", false, &[("a", "1"), ("b", "2"), ("c", "3")], "")]
    #[case("x=\"a\\\"b\"", false, &[("x", "a\"b")], "")]
    #[case("{{ a }}", false, &[], "{{ a }}")]
    #[case("{% if x %} a=1 {% endif %} b=2", false, &[("a", "1"), ("b", "2")], "{% if x %} {% endif %}")]
    #[case("msg=\"a  b\"  c=d", false, &[("msg", "a  b"), ("c", "d")], "")]
    #[case("x='a\nb' c=1", false, &[("x", "a\nb"), ("c", "1")], "")]
    #[case("path=C:\\temp\\new", false, &[("path", "C:\temp\new")], "")]
    #[case("a='b'c", false, &[("a", "'b'c")], "")]
    #[case("a=1\tb=2", false, &[("a", "1\tb=2")], "")]
    #[case("a=\"{{ x }} y\" b={{ c }}d", false, &[("a", "{{ x }} y"), ("b", "{{ c }}d")], "")]
    #[case("x=a\\=b", false, &[("x", "a\\=b")], "")]
    #[case("=x", false, &[], "=x")]
    #[case("x=\"\\u00e9\\101\"", false, &[("x", "é\\101")], "")]
    #[case("echo  'a b' creates=/x chdir=\"/y z\"", true, &[("creates", "/x"), ("chdir", "/y z")], "echo  'a b'")]
    #[case("echo a=1 b=2", true, &[], "echo a=1 b=2")]
    #[case("echo {{ x == 1 }} executable=/bin/bash", true, &[("executable", "/bin/bash")], "echo {{ x == 1 }}")]
    #[case("line1\nline2 creates=/x", true, &[("creates", "/x")], "line1\nline2")]
    #[case("echo \\x41 \\n", true, &[], "echo \\x41 \\n")]
    #[case("echo 'creates=/x y'", true, &[], "echo 'creates=/x y'")]
    #[case("creates = /x echo", true, &[], "creates = /x echo")]
    #[case("echo a;  echo    b", true, &[], "echo a;  echo    b")]
    #[case("echo \"a\" creates='x y' removes=\"q\"", true, &[("creates", "x y"), ("removes", "q")], "echo \"a\"")]
    #[case(" echo hi ", true, &[], "echo hi ")]
    #[case("echo\tcreates=/x", true, &[], "echo\tcreates=/x")]
    #[case("foo \\\n  bar", true, &[], "foo  bar")]
    #[case("foo\\\nbar", true, &[], "foo\\\nbar")]
    #[case("echo \\\n", true, &[], "echo")]
    #[case("sed a\\=b x=1", true, &[], "sed a=b x=1")]
    #[case("x=a\\=b", true, &[], "x=a\\=b")]
    #[case("echo creates=/x  foo   bar", true, &[("creates", "/x")], "echo foo   bar")]
    #[case("if true; then\n  echo a\n\n  echo b\nfi\n", true, &[], "if true; then\n  echo a\n\n  echo b\nfi\n")]
    #[case("echo 'a\n  b'\n\nc", true, &[], "echo 'a\n  b'\n\nc")]
    #[case("cat <<EOF\nx = 1\nEOF", true, &[], "cat <<EOF\nx = 1\nEOF")]
    #[case("creates='/x'", true, &[("creates", "/x")], "")]
    #[case("printf '%s\\n' a", true, &[], "printf '%s\\n' a")]
    #[case("removes=/q\nline2\n", true, &[("removes", "/q")], "line2\n")]
    fn splits_as_ansible(
        #[case] source: &str,
        #[case] command: bool,
        #[case] pairs: &[(&str, &str)],
        #[case] text: &str,
    ) {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(split(source, command), Ok(Arguments { pairs, text: text.to_owned() }));
    }

    #[rstest]
    #[case("a='un")]
    #[case("msg=\"{{ x")]
    #[case("echo it's")]
    #[case("grep -q '{{' x")]
    #[case("echo ${#x}")]
    fn refuses_what_is_not_closed(#[case] source: &str) {
        assert!(split(source, true).is_err());
    }
}
