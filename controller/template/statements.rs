//! The statements of the walk in `rewrite`: loops, conditions, assignments, macros; and which
//! statements are refused.

use minijinja::machinery::{Span, ast};

use super::compile::intern;
use super::rewrite::{Expr, Rewriter, constant, operation, spanned};

type Stmt = ast::Stmt<'static>;

impl Rewriter {
    /// Collects the names that statements define, so that calling a macro is no unknown function.
    pub(super) fn declare(&mut self, body: &[Stmt]) {
        for statement in body {
            match statement {
                ast::Stmt::Macro(node) => {
                    self.locals.insert(node.name);
                    self.declare_macro(node);
                }
                ast::Stmt::ForLoop(node) => {
                    self.declare_target(&node.target);
                    self.declare(&node.body);
                    self.declare(&node.else_body);
                }
                ast::Stmt::IfCond(node) => {
                    self.declare(&node.true_body);
                    self.declare(&node.false_body);
                }
                ast::Stmt::WithBlock(node) => {
                    for (target, _) in &node.assignments {
                        self.declare_target(target);
                    }
                    self.declare(&node.body);
                }
                ast::Stmt::Set(node) => self.declare_target(&node.target),
                ast::Stmt::SetBlock(node) => {
                    self.declare_target(&node.target);
                    self.declare(&node.body);
                }
                ast::Stmt::FilterBlock(node) => self.declare(&node.body),
                ast::Stmt::CallBlock(node) => self.declare_macro(&node.macro_decl),
                _ => {}
            }
        }
    }

    fn declare_macro(&mut self, node: &ast::Macro<'static>) {
        for arg in &node.args {
            self.declare_target(arg);
        }
        self.declare(&node.body);
    }

    fn declare_target(&mut self, target: &Expr) {
        match target {
            ast::Expr::Var(var) => {
                self.locals.insert(var.id);
            }
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.declare_target(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.declare_target(item)),
            _ => {}
        }
    }

    pub(super) fn body(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        body.iter().map(|statement| self.statement(statement)).collect()
    }

    fn inner(&mut self, body: &[Stmt]) -> Vec<Stmt> {
        self.nested += 1;
        let body = self.body(body);
        self.nested -= 1;
        body
    }

