//! Filters that write and read JSON, YAML, base64 and digests.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::error::{fail, fail_with_hint};
use super::python::{self, MAX_SIZE, as_integer, entries, items, text, truth};
use super::registry::{Call, Spec};
use super::value::{from_json, is_omit, key_text};
use super::yaml;
use crate::source::SourceFile;

pub(super) const FILTERS: &[Spec] = &[
    Spec::new("to_json", JSON, |call| json(call, false)),
    Spec::new("to_nice_json", JSON, |call| json(call, true)),
    Spec::new("from_json", &[], |call| {
        let text = call.text()?;
        let json: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| fail(format!("`from_json` cannot read the text: {error}")))?;
        Ok(from_json(&json))
    }),
    Spec::new("to_yaml", YAML, |call| yaml_text(call, false)),
    Spec::new("to_nice_yaml", YAML, |call| yaml_text(call, true)),
    Spec::new("from_yaml", &[], |call| {
        read_yaml(&call.text()?).map(|mut all| all.pop().unwrap_or(Value::from(())))
    }),
    Spec::new("from_yaml_all", &[], |call| read_yaml(&call.text()?).map(Value::from)),
    Spec::new("b64encode", &["encoding", "urlsafe"], |call| {
        let bytes = encode(&call.text()?, call.text_at(0)?.as_deref())?;
        Ok(Value::from(if call.flag(1, false)? { URL_SAFE.encode(bytes) } else { STANDARD.encode(bytes) }))
    }),
    Spec::new("b64decode", &["encoding", "urlsafe"], |call| {
        let text = call.text()?;
        let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = if call.flag(1, false)? { URL_SAFE.decode(&plain) } else { STANDARD.decode(&plain) };
        let bytes = bytes.map_err(|error| fail(format!("`b64decode` cannot read the text: {error}")))?;
        decode(bytes, call.text_at(0)?.as_deref()).map(Value::from)
    }),
    Spec::new("hash", &["hashtype"], |call| {
        let kind = call.text_at(0)?.unwrap_or_else(|| "sha1".to_owned());
        let text = call.text()?;
        let digest = match kind.as_str() {
            "md5" => md5::compute(text).0.to_vec(),
            "sha1" => Sha1::digest(text).to_vec(),
            "sha224" => Sha224::digest(text).to_vec(),
            "sha256" => Sha256::digest(text).to_vec(),
            "sha384" => Sha384::digest(text).to_vec(),
            "sha512" => Sha512::digest(text).to_vec(),
            other => {
                return Err(fail_with_hint(
                    format!("`hash` does not make `{other}` digests"),
                    "use `hash('sha256')`",
                ));
            }
        };
        let mut out = String::new();
        for byte in digest {
            let _ = write!(out, "{byte:02x}");
        }
        Ok(Value::from(out))
    }),
];

const JSON: &[&str] = &["indent", "sort_keys", "ensure_ascii", "separators"];
const YAML: &[&str] = &[
    "indent",
    "sort_keys",
    "width",
    "default_flow_style",
    "explicit_start",
    "explicit_end",
    "allow_unicode",
];

/// How JSON is laid out.
struct Layout {
    indent: Option<usize>,
    sort: bool,
    ascii: bool,
    between: String,
    colon: String,
}

fn json(call: &mut Call, nice: bool) -> Result<Value, Error> {
    let indent = match call.get(0).filter(|indent| !indent.is_none()) {
        Some(_) => Some(call.size(0, 4)?.min(64)),
        None => nice.then_some(4),
    };
    let mut layout = Layout {
        indent,
        sort: call.flag(1, nice)?,
        ascii: call.flag(2, true)?,
        between: if indent.is_some() { "," } else { ", " }.to_owned(),
        colon: ": ".to_owned(),
    };
    if let Some(separators) = call.get(3).filter(|separators| !separators.is_none())
        && let [between, colon] = &items(separators)?[..]
    {
        (layout.between, layout.colon) = (text(between)?, text(colon)?);
    }
    let mut out = String::new();
    write_json(&call.input, &layout, 0, &mut out)?;
    Ok(Value::from(out))
}

