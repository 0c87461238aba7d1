//! What a plain scalar is: the typing rules of YAML 1.1 as PyYAML's `SafeLoader` applies them, which
//! is what Ansible's users get.

use super::NodeValue;

/// A scalar that its type cannot hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ScalarError {
    /// An integer beyond 64 bits.
    #[error("`{0}` is too large for an integer")]
    TooLarge(String),
    /// Text that looks like a date but is none.
    #[error("`{0}` looks like a date but is none")]
    NoDate(String),
    /// Text under a tag that does not fit it.
    #[error("`{text}` is not {kind}")]
    NotA {
        /// The text.
        text: String,
        /// What the tag asks for.
        kind: &'static str,
    },
}

/// Types a plain scalar.
pub(super) fn plain(text: &str) -> Result<NodeValue, ScalarError> {
    if let Some(value) = boolean(text) {
        return Ok(NodeValue::Bool(value));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Ok(NodeValue::String(text.to_owned()));
    }
    if let Some(value) = float(text) {
        return Ok(NodeValue::Float(value));
    }
    if let Some(value) = integer(text) {
        return value.ok_or_else(|| ScalarError::TooLarge(text.to_owned()));
    }
    if let Some(date) = timestamp(text) {
        return date.map(NodeValue::String).ok_or_else(|| ScalarError::NoDate(text.to_owned()));
    }
    Ok(NodeValue::String(text.to_owned()))
}

