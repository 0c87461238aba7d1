//! Splits a pattern into its parts.

use fancy_regex::Regex;

use super::glob::Glob;
use super::{PatternError, PatternErrorKind as Kind};
use crate::inventory::is_address;

/// A host pattern: parts that add, intersect and exclude.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
}

/// One part of a pattern.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) operation: Operation,
    /// The text behind the operator.
    pub(super) text: String,
    pub(super) column: usize,
    /// The text before the subscript.
    pub(super) expression: String,
    pub(super) matcher: Matcher,
    pub(super) subscript: Option<Subscript>,
}

/// What a part does with the hosts that it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Add,
    Intersect,
    Exclude,
}

#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Glob(Glob),
    Regex(Box<Regex>),
}

/// Positions in the list of matches; both ends count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subscript {
    At(i64),
    From(usize),
    Range(usize, usize),
}

impl Pattern {
    /// Parses the text of `hosts:`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let parts = split(text)?
            .into_iter()
            .map(|(part, column)| Part::parse(part, column))
            .collect::<Result<Vec<_>, _>>()?;
        if parts.is_empty() {
            return Err(PatternError::new(Kind::Empty, "", 1));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Joins the patterns of a list (`hosts: [web, "!canary"]`) to one; nothing for an empty list.
    pub fn join(patterns: impl IntoIterator<Item = Self>) -> Option<Self> {
        patterns.into_iter().reduce(|mut all, more| {
            all.text.push(',');
            all.text.push_str(&more.text);
            all.parts.extend(more.parts);
            all
        })
    }

    /// Returns the text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Part {
    pub(super) fn parse(part: &str, column: usize) -> Result<Self, PatternError> {
        let (operation, text) = match part.chars().next() {
            Some('!') => (Operation::Exclude, &part[1..]),
            Some('&') => (Operation::Intersect, &part[1..]),
            _ => (Operation::Add, part),
        };
        let fail = |kind| PatternError::new(kind, part, column);
        if text.is_empty() {
            let operator = if operation == Operation::Exclude { '!' } else { '&' };
            return Err(fail(Kind::OperatorAlone(operator)));
        }
        if let Some(expression) = text.strip_prefix('~') {
            // The expression has to stand on its own before it is anchored.
            let regex = Regex::new(expression)
                .and_then(|_| Regex::new(&format!("^(?:{expression})")))
                .map_err(|error| fail(Kind::Regex(error.to_string())))?;
            let matcher = Matcher::Regex(Box::new(regex));
            let text = text.to_owned();
            return Ok(Self { operation, expression: text.clone(), text, column, matcher, subscript: None });
        }
        let (expression, subscript) = subscript(text).map_err(fail)?;
        let matcher = Matcher::Glob(Glob::new(expression));
        Ok(Self {
            operation,
            text: text.to_owned(),
            column,
            expression: expression.to_owned(),
            matcher,
            subscript,
        })
    }

    /// Returns the part as it was written.
    pub(super) fn written(&self) -> String {
        let operator = match self.operation {
            Operation::Add => "",
            Operation::Intersect => "&",
            Operation::Exclude => "!",
        };
        format!("{operator}{}", self.text)
    }

    /// Finds `[digits:digits]` that is not the subscript: Ansible takes it as a set of characters, the
    /// user meant a range of hosts.
    pub(super) fn range_in_name(&self) -> Option<&str> {
        if self.text.starts_with('~') {
            return None;
        }
        let mut rest = self.expression.as_str();
        while let Some((_, behind)) = rest.split_once('[') {
            let Some((inner, after)) = behind.split_once(']') else { break };
            if let Some((begin, end)) = inner.split_once(':')
                && !begin.is_empty()
                && begin.bytes().chain(end.bytes()).all(|byte| byte.is_ascii_digit() || byte == b':')
            {
                return Some(inner);
            }
            rest = after;
        }
        None
    }
}

/// Splits at commas; without one, at colons that stand outside of brackets and are not part of an
/// address. Each part comes with its column.
pub(super) fn split(text: &str) -> Result<Vec<(&str, usize)>, PatternError> {
    let mut parts = Vec::new();
    let mut add = |from: usize, to: usize| {
        let piece = &text[from..to];
        let part = piece.trim();
        if !part.is_empty() {
            let start = from + piece.len() - piece.trim_start().len();
            parts.push((part, text[..start].chars().count() + 1));
        }
    };
    if text.contains(',') {
        let mut from = 0;
        for (at, _) in text.match_indices(',') {
            add(from, at);
            from = at + 1;
        }
        add(from, text.len());
        return Ok(parts);
    }
    if is_address(text.trim()) {
        add(0, text.len());
        return Ok(parts);
    }
    let mut from = 0;
    let mut open: Option<usize> = None;
    for (at, character) in text.char_indices() {
        match (character, open) {
            ('[', None) => open = Some(at),
            (']', Some(_)) => open = None,
            (']', None) => return Err(bracket(text, at)),
            (':', None) => {
                add(from, at);
                from = at + 1;
            }
            (blank, None) if blank.is_whitespace() => {
                add(from, at);
                from = at + blank.len_utf8();
            }
            _ => {}
        }
    }
    if let Some(at) = open {
        return Err(bracket(text, at));
    }
    add(from, text.len());
    Ok(parts)
}

fn bracket(text: &str, at: usize) -> PatternError {
    PatternError::new(Kind::Bracket, text.trim(), text[..at].chars().count() + 1)
}

/// Takes a subscript off the end: `[n]`, `[-n]`, `[n:m]`, `[n:]`.
fn subscript(text: &str) -> Result<(&str, Option<Subscript>), Kind> {
    let Some(open) = text.strip_suffix(']').and_then(|body| body.rfind('[')) else { return Ok((text, None)) };
    let (expression, inner) = (&text[..open], &text[open + 1..text.len() - 1]);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if expression.is_empty() {
        return Ok((text, None));
    }
    let position = |text: &str| text.parse::<usize>().map_err(|_| Kind::Position(inner.to_owned()));
    let found = if digits(inner.strip_prefix('-').unwrap_or(inner)) {
        Subscript::At(inner.parse().map_err(|_| Kind::Position(inner.to_owned()))?)
    } else if let Some((begin, end)) = inner.split_once(':') {
        match (digits(begin), digits(end)) {
            (true, true) => Subscript::Range(position(begin)?, position(end)?),
            (true, false) if end.is_empty() => Subscript::From(position(begin)?),
            (false, true) if begin.is_empty() => return Err(Kind::NoBegin(end.to_owned())),
            _ => return Ok((text, None)),
        }
    } else if let Some((begin, end)) = inner.split_once('-')
        && digits(begin)
        && (end.is_empty() || digits(end))
    {
        return Err(Kind::Dash(begin.to_owned(), end.to_owned()));
    } else {
        return Ok((text, None));
    };
    Ok((expression, Some(found)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parts(text: &str) -> String {
        let parts = split(text).unwrap();
        parts.iter().map(|(part, column)| format!("{part}@{column}")).collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case("web", "web@1")]
    #[case("a,b[1], c[2:3] , d", "a@1 b[1]@3 c[2:3]@9 d@18")]
    #[case("web:db", "web@1 db@5")]
    #[case("web:&prod:!web[0:1]", "web@1 &prod@5 !web[0:1]@11")]
    #[case("2001:db8::1", "2001:db8::1@1")]
    #[case("::1,web", "::1@1 web@5")]
    #[case("web[0:1]", "web[0:1]@1")]
    #[case("web*:!db", "web*@1 !db@6")]
    #[case(",,", "")]
    #[case(":", "")]
    #[case("  ", "")]
    #[case("é,b", "é@1 b@3")]
    fn splits_as_ansible(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(parts(text), expected);
    }

    #[rstest]
    #[case("web[0]", "web", Some(Subscript::At(0)))]
    #[case("web[-1]", "web", Some(Subscript::At(-1)))]
    #[case("web[0:1]", "web", Some(Subscript::Range(0, 1)))]
    #[case("web[1:]", "web", Some(Subscript::From(1)))]
    #[case("web[abc]", "web[abc]", None)]
    #[case("web[a:c]", "web[a:c]", None)]
    #[case("[12]", "[12]", None)]
    #[case("w[1:3].x", "w[1:3].x", None)]
    fn takes_subscripts_off(
        #[case] text: &str,
        #[case] expression: &str,
        #[case] expected: Option<Subscript>,
    ) {
        let part = Part::parse(text, 1).unwrap();
        assert_eq!((part.expression.as_str(), part.subscript), (expression, expected));
    }

    #[rstest]
    #[case("", "the pattern names no host")]
    #[case(" , ", "the pattern names no host")]
    #[case("web,!", "`!` (column 5): `!` stands alone")]
    #[case("web[:2]", "`web[:2]` (column 1): `[:2]` has no begin")]
    #[case("a,web[1-3]", "`web[1-3]` (column 3): `[1-3]` is no way to pick hosts from a group")]
    #[case("web[3-]", "`web[3-]` (column 1): `[3-]` is no way to pick hosts from a group")]
    #[case("web[1", "`web[1` (column 4): a bracket is not closed")]
    #[case(
        "web[99999999999999999999]",
        "`web[99999999999999999999]` (column 1): `[99999999999999999999]` is not a position"
    )]
    fn names_the_part_that_is_wrong(#[case] text: &str, #[case] message: &str) {
        assert_eq!(Pattern::parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn refuses_broken_expressions() {
        let error = Pattern::parse("web,~(").unwrap_err();
        assert!(matches!(error.kind, Kind::Regex(_)) && error.column == 5);
    }

    #[test]
    fn joins_lists() {
        let joined = Pattern::join([Pattern::parse("web").unwrap(), Pattern::parse("!db").unwrap()]).unwrap();
        assert_eq!((joined.text(), joined.parts.len()), ("web,!db", 2));
        assert!(Pattern::join([]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in r"[a-z0-9é\[\]:!&~,*? .()-]{0,30}") {
            let _ = Pattern::parse(&text);
        }
    }
}
