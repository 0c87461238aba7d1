//! Template files: their options, their `#jinja2:` header, their line ends.

use std::ops::Range;
use std::sync::Arc;

use super::compile::{Compiled, FileForm, Form};
use super::engine::{Engine, failed, report};
use super::error::{TemplateError, cause_of};
use super::machine::closed;
use super::python;
use super::registry::suggest;
use super::scope::Scope;
use super::session::Session;
use crate::source::{Diagnostic, Diagnostics, SourceFile, Span};

/// How a template file is read and what its lines end with; the options of the module `template`.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Whether the line end behind a block is dropped.
    pub trim_blocks: bool,
    /// Whether white space in front of a block is dropped.
    pub lstrip_blocks: bool,
    /// What lines end with: `\n`, `\r` or `\r\n`.
    pub newline_sequence: String,
    /// What opens a statement.
    pub block_start_string: String,
    /// What closes a statement.
    pub block_end_string: String,
    /// What opens an expression.
    pub variable_start_string: String,
    /// What closes an expression.
    pub variable_end_string: String,
    /// What opens a comment.
    pub comment_start_string: String,
    /// What closes a comment.
    pub comment_end_string: String,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
            block_start_string: "{%".to_owned(),
            block_end_string: "%}".to_owned(),
            variable_start_string: "{{".to_owned(),
            variable_end_string: "}}".to_owned(),
            comment_start_string: "{#".to_owned(),
            comment_end_string: "#}".to_owned(),
        }
    }
}

/// A file prepared for compiling.
struct Prepared {
    compiled: Arc<Compiled>,
    /// Bytes of the header that was cut off.
    skipped: usize,
    /// Whether it holds nothing to render, so that even its line ends stay.
    verbatim: bool,
    newline: String,
}

impl Engine {
    /// Renders a template file to text.
    pub fn text(
        &self,
        file: &Arc<SourceFile>,
        options: &TextOptions,
        scope: &dyn Scope,
    ) -> Result<String, TemplateError> {
        let prepared = self.prepare(file, options).map_err(|error| TemplateError::Failed(Box::new(error)))?;
        if prepared.verbatim {
            return Ok(file.text()[prepared.skipped..].to_owned());
        }
        let session = Session::new(&self.inner);
        let place = |range| place(file, prepared.skipped, range);
        let value = self.value(&session, &prepared.compiled, scope, &place)?;
        if value.is_none() {
            return Ok(String::new());
        }
        let text = python::emitted(&value)
            .map_err(|error| failed(&cause_of(&error), &place(prepared.compiled.whole.clone()), scope))?;
        if value.as_str().is_none() {
            // As in Ansible, one expression alone that is not text has no line end behind it.
            return Ok(text);
        }
        Ok(closed(text, trailing(&file.text()[prepared.skipped..]), &prepared.newline))
    }

    /// Finds everything that is wrong in a template file before it is rendered.
    pub fn check_text(&self, file: &Arc<SourceFile>, options: &TextOptions, diagnostics: &mut Diagnostics) {
        match self.prepare(file, options) {
            Ok(prepared) => {
                report(&prepared.compiled, &|range| place(file, prepared.skipped, range), diagnostics);
            }
            Err(error) => diagnostics.push(error),
        }
    }

