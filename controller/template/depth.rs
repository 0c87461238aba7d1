//! Bounds how deep the tree of a text gets, from its words alone.
//!
//! The parser, what walks a tree, and what frees it all recurse, and a stack that is used up ends the
//! program. So a text is measured before it is parsed. The measure is coarse, and generous where only
//! freeing the tree recurses; `rewrite` then limits the depth that the tree really has.

use minijinja::machinery::{Span, Token, Tokenizer};
use minijinja::syntax::SyntaxConfig;

use super::compile::Problem;

/// How deep an expression may be: a chain of so many operators, filters or attributes.
pub(super) const MOST: usize = 200;
/// How many operators may stand in one path from the outermost to the innermost brackets.
const MOST_OPERATORS: usize = 2_000;

/// How far the reading of one pair of brackets, or of one `{% if %}`, has come.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators since the last comma.
    operators: usize,
    /// What the parser recurses for since the last comma: `else`, and the longest row of `not` or `-`.
    calls: usize,
    row: usize,
    longest_row: usize,
    /// The deepest brackets since the last comma, and the deepest part before it.
    inside: Depth,
    before: Depth,
}

#[derive(Clone, Copy, Default)]
struct Depth {
    operators: usize,
    calls: usize,
}

impl Depth {
    fn or(self, other: Self) -> Self {
        Self { operators: self.operators.max(other.operators), calls: self.calls.max(other.calls) }
    }
}

impl Level {
    fn depth(&self) -> Depth {
        let here = Depth {
            operators: self.operators + self.inside.operators,
            calls: self.calls + self.longest_row + self.inside.calls,
        };
        here.or(self.before)
    }

    fn comma(&mut self) {
        *self = Self { before: self.depth(), ..Self::default() };
    }

    /// Takes in brackets that were closed.
    fn close(&mut self, inner: &Self) {
        let inner = inner.depth();
        self.inside = self.inside.or(Depth { operators: inner.operators + 1, calls: inner.calls });
        self.operators += 1;
        self.row = 0;
    }
}

/// Finds out whether a text is too deep to be parsed. `expression` tells that it is a bare expression.
pub(super) fn check(source: &str, expression: bool, syntax: SyntaxConfig) -> Result<(), Problem> {
    let mut tokenizer = Tokenizer::new(source, "", expression, syntax);
    let mut levels = vec![Level::default()];
    // The branches of each `{% if %}` that is open.
    let mut branches: Vec<usize> = Vec::new();
    let mut statement = false;
    // What cannot be read as words is left to the parser, which says why.
    while let Ok(Some((token, span))) = tokenizer.next_token() {
        if std::mem::take(&mut statement) {
            match token {
                Token::Ident("if") => branches.push(0),
                Token::Ident("endif") => drop(branches.pop()),
                Token::Ident("elif") => {
                    if let Some(count) = branches.last_mut() {
                        *count += 1;
                    }
                }
                _ => {}
            }
            if branches.iter().sum::<usize>() > MOST {
                let message = format!("`{{% if %}}` has more than {MOST} branches");
                let hint = Some("look the value up in a dictionary".to_owned());
                return Err(Problem { message, hint, range: range(span) });
            }
            continue;
        }
        // The parser refuses so many brackets, and those that nothing opens, by itself.
        if levels.len() > MOST {
            return Ok(());
        }
        let Some(level) = levels.last_mut() else { return Ok(()) };
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::VariableEnd | Token::BlockEnd => {
                levels = vec![Level::default()];
                continue;
            }
            Token::BlockStart => {
                levels = vec![Level::default()];
                statement = true;
                continue;
            }
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => {
                levels.push(Level::default());
                continue;
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                let inner = *level;
                levels.pop();
                if let Some(outer) = levels.last_mut() {
                    outer.close(&inner);
                }
            }
            Token::Comma => level.comma(),
            Token::Ident("not") | Token::Minus => {
                level.operators += 1;
                level.row += 1;
                level.longest_row = level.longest_row.max(level.row);
            }
            Token::Ident("else") => {
                level.operators += 1;
                level.calls += 1;
                level.row = 0;
            }
            Token::Ident("and" | "or" | "in" | "is" | "if")
            | Token::Plus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Pow
            | Token::Mod
            | Token::Dot
            | Token::Tilde
            | Token::Pipe
            | Token::Eq
            | Token::Ne
            | Token::Gt
            | Token::Gte
            | Token::Lt
            | Token::Lte => {
                level.operators += 1;
                level.row = 0;
            }
            Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Colon
            | Token::Assign => level.row = 0,
        }
        let open = levels.iter().fold(Depth::default(), |sum, level| {
            let depth = level.depth();
            Depth { operators: sum.operators + depth.operators, calls: sum.calls + depth.calls }
        });
        if open.operators > MOST_OPERATORS || open.calls > MOST {
            return Err(too_deep(span));
        }
    }
    Ok(())
}