fn write_json(value: &Value, layout: &Layout, level: usize, out: &mut String) -> Result<(), Error> {
    python::check(value)?;
    if level > 100 || out.len() > MAX_SIZE {
        return Err(fail("a value is nested too deeply or too large"));
    }
    let line = |level: usize, out: &mut String| {
        if let Some(indent) = layout.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * level));
        }
    };
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match as_integer(value) {
            Some(integer) => {
                let _ = write!(out, "{integer}");
            }
            None => out.push_str(&match f64::try_from(value.clone())? {
                float if float.is_nan() => "NaN".to_owned(),
                float if float.is_infinite() => if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
                float => python::float(float),
            }),
        },
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), layout.ascii, out),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = items(value)?.into_iter().filter(|item| !is_omit(item)).collect();
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&layout.between);
                }
                line(level + 1, out);
                write_json(item, layout, level + 1, out)?;
            }
            if !items.is_empty() {
                line(level, out);
            }
            out.push(']');
        }
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for (key, value) in entries(value)?.into_iter().filter(|(_, value)| !is_omit(value)) {
                pairs.push((key_text(&key)?, value));
            }
            if layout.sort {
                pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
            }
            out.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push_str(&layout.between);
                }
                line(level + 1, out);
                write_string(key, layout.ascii, out);
                out.push_str(&layout.colon);
                write_json(value, layout, level + 1, out)?;
            }
            if !pairs.is_empty() {
                line(level, out);
            }
            out.push('}');
        }
        _ => return Err(fail("this value cannot be written as JSON")),
    }
    Ok(())
}

fn write_string(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || ascii && c > '~' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn yaml_text(call: &mut Call, nice: bool) -> Result<Value, Error> {
    let layout = yaml::Layout {
        indent: call.size(0, if nice { 4 } else { 2 })?.clamp(2, 9),
        sort: call.flag(1, true)?,
        width: call.size(2, 80)?.max(20),
        flow: match call.get(3).filter(|flow| !flow.is_none()).map(truth).transpose()? {
            Some(true) => yaml::Flow::Always,
            Some(false) => yaml::Flow::Never,
            None if nice => yaml::Flow::Never,
            None => yaml::Flow::Leaves,
        },
        unicode: call.flag(6, true)?,
    };
    let mut out = yaml::write(&call.input, &layout)?;
    if call.flag(4, false)? {
        out.insert_str(0, "---\n");
    }
    if call.flag(5, false)? {
        out.push_str("...\n");
    }
    Ok(Value::from(out))
}

fn read_yaml(text: &str) -> Result<Vec<Value>, Error> {
    let file = SourceFile::new("<text>", "", text);
    let (documents, diagnostics) = crate::source::parse_documents(&file, &crate::source::Limits::default());
    if let Some(error) =
        diagnostics.0.iter().find(|diagnostic| diagnostic.severity == crate::source::Severity::Error)
    {
        let line = error.span.as_ref().map_or(1, |span| file.line_column(span.start).0);
        return Err(fail(format!("`from_yaml` cannot read the text: line {line}: {}", error.message)));
    }
    Ok(documents.iter().map(|document| from_json(&document.to_value())).collect())
}

fn encode(text: &str, encoding: Option<&str>) -> Result<Vec<u8>, Error> {
    match encoding.unwrap_or("utf-8").to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => Ok(text.as_bytes().to_vec()),
        "utf-16-le" | "utf-16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        other => Err(fail(format!("the encoding `{other}` is not supported"))),
    }
}

fn decode(bytes: Vec<u8>, encoding: Option<&str>) -> Result<String, Error> {
    match encoding.unwrap_or("utf-8").to_lowercase().as_str() {
        "utf-8" | "utf8" | "ascii" => {
            String::from_utf8(bytes).map_err(|_| fail("`b64decode`: the bytes are not UTF-8 text"))
        }
        "utf-16-le" | "utf-16le" => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).map_err(|_| fail("`b64decode`: the bytes are not UTF-16 text"))
        }
        other => Err(fail(format!("the encoding `{other}` is not supported"))),
    }
}