    fn statement(&mut self, statement: &Stmt) -> Stmt {
        match statement {
            ast::Stmt::Template(node) => {
                let children = self.body(&node.children);
                ast::Stmt::Template(spanned(ast::Template { children }, node.span()))
            }
            ast::Stmt::EmitExpr(node) => {
                let mut expr = self.emitted(&node.expr);
                if self.recording && self.nested == 0 {
                    expr = operation("op:emit", expr, [], node.span());
                }
                ast::Stmt::EmitExpr(spanned(ast::EmitExpr { expr }, node.span()))
            }
            ast::Stmt::EmitRaw(node) if self.recording && self.nested == 0 && !node.raw.is_empty() => {
                let expr = operation("op:emit", constant(node.raw, node.span()), [], node.span());
                ast::Stmt::EmitExpr(spanned(ast::EmitExpr { expr }, node.span()))
            }
            ast::Stmt::EmitRaw(node) => {
                let raw = match &self.newline {
                    Some(newline) => intern(&node.raw.replace('\n', newline)),
                    None => node.raw,
                };
                ast::Stmt::EmitRaw(spanned(ast::EmitRaw { raw }, node.span()))
            }
            ast::Stmt::ForLoop(node) => {
                let iter = self.expr(&node.iter);
                let iter = operation("op:iter", iter, [], node.iter.span());
                let filter_expr = node.filter_expr.as_ref().map(|filter| self.truth(filter));
                ast::Stmt::ForLoop(spanned(
                    ast::ForLoop {
                        target: self.target(&node.target),
                        iter,
                        filter_expr,
                        recursive: node.recursive,
                        body: self.body(&node.body),
                        else_body: self.body(&node.else_body),
                    },
                    node.span(),
                ))
            }
            ast::Stmt::IfCond(node) => ast::Stmt::IfCond(spanned(
                ast::IfCond {
                    expr: self.truth(&node.expr),
                    true_body: self.body(&node.true_body),
                    false_body: self.body(&node.false_body),
                },
                node.span(),
            )),
            ast::Stmt::WithBlock(node) => {
                let assignments = node
                    .assignments
                    .iter()
                    .map(|(target, value)| (self.target(target), self.expr(value)))
                    .collect();
                ast::Stmt::WithBlock(spanned(
                    ast::WithBlock { assignments, body: self.body(&node.body) },
                    node.span(),
                ))
            }
            ast::Stmt::Set(node) => ast::Stmt::Set(spanned(
                ast::Set { target: self.target(&node.target), expr: self.expr(&node.expr) },
                node.span(),
            )),
            ast::Stmt::SetBlock(node) => {
                let filter = node.filter.as_ref().map(|filter| self.expr(filter));
                ast::Stmt::SetBlock(spanned(
                    ast::SetBlock { target: self.target(&node.target), filter, body: self.inner(&node.body) },
                    node.span(),
                ))
            }
            ast::Stmt::FilterBlock(node) => {
                self.opaque |= self.nested == 0;
                ast::Stmt::FilterBlock(spanned(
                    ast::FilterBlock {
                        filter: self.expr(&node.filter),
                        filter_span: node.filter_span,
                        body: self.inner(&node.body),
                    },
                    node.span(),
                ))
            }
            ast::Stmt::Macro(node) => ast::Stmt::Macro(self.macro_node(node)),
            ast::Stmt::CallBlock(node) => {
                self.opaque |= self.nested == 0;
                ast::Stmt::CallBlock(spanned(
                    ast::CallBlock {
                        call: self.call(&node.call),
                        call_expr_span: node.call_expr_span,
                        macro_decl: self.macro_node(&node.macro_decl),
                    },
                    node.span(),
                ))
            }
            refused => self.refuse(refused),
        }
    }

    fn refuse(&mut self, statement: &Stmt) -> Stmt {
        let (word, span) = match statement {
            ast::Stmt::Block(node) => ("block", node.span()),
            ast::Stmt::Extends(node) => ("extends", node.span()),
            ast::Stmt::Include(node) => ("include", node.span()),
            ast::Stmt::Import(node) => ("import", node.span()),
            ast::Stmt::FromImport(node) => ("from", node.span()),
            ast::Stmt::AutoEscape(node) => ("autoescape", node.span()),
            ast::Stmt::Continue(node) => ("continue", node.span()),
            ast::Stmt::Break(node) => ("break", node.span()),
            ast::Stmt::Do(node) => ("do", node.span()),
            _ => ("this statement", Span::default()),
        };
        let hint = match word {
            "block" | "extends" | "include" | "import" | "from" => {
                "put the text into this template: templates made of several files are not supported"
            }
            "continue" | "break" => {
                "Ansible needs an extension for it too; use `{% if %}` or the filters `select` and `reject`"
            }
            _ => "Ansible needs an extension for it too; use `{% set %}`",
        };
        self.problem(span, format!("`{{% {word} %}}` is not supported"), Some(hint.to_owned()));
        ast::Stmt::EmitRaw(spanned(ast::EmitRaw { raw: "" }, span))
    }

    fn macro_node(&mut self, node: &ast::Spanned<ast::Macro<'static>>) -> ast::Spanned<ast::Macro<'static>> {
        self.macros += 1;
        let body = self.inner(&node.body);
        self.macros -= 1;
        spanned(
            ast::Macro {
                name: node.name,
                args: node.args.iter().map(|arg| self.target(arg)).collect(),
                defaults: node.defaults.iter().map(|default| self.expr(default)).collect(),
                body,
            },
            node.span(),
        )
    }
}