    /// Lists the names that a template file may look up.
    pub fn text_names(&self, file: &Arc<SourceFile>, options: &TextOptions) -> Vec<&'static str> {
        self.prepare(file, options).map_or_else(|_| Vec::new(), |prepared| prepared.compiled.names.clone())
    }

    fn prepare(&self, file: &Arc<SourceFile>, options: &TextOptions) -> Result<Prepared, Diagnostic> {
        let mut options = options.clone();
        let skipped = header(file, &mut options)?;
        if !matches!(&*options.newline_sequence, "\n" | "\r" | "\r\n") {
            return Err(Diagnostic::error(&Span::new(file.clone(), 0, 0), "unknown `newline_sequence`")
                .hint("use `\\n`, `\\r` or `\\r\\n`"));
        }
        let body = &file.text()[skipped..];
        let starts =
            [&options.block_start_string, &options.variable_start_string, &options.comment_start_string];
        let verbatim = !starts.iter().any(|start| body.contains(start.as_str()));
        let newline = options.newline_sequence;
        let form = Form::File(Box::new(FileForm {
            trim_blocks: options.trim_blocks,
            lstrip_blocks: options.lstrip_blocks,
            block: (options.block_start_string, options.block_end_string),
            variable: (options.variable_start_string, options.variable_end_string),
            comment: (options.comment_start_string, options.comment_end_string),
            newline: newline.clone(),
        }));
        let compiled = if body.contains('\r') {
            self.inner.compiled(&body.replace("\r\n", "\n").replace('\r', "\n"), &form)
        } else {
            self.inner.compiled(body, &form)
        };
        Ok(Prepared { compiled, skipped, verbatim, newline })
    }
}

/// Reads a `#jinja2: option: value, ...` line at the top; returns its length.
fn header(file: &Arc<SourceFile>, options: &mut TextOptions) -> Result<usize, Diagnostic> {
    let text = file.text();
    let Some(rest) = text.strip_prefix("#jinja2:") else { return Ok(0) };
    let line = rest.lines().next().unwrap_or_default();
    let span = Span::new(file.clone(), 0, "#jinja2:".len() + line.len());
    for part in line.split(',') {
        let (name, value) = part.split_once(':').unwrap_or((part, ""));
        let (name, value) = (name.trim(), value.trim().trim_matches(['\'', '"']));
        let flag = || match value {
            "True" | "true" => Ok(true),
            "False" | "false" => Ok(false),
            _ => Err(Diagnostic::error(&span, format!("`{name}` has to be `True` or `False`"))),
        };
        match name {
            "trim_blocks" => options.trim_blocks = flag()?,
            "lstrip_blocks" => options.lstrip_blocks = flag()?,
            "newline_sequence" => options.newline_sequence = value.replace("\\r", "\r").replace("\\n", "\n"),
            "block_start_string" => value.clone_into(&mut options.block_start_string),
            "block_end_string" => value.clone_into(&mut options.block_end_string),
            "variable_start_string" => value.clone_into(&mut options.variable_start_string),
            "variable_end_string" => value.clone_into(&mut options.variable_end_string),
            "comment_start_string" => value.clone_into(&mut options.comment_start_string),
            "comment_end_string" => value.clone_into(&mut options.comment_end_string),
            _ => {
                let known = ["trim_blocks", "lstrip_blocks", "newline_sequence", "variable_start_string"];
                let mut error = Diagnostic::error(&span, format!("unknown template option `{name}`"));
                error.hint = suggest(name, known.into_iter());
                return Err(error);
            }
        }
    }
    let end = "#jinja2:".len() + line.len();
    let line_end = text[end..].find('\n').map_or(0, |at| at + 1);
    Ok(end + line_end)
}

/// Counts the line ends at the end of a text.
pub(super) fn trailing(text: &str) -> usize {
    text.bytes().rev().take_while(|byte| *byte == b'\n').count()
}

/// Finds the place of a part of the compiled text, whose line ends are `\n` only.
fn place(file: &Arc<SourceFile>, skipped: usize, range: Option<Range<usize>>) -> Span {
    let Some(range) = range else { return Span::new(file.clone(), 0, 0) };
    let body = &file.text()[skipped..];
    let original = |wanted: usize| {
        let mut seen = 0;
        let mut bytes = body.bytes().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            if seen >= wanted {
                return skipped + at;
            }
            if byte == b'\r' {
                bytes.next_if(|(_, next)| *next == b'\n');
            }
            seen += 1;
        }
        file.text().len()
    };
    Span::new(file.clone(), original(range.start), original(range.end))
}
