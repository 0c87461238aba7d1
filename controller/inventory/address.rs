//! What a host key of an inventory says: names (ranges expanded) and a port.

use std::net::Ipv6Addr;

/// Most hosts that one key may stand for.
const MOST_HOSTS: usize = 100_000;

/// The hosts of one key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Names, in order.
    pub names: Vec<String>,
    /// The port behind the name (`web1:2222`).
    pub port: Option<u16>,
}

/// A range that cannot be expanded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// `[` without `]`.
    #[error("`[` is not closed")]
    Open,
    /// Not two or three parts.
    #[error("the range `[{0}]` is not `[begin:end]` or `[begin:end:step]`")]
    Shape(String),
    /// Nothing behind the colon.
    #[error("the range `[{0}]` has no end")]
    NoEnd(String),
    /// `[01:100]`.
    #[error("both ends of the range `[{0}]` have to be written with the same number of digits")]
    Width(String),
    /// `[3:1]`.
    #[error("the range `[{0}]` ends before it begins")]
    Backwards(String),
    /// Neither two numbers nor two letters.
    #[error("the range `[{0}]` is neither of numbers nor of single letters")]
    Mixed(String),
    /// A step of zero or no number.
    #[error("the step of the range `[{0}]` is not a positive number")]
    Step(String),
    /// Too many hosts.
    #[error("this name stands for more than {MOST_HOSTS} hosts")]
    TooMany,
    /// A port that does not exist.
    #[error("the port `{0}` is not between 1 and 65535")]
    Port(String),
}

impl Address {
    /// Reads a host key as Ansible does: `name`, `name:port`, `[ipv6]:port`, with `[begin:end:step]`
    /// ranges in the name. Text that is no network name is taken as it stands.
    pub fn read(key: &str) -> Result<Self, RangeError> {
        let (name, port) = match split_port(key) {
            Some((name, port)) if is_name(name) => {
                let number = port.parse().ok().filter(|number| *number > 0);
                (name, Some(number.ok_or_else(|| RangeError::Port(port.to_owned()))?))
            }
            _ => (key, None),
        };
        Ok(Self { names: expand(name)?, port })
    }
}

/// Tells whether `text` is one network name or address, ranges and a port allowed. A `:` in such text
/// does not separate patterns.
pub fn is_address(text: &str) -> bool {
    match split_port(text) {
        Some((name, _)) => is_name(name),
        None => is_name(text),
    }
}

/// Splits `name:port` and `[name]:port`; the name of the first form holds no other bare `:`.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (name, port) = text.rsplit_once(':')?;
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Some(inner) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && !inner.is_empty()
        && !inner.contains(['[', ']'])
        && is_name(inner)
    {
        return Some((inner, port));
    }
    let mut bracketed = false;
    for character in name.chars() {
        match character {
            '[' if !bracketed => bracketed = true,
            ']' if bracketed => bracketed = false,
            '[' | ']' => return None,
            ':' if !bracketed => return None,
            _ => {}
        }
    }
    (!bracketed).then_some((name, port))
}

fn is_name(text: &str) -> bool {
    let Some(flat) = without_ranges(text) else { return false };
    if flat.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    flat.split('.').all(|label| {
        let word = |character: char| character.is_alphanumeric() || character == '_';
        label.starts_with(word)
            && label.ends_with(char::is_alphanumeric)
            && label.chars().all(|character| word(character) || character == '-')
    })
}

/// Puts `0` in the place of every well-formed range; nothing if a bracket holds something else.
fn without_ranges(text: &str) -> Option<String> {
    let mut flat = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('[') {
        let (range, after) = behind.split_once(']')?;
        let parts: Vec<&str> = range.split(':').collect();
        let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let step_ok = parts
            .get(2)
            .is_none_or(|step| step.bytes().all(|byte| byte.is_ascii_digit()) && !step.is_empty());
        let letters = |part: &&str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        let ends = parts.get(..2)?;
        if parts.len() > 3 || !step_ok || !(ends.iter().all(number) || ends.iter().all(letters)) {
            return None;
        }
        flat.push_str(before);
        flat.push('0');
        rest = after;
    }
    flat.push_str(rest);
    (!flat.contains([']'])).then_some(flat)
}

fn expand(name: &str) -> Result<Vec<String>, RangeError> {
    let mut done = vec![String::new()];
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('[') {
        let (range, after) = behind.split_once(']').ok_or(RangeError::Open)?;
        let values = values(range)?;
        if values.len().saturating_mul(done.len()) > MOST_HOSTS {
            return Err(RangeError::TooMany);
        }
        done = done
            .iter()
            .flat_map(|start| values.iter().map(move |value| format!("{start}{before}{value}")))
            .collect();
        rest = after;
    }
    for name in &mut done {
        name.push_str(rest);
    }
    Ok(done)
}

