//! Text formatting as Python's `%` operator and `str.format` do it.

use std::fmt::Write as _;

use minijinja::Error;
use minijinja::value::Value;

use super::error::fail;
use super::python::{as_float, as_integer, repr, text as to_text};
use super::texts::wrong;

/// Formats with `%` conversions.
pub(super) fn percent(
    format: &str,
    args: &[Value],
    mapping: Option<&[(Value, Value)]>,
) -> Result<String, Error> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut args = args.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let name: String = chars.by_ref().take_while(|c| *c != ')').collect();
            let found =
                mapping.and_then(|entries| entries.iter().find(|(key, _)| key.as_str() == Some(&name)));
            named = Some(
                found.map(|(_, value)| value).ok_or_else(|| fail(format!("the format needs `{name}`")))?,
            );
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| "-+ #0".contains(*c)) {
            flags.push(flag);
        }
        let mut number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<usize, Error> {
            if chars.next_if_eq(&'*').is_some() {
                let size = args.next().and_then(as_integer).and_then(|size| usize::try_from(size).ok());
                return size
                    .filter(|size| *size < 1_000_000)
                    .ok_or_else(|| fail("the format's `*` needs a size"));
            }
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            let size = if digits.is_empty() { Some(0) } else { digits.parse().ok() };
            size.filter(|size| *size < 1_000_000).ok_or_else(|| fail("the format has too large a size"))
        };
        let width = number(&mut chars)?;
        let precision = if chars.next_if_eq(&'.').is_some() { Some(number(&mut chars)?) } else { None };
        while chars.next_if(|c| "hlL".contains(*c)).is_some() {}
        let conversion = chars.next().ok_or_else(|| fail("the format ends inside a conversion"))?;
        let value = match named {
            Some(value) => value,
            None => args.next().ok_or_else(|| fail("the format needs more arguments"))?,
        };
        let piece = Piece { alternate: flags.contains('#'), precision, sign: sign_of(&flags) };
        let body = piece.convert(conversion, value)?;
        let fill = width.saturating_sub(body.chars().count());
        if flags.contains('-') {
            out.push_str(&body);
            out.push_str(&" ".repeat(fill));
        } else if flags.contains('0') && !matches!(conversion, 's' | 'r' | 'a' | 'c') {
            let at = usize::from(body.starts_with(['-', '+', ' ']));
            let _ = write!(out, "{}{}{}", &body[..at], "0".repeat(fill), &body[at..]);
        } else {
            out.push_str(&" ".repeat(fill));
            out.push_str(&body);
        }
    }
    if args.next().is_some() && mapping.is_none() {
        return Err(fail("the format takes fewer arguments"));
    }
    Ok(out)
}

fn sign_of(flags: &str) -> &'static str {
    if flags.contains('+') {
        "+"
    } else if flags.contains(' ') {
        " "
    } else {
        ""
    }
}

struct Piece {
    alternate: bool,
    precision: Option<usize>,
    sign: &'static str,
}

impl Piece {
    fn convert(&self, conversion: char, value: &Value) -> Result<String, Error> {
        let number = || wrong(&format!("%{conversion}"), "a number", value);
        Ok(match conversion {
            's' | 'r' | 'a' => {
                let mut text = String::new();
                if conversion == 's' {
                    text = to_text(value)?;
                } else {
                    repr(value, &mut text, true, 0)?;
                }
                match self.precision {
                    Some(most) => text.chars().take(most).collect(),
                    None => text,
                }
            }
            'c' => match value.as_str() {
                Some(text) => text.to_owned(),
                None => as_integer(value)
                    .and_then(|code| u32::try_from(code).ok())
                    .and_then(char::from_u32)
                    .map(String::from)
                    .ok_or_else(number)?,
            },
            'd' | 'i' | 'u' => {
                let integer = whole(value).ok_or_else(number)?;
                let digits =
                    format!("{:0width$}", integer.unsigned_abs(), width = self.precision.unwrap_or(0));
                format!("{}{digits}", self.sign_for(integer < 0))
            }
            'x' | 'X' | 'o' => {
                let integer = as_integer(value).ok_or_else(number)?;
                let (prefix, digits) = match conversion {
                    'x' => ("0x", format!("{:x}", integer.unsigned_abs())),
                    'X' => ("0X", format!("{:X}", integer.unsigned_abs())),
                    _ => ("0o", format!("{:o}", integer.unsigned_abs())),
                };
                format!("{}{}{digits}", self.sign_for(integer < 0), if self.alternate { prefix } else { "" })
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let float = as_float(value).ok_or_else(number)?;
                format!(
                    "{}{}",
                    self.sign_for(float.is_sign_negative()),
                    real(float.abs(), conversion, self.precision)
                )
            }
            other => return Err(fail(format!("the format has an unknown conversion `%{other}`"))),
        })
    }

