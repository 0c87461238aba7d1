//! The INI dialect of `ansible.cfg`, as Python's `configparser` reads it: `#` and `;` begin a comment line,
//! ` ;` a comment behind a value, keys ignore case, deeper indented lines go on with a value.

use std::sync::Arc;

use crate::source::{Diagnostic, Diagnostics, SourceFile, Span};

/// One `key = value`.
#[derive(Debug)]
pub(super) struct Setting {
    /// Name of the section, as written.
    pub(super) section: String,
    /// The key, in lower case.
    pub(super) key: String,
    /// The value; its lines are joined with line ends.
    pub(super) value: String,
    /// Place of the key.
    pub(super) key_span: Span,
    /// Place of the first line of the value.
    pub(super) span: Span,
}

/// Reads all settings of a file, in order.
pub(super) fn parse(file: &Arc<SourceFile>) -> (Vec<Setting>, Diagnostics) {
    let mut reader = Reader { file, settings: Vec::new(), diagnostics: Diagnostics::default() };
    reader.read();
    (reader.settings, reader.diagnostics)
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    settings: Vec<Setting>,
    diagnostics: Diagnostics,
}

impl Reader<'_> {
    fn read(&mut self) {
        let mut section: Option<String> = None;
        // The indent of the key whose value may go on, if there is one.
        let mut open: Option<usize> = None;
        let mut start = 0;
        for whole in self.file.text().split_inclusive('\n') {
            let at = start;
            start += whole.len();
            if whole.trim_start().starts_with(['#', ';']) {
                continue;
            }
            let line = without_comment(whole).trim_end();
            let text = line.trim_start();
            let indent = line.len() - text.len();
            if text.is_empty() {
                if let Some(setting) = self.settings.last_mut().filter(|_| open.is_some()) {
                    setting.value.push('\n');
                }
                continue;
            }
            if open.is_some_and(|open| indent > open) {
                if let Some(setting) = self.settings.last_mut() {
                    setting.value.push('\n');
                    setting.value.push_str(text);
                }
                continue;
            }
            let span = Span::new(Arc::clone(self.file), at + indent, at + line.len());
            open = None;
            if let Some(name) =
                text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name)
            {
                section = Some(name.to_owned());
            } else if let Some(section) = &section {
                open = self.setting(section, text, &span).then_some(indent);
            } else {
                let error = Diagnostic::error(&span, "a setting in front of the first section");
                self.diagnostics.push(error.hint("begin with `[defaults]`"));
            }
        }
        for setting in &mut self.settings {
            setting.value.truncate(setting.value.trim_end().len());
        }
    }

    fn setting(&mut self, section: &str, text: &str, span: &Span) -> bool {
        let Some(split) = text.find(['=', ':']) else {
            let error = Diagnostic::error(span, format!("`{text}` is neither a section nor a setting"));
            self.diagnostics.push(error.hint("write `key = value`"));
            return false;
        };
        let key = text[..split].trim_end();
        let value = text[split + 1..].trim_start();
        let key_span = Span::new(Arc::clone(&span.file), span.start, span.start + key.len());
        let span = Span::new(Arc::clone(&span.file), span.end - value.len(), span.end);
        let key = key.to_lowercase();
        if self.settings.iter().any(|known| known.section == section && known.key == key) {
            self.diagnostics.push(Diagnostic::error(&key_span, format!("`{key}` is there twice")));
        }
        self.settings.push(Setting {
            section: section.to_owned(),
            key,
            value: value.to_owned(),
            key_span,
            span,
        });
        true
    }
}

/// Cuts off a comment that begins with `;` behind white space.
fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices(';')
        .map(|(at, _)| at)
        .find(|at| line[..*at].ends_with(|before: char| before.is_whitespace()));
    comment.map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, String, String)>, Vec<String>) {
        let (settings, diagnostics) = parse(&SourceFile::new("ansible.cfg", "ansible.cfg", text));
        let settings = settings.into_iter().map(|setting| (setting.section, setting.key, setting.value));
        let messages = diagnostics.0.into_iter().map(|diagnostic| {
            format!(
                "{}: {}",
                diagnostic.span.map(|span| span.place()).unwrap_or_default(),
                diagnostic.message
            )
        });
        (settings.collect(), messages.collect())
    }

    /// The values were compared with `configparser` of Python 3.11.
    #[test]
    fn values_are_read_as_configparser_does() {
        let text = "[defaults] ; c
# c
; d
Inventory = a,b  ; comment
forks=5;6
roles_path = x:y
   z

   w
# in
  v
host_key_checking: no
empty=

[privilege_escalation]
become=True # x
per = 1 % 2
  y=2
z=;a
";
        let (settings, messages) = read(text);
        assert!(messages.is_empty(), "{messages:?}");
        let expected = [
            ("defaults", "inventory", "a,b"),
            ("defaults", "forks", "5;6"),
            ("defaults", "roles_path", "x:y\nz\n\nw\nv"),
            ("defaults", "host_key_checking", "no"),
            ("defaults", "empty", ""),
            ("privilege_escalation", "become", "True # x"),
            ("privilege_escalation", "per", "1 % 2\ny=2"),
            ("privilege_escalation", "z", ";a"),
        ];
        let expected =
            expected.map(|(section, key, value)| (section.to_owned(), key.to_owned(), value.to_owned()));
        assert_eq!(settings, expected);
    }

    #[test]
    fn mistakes_are_found_with_their_places() {
        let (_, messages) = read("early = 1\n[defaults]\nnothing\nforks = 1\nFORKS = 2\n");
        assert_eq!(
            messages,
            [
                "ansible.cfg:1:1: a setting in front of the first section",
                "ansible.cfg:3:1: `nothing` is neither a section nor a setting",
                "ansible.cfg:5:1: `forks` is there twice",
            ]
        );
    }
}