/// Types a scalar under a tag of the core schema; nothing if the tag names no scalar.
pub(super) fn tagged(tag: &str, text: &str) -> Option<Result<NodeValue, ScalarError>> {
    let no = |kind| Err(ScalarError::NotA { text: text.to_owned(), kind });
    Some(match tag {
        "str" => Ok(NodeValue::String(text.to_owned())),
        "null" => Ok(NodeValue::Null),
        "bool" => match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(NodeValue::Bool(true)),
            "no" | "false" | "off" => Ok(NodeValue::Bool(false)),
            _ => no("a boolean"),
        },
        "int" => match integer(text) {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(ScalarError::TooLarge(text.to_owned())),
            None => no("an integer"),
        },
        "float" => match float(text).or_else(|| number_with_point(&text.replace('_', ""))) {
            Some(value) => Ok(NodeValue::Float(value)),
            None => no("a float"),
        },
        _ => return None,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn only(text: &str, allowed: fn(u8) -> bool) -> bool {
    text.bytes().all(|byte| byte == b'_' || allowed(byte))
}

/// Returns nothing for text that is no integer, and `Some(None)` for one that does not fit.
fn integer(text: &str) -> Option<Option<NodeValue>> {
    let (negative, body) = split_sign(text);
    let digits = body.replace('_', "");
    let value = if let Some(binary) = body.strip_prefix("0b") {
        (!binary.is_empty() && only(binary, |byte| matches!(byte, b'0' | b'1')))
            .then(|| i128::from_str_radix(digits.get(2..)?, 2).ok())?
    } else if let Some(hexadecimal) = body.strip_prefix("0x") {
        (!hexadecimal.is_empty() && only(hexadecimal, |byte| byte.is_ascii_hexdigit()))
            .then(|| i128::from_str_radix(digits.get(2..)?, 16).ok())?
    } else if body.starts_with('0') {
        only(body, |byte| matches!(byte, b'0'..=b'7')).then(|| i128::from_str_radix(&digits, 8).ok())?
    } else if body.contains(':') {
        sexagesimal_parts(body).then(|| {
            digits
                .split(':')
                .try_fold(0_i128, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))
        })?
    } else {
        (body.starts_with(|first: char| first.is_ascii_digit()) && only(body, |byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<i128>().ok())?
    };
    let value = value.map(|value| if negative { -value } else { value });
    Some(value.and_then(|value| {
        let small = i64::try_from(value).ok().map(NodeValue::Int);
        small.or_else(|| u64::try_from(value).ok().map(NodeValue::Large))
    }))
}

/// Tells whether `text` is digits followed by one or more `:` groups of at most 59.
fn sexagesimal_parts(text: &str) -> bool {
    let mut parts = text.split(':');
    parts.next().is_some_and(|first| {
        first.starts_with(|digit: char| digit.is_ascii_digit()) && only(first, |byte| byte.is_ascii_digit())
    }) && parts.all(|part| match part.as_bytes() {
        [units] => units.is_ascii_digit(),
        [tens, units] => matches!(tens, b'0'..=b'5') && units.is_ascii_digit(),
        _ => false,
    })
}

fn float(text: &str) -> Option<f64> {
    let (negative, body) = split_sign(text);
    let sign = if negative { -1.0 } else { 1.0 };
    match body {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if body == text => return Some(f64::NAN),
        _ => {}
    }
    let (whole, fraction) = body.split_once('.')?;
    if whole.contains(':') {
        let sexagesimal = sexagesimal_parts(whole) && only(fraction, |byte| byte.is_ascii_digit());
        return sexagesimal.then(|| {
            let value = body.replace('_', "");
            sign * value.split(':').filter_map(number_with_point).fold(0.0, |sum, part| sum * 60.0 + part)
        });
    }
    // An exponent counts only with its sign: `1.0e3` is a string.
    let (fraction, exponent) = match fraction.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (fraction, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-'])?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let starts = if whole.is_empty() { fraction } else { whole };
    let shaped = starts.starts_with(|first: char| first.is_ascii_digit())
        && only(whole, |byte| byte.is_ascii_digit())
        && only(fraction, |byte| byte.is_ascii_digit());
    // Without a whole part there is no sign: `-.5` is a string.
    (shaped && (!whole.is_empty() || body == text)).then(|| number_with_point(&text.replace('_', "")))?
}

fn number_with_point(text: &str) -> Option<f64> {
    let plausible =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'e' | b'E'));
    plausible.then(|| text.parse().ok())?
}

/// Returns nothing for text that has not the shape of a date, `Some(None)` for a date that does not
/// exist, and else its ISO 8601 form, which is what Ansible writes into JSON.
fn timestamp(text: &str) -> Option<Option<String>> {
    let mut rest = text;
    let year = take(&mut rest, 4, 4)?;
    let month_text = after(&mut rest, "-", 1, 2)?;
    let day_text = after(&mut rest, "-", 1, 2)?;
    let (month, day) = (number(month_text), number(day_text));
    let valid_date = jiff::civil::Date::new(year.parse().ok()?, month, day).is_ok() && year != "0000";
    if rest.is_empty() {
        return (month_text.len() == 2 && day_text.len() == 2).then(|| valid_date.then(|| text.to_owned()));
    }
    let blank = rest.trim_start_matches([' ', '\t']);
    rest = if blank.len() < rest.len() { blank } else { rest.strip_prefix(['T', 't'])? };
    let hour = number(take(&mut rest, 1, 2)?);
    let minute = number(after(&mut rest, ":", 2, 2)?);
    let second = number(after(&mut rest, ":", 2, 2)?);
    let mut fraction = String::new();
    if let Some(behind) = rest.strip_prefix('.') {
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        fraction = format!("{:0<6}", &behind[..digits.min(6)]);
        rest = &behind[digits..];
    }
    if fraction.bytes().all(|digit| digit == b'0') {
        fraction.clear();
    }
    rest = rest.trim_start_matches([' ', '\t']);
    let mut zone = String::new();
    let mut valid_zone = true;
    if rest == "Z" {
        zone.push_str("+00:00");
    } else if let Some(sign) = rest.chars().next() {
        if !matches!(sign, '+' | '-') {
            return None;
        }
        rest = &rest[1..];
        let hours = number(take(&mut rest, 1, 2)?);
        let minutes = if rest.is_empty() { 0 } else { number(after(&mut rest, ":", 2, 2)?) };
        if !rest.is_empty() {
            return None;
        }
        valid_zone = hours < 24 && minutes < 60;
        let sign = if hours == 0 && minutes == 0 { '+' } else { sign };
        zone = format!("{sign}{hours:02}:{minutes:02}");
    }
    let valid = valid_date && valid_zone && hour < 24 && minute < 60 && second < 60;
    let point = if fraction.is_empty() { "" } else { "." };
    Some(valid.then(|| {
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}{zone}")
    }))
}