    fn sign_for(&self, negative: bool) -> &'static str {
        if negative { "-" } else { self.sign }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
fn whole(value: &Value) -> Option<i128> {
    as_integer(value)
        .or_else(|| as_float(value).filter(|float| float.abs() < 1e30).map(|float| float.trunc() as i128))
}

/// Writes a positive float the way C's `f`, `e` and `g` do.
fn real(float: f64, conversion: char, precision: Option<usize>) -> String {
    let precision = precision.unwrap_or(6);
    let exponential = |precision: usize| {
        let text = format!("{float:.precision$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        (format!("{mantissa}e{sign}{:02}", exponent.abs()), exponent)
    };
    match conversion.to_ascii_lowercase() {
        'f' => format!("{float:.precision$}"),
        'e' => exponential(precision).0,
        _ => {
            let digits = precision.max(1);
            let (scientific, exponent) = exponential(digits - 1);
            let most = i32::try_from(digits).unwrap_or(i32::MAX);
            let trimmed = |text: &str| match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text.to_owned(),
            };
            if exponent < -4 || exponent >= most {
                let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
                return format!("{}e{exponent}", trimmed(mantissa));
            }
            let places = usize::try_from(most - 1 - exponent).unwrap_or(0);
            trimmed(&format!("{float:.places$}"))
        }
    }
}

/// Formats with `{}` fields, as `str.format` does for plain fields, names, items and simple specs.
pub(super) fn braces(format: &str, args: &[Value], keywords: &[(String, Value)]) -> Result<String, Error> {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if chars.next_if_eq(&'}').is_some() => out.push('}'),
            '}' => return Err(fail("the format has a single `}`")),
            '{' => {
                let field: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let (name, spec) = field.split_once(':').unwrap_or((&field, ""));
                let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
                let end = name.find(['.', '[']).unwrap_or(name.len());
                let (base, path) = name.split_at(end);
                let value = if base.is_empty() {
                    next += 1;
                    args.get(next - 1)
                } else if let Ok(index) = base.parse::<usize>() {
                    args.get(index)
                } else {
                    keywords.iter().find(|(keyword, _)| keyword == base).map(|(_, value)| value)
                };
                let mut value =
                    value.cloned().ok_or_else(|| fail(format!("the format needs `{{{base}}}`")))?;
                if path.contains('.') {
                    return Err(fail(format!(
                        "the format field `{{{field}}}` is not supported; write `[name]`"
                    )));
                }
                for step in
                    path.split('[').map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty())
                {
                    let key = step.parse::<usize>().map_or_else(|_| Value::from(step), Value::from);
                    value = super::operators::item(&value, &key)?;
                }
                match conversion {
                    "" => {}
                    "s" => value = Value::from(to_text(&value)?),
                    "r" => {
                        let mut shown = String::new();
                        repr(&value, &mut shown, true, 0)?;
                        value = Value::from(shown);
                    }
                    other => return Err(fail(format!("the format has an unknown conversion `!{other}`"))),
                }
                out.push_str(&field_text(&value, spec)?);
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// Writes one value by a format spec: `[[fill]align][sign][0][width][,][.precision][type]`.
fn field_text(value: &Value, spec: &str) -> Result<String, Error> {
    if spec.is_empty() {
        return to_text(value);
    }
    let mut rest = spec;
    let mut fill = ' ';
    let mut align = None;
    let mut chars = spec.chars();
    if let (Some(first), Some(second)) = (chars.next(), chars.next())
        && "<>^=".contains(second)
    {
        (fill, align) = (first, Some(second));
        rest = chars.as_str();
    }
    if align.is_none()
        && let Some(first) = rest.chars().next().filter(|c| "<>^=".contains(*c))
    {
        align = Some(first);
        rest = &rest[1..];
    }
    let mut sign = "";
    if let Some(after) = rest.strip_prefix('+') {
        (sign, rest) = ("+", after);
    } else if let Some(after) = rest.strip_prefix(' ') {
        (sign, rest) = (" ", after);
    } else if let Some(after) = rest.strip_prefix('-') {
        rest = after;
    }
    if rest.starts_with('0') {
        fill = '0';
        align = align.or(Some('='));
    }
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let width: usize = rest[..digits].parse().unwrap_or(0);
    rest = &rest[digits..];
    let grouped = rest.starts_with(',');
    rest = rest.strip_prefix(',').unwrap_or(rest);
    let mut precision = None;
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        precision = after[..digits].parse().ok();
        rest = &after[digits..];
    }
    if width > 1_000_000 || precision.is_some_and(|precision| precision > 1_000_000) {
        return Err(fail("the format has too large a size"));
    }
    let is_text = value.as_str().is_some();
    let conversion = match rest {
        "" if is_text => 's',
        "" if as_integer(value).is_some() => 'd',
        "" if precision.is_some() => 'g',
        "" => 's',
        one if one.chars().count() == 1 && "sdxXofFeEgG".contains(one) => one.chars().next().unwrap_or('s'),
        _ => return Err(fail(format!("the format spec `{spec}` is not supported"))),
    };
    let mut body = Piece { alternate: false, precision, sign }.convert(conversion, value)?;
    if grouped {
        body = group(&body);
    }
    let missing = width.saturating_sub(body.chars().count());
    let pad = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(match align.unwrap_or(if is_text { '<' } else { '>' }) {
        '<' => body + &pad(missing),
        '^' => format!("{}{body}{}", pad(missing / 2), pad(missing - missing / 2)),
        '=' => {
            let at = usize::from(body.starts_with(['-', '+', ' ']));
            format!("{}{}{}", &body[..at], pad(missing), &body[at..])
        }
        _ => pad(missing) + &body,
    })
}

fn group(number: &str) -> String {
    let start = usize::from(number.starts_with(['-', '+', ' ']));
    let end = number.find('.').unwrap_or(number.len());
    let digits = &number[start..end];
    let mut out = number[..start].to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &number[end..]
}