/// Says that an expression is too deep.
pub(super) fn too_deep(span: Span) -> Problem {
    Problem {
        message: format!(
            "this expression is too deep: more than {MOST} operators, filters or attributes build on each other"
        ),
        hint: Some("give a part of it a variable of its own".to_owned()),
        range: range(span),
    }
}

fn range(span: Span) -> Option<std::ops::Range<usize>> {
    Some(span.start_offset as usize..span.end_offset as usize)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::Engine;
    use super::super::suite::{Variables, text};
    use crate::source::Diagnostics;

    /// The half of what a worker has, in the build with the largest frames.
    const STACK: usize = 1 << 20;

    /// Renders and checks on a small stack; gives the value, or what is wrong and where.
    fn on_a_small_stack(source: String) -> Result<Json, String> {
        let render = move || {
            let node = text(&source);
            let mut diagnostics = Diagnostics::default();
            Engine::new().check(&node, &mut diagnostics);
            let variables = Variables::source(&json!({"a": 1, "t": true}));
            let result = Engine::new().render(&node, &variables);
            assert_eq!(diagnostics.0.len(), usize::from(result.is_err()), "{diagnostics:?}");
            result.map_err(|error| error.into_diagnostic().message)
        };
        std::thread::Builder::new().stack_size(STACK).spawn(render).unwrap().join().unwrap()
    }

    fn chain(head: &str, link: &str, count: usize, tail: &str) -> String {
        format!("{{{{ {head}{}{tail} }}}}", link.repeat(count))
    }

    #[test]
    fn long_chains_are_refused_instead_of_ending_the_program() {
        for count in [300, 2_000, 20_000] {
            for source in [
                chain("1", " + 1", count, ""),
                chain("'a'", " ~ 'a'", count, ""),
                chain("t", " and t", count, ""),
                chain("1", " < 2", count, ""),
                chain("1", " | int", count, ""),
                chain("1", " is number", count, ""),
                chain("a", ".b", count, ""),
                chain("a", "[0]", count, ""),
                chain("a", "()", count, ""),
                chain("", "not ", count, "t"),
                chain("", "- ", count, "1"),
                chain("", "1 if t else ", count, "1"),
                chain("1", " if t", count, ""),
                chain("", "(not ", count, "t"),
                chain("1", " + 1", count, " )"),
                format!("{{% if t %}}{}{{% endif %}}", "{% elif t %}".repeat(count)),
                format!("{}{}", "{% if t %}".repeat(count), "{% endif %}".repeat(count)),
            ] {
                let message = on_a_small_stack(source.clone()).unwrap_err();
                let start = &source[..source.len().min(40)];
                let known = ["this expression is too deep", "branches", "recursion", "unexpected `)`"];
                assert!(known.iter().any(|known| message.contains(known)), "{start}: {message}");
            }
        }
    }

    #[test]
    fn what_people_write_is_not_too_deep() {
        let list = format!("{{{{ [{}] | length }}}}", "1 + 1, ".repeat(5_000));
        let calls = format!("{{{{ [{}] | length }}}}", "(a | int) ~ (a | string), ".repeat(2_000));
        let branches = format!("{{% if a == 0 %}}x{}{{% endif %}}", "{% elif a == 1 %}y".repeat(200));
        let apart = "{% if t %}{% elif t %}{% endif %}{{ 1 + 1 }} ".repeat(1_000);
        let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        for (source, expected) in [
            (chain("1", " + 1", 199, ""), json!(200)),
            (chain("1", " - 1", 199, ""), json!(-198)),
            (chain("a == 1", " and a == 1", 150, ""), json!(true)),
            (chain("a", " ~ (a | default('') | string)", 150, ""), json!("1".repeat(151))),
            (chain("", "1 if not t else ", 150, "2"), json!(2)),
            (list, json!(5_000)),
            (calls, json!(2_000)),
            (branches, json!("y")),
            (apart, json!("2 ".repeat(1_000))),
            (format!("{{{{ {nested} | string | length }}}}"), json!(121)),
        ] {
            assert_eq!(on_a_small_stack(source), Ok(expected));
        }
    }
}
