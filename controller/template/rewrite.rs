//! Walks a parsed template: replaces operators by operations with Python's meaning, collects the
//! names that are looked up, and notes everything that is unknown or unsupported.

use std::collections::{BTreeSet, HashSet};

use minijinja::machinery::{Span, ast};
use minijinja::value::Value;

use super::compile::Problem;
use super::depth;
use super::registry;

/// The state of one walk.
pub(super) struct Rewriter {
    pub(super) names: BTreeSet<&'static str>,
    pub(super) problems: Vec<Problem>,
    /// Whether what is written at the outer level is recorded, for native results.
    pub(super) recording: bool,
    /// What line ends of the text become, if not `\n`.
    pub(super) newline: Option<String>,
    /// The text, and whether backslashes in literals of `{{ }}` stand for themselves, as in strings of
    /// playbooks (but not in template files).
    source: &'static str,
    pub(super) plain_literals: bool,
    /// Whether literals may not hold `{{ }}`, which Ansible would render in conditions.
    pub(super) condition: bool,
    /// Whether something is written that is not recorded.
    pub(super) opaque: bool,
    emitting: bool,
    pub(super) locals: HashSet<&'static str>,
    pub(super) nested: usize,
    /// How many macros are around.
    pub(super) macros: usize,
    /// How deep the walk is in an expression.
    depth: usize,
}

pub(super) type Expr = ast::Expr<'static>;

impl Rewriter {
    pub(super) fn new(source: &'static str) -> Self {
        Self {
            source,
            plain_literals: false,
            condition: false,
            opaque: false,
            emitting: false,
            names: BTreeSet::new(),
            problems: Vec::new(),
            recording: false,
            locals: ["loop", "caller"].into(),
            nested: 0,
            macros: 0,
            depth: 0,
            newline: None,
        }
    }

    pub(super) fn problem(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        let range = span.start_offset as usize..span.end_offset as usize;
        self.problems.push(Problem { message: message.into(), hint, range: Some(range) });
    }

    /// Copies the target of an assignment; its names are not looked up.
    pub(super) fn target(&mut self, target: &Expr) -> Expr {
        match target {
            ast::Expr::Var(node) => ast::Expr::Var(spanned(ast::Var { id: node.id }, node.span())),
            ast::Expr::List(node) => {
                let items = node.items.iter().map(|item| self.target(item)).collect();
                ast::Expr::List(spanned(ast::List { items }, node.span()))
            }
            ast::Expr::Tuple(node) => {
                let items = node.items.iter().map(|item| self.target(item)).collect();
                ast::Expr::Tuple(spanned(ast::Tuple { items }, node.span()))
            }
            ast::Expr::GetAttr(node) => ast::Expr::GetAttr(spanned(
                ast::GetAttr { expr: self.target(&node.expr), name: node.name },
                node.span(),
            )),
            other => {
                self.problem(other.span(), "this cannot be assigned to", None);
                constant((), other.span())
            }
        }
    }

    /// Rewrites what stands in `{{ }}`.
    pub(super) fn emitted(&mut self, expr: &Expr) -> Expr {
        self.emitting = true;
        let expr = self.expr(expr);
        self.emitting = false;
        expr
    }

    fn literal(&mut self, node: &ast::Spanned<ast::Const>) -> Expr {
        let span = node.span();
        let Some(text) = node.value.as_str() else { return constant(node.value.clone(), span) };
        if self.condition && text.contains("{{") {
            let hint = Some("write the variable without quotes and `{{ }}`".to_owned());
            self.problem(
                span,
                "a condition is an expression already: `{{ }}` cannot stand in its text",
                hint,
            );
        }
        if self.plain_literals && self.emitting {
            let raw = self.raw(span);
            if raw.contains('\\') {
                return constant(plain_literal(raw), span);
            }
        }
        match &self.newline {
            Some(newline) if self.raw(span).contains('\n') => constant(text.replace('\n', newline), span),
            _ => constant(node.value.clone(), span),
        }
    }

