//! Takes a host through what a task includes: which file or role it is, what its tasks see, and the way there and back.
//!
//! What an include stands for was read before the run (`playbook/include.rs`); here a host only chooses among it. An include is
//! decided for all of its items first, then their tasks run, item by item. Tasks of an include have ordinals below that
//! of the include, so that hosts meet there too.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use serde_json::{Map, Value, json};

use super::evaluate::Item;
use super::slot::ItemResult;
use super::worker::{Stop, Work, Worker};
use crate::plan::{CompiledEntry, CompiledTask};
use crate::playbook::{BodyKey, DEEPEST, Role, normal_path};
use crate::template::Binding;

/// A choice that was made and whose tasks have not run yet.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Which of the bodies.
    body: usize,
    /// The item of the loop.
    item: Item,
}

/// An include that the host is in.
#[derive(Debug)]
pub(super) struct Frame {
    task: Arc<CompiledTask>,
    body: usize,
    /// Variables of the include and of its loop, which count more than those of hosts and roles.
    pub vars: Vec<(String, Binding)>,
}

impl Worker<'_> {
    /// Chooses what an include stands for on this host.
    pub(super) fn choose(
        &mut self,
        task: &Arc<CompiledTask>,
        item: &Item,
        options: &Map<String, Value>,
    ) -> ItemResult {
        let text = |name: &str| options.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut value = Map::new();
        let found = if task.task.module == "include_tasks" {
            let name = text("file");
            value.insert("include".to_owned(), json!(name));
            value.insert("include_args".to_owned(), json!({}));
            self.chosen_file(task, &name)
        } else {
            let arguments: Map<String, Value> = options.clone();
            value.insert("include_args".to_owned(), Value::Object(arguments));
            let from = |name: &str| {
                Some(text(name)).filter(|text| !text.is_empty()).unwrap_or_else(|| "main".to_owned())
            };
            let names = ["tasks_from", "vars_from", "defaults_from", "handlers_from"].map(from);
            let [tasks, vars, defaults, handlers] = names;
            chosen_role(task, BodyKey::Role([text("name"), tasks, vars, defaults, handlers]))
        };
        let body = match found {
            Ok(body) => body,
            Err(problem) => return ItemResult::failure(problem),
        };
        if let Some(problem) = task.bodies[body].body.problem() {
            return ItemResult::failure(format!("what is included cannot be used: {problem}"));
        }
        if self.frames.len() >= DEEPEST {
            return ItemResult::failure(format!(
                "includes are over {DEEPEST} deep here; hint: does one include itself?"
            ));
        }
        self.chosen.push(Chosen { body, item: item.clone() });
        if task.task.looping.is_none() {
            value.insert("changed".to_owned(), json!(false));
        }
        ItemResult { value, ..ItemResult::default() }
    }

    fn chosen_file(&self, task: &CompiledTask, name: &str) -> Result<usize, String> {
        let Some(include) = &task.task.include else { return Err("nothing is included here".to_owned()) };
        let absolute = |path: &Path| self.run.scope.absolute(&normal_path(path));
        let places: Vec<PathBuf> = include.roots.iter().map(|root| absolute(&root.join(name))).collect();
        let known = |place: &PathBuf| {
            task.bodies.iter().position(|body| match &body.body.key {
                BodyKey::File(path) => absolute(path) == *place,
                BodyKey::Role(_) => false,
            })
        };
        let first = places.iter().find(|place| place.is_file());
        match first {
            Some(place) => known(place).ok_or_else(|| {
                format!(
                    "`{}` was not read before the run, so it is not included now; hint: name it under `loop`, or keep it \
                     below the folder of the file that includes it",
                    place.display()
                )
            }),
            None => {
                let place = places.first().map(|place| place.display().to_string()).unwrap_or_default();
                Err(format!("there is no file `{name}`; hint: looked for `{place}`"))
            }
        }
    }

    /// Runs what was chosen, item by item; `ordinal` is that of the include.
    pub(super) async fn go_through(
        &mut self,
        task: &Arc<CompiledTask>,
        ordinal: &[usize],
    ) -> Result<(), Stop> {
        // Taken first: what an include chose that failed is not for the next one.
        let all = std::mem::take(&mut self.chosen);
        self.drained().await?;
        for (index, chosen) in all.into_iter().enumerate() {
            let mut prefix = ordinal.to_vec();
            prefix.extend([index, chosen.body]);
            self.inside(task, chosen, prefix).await?;
        }
        Ok(())
    }

    fn inside<'s>(
        &'s mut self,
        task: &'s Arc<CompiledTask>,
        chosen: Chosen,
        prefix: Vec<usize>,
    ) -> Work<'s, ()> {
        Box::pin(self.within(task, chosen, prefix))
    }

    /// Runs the tasks of one body.
    async fn within(
        &mut self,
        task: &Arc<CompiledTask>,
        chosen: Chosen,
        prefix: Vec<usize>,
    ) -> Result<(), Stop> {
        let task = task.clone();
        let Chosen { body, item } = chosen;
        if let Some(role) = task.bodies[body].body.role() {
            let again = task.task.include.as_ref().is_none_or(|include| include.again);
            // The same role with the same variables is the same use.
            let own =
                task.task.directives.vars.iter().map(|(name, node)| format!("{name}={};", node.to_json()));
            let of_item = item.values.iter().map(|(name, value)| format!("{name}={value};"));
            let used: String = [format!("{:?};", task.bodies[body].body.key)]
                .into_iter()
                .chain(own)
                .chain(of_item)
                .collect();
            if !self.ran_roles.insert(used) && !again {
                return Ok(());
            }
            self.bring(&task, role);
        }
        let around = self.around(&task, body);
        let entries: &[CompiledEntry] = match &around {
            Some(task) => task.0.bodies[task.1].entries.as_deref().unwrap_or_default(),
            None => task.bodies[body].entries.as_deref().unwrap_or_default(),
        };
        let own = task
            .task
            .directives
            .vars
            .iter()
            .map(|(name, node)| (name.clone(), Binding::Source(node.clone())));
        let of_item = item.values.into_iter().map(|(name, value)| (name, Binding::Data(value)));
        let frame = Frame { task: task.clone(), body, vars: own.chain(of_item).collect() };
        self.frames.push(frame);
        let outer = std::mem::replace(&mut self.prefix, prefix);
        let mut result = self.entries(entries).await;
        if matches!(result, Ok(()) | Err(Stop::EndHost | Stop::Wave))
            && let Err(stop) = self.drained().await
        {
            // What was sent ahead is judged with the variables of the include.
            result = Err(stop);
        }
        self.prefix = outer;
        self.frames.pop();
        self.ended_role = None;
        result
    }

    /// The same body further out, for a file that includes itself.
    fn around(&self, task: &CompiledTask, body: usize) -> Option<(Arc<CompiledTask>, usize)> {
        let body = &task.bodies[body];
        if body.entries.is_some() {
            return None;
        }
        let same = |frame: &&Frame| {
            let outer = &frame.task.bodies[frame.body];
            Arc::ptr_eq(&outer.body, &body.body) && outer.entries.is_some()
        };
        self.frames.iter().rev().find(same).map(|frame| (frame.task.clone(), frame.body))
    }

    /// From here on the host has the handlers of a role, and, if it is public, its variables.
    fn bring(&mut self, task: &CompiledTask, role: &Arc<Role>) {
        let address = Arc::as_ptr(role).addr();
        self.brought.retain(|known| *known != address);
        self.brought.push(address);
        if task.task.include.as_ref().is_some_and(|include| include.public) {
            let mut learned = self.host.learned.write().unwrap_or_else(PoisonError::into_inner);
            for role in role.dependencies.list().iter().chain([role]) {
                learned.roles.retain(|known| !Arc::ptr_eq(known, role));
                learned.roles.push(role.clone());
            }
        }
    }

    /// The variables of the includes around what runs.
    pub(super) fn frame_vars(&self) -> Vec<(String, Binding)> {
        self.frames.iter().flat_map(|frame| frame.vars.iter().cloned()).collect()
    }
}

fn chosen_role(task: &CompiledTask, key: BodyKey) -> Result<usize, String> {
    task.bodies.iter().position(|body| body.body.key == key).ok_or_else(|| {
        format!("`{key}` is no role that was read before the run; hint: name the roles under `loop`")
    })
}
