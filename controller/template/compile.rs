//! Turns template text into instructions of minijinja: parses it, notes what is wrong with it, and
//! replaces every operator whose meaning differs from Python's by an operation of ours.
//!
//! Compiled text lives as long as the program: it is the text of the user's files, which is finite.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use minijinja::machinery::{CodeGenerator, Instructions, ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use super::depth;
use super::error::cause_of;
use super::rewrite::Rewriter;

/// Something wrong with a template, found before it is rendered.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) range: Option<Range<usize>>,
}

/// What compiled text gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// One expression: its value.
    Expression,
    /// No text of its own: the value if only one is written, else text.
    Pieces,
    /// Text.
    Text,
}

/// Compiled text.
pub(super) struct Compiled {
    pub(super) instructions: Instructions<'static>,
    pub(super) blocks: BTreeMap<&'static str, Instructions<'static>>,
    pub(super) kind: Kind,
    /// The names that it may look up.
    pub(super) names: Vec<&'static str>,
    /// How many line ends closed the text of a node; results that are text keep them.
    pub(super) newlines: usize,
    /// Where the expression stands, if the text is only one.
    pub(super) whole: Option<Range<usize>>,
    pub(super) problems: Vec<Problem>,
}

impl Compiled {
    /// Copies what is wrong with it, with one problem in place of the others.
    pub(super) fn with_problem(&self, problem: Problem) -> Self {
        Self { problems: vec![problem], names: self.names.clone(), ..broken("") }
    }
}

fn broken(source: &'static str) -> Compiled {
    let (instructions, blocks) = CodeGenerator::new("", source).finish();
    Compiled {
        instructions,
        blocks,
        kind: Kind::Text,
        names: Vec::new(),
        newlines: 0,
        whole: None,
        problems: Vec::new(),
    }
}

/// What the text is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Form {
    /// Text of a node, with expressions in it.
    String,
    /// A bare expression.
    Expression,
    /// A template file.
    File(Box<FileForm>),
}

/// How a template file is read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct FileForm {
    pub(super) trim_blocks: bool,
    pub(super) lstrip_blocks: bool,
    pub(super) block: (String, String),
    pub(super) variable: (String, String),
    pub(super) comment: (String, String),
    /// The line end of the text it makes.
    pub(super) newline: String,
}

/// Compiles text.
pub(super) fn compile(text: &str, form: &Form) -> Compiled {
    let source = intern(text);
    let compiled = match form {
        Form::Expression => expression(source),
        Form::String => template(source, string_syntax(), None),
        Form::File(form) => match file_syntax(form) {
            Ok(syntax) => template(source, syntax, Some(&form.newline)),
            Err(error) => Err(problem(&error)),
        },
    };
    compiled.unwrap_or_else(|problem| Compiled { problems: vec![problem], ..broken(source) })
}

fn expression(source: &'static str) -> Result<Compiled, Problem> {
    depth::check(source, true, SyntaxConfig::default())?;
    let expr = parse_expr(source).map_err(|error| problem(&error))?;
    let mut rewriter = Rewriter::new(source);
    rewriter.condition = true;
    let expr = rewriter.expr(&expr);
    Ok(finish(source, rewriter, Kind::Expression, |generator| generator.compile_expr(&expr)))
}

fn template(source: &'static str, syntax: SyntaxConfig, newline: Option<&str>) -> Result<Compiled, Problem> {
    depth::check(source, false, syntax.clone())?;
    let parsed = parse(source, "", syntax).map_err(|error| problem(&error))?;
    let ast::Stmt::Template(root) = &parsed else {
        return Err(Problem { message: "this is not a template".to_owned(), hint: None, range: None });
    };
    let file = newline.is_some();
    let mut rewriter = Rewriter::new(source);
    rewriter.plain_literals = !file;
    rewriter.newline = newline.filter(|newline| *newline != "\n").map(str::to_owned);
    rewriter.declare(&root.children);
    if let [ast::Stmt::EmitExpr(only)] = &root.children[..] {
        let expr = rewriter.emitted(&only.expr);
        let span = only.expr.span();
        let mut compiled =
            finish(source, rewriter, Kind::Expression, |generator| generator.compile_expr(&expr));
        compiled.whole = Some(span.start_offset as usize..span.end_offset as usize);
        compiled.newlines *= usize::from(!file);
        return Ok(compiled);
    }
    let has_text = |child: &ast::Stmt<'_>| matches!(child, ast::Stmt::EmitRaw(raw) if !raw.raw.is_empty());
    let kind = if root.children.iter().any(has_text) { Kind::Text } else { Kind::Pieces };
    rewriter.recording = kind == Kind::Pieces;
    let children = rewriter.body(&root.children);
    let whole = ast::Stmt::Template(ast::Spanned::new(ast::Template { children }, root.span()));
    let kind = if rewriter.opaque { Kind::Text } else { kind };
    let mut compiled = finish(source, rewriter, kind, |generator| generator.compile_stmt(&whole));
    compiled.newlines *= usize::from(!file);
    Ok(compiled)
}

fn finish(
    source: &'static str,
    rewriter: Rewriter,
    kind: Kind,
    generate: impl FnOnce(&mut CodeGenerator<'static>),
) -> Compiled {
    let mut generator = CodeGenerator::new("", source);
    // What is wrong is never run, and may not even be fit for the generator.
    if rewriter.problems.is_empty() {
        generate(&mut generator);
    }
    let (instructions, blocks) = generator.finish();
    let names: BTreeSet<&'static str> = rewriter.names;
    Compiled {
        instructions,
        blocks,
        kind,
        names: names.into_iter().collect(),
        newlines: source.bytes().rev().take_while(|byte| *byte == b'\n').count(),
        whole: None,
        problems: rewriter.problems,
    }
}

fn string_syntax() -> SyntaxConfig {
    SyntaxConfig::builder().trim_blocks(true).build().unwrap_or_default()
}

fn file_syntax(form: &FileForm) -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder()
        .block_delimiters(form.block.0.clone(), form.block.1.clone())
        .variable_delimiters(form.variable.0.clone(), form.variable.1.clone())
        .comment_delimiters(form.comment.0.clone(), form.comment.1.clone())
        .trim_blocks(form.trim_blocks)
        .lstrip_blocks(form.lstrip_blocks)
        .build()
}

fn problem(error: &minijinja::Error) -> Problem {
    let cause = cause_of(error);
    let hint = cause.message.contains("unexpected end").then(|| "close what was opened".to_owned());
    Problem { message: cause.message, hint: cause.hint.or(hint), range: error.range() }
}

/// Keeps one copy of each text for the life of the program.
pub(super) fn intern(text: &str) -> &'static str {
    static TEXTS: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut texts = TEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(kept);
    kept
}