fn values(range: &str) -> Result<Vec<String>, RangeError> {
    let parts: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match parts[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(RangeError::Shape(range.to_owned())),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(RangeError::NoEnd(range.to_owned()));
    }
    let step: usize =
        step.parse().ok().filter(|step| *step > 0).ok_or_else(|| RangeError::Step(range.to_owned()))?;
    if let (Some(first), Some(last)) = (letter(begin), letter(end)) {
        if first > last {
            return Err(RangeError::Backwards(range.to_owned()));
        }
        return Ok(LETTERS[first..=last].chars().step_by(step).map(String::from).collect());
    }
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let (Some(first), Some(last)) = (number(begin), number(end)) else {
        return Err(RangeError::Mixed(range.to_owned()));
    };
    let width = if begin.len() > 1 && begin.starts_with('0') { begin.len() } else { 0 };
    if width > 0 && width != end.len() {
        return Err(RangeError::Width(range.to_owned()));
    }
    if first > last {
        return Err(RangeError::Backwards(range.to_owned()));
    }
    if (last - first) / step as u64 >= MOST_HOSTS as u64 {
        return Err(RangeError::TooMany);
    }
    Ok((first..=last).step_by(step).map(|value| format!("{value:0width$}")).collect())
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    if text.len() == 1 { LETTERS.find(text) } else { None }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web1", "web1")]
    #[case("web[01:03].ex.com", "web01.ex.com web02.ex.com web03.ex.com")]
    #[case("web[10:20:5]", "web10 web15 web20")]
    #[case("db-[a:c]", "db-a db-b db-c")]
    #[case("r[1:2]-n[a:b]", "r1-na r1-nb r2-na r2-nb")]
    #[case("x[:2]", "x0 x1 x2")]
    #[case("x[8:11]", "x8 x9 x10 x11")]
    #[case("2001:db8::1", "2001:db8::1")]
    #[case("10.0.0.[1:2]", "10.0.0.1 10.0.0.2")]
    fn expands_ranges(#[case] key: &str, #[case] names: &str) {
        assert_eq!(Address::read(key).unwrap().names.join(" "), names);
        assert_eq!(Address::read(key).unwrap().port, None);
    }

    #[rstest]
    #[case("web1:2222", "web1", 2222)]
    #[case("[2001:db8::1]:22", "2001:db8::1", 22)]
    #[case("10.0.0.1:22", "10.0.0.1", 22)]
    #[case("web[1:2]:22", "web1 web2", 22)]
    fn reads_ports(#[case] key: &str, #[case] names: &str, #[case] port: u16) {
        let address = Address::read(key).unwrap();
        assert_eq!((address.names.join(" ").as_str(), address.port), (names, Some(port)));
    }

    #[rstest]
    #[case("web[1:3", RangeError::Open)]
    #[case("web[3:1]", RangeError::Backwards("3:1".to_owned()))]
    #[case("web[c:a]", RangeError::Backwards("c:a".to_owned()))]
    #[case("web[01:100]", RangeError::Width("01:100".to_owned()))]
    #[case("web[1:]", RangeError::NoEnd("1:".to_owned()))]
    #[case("web[1]", RangeError::Shape("1".to_owned()))]
    #[case("web[1:3:0]", RangeError::Step("1:3:0".to_owned()))]
    #[case("web[a:3]", RangeError::Mixed("a:3".to_owned()))]
    #[case("web[1:999999999999]", RangeError::TooMany)]
    #[case("web[1:999][1:999]", RangeError::TooMany)]
    #[case("web1:99999", RangeError::Port("99999".to_owned()))]
    fn refuses_broken_ranges(#[case] key: &str, #[case] error: RangeError) {
        assert_eq!(Address::read(key), Err(error));
    }

    #[test]
    fn tells_addresses_from_patterns() {
        for address in ["web1", "web[0:1]", "web:80", "::1", "2001:db8::1", "[::1]:22", "a.b-c.d", "é1"] {
            assert!(is_address(address), "{address}");
        }
        for pattern in
            ["web:db", "web*", "web[0]", "web[-1]", "web:&db", "!web", "a..b", "-a", "", "web[0:1]:!db"]
        {
            assert!(!is_address(pattern), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(key in r"[a-z0-9\[\]:.é-]{0,20}") {
            let _ = (Address::read(&key), is_address(&key));
        }
    }
}
