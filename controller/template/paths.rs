//! Filters on paths and addresses. Paths are text: the disk is never looked at.

use minijinja::Error;
use minijinja::value::{Tuple, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::error::fail;
use super::python::{entries, is_list, items, text};
use super::registry::{Call, Spec};

pub(super) const FILTERS: &[Spec] = &[
    Spec::new("basename", &[], |call| Ok(Value::from(split(&call.text()?).1))),
    Spec::new("dirname", &[], |call| Ok(Value::from(split(&call.text()?).0))),
    Spec::new("win_basename", &[], |call| Ok(Value::from(win_split(&call.text()?).1))),
    Spec::new("win_dirname", &[], |call| Ok(Value::from(win_split(&call.text()?).0))),
    Spec::new("win_splitdrive", &[], |call| {
        let path = call.text()?;
        let (drive, rest) = drive(&path);
        Ok(Value::from(Tuple::from([Value::from(drive), Value::from(rest)])))
    }),
    Spec::new("splitext", &[], |call| {
        let path = call.text()?;
        let (root, extension) = extension(&path);
        Ok(Value::from(Tuple::from([Value::from(root), Value::from(extension)])))
    }),
    Spec::new("path_join", &[], |call| {
        let parts = if is_list(&call.input) { call.items()? } else { vec![call.input.clone()] };
        let mut path = String::new();
        for part in &parts {
            let part = text(part)?;
            if part.starts_with('/') {
                path = part;
            } else {
                if !path.is_empty() && !path.ends_with('/') {
                    path.push('/');
                }
                path.push_str(&part);
            }
        }
        Ok(Value::from(path))
    }),
    Spec::new("normpath", &[], |call| Ok(Value::from(normal(&call.text()?)))),
    Spec::new("commonpath", &[], common),
    Spec::new("urlencode", &[], |call| Ok(Value::from(urlencode(&call.input)?))),
    Spec::new("urldecode", &[], |call| {
        let text = call.text()?.replace('+', " ");
        Ok(Value::from(percent_decode_str(&text).decode_utf8_lossy().into_owned()))
    }),
    Spec::new("urlsplit", &["query"], urlsplit),
];

/// Splits as POSIX does.
fn split(path: &str) -> (String, String) {
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }.to_owned(), tail.to_owned())
}

/// Splits off a drive or a share.
fn drive(path: &str) -> (String, String) {
    let plain = path.replace('/', "\\");
    if plain.starts_with("\\\\") && !plain.starts_with("\\\\\\") {
        let server_end = plain[2..].find('\\').map(|at| at + 2);
        let Some(server_end) = server_end else { return (path.to_owned(), String::new()) };
        let share_end = plain[server_end + 1..].find('\\').map_or(plain.len(), |at| server_end + 1 + at);
        return (path[..share_end].to_owned(), path[share_end..].to_owned());
    }
    if plain.as_bytes().get(1) == Some(&b':') {
        return (path[..2].to_owned(), path[2..].to_owned());
    }
    (String::new(), path.to_owned())
}

/// Splits as Windows does.
fn win_split(path: &str) -> (String, String) {
    let (drive, rest) = drive(path);
    let at = rest.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let (head, tail) = rest.split_at(at);
    let trimmed = head.trim_end_matches(['/', '\\']);
    (format!("{drive}{}", if trimmed.is_empty() { head } else { trimmed }), tail.to_owned())
}

fn extension(path: &str) -> (&str, &str) {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let leading = path[name..].len() - path[name..].trim_start_matches('.').len();
    match path[name + leading..].rfind('.') {
        Some(at) => path.split_at(name + leading + at),
        None => (path, ""),
    }
}

fn normal(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let root = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." || parts.last().is_none_or(|last| *last == "..") && root.is_empty() {
            parts.push(part);
        } else {
            parts.pop();
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

fn common(call: &mut Call) -> Result<Value, Error> {
    let paths: Vec<String> = call.items()?.iter().map(text).collect::<Result<_, _>>()?;
    let Some(first) = paths.first() else { return Err(fail("`commonpath` needs at least one path")) };
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    if paths.iter().any(|path| path.starts_with('/') != first.starts_with('/')) {
        return Err(fail("`commonpath` cannot mix absolute and relative paths"));
    }
    let mut shared = parts(first);
    for path in &paths[1..] {
        let same = shared.iter().zip(parts(path)).take_while(|(left, right)| **left == *right).count();
        shared.truncate(same);
    }
    Ok(Value::from(format!("{}{}", if first.starts_with('/') { "/" } else { "" }, shared.join("/"))))
}

const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
const QUERY: &AsciiSet = &UNRESERVED.add(b'/').remove(b' ');

fn urlencode(value: &Value) -> Result<String, Error> {
    let pair = |key: &Value, value: &Value| -> Result<String, Error> {
        let (key, value) = (text(key)?, text(value)?);
        let quoted = |text: &str| utf8_percent_encode(text, QUERY).to_string().replace(' ', "+");
        Ok(format!("{}={}", quoted(&key), quoted(&value)))
    };
    if let Some(text) = value.as_str() {
        return Ok(utf8_percent_encode(text, UNRESERVED).to_string());
    }
    let pairs: Result<Vec<String>, Error> = if is_list(value) {
        let pairs = items(value)?;
        pairs
            .iter()
            .map(|item| match &items(item)?[..] {
                [key, value] => pair(key, value),
                _ => Err(fail("`urlencode` needs pairs")),
            })
            .collect()
    } else if value.kind() == minijinja::value::ValueKind::Map {
        entries(value)?.iter().map(|(key, value)| pair(key, value)).collect()
    } else {
        return Ok(utf8_percent_encode(&text(value)?, UNRESERVED).to_string());
    };
    Ok(pairs?.join("&"))
}

fn urlsplit(call: &mut Call) -> Result<Value, Error> {
    let address = call.text()?;
    let (rest, fragment) = address.split_once('#').unwrap_or((&address, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let scheme_end = rest.find(':').filter(|at| {
        rest.starts_with(|c: char| c.is_ascii_alphabetic())
            && rest[..*at].chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    let (scheme, rest) = scheme_end.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(after) => after.split_at(after.find('/').unwrap_or(after.len())),
        None => ("", rest),
    };
    let (user, host) = netloc.rsplit_once('@').map_or((None, netloc), |(user, host)| (Some(user), host));
    let (username, password) = match user
        .map(|user| user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password))))
    {
        Some((user, password)) => (Some(user), password),
        None => (None, None),
    };
    let (hostname, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) => (address, after.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => Some(port.parse::<u16>().map_err(|_| fail(format!("`{port}` is not a port")))?),
        None => None,
    };
    let or_none = |text: Option<&str>| text.map_or(Value::from(()), Value::from);
    let parts = [
        ("fragment", Value::from(fragment)),
        ("hostname", or_none((!hostname.is_empty()).then(|| hostname.to_lowercase()).as_deref())),
        ("netloc", Value::from(netloc)),
        ("password", or_none(password)),
        ("path", Value::from(path)),
        ("port", port.map_or(Value::from(()), Value::from)),
        ("query", Value::from(query)),
        ("scheme", Value::from(scheme.to_lowercase())),
        ("username", or_none(username)),
    ];
    match call.text_at(0)?.filter(|wanted| !wanted.is_empty()) {
        None => Ok(Value::from_pairs(parts)),
        Some(wanted) => parts
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
            .ok_or_else(|| fail(format!("`urlsplit` has no part `{wanted}`"))),
    }
}
