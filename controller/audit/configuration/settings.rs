//! What the server's `appsettings.json` overrides (page "General purpose" of the server's configuration).

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::model::ServerSettings;
use crate::document::json::Settings;
use crate::document::{LARGEST, text_of};
use crate::source::{Diagnostic, SourceFile};

/// The text of a file of settings, as .NET reads it: UTF-8, or UTF-16 where it begins with the mark of it.
///
/// # Errors
/// It is too large, or neither.
pub(super) fn text<'b>(bytes: &'b [u8], name: &str) -> Result<Cow<'b, str>, Diagnostic> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, 0, 0, ..] => return Err(bare(&format!("{name}: it is UTF-32\nhint: save it as UTF-8"))),
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => {
            let text = text_of(bytes).map_err(|problem| bare(&problem.in_file(name)))?;
            return Ok(Cow::Borrowed(text));
        }
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().skip(1).map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() && bytes.len() <= LARGEST => Ok(Cow::Owned(text)),
        _ => Err(bare(&format!("{name}: its UTF-16 is cut off or broken\nhint: save it as UTF-8"))),
    }
}

/// Reads one file of settings over what earlier files said. Messages hold no line of the file: passwords may stand in it.
///
/// # Errors
/// It is no JSON as .NET reads it, or a setting that is looked at is of the wrong kind.
pub(super) fn read_over(file: &Arc<SourceFile>, settings: &mut ServerSettings) -> Result<(), Diagnostic> {
    let parsed = Settings::read(file.text()).map_err(|problem| bare(&problem.in_file(file.name())))?;
    let place = |at: usize| format!("{}:{}", file.name(), file.line_number(at));
    let text = |key: &str, value: &Value, at: usize| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(bare(&format!("{}: `{key}` is not text", place(at)))),
    };
    for (path, value, at) in parsed.below(&[]).filter(|(path, ..)| path.len() == 1) {
        match path[0].to_ascii_lowercase().as_str() {
            "applicationuri" => {
                settings.application_uri = Some((text("ApplicationUri", value, at)?, place(at)));
            }
            "notuseagent" => {
                // .NET reads `true` and `"True"` alike.
                let said = value.as_bool().map(|said| said.to_string());
                match said.or_else(|| value.as_str().map(str::to_lowercase)).as_deref().map(str::trim) {
                    Some("true") => settings.not_use_agent = Some(place(at)),
                    Some("false") => settings.not_use_agent = None,
                    _ => {
                        return Err(bare(&format!("{}: `NotUseAgent` is neither true nor false", place(at))));
                    }
                }
            }
            _ => {}
        }
    }
    for (section, key, is_agent) in [("Agents", "Uri", true), ("OpenIdClients", "HashedSecret", false)] {
        for (path, value, at) in parsed.below(&[section]) {
            let [name, last] = path.as_slice() else { continue };
            if !last.eq_ignore_ascii_case(key) {
                continue;
            }
            let said = (text(&format!("{section}:{name}:{key}"), value, at)?, place(at));
            let all = if is_agent { &mut settings.agent_uris } else { &mut settings.client_hashes };
            // Another file may have written the name in another case; it is the same setting.
            all.retain(|other, _| !other.eq_ignore_ascii_case(name));
            all.insert((*name).to_owned(), said);
        }
    }
    Ok(())
}

fn bare(text: &str) -> Diagnostic {
    let (message, hint) = match text.split_once("\nhint: ") {
        Some((message, hint)) => (message, Some(hint.to_owned())),
        None => (text, None),
    };
    Diagnostic::bare(message).maybe_hint(hint)
}
