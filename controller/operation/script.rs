//! The text of a program of file operations: calls of library functions, one a line.

use super::attributes::Attributes;
use super::library::call;
use super::{Mode, Payload, Program};
use crate::shell::quote;

/// Calls of library functions, arguments quoted.
pub(super) struct Script {
    text: String,
    expanded: usize,
}

impl Script {
    /// Begins a step: what is wanted of the paths that it works on.
    pub(super) fn new(mode: Mode, attributes: &Attributes) -> Self {
        let flag = |on| if on { "1" } else { "0" };
        let [mode_word, owner, group, access, modification] = attributes.words();
        let words = [flag(mode.check), flag(mode.diff), &mode_word, &owner, &group, &access, &modification];
        Self { text: call("pf_begin", words), expanded: 0 }
    }

    /// Begins a step that brings functions along which few steps need (see [`super::library::seldom`]), so that not every
    /// session is begun with them.
    pub(super) fn bringing(functions: &str, mode: Mode, attributes: &Attributes) -> Self {
        let mut script = Self::new(mode, attributes);
        script.text.insert_str(0, functions);
        script
    }

    /// Returns the word for a path of the host. `$NAME` and `~` in it are expanded there, and
    /// the result is reported as `path`.
    pub(super) fn path(&mut self, path: &str) -> String {
        self.path_word(path, "")
    }

    /// Returns the word for a path of the host, which is not reported.
    pub(super) fn quiet_path(&mut self, path: &str) -> String {
        self.path_word(path, "1")
    }

    fn path_word(&mut self, path: &str, quiet: &str) -> String {
        let path = trimmed(path);
        if path.contains('$') || path.starts_with('~') {
            self.expanded += 1;
            let number = self.expanded.to_string();
            self.line(&call("pf_expand", [number.as_str(), path, quiet]));
            return format!("\"$pf_path_{number}\"");
        }
        quote(&absolute(path))
    }

    /// Adds a call whose first words are words already (of [`Self::path`]), the others text.
    pub(super) fn call(&mut self, function: &str, words: &[&str], texts: &[&str]) {
        let mut line = function.to_owned();
        for word in words {
            line.push(' ');
            line.push_str(word);
        }
        self.line(&call(&line, texts.iter().copied()));
    }

    /// Begins another path with other attributes in the same step.
    pub(super) fn and_begin(&mut self, mode: Mode, attributes: &Attributes) {
        self.text.push_str(" &&\n");
        self.text.push_str(&Self::new(mode, attributes).text);
    }

    /// Returns how much text there is.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds a call that only happens if the one before succeeded.
    pub(super) fn and(&mut self, function: &str, words: &[&str], texts: &[&str]) {
        self.text.push_str(" &&");
        self.call(function, words, texts);
    }

    fn line(&mut self, line: &str) {
        self.text.push('\n');
        self.text.push_str(line);
    }

    /// Ends the program.
    pub(super) fn program(self) -> Program {
        Program { text: self.text, ..Program::default() }
    }

    /// Ends the program; all of it reads the payload on descriptor 3.
    pub(super) fn with_stream(self, payload: Payload) -> Program {
        let text = format!("{{\n{}\n}} 3<\"$pl_payload\"", self.text);
        Program { text, payload: Some(payload), content: true, ..Program::default() }
    }

    /// Ends the program, which is sent with content.
    pub(super) fn with_payload(self, payload: Payload) -> Program {
        Program { text: self.text, payload: Some(payload), content: true, ..Program::default() }
    }

    /// Ends the program, which has content in its text.
    pub(super) fn with_content(self) -> Program {
        Program { text: self.text, content: true, ..Program::default() }
    }

    /// Sets a variable of the shell.
    pub(super) fn set(&mut self, name: &str, text: &str) {
        self.line(&[name, "=", &quote(text)].concat());
    }
}

/// The path as [`Script::path`] would write it, if the host has nothing to expand in it.
pub(super) fn known(path: &str) -> Option<String> {
    let path = trimmed(path);
    (!path.contains('$') && !path.starts_with('~')).then(|| absolute(path))
}

/// A path without slashes behind it.
pub(super) fn trimmed(path: &str) -> &str {
    let end = path.trim_end_matches('/');
    if end.is_empty() && !path.is_empty() { "/" } else { end }
}

/// A relative path with `./` in front, so that no tool takes it for an option.
fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("./{path}") }
}