fn take<'a>(rest: &mut &'a str, least: usize, most: usize) -> Option<&'a str> {
    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (taken, behind) = rest.split_at(digits);
    *rest = behind;
    (digits >= least).then_some(taken)
}

fn after<'a>(rest: &mut &'a str, separator: &str, least: usize, most: usize) -> Option<&'a str> {
    *rest = rest.strip_prefix(separator)?;
    take(rest, least, most)
}

fn number(digits: &str) -> i8 {
    digits.parse().expect("one or two ASCII digits were taken")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The expected side was printed by PyYAML 6.0.3 (`yaml.safe_load`).
    #[rstest]
    #[case("yes No ON off True FALSE true", "true false true false true false true")]
    #[case(
        "0 1 -1 +1 0644 0b101 0x1F -0x1f 1_000 1__0 0_7 00 007 -017 0b_1 0x_f -0 0_",
        "0 1 -1 1 420 5 31 -31 1000 10 7 0 7 -15 1 15 0 0"
    )]
    #[case("1:30 190:20:30 -1:30 12:30:45", "90 685230 -90 45045")]
    #[case("9223372036854775807 -9223372036854775808", "9223372036854775807 -9223372036854775808")]
    #[case(
        "1:30.5 1.5 1. .5 1.0e+3 1.5E-3 1_0.5 0. 0:1.5 1._5 -0.0",
        "90.5 1.5 1.0 0.5 1000.0 0.0015 10.5 0.0 1.5 1.5 -0.0"
    )]
    #[case(".inf -.INF +.Inf .nan .NaN 1.0e+400", "inf -inf inf NaN NaN inf")]
    #[case("null ~ Null NULL", "nothing nothing nothing nothing")]
    fn types_plain_scalars_as_pyyaml(#[case] input: &str, #[case] expected: &str) {
        let shown: Vec<String> = input.split(' ').map(|text| show(&plain(text))).collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn leaves_everything_else_a_string() {
        let words = "tRUE y n Y N nULL 0o644 08 0xZZ _1 1:60 0:30 -.5 +.5 1e3 1.0e3 .Nan .iNF 1.2.3 10.1.0.11 12-34 1e400 v1 1,000 ._5 -.nan 0b 0x + - . -- 1:2:x 2001-1-2 2001-01-02x 1.5e+ 0.5_e+3x é 1é";
        for word in words.split(' ') {
            assert_eq!(show(&plain(word)), format!("'{word}'"));
        }
    }

    #[rstest]
    #[case("2001-01-02", "2001-01-02")]
    #[case("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.100000-05:00")]
    #[case("2001-12-14 21:59:43", "2001-12-14T21:59:43")]
    #[case("2001-12-14 1:02:03.5 Z", "2001-12-14T01:02:03.500000+00:00")]
    fn writes_dates_as_ansible(#[case] input: &str, #[case] expected: &str) {
        assert_eq!(show(&plain(input)), format!("'{expected}'"));
    }

    #[test]
    fn refuses_what_no_type_can_hold() {
        assert_eq!(
            plain("18446744073709551616"),
            Err(ScalarError::TooLarge("18446744073709551616".to_owned()))
        );
        assert_eq!(plain("12345678901234567890"), Ok(NodeValue::Large(12_345_678_901_234_567_890)));
        assert!(plain("-9223372036854775809").is_err());
        assert_eq!(plain("2001-13-45"), Err(ScalarError::NoDate("2001-13-45".to_owned())));
        assert!(tagged("int", "x").is_some_and(|result| result.is_err()));
        assert!(tagged("bool", "maybe").is_some_and(|result| result.is_err()));
        assert!(tagged("float", "inf").is_some_and(|result| result.is_err()));
    }

    fn show(value: &Result<NodeValue, ScalarError>) -> String {
        match value {
            Ok(NodeValue::Null) => "nothing".to_owned(),
            Ok(NodeValue::Bool(value)) => value.to_string(),
            Ok(NodeValue::Int(value)) => value.to_string(),
            Ok(NodeValue::Float(value)) => format!("{value:?}"),
            Ok(NodeValue::String(text)) => format!("'{text}'"),
            other => format!("{other:?}"),
        }
    }
}
