//! Values of INI inventories: Python literals (`ast.literal_eval`) where the text is one, else the text.

use crate::source::{Node, NodeValue, Span};

/// Lists and mappings within each other that are read; deeper ones stay text, as Python's parser gives up too.
const DEEPEST: usize = 50;

/// What a text is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// A value.
    Value(Node),
    /// Nothing but text.
    Text,
    /// A value that there is no type for; the words say what.
    Refused(&'static str),
}

/// Reads `text`, which stands at `span`.
pub(super) fn literal(text: &str, span: &Span) -> Literal {
    let mut parser = Parser { rest: text.trim_start_matches([' ', '\t']), span, depth: 0, refused: None };
    let found = parser.all();
    match (found, parser.refused) {
        (Some(_), Some(what)) => Literal::Refused(what),
        (Some(value), None) => Literal::Value(Node::new(span.clone(), value)),
        (None, _) => Literal::Text,
    }
}

struct Parser<'a> {
    rest: &'a str,
    span: &'a Span,
    depth: usize,
    refused: Option<&'static str>,
}

impl Parser<'_> {
    /// One value, or several with commas between them, and then nothing but a comment.
    fn all(&mut self) -> Option<NodeValue> {
        let value = self.value()?;
        let value = if self.eat(',') { self.items(Some(value), None)? } else { value };
        self.space();
        self.rest.is_empty().then_some(value)
    }

    /// Skips blanks and a comment.
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn node(&self, value: NodeValue) -> Node {
        Node::new(self.span.clone(), value)
    }

    /// Items up to `close`, or to the end of the text, the first of which may be there already.
    fn items(&mut self, first: Option<NodeValue>, close: Option<char>) -> Option<NodeValue> {
        let mut items: Vec<Node> = first.map(|value| self.node(value)).into_iter().collect();
        loop {
            let over = match close {
                Some(close) => self.eat(close),
                None => {
                    self.space();
                    self.rest.is_empty()
                }
            };
            if over {
                return Some(NodeValue::Sequence(items));
            }
            let value = self.value()?;
            items.push(self.node(value));
            if !self.eat(',') {
                return match close {
                    Some(close) => self.eat(close).then_some(NodeValue::Sequence(items)),
                    None => Some(NodeValue::Sequence(items)),
                };
            }
        }
    }

    fn value(&mut self) -> Option<NodeValue> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        self.space();
        let value = match self.rest.chars().next()? {
            '[' => {
                self.eat('[');
                self.items(None, Some(']'))
            }
            '(' => {
                self.eat('(');
                self.round()
            }
            '{' => {
                self.eat('{');
                self.curly()
            }
            '\'' | '"' => self.text(),
            '0'..='9' | '.' | '+' | '-' => self.number(),
            first if first.is_alphabetic() || first == '_' => self.word(),
            _ => None,
        };
        self.depth -= 1;
        value
    }

    /// `()`, `(value)`, which is the value, or `(value, ...)`.
    fn round(&mut self) -> Option<NodeValue> {
        if self.eat(')') {
            return Some(NodeValue::Sequence(Vec::new()));
        }
        let value = self.value()?;
        if self.eat(')') {
            return Some(value);
        }
        if self.eat(',') { self.items(Some(value), Some(')')) } else { None }
    }

    /// A mapping, or a set, which is a list of what it holds.
    fn curly(&mut self) -> Option<NodeValue> {
        if self.eat('}') {
            return Some(NodeValue::Mapping(Vec::new()));
        }
        let first = self.value()?;
        if !self.eat(':') {
            let set = match (self.eat(','), self.rest.starts_with('}')) {
                (false, true) => {
                    self.eat('}');
                    NodeValue::Sequence(vec![self.node(first)])
                }
                (true, _) => self.items(Some(first), Some('}'))?,
                (false, false) => return None,
            };
            let NodeValue::Sequence(items) = set else { return None };
            let mut once: Vec<Node> = Vec::new();
            for item in items {
                if !once.contains(&item) {
                    once.push(item);
                }
            }
            return Some(NodeValue::Sequence(once));
        }
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut key = first;
        loop {
            if matches!(key, NodeValue::Sequence(_) | NodeValue::Mapping(_)) {
                self.refused = Some("a mapping with a list for a key");
            }
            let value = self.value()?;
            let (key_node, value) = (self.node(key), self.node(value));
            match entries.iter_mut().find(|(known, _)| *known == key_node) {
                Some(entry) => entry.1 = value,
                None => entries.push((key_node, value)),
            }
            if !self.eat(',') {
                return self.eat('}').then_some(NodeValue::Mapping(entries));
            }
            if self.eat('}') {
                return Some(NodeValue::Mapping(entries));
            }
            key = self.value()?;
            if !self.eat(':') {
                return None;
            }
        }
    }

    /// `True`, `False`, `None`, `set()`, or the prefix of a text.
    fn word(&mut self) -> Option<NodeValue> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        if behind.starts_with(['\'', '"']) {
            return self.text();
        }
        let value = match word {
            "True" => NodeValue::Bool(true),
            "False" => NodeValue::Bool(false),
            "None" => NodeValue::Null,
            "set" => {
                self.rest = behind;
                let empty = self.eat('(') && self.eat(')');
                return empty.then_some(NodeValue::Sequence(Vec::new()));
            }
            _ => return None,
        };
        self.rest = behind;
        Some(value)
    }

    fn number(&mut self) -> Option<NodeValue> {
        let signed = self.rest.strip_prefix(['+', '-']);
        let negative = self.rest.starts_with('-');
        let unsigned = signed.unwrap_or(self.rest).trim_start_matches([' ', '\t']);
        let end = number_end(unsigned);
        let (digits, behind) = unsigned.split_at(end);
        if digits.is_empty() || behind.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
            return None;
        }
        self.rest = behind;
        if digits.ends_with(['j', 'J']) {
            self.refused = Some("a complex number");
            return Some(NodeValue::Null);
        }
        let number = number(digits)?;
        // `1+2j` and `1-2j`: Python reads them as one number.
        let rest = self.rest.trim_start_matches([' ', '\t']);
        if let Some(second) = rest.strip_prefix(['+', '-']) {
            let second = second.trim_start_matches([' ', '\t']);
            let end = number_end(second);
            if !second[..end].ends_with(['j', 'J']) {
                return None;
            }
            self.rest = &second[end..];
            self.refused = Some("a complex number");
            return Some(NodeValue::Null);
        }
        Some(match number {
            Number::Float(value) => NodeValue::Float(if negative { -value } else { value }),
            Number::Integer(value) => {
                let value = if negative { -value } else { value };
                if let Ok(value) = i64::try_from(value) {
                    NodeValue::Int(value)
                } else if let Ok(value) = u64::try_from(value) {
                    NodeValue::Large(value)
                } else {
                    self.refused = Some("too large for an integer");
                    NodeValue::Null
                }
            }
            Number::Huge => {
                self.refused = Some("too large for an integer");
                NodeValue::Null
            }
        })
    }

    /// Texts beside each other are one text.
    fn text(&mut self) -> Option<NodeValue> {
        let mut whole = String::new();
        let mut bytes = None;
        loop {
            let end = self.rest.find(['\'', '"'])?;
            let prefix = self.rest[..end].to_ascii_lowercase();
            let (raw, binary) = match prefix.as_str() {
                "" | "u" => (false, false),
                "r" => (true, false),
                "b" => (false, true),
                "br" | "rb" => (true, true),
                _ => return None,
            };
            if bytes.is_some_and(|bytes| bytes != binary) {
                return None;
            }
            bytes = Some(binary);
            self.rest = &self.rest[end..];
            self.one_text(raw, binary, &mut whole)?;
            self.space();
            let letters = self.rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
            if !letters.starts_with(['\'', '"']) {
                // Ansible never takes bytes for a template.
                let text = if binary { NodeValue::Unsafe(whole) } else { NodeValue::String(whole) };
                return Some(text);
            }
        }
    }

    fn one_text(&mut self, raw: bool, binary: bool, whole: &mut String) -> Option<()> {
        let quote = self.rest.chars().next()?;
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let close = if self.rest.starts_with(&triple) { triple } else { quote.to_string() };
        self.rest = &self.rest[close.len()..];
        loop {
            if let Some(rest) = self.rest.strip_prefix(close.as_str()) {
                self.rest = rest;
                return Some(());
            }
            let mut characters = self.rest.chars();
            let character = characters.next()?;
            if binary && !character.is_ascii() {
                return None;
            }
            self.rest = characters.as_str();
            if character != '\\' {
                whole.push(character);
            } else if raw {
                whole.push('\\');
                let escaped = characters.next()?;
                whole.push(escaped);
                self.rest = characters.as_str();
            } else {
                self.escape(binary, whole)?;
            }
        }
    }

    /// What stands behind a backslash; one that means nothing is kept.
    fn escape(&mut self, binary: bool, whole: &mut String) -> Option<()> {
        let mut characters = self.rest.chars();
        let kind = characters.next()?;
        let simple = match kind {
            '\\' | '\'' | '"' => Some(kind),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => None,
        };
        if let Some(simple) = simple {
            whole.push(simple);
            self.rest = characters.as_str();
            return Some(());
        }
        let (digits, radix) = match kind {
            'x' => (2, 16),
            'u' if !binary => (4, 16),
            'U' if !binary => (8, 16),
            '0'..='7' => {
                let count = self.rest.chars().take(3).take_while(|c| ('0'..='7').contains(c)).count();
                let code = u32::from_str_radix(&self.rest[..count], 8).ok()?;
                whole.push(char::from_u32(code)?);
                self.rest = &self.rest[count..];
                return Some(());
            }
            // Names of characters (`\N{...}`) would need a table of them.
            'N' if !binary => {
                self.refused = Some("text with `\\N{...}` in it");
                self.rest = characters.as_str();
                return Some(());
            }
            _ => {
                whole.push('\\');
                return Some(());
            }
        };
        let code = characters.as_str().get(..digits)?;
        whole.push(char::from_u32(u32::from_str_radix(code, radix).ok()?)?);
        self.rest = &characters.as_str()[digits..];
        Some(())
    }
}

