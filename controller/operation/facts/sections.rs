//! The raw text that the host answered with: sections of lines, then the environment.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Sections by name.
#[derive(Debug, Default)]
pub(super) struct Sections {
    sections: HashMap<String, String>,
    environment: Vec<(String, String)>,
}

impl Sections {
    pub(super) fn read(bytes: &[u8]) -> Self {
        const ENVIRONMENT: &[u8] = b"\n@@env\n";
        let end = bytes.windows(ENVIRONMENT.len()).rposition(|window| window == ENVIRONMENT);
        let (text, environment) = match end {
            Some(end) => (&bytes[..end], &bytes[end + ENVIRONMENT.len()..]),
            None => (bytes, &[][..]),
        };
        let mut sections = HashMap::new();
        for part in String::from_utf8_lossy(text).split("@@").skip(1) {
            if let Some((name, content)) = part.split_once('\n') {
                sections.insert(name.to_owned(), content.to_owned());
            }
        }
        let environment = environment
            .split(|byte| *byte == 0)
            .filter_map(|entry| String::from_utf8_lossy(entry).split_once('=').map(own))
            .collect();
        Self { sections, environment }
    }

    /// The whole text of a section, if the host has it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.sections.get(name).map(|text| text.trim_end_matches('\n'))
    }

    /// The first line of a section, trimmed, if there is something in it.
    pub(super) fn line(&self, name: &str) -> Option<&str> {
        self.text(name)?.lines().next().map(str::trim).filter(|line| !line.is_empty())
    }

    /// The lines of a section.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).unwrap_or_default().lines()
    }

    /// `NAME=VALUE` lines, quotes taken off.
    pub(super) fn assignments(&self, name: &str) -> HashMap<String, String> {
        self.lines(name)
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| {
                let value = value.trim();
                let inner = ['"', '\''].iter().find_map(|quote| {
                    value.strip_prefix(*quote).and_then(|value| value.strip_suffix(*quote))
                });
                own((name.trim(), inner.unwrap_or(value)))
            })
            .collect()
    }

    /// Whether a `pl_has` section names this file.
    pub(super) fn has(&self, section: &str, file: &str) -> bool {
        self.lines(section).any(|line| line == file)
    }

    /// The environment that commands get.
    pub(super) fn environment(&self) -> Map<String, Value> {
        self.environment.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
    }
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