    fn raw(&self, span: Span) -> &'static str {
        self.source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or_default()
    }

    pub(super) fn truth(&mut self, expr: &Expr) -> Expr {
        let span = expr.span();
        operation("op:truth", self.expr(expr), [], span)
    }

    /// Rewrites an expression; what is too deep is noted and not walked.
    pub(super) fn expr(&mut self, expr: &Expr) -> Expr {
        if self.depth >= depth::MOST {
            return self.too_deep(expr.span());
        }
        self.depth += 1;
        let rewritten = self.shallow(expr);
        self.depth -= 1;
        rewritten
    }

    fn too_deep(&mut self, span: Span) -> Expr {
        let problem = depth::too_deep(span);
        // Once it is too deep, every branch at this depth is.
        if self.problems.iter().all(|known| known.message != problem.message) {
            self.problems.push(problem);
        }
        constant((), span)
    }

    fn shallow(&mut self, expr: &Expr) -> Expr {
        match expr {
            ast::Expr::Var(node) => {
                if self.macros > 0
                    && ["varargs", "kwargs"].contains(&node.id)
                    && !self.locals.contains(node.id)
                {
                    let hint = Some("give the macro a named argument for each value".to_owned());
                    self.problem(node.span(), format!("`{}` of macros is not supported", node.id), hint);
                }
                self.names.insert(node.id);
                ast::Expr::Var(spanned(ast::Var { id: node.id }, node.span()))
            }
            ast::Expr::Const(node) => self.literal(node),
            ast::Expr::Slice(node) => {
                let inner = self.expr(&node.expr);
                ast::Expr::Slice(spanned(
                    ast::Slice {
                        expr: operation("op:check", inner, [], node.expr.span()),
                        start: self.bound(node.start.as_ref()),
                        stop: self.bound(node.stop.as_ref()),
                        step: self.bound(node.step.as_ref()),
                    },
                    node.span(),
                ))
            }
            ast::Expr::UnaryOp(node) => {
                let name = match node.op {
                    ast::UnaryOpKind::Not => "op:not",
                    ast::UnaryOpKind::Neg => "op:neg",
                };
                operation(name, self.expr(&node.expr), [], node.span())
            }
            ast::Expr::BinOp(node) => self.binary(node),
            ast::Expr::Compare(node) => self.comparison(node),
            ast::Expr::IfExpr(node) => ast::Expr::IfExpr(spanned(
                ast::IfExpr {
                    test_expr: self.truth(&node.test_expr),
                    true_expr: self.expr(&node.true_expr),
                    false_expr: node.false_expr.as_ref().map(|expr| self.expr(expr)),
                },
                node.span(),
            )),
            ast::Expr::Filter(node) => {
                let name = self.filter_name(node);
                ast::Expr::Filter(spanned(
                    ast::Filter {
                        name,
                        expr: node.expr.as_ref().map(|expr| self.expr(expr)),
                        args: self.args(&node.args),
                    },
                    node.span(),
                ))
            }
            ast::Expr::Test(node) => {
                let name = self.test_name(node.name, node.span());
                self.check_arguments(registry::test(name), &node.args, node.span());
                ast::Expr::Test(spanned(
                    ast::Test { name, expr: self.expr(&node.expr), args: self.args(&node.args) },
                    node.span(),
                ))
            }
            ast::Expr::GetAttr(node) => operation(
                "op:attribute",
                self.expr(&node.expr),
                [constant(node.name, node.span())],
                node.span(),
            ),
            ast::Expr::GetItem(node) => {
                let key = self.expr(&node.subscript_expr);
                operation("op:item", self.expr(&node.expr), [key], node.span())
            }
            ast::Expr::Call(node) => ast::Expr::Call(self.call(node)),
            ast::Expr::List(node) => {
                let items = node.items.iter().map(|item| self.expr(item)).collect();
                ast::Expr::List(spanned(ast::List { items }, node.span()))
            }
            ast::Expr::Tuple(node) => {
                let items = node.items.iter().map(|item| self.expr(item)).collect();
                ast::Expr::Tuple(spanned(ast::Tuple { items }, node.span()))
            }
            ast::Expr::Map(node) => ast::Expr::Map(spanned(
                ast::Map {
                    keys: node.keys.iter().map(|key| self.expr(key)).collect(),
                    values: node.values.iter().map(|value| self.expr(value)).collect(),
                },
                node.span(),
            )),
        }
    }

    fn bound(&mut self, bound: Option<&Expr>) -> Option<Expr> {
        let bound = bound?;
        Some(operation("op:check", self.expr(bound), [], bound.span()))
    }

    fn binary(&mut self, node: &ast::Spanned<ast::BinOp<'static>>) -> Expr {
        let left = self.expr(&node.left);
        let right = self.expr(&node.right);
        let name = match node.op {
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                let left = operation("op:check", left, [], node.left.span());
                return ast::Expr::BinOp(spanned(ast::BinOp { op: node.op, left, right }, node.span()));
            }
            ast::BinOpKind::Eq => "op:==",
            ast::BinOpKind::Ne => "op:!=",
            ast::BinOpKind::Lt => "op:<",
            ast::BinOpKind::Lte => "op:<=",
            ast::BinOpKind::Gt => "op:>",
            ast::BinOpKind::Gte => "op:>=",
            ast::BinOpKind::Add => "op:+",
            ast::BinOpKind::Sub => "op:-",
            ast::BinOpKind::Mul => "op:*",
            ast::BinOpKind::Div => "op:/",
            ast::BinOpKind::FloorDiv => "op://",
            ast::BinOpKind::Rem => "op:%",
            ast::BinOpKind::Pow => "op:**",
            ast::BinOpKind::Concat => "op:~",
            ast::BinOpKind::In => "op:in",
        };
        operation(name, left, [right], node.span())
    }

    /// `a < b < c` means `a < b and b < c`.
    fn comparison(&mut self, node: &ast::Spanned<ast::Compare<'static>>) -> Expr {
        if self.depth + node.ops.len() > depth::MOST {
            return self.too_deep(node.span());
        }
        let mut left = &node.expr;
        let mut whole: Option<Expr> = None;
        for step in &node.ops {
            let name = match step.op {
                ast::CompareOpKind::Eq => "op:==",
                ast::CompareOpKind::Ne => "op:!=",
                ast::CompareOpKind::Lt => "op:<",
                ast::CompareOpKind::Lte => "op:<=",
                ast::CompareOpKind::Gt => "op:>",
                ast::CompareOpKind::Gte => "op:>=",
                ast::CompareOpKind::In => "op:in",
                ast::CompareOpKind::NotIn => "op:notin",
            };
            let right = self.expr(&step.expr);
            let one = operation(name, self.expr(left), [right], node.span());
            whole = Some(match whole {
                None => one,
                Some(before) => ast::Expr::BinOp(spanned(
                    ast::BinOp { op: ast::BinOpKind::ScAnd, left: before, right: one },
                    node.span(),
                )),
            });
            left = &step.expr;
        }
        whole.unwrap_or_else(|| constant(true, node.span()))
    }

    pub(super) fn call(
        &mut self,
        node: &ast::Spanned<ast::Call<'static>>,
    ) -> ast::Spanned<ast::Call<'static>> {
        let expr = match &node.expr {
            ast::Expr::Var(var) => {
                self.check_function(var.id, node);
                ast::Expr::Var(spanned(ast::Var { id: var.id }, var.span()))
            }
            ast::Expr::GetAttr(attr) => ast::Expr::GetAttr(spanned(
                ast::GetAttr { expr: self.expr(&attr.expr), name: attr.name },
                attr.span(),
            )),
            other => self.expr(other),
        };
        spanned(ast::Call { expr, args: self.args(&node.args) }, node.span())
    }

    pub(super) fn args(&mut self, args: &[ast::CallArg<'static>]) -> Vec<ast::CallArg<'static>> {
        args.iter()
            .map(|arg| match arg {
                ast::CallArg::Pos(expr) => ast::CallArg::Pos(self.expr(expr)),
                ast::CallArg::Kwarg(name, expr) => ast::CallArg::Kwarg(name, self.expr(expr)),
                ast::CallArg::PosSplat(expr) => ast::CallArg::PosSplat(self.expr(expr)),
                ast::CallArg::KwargSplat(expr) => ast::CallArg::KwargSplat(self.expr(expr)),
            })
            .collect()
    }

    fn check_function(&mut self, name: &'static str, node: &ast::Spanned<ast::Call<'static>>) {
        let span = node.expr.span();
        if self.locals.contains(name) {
            return;
        }
        match registry::function(name) {
            Some(spec) => self.check_arguments(Some(spec), &node.args, node.span()),
            None => {
                let (message, hint) = registry::unknown_function(name, self.locals.iter().copied());
                self.problem(span, message, hint);
            }
        }
        if matches!(name, "lookup" | "query" | "q") {
            match node.args.first() {
                Some(ast::CallArg::Pos(ast::Expr::Const(literal))) if literal.value.as_str().is_some() => {
                    let wanted = literal.value.as_str().unwrap_or_default();
                    if let Err((message, hint)) = registry::lookup_name(wanted) {
                        self.problem(literal.span(), message, hint);
                    }
                }
                _ => self.problem(
                    span,
                    format!("`{name}` needs the name of the lookup as literal text"),
                    Some(format!("write `{name}('file', ...)`")),
                ),
            }
        }
    }

    fn filter_name(&mut self, node: &ast::Spanned<ast::Filter<'static>>) -> &'static str {
        match registry::filter_name(node.name) {
            Ok(name) => {
                self.check_arguments(registry::filter(name), &node.args, node.span());
                self.check_named(name, &node.args);
                name
            }
            Err((message, hint)) => {
                self.problem(node.span(), message, hint);
                node.name
            }
        }
    }

    fn test_name(&mut self, name: &'static str, span: Span) -> &'static str {
        match registry::test_name(name) {
            Ok(name) => name,
            Err((message, hint)) => {
                self.problem(span, message, hint);
                name
            }
        }
    }

    /// Checks the filters and tests that `map`, `select` and their kin take by name.
    fn check_named(&mut self, filter: &str, args: &[ast::CallArg<'static>]) {
        let index = match filter {
            "map" | "select" | "reject" => 0,
            "selectattr" | "rejectattr" => 1,
            _ => return,
        };
        let Some(ast::CallArg::Pos(ast::Expr::Const(literal))) = args.get(index) else { return };
        let Some(name) = literal.value.as_str() else { return };
        let checked = if filter == "map" { registry::filter_name(name) } else { registry::test_name(name) };
        if let Err((message, hint)) = checked {
            self.problem(literal.span(), message, hint);
        }
    }

    fn check_arguments(
        &mut self,
        spec: Option<&'static registry::Spec>,
        args: &[ast::CallArg<'static>],
        span: Span,
    ) {
        let Some(spec) = spec else { return };
        let mut positional = 0;
        for arg in args {
            match arg {
                ast::CallArg::Pos(_) => positional += 1,
                ast::CallArg::Kwarg(name, _) => {
                    if let Err((message, hint)) = spec.check_keyword(name) {
                        self.problem(span, message, hint);
                    }
                }
                ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => return,
            }
        }
        if let Some(most) = spec.most_positional()
            && positional > most
        {
            let message = format!("`{}` takes at most {most} arguments, not {positional}", spec.name);
            self.problem(span, message, None);
        }
    }
}

/// Joins the contents of quoted literals, backslashes as they stand.
fn plain_literal(raw: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match quote {
            None => quote = Some(c).filter(|c| matches!(c, '\'' | '"')),
            Some(open) if c == open => quote = None,
            Some(_) => {
                out.push(c);
                if c == '\\' {
                    out.extend(chars.next());
                }
            }
        }
    }
    out
}

pub(super) fn spanned<T>(node: T, span: Span) -> ast::Spanned<T> {
    ast::Spanned::new(node, span)
}

pub(super) fn constant(value: impl Into<Value>, span: Span) -> Expr {
    ast::Expr::Const(spanned(ast::Const { value: value.into() }, span))
}

pub(super) fn operation<const N: usize>(
    name: &'static str,
    input: Expr,
    args: [Expr; N],
    span: Span,
) -> Expr {
    let args = args.into_iter().map(ast::CallArg::Pos).collect();
    ast::Expr::Filter(spanned(ast::Filter { name, expr: Some(input), args }, span))
}
