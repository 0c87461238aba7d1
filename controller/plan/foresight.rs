//! What variables say before a run: a name that a task may still set, or a host still tell, has no value yet.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::compile::{CompiledEntry, CompiledPlay, CompiledTask};
use super::participants::Participants;
use super::variables::{HostScope, is_connection_variable};
use crate::template::{Binding, Scope};

/// Names that get their values while plays run.
#[derive(Debug, Default)]
pub struct Foresight {
    set: HashSet<String>,
    /// Whether a task sets names that only the run knows.
    anything: bool,
}

impl Foresight {
    /// Notes what the tasks of a play set. Plays are noted in their order, each before it is judged.
    pub fn note(&mut self, play: &CompiledPlay) {
        for section in &play.sections {
            self.entries(&section.entries);
        }
        play.handlers.iter().for_each(|task| self.task(task));
    }

    fn entries(&mut self, entries: &[CompiledEntry]) {
        for entry in entries {
            match entry {
                CompiledEntry::Task(task) => self.task(task),
                CompiledEntry::Block(block) => {
                    [&block.entries, &block.rescue, &block.always]
                        .into_iter()
                        .for_each(|list| self.entries(list));
                }
            }
        }
    }

    fn task(&mut self, task: &CompiledTask) {
        self.set.extend(task.task.register.clone());
        if !task.bodies.is_empty() {
            // Its tasks have these, and their values are those of an item.
            self.set.extend(task.task.directives.vars.iter().map(|(name, _)| name.clone()));
            let looping = task.task.looping.iter();
            self.set.extend(
                looping.flat_map(|looping| [Some(looping.variable.clone()), looping.index.clone()]).flatten(),
            );
            for body in &task.bodies {
                self.entries(body.entries.as_deref().unwrap_or_default());
            }
        }
        if task.task.module == "set_fact" {
            self.set.extend(task.task.options.iter().map(|(name, _)| name.clone()));
            self.anything |= task.task.options_template.is_some()
                || task.task.options.iter().any(|(name, _)| name.contains("{{"));
        }
        // What it reads is not looked for by name here.
        self.anything |= task.task.module.starts_with("include_vars");
    }
}

/// The variables of a host before the run.
pub struct Foreseen<'a> {
    /// Its variables.
    pub scope: HostScope<'a>,
    /// What is still to come.
    pub foresight: &'a Foresight,
    /// The task that is looked at, whose loop has not begun.
    pub task: Option<&'a CompiledTask>,
}

impl Foreseen<'_> {
    fn is_open(&self, name: &str) -> bool {
        let looping = self.task.and_then(|task| task.task.looping.as_ref());
        if looping.is_some_and(|looping| looping.variable == name || looping.index.as_deref() == Some(name)) {
            return true;
        }
        let play = self.scope.play;
        let is_magic =
            self.scope.run.magic.contains_key(name) || play.is_some_and(|play| play.magic.contains_key(name));
        // Facts of hosts begin with this; other hosts' values change as well, and who is still in the play.
        let may_come = name.starts_with("ansible_") && !is_magic && !is_connection_variable(name);
        may_come
            || self.foresight.anything && !is_magic
            || self.foresight.set.contains(name)
            || name == "hostvars"
            || Participants::NAMES.contains(&name)
    }
}

impl Scope for Foreseen<'_> {
    fn lookup(&self, name: &str) -> Option<Binding> {
        if name == "ansible_check_mode" {
            // A plan tells what the rollout would do.
            return Some(Binding::Data(Arc::new(json!(false))));
        }
        if self.is_open(name) { Some(Binding::Pending) } else { self.scope.lookup(name) }
    }

    fn names(&self) -> Vec<String> {
        self.scope.names()
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.scope.folders()
    }
}
