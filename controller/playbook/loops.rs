//! Reads `loop`, `with_...` and `loop_control`.

use super::load::Loader;
use super::model::{Directives, Loop};
use super::values::{is_templated, listed};
use crate::source::{Diagnostic, Node, suggestion};
use crate::template;

const CONTROLS: &[&str] =
    &["loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"];

/// Tells whether a keyword is a loop over a lookup that is supported.
pub(super) fn is_loop(word: &str) -> bool {
    lookup_of(word).is_some()
}

fn lookup_of(word: &str) -> Option<&'static str> {
    template::loop_lookup(word.strip_prefix("with_")?)
}

impl Loader<'_> {
    /// Reads the loop of a task, with `loop_control`.
    pub(super) fn looping(&mut self, node: &Node, directives: &Directives) -> Option<Loop> {
        let is_loop = |key: &Node| key.as_str().is_some_and(|word| word == "loop" || is_loop(word));
        let mut loops = node.entries().iter().filter(|(key, _)| is_loop(key));
        let control = node.entries().iter().find(|(key, _)| key.as_str() == Some("loop_control"));
        let Some((key, items)) = loops.next() else {
            if let Some((key, _)) = control {
                let warning = Diagnostic::warning(&key.span, "`loop_control` has no effect without a loop");
                self.report(warning);
            }
            return None;
        };
        let word = key.as_str().unwrap_or_default();
        if let Some((second, _)) = loops.next() {
            let other = second.as_str().unwrap_or_default();
            let message = format!("a task has one loop, this one has `{word}` and `{other}`");
            self.report(Diagnostic::error(&second.span, message));
            return None;
        }
        let lookup = lookup_of(word);
        match word {
            "loop" if !items.is_sequence() && !is_templated(items) => {
                self.wrong(word, items, "a list, or a template that gives one");
            }
            "with_items" if items.is_mapping() || items.is_null() => {
                self.wrong(word, items, "a list, or a template that gives one");
            }
            _ if items.is_null() => self.wrong(word, items, "what to loop over"),
            _ => {}
        }
        self.templates(items);
        let mut looping = Loop {
            items: items.clone(),
            lookup,
            variable: "item".to_owned(),
            index: None,
            label: None,
            pause: None,
            extended: false,
            all_items: true,
            break_when: Vec::new(),
        };
        if let Some((_, control)) = control {
            self.loop_control(&mut looping, control);
        }
        if let Some(name) = directives.vars.iter().find(|(name, _)| *name == looping.variable) {
            let message = format!("the loop sets `{}`, which `vars` sets too", name.0);
            let error = Diagnostic::error(&name.1.span, message);
            self.report(error.hint("choose another name with `loop_control: { loop_var: NAME }`"));
        }
        Some(looping)
    }

    fn loop_control(&mut self, looping: &mut Loop, control: &Node) {
        if !control.is_mapping() {
            self.wrong("loop_control", control, "a mapping");
            return;
        }
        for (key, value) in control.entries() {
            match key.as_str().unwrap_or_default() {
                word @ "loop_var" => {
                    if let Some(name) = self.identifier(word, value) {
                        looping.variable = name;
                    }
                }
                word @ "index_var" => looping.index = self.identifier(word, value),
                word @ "label" => {
                    self.templates(value);
                    looping.label = (!value.is_null()).then(|| value.clone());
                    if value.is_null() {
                        self.wrong(word, value, "text");
                    }
                }
                word @ "pause" => looping.pause = self.number(word, value, false),
                word @ "extended" => looping.extended = self.literal_boolean(word, value).unwrap_or(false),
                word @ "extended_allitems" => {
                    looping.all_items = self.literal_boolean(word, value).unwrap_or(true);
                }
                word @ "break_when" => {
                    looping.break_when = self.conditions(word, value);
                    if listed(value).is_empty() {
                        self.wrong(word, value, "a condition or a list of conditions");
                    }
                }
                word => {
                    let error = Diagnostic::error(&key.span, format!("`loop_control` has no `{word}`"));
                    self.report(error.maybe_hint(suggestion(word, CONTROLS.iter().copied())));
                }
            }
        }
    }
}