enum Number {
    Integer(i128),
    /// Beyond 128 bits.
    Huge,
    Float(f64),
}

/// How far what looks like a number goes.
fn number_end(text: &str) -> usize {
    let mut before = ' ';
    let hexadecimal = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    text.find(|c: char| {
        let exponent = matches!(before, 'e' | 'E') && !hexadecimal;
        let goes_on =
            c.is_ascii_alphanumeric() || c == '_' || c == '.' || (exponent && matches!(c, '+' | '-'));
        before = c;
        !goes_on
    })
    .unwrap_or(text.len())
}

fn number(text: &str) -> Option<Number> {
    let single = |digits: &str| {
        !digits.is_empty() && !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__")
    };
    if let Some(start) = text.get(..2)
        && let Some(radix) = match start.to_ascii_lowercase().as_str() {
            "0x" => Some(16),
            "0o" => Some(8),
            "0b" => Some(2),
            _ => None,
        }
    {
        let digits = text[2..].strip_prefix('_').unwrap_or(&text[2..]);
        let plain = digits.replace('_', "");
        if !single(digits) || !plain.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        return Some(i128::from_str_radix(&plain, radix).map_or(Number::Huge, Number::Integer));
    }
    let plain = text.replace('_', "");
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        let zeros = plain.bytes().all(|byte| byte == b'0');
        if !single(text) || (plain.len() > 1 && plain.starts_with('0') && !zeros) {
            return None;
        }
        return Some(plain.parse().map_or(Number::Huge, Number::Integer));
    }
    // A float: digits, a point, digits, an exponent; a digit has to stand on either side of every `_`.
    let (mantissa, exponent) = match plain.find(['e', 'E']) {
        Some(at) => (&plain[..at], Some(&plain[at + 1..])),
        None => (plain.as_str(), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    let bytes = text.as_bytes();
    let lone = (0..bytes.len()).any(|at| {
        let beside = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        bytes[at] == b'_' && !(beside(at.checked_sub(1)) && beside(Some(at + 1)))
    });
    if lone
        || !exponent_ok
        || !digits(whole)
        || !digits(fraction)
        || (whole.is_empty() && fraction.is_empty())
    {
        return None;
    }
    plain.parse().ok().map(Number::Float)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::source::SourceFile;

    fn read(text: &str) -> Literal {
        literal(text, &Span::new(SourceFile::new("t", "", text), 0, text.len()))
    }

    #[rstest]
    #[case("5", json!(5))]
    #[case("-5", json!(-5))]
    #[case("+ 5", json!(5))]
    #[case("1_000", json!(1000))]
    #[case("0x1F", json!(31))]
    #[case("0o17", json!(15))]
    #[case("0b11", json!(3))]
    #[case("00", json!(0))]
    #[case("1.5", json!(1.5))]
    #[case("-1e3", json!(-1000.0))]
    #[case("1.", json!(1.0))]
    #[case(".5", json!(0.5))]
    #[case("5 # five", json!(5))]
    #[case("True", json!(true))]
    #[case("None", json!(null))]
    #[case("'a' \"b\"", json!("ab"))]
    #[case(r"'\x41\u00e9\t\101\q'", json!("Aé\tA\\q"))]
    #[case(r"r'\n'", json!("\\n"))]
    #[case("b'x'", json!("x"))]
    #[case("'''it's'''", json!("it's"))]
    #[case("[1, 'a', [], (2,), ]", json!([1, "a", [], [2]]))]
    #[case("1, 2", json!([1, 2]))]
    #[case("(1)", json!(1))]
    #[case("()", json!([]))]
    #[case("{'a': 1, 'b': {'c': None}, 'a': 2}", json!({"a": 2, "b": {"c": null}}))]
    #[case("{1, 2, 1}", json!([1, 2]))]
    #[case("set()", json!([]))]
    #[case("18446744073709551615", json!(u64::MAX))]
    fn reads_what_python_reads(#[case] text: &str, #[case] expected: Value) {
        match read(text) {
            Literal::Value(node) => assert_eq!(node.to_value(), expected, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[rstest]
    #[case("")]
    #[case("true")]
    #[case("007")]
    #[case("1_")]
    #[case("1__0")]
    #[case("0x")]
    #[case("1.2.3.4")]
    #[case("10.0.0.1")]
    #[case("1a")]
    #[case("--5")]
    #[case("-True")]
    #[case("1 2")]
    #[case("[1 2]")]
    #[case("[1,,2]")]
    #[case("(,)")]
    #[case("{'a'}x")]
    #[case("{'a': }")]
    #[case("'open")]
    #[case("'a' b'b'")]
    #[case("f'a'")]
    #[case("prod ; note")]
    #[case("{{ jinja }}")]
    #[case("C:\\temp")]
    #[case("...")]
    #[case("a.b")]
    #[case("'\\ud800'")]
    fn leaves_the_rest_as_text(#[case] text: &str) {
        assert_eq!(read(text), Literal::Text, "{text}");
    }

    #[rstest]
    #[case("1+2j")]
    #[case("2j")]
    #[case("99999999999999999999")]
    #[case("9999999999999999999999999999999999999999999999")]
    #[case("{[1]: 2}")]
    fn refuses_what_has_no_type(#[case] text: &str) {
        assert!(matches!(read(text), Literal::Refused(_)), "{text}");
    }

    #[test]
    fn depth_has_a_limit() {
        assert_eq!(read(&"[".repeat(100_000)), Literal::Text);
        assert_eq!(read(&format!("{}{}", "(".repeat(60), ")".repeat(60))), Literal::Text);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in r#"[0-9a-fjxoTruen_.+\-'"\\(){}\[\],: #é]{0,24}"#) {
            let _ = read(&text);
        }
    }
}
