//! The forms in which a secret shows up in text: as it is, and as programs encode it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What `encodeURIComponent` and most URL libraries leave alone.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What is escaped in the user part of a URL at the very least.
const USERINFO: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b':').add(b'?').add(b'@');

/// Lines of a secret of several lines are secrets too, from this length.
const MIN_LINE: usize = 12;
/// Characters of base64 that are specific enough to be masked inside longer base64.
const MIN_CORE: usize = 8;

/// All forms of one value, itself first. The caller drops those that are too short.
pub(super) fn of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    let trimmed = value.trim_end_matches(['\r', '\n']);
    if trimmed.contains('\n') {
        forms.push(trimmed.replace('\n', "\r\n"));
        forms.extend(trimmed.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE).map(str::to_owned));
    }
    for text in [value, trimmed] {
        encoded(text, &mut forms);
    }
    forms
}

fn encoded(text: &str, forms: &mut Vec<String>) {
    forms.push(text.to_owned());
    base64_forms(text.as_bytes(), forms);
    for set in [NON_ALPHANUMERIC, COMPONENT, USERINFO] {
        let percent = utf8_percent_encode(text, set).to_string();
        forms.push(lower_escapes(&percent));
        forms.push(percent.replace("%20", "+"));
        forms.push(percent);
    }
    let json = serde_json::Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    forms.push(ascii_only(json));
    forms.push(json.replace('/', "\\/"));
    forms.push(json.to_owned());
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    forms.push(xml.replace('"', "&quot;").replace('\'', "&#39;"));
    forms.push(xml.replace('"', "&quot;").replace('\'', "&apos;"));
    forms.push(xml);
    // Quoted for POSIX shells in the two usual ways, and for PowerShell and YAML.
    forms.push(text.replace('\'', "'\\''"));
    forms.push(text.replace('\'', "'\"'\"'"));
    forms.push(text.replace('\'', "''"));
}

/// Base64 of the value alone, and the part that is the same wherever the value stands inside a
/// longer text that was encoded (`Authorization: Basic` is base64 of `user:password`).
fn base64_forms(bytes: &[u8], forms: &mut Vec<String>) {
    for engine in [STANDARD, URL_SAFE] {
        let alone = engine.encode(bytes);
        forms.push(alone.trim_end_matches('=').to_owned());
        forms.push(alone);
        for before in 0..3 {
            let padded = [&[0; 2][..before], bytes].concat();
            let text = engine.encode(&padded);
            let (start, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
            if end >= start + MIN_CORE {
                forms.push(text[start..end].to_owned());
            }
        }
    }
}

/// `%2F` as `%2f`.
fn lower_escapes(percent: &str) -> String {
    let mut out = String::with_capacity(percent.len());
    let mut digits = 0;
    for c in percent.chars() {
        out.push(if digits > 0 { c.to_ascii_lowercase() } else { c });
        digits = if c == '%' { 2 } else { usize::saturating_sub(digits, 1) };
    }
    out
}

/// As Python's `json` writes it: anything outside ASCII is `\uHHHH`.
fn ascii_only(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_usual_encodings() {
        let forms = of("p/w d\"é'");
        for form in [
            "p/w d\"é'",
            "cC93IGQiw6kn",
            "p%2Fw%20d%22%C3%A9%27",
            "p%2fw%20d%22%c3%a9%27",
            "p%2Fw+d%22%C3%A9%27",
            "p/w d\\\"é'",
            "p\\/w d\\\"é'",
            "p/w d\\\"\\u00e9'",
            "p/w d&quot;é&#39;",
            "p/w d\"é'\\''",
            "p/w d\"é''",
        ] {
            assert!(forms.iter().any(|known| known == form), "{form} is missing in {forms:?}");
        }
    }

    #[test]
    fn finds_itself_inside_longer_base64() {
        let forms = of("correct-horse");
        for user in ["a", "ab", "abc"] {
            let header = STANDARD.encode(format!("{user}:correct-horse"));
            assert!(forms.iter().any(|form| form.len() >= 14 && header.contains(form.as_str())), "{header}");
        }
    }

    #[test]
    fn long_lines_of_a_key_are_secrets_too() {
        let forms = of("-----BEGIN KEY-----\nMIIEvQIBADANBg\nAQ==\n");
        assert!(forms.iter().any(|form| form == "MIIEvQIBADANBg"));
        assert!(!forms.iter().any(|form| form == "AQ=="));
    }
}
