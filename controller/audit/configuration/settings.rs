//! What the server's `appsettings.json` overrides (page "General purpose" of the server's configuration).

use std::sync::Arc;

use serde_json::Value;

use super::model::ServerSettings;
use crate::document::json::Settings;
use crate::source::{Diagnostic, SourceFile};

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
