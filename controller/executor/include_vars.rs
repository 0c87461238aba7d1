//! `include_vars`: gives a host the variables of files that were read before the run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use fancy_regex::Regex;
use serde_json::{Map, Value, json};

use super::slot::ItemResult;
use super::worker::Worker;
use crate::plan::CompiledTask;
use crate::playbook::VarsCandidates;
use crate::source::{Node, NodeValue};
use crate::template::Binding;

/// Most files of a folder.
const MOST: usize = 256;

/// The files that were read, and their variables.
type Found = (Vec<PathBuf>, Vec<(String, Arc<Node>)>);

impl Worker<'_> {
    /// Reads what the options name.
    pub(super) fn include_vars(&self, task: &CompiledTask, options: &Map<String, Value>) -> ItemResult {
        let Some(candidates) = &task.task.vars_files else { return ItemResult::default() };
        match self.chosen_variables(candidates, options) {
            Ok((paths, variables)) => self.learn_variables(&paths, variables, options),
            Err(problem) => {
                let mut result = ItemResult::failure(problem);
                result.value.insert("ansible_facts".into(), json!({}));
                result.value.insert("ansible_included_var_files".into(), json!([]));
                result
            }
        }
    }

    fn chosen_variables(
        &self,
        candidates: &VarsCandidates,
        options: &Map<String, Value>,
    ) -> Result<Found, String> {
        let text = |name: &str| options.get(name).and_then(Value::as_str);
        let home = self.run.files.home();
        let paths = match (text("file"), text("dir")) {
            (Some(name), _) => vec![candidates.find(name, home)?],
            (None, Some(name)) => files_of(&candidates.find_folder(name)?, options)?,
            (None, None) => Vec::new(),
        };
        let mut variables: Vec<(String, Arc<Node>)> = Vec::new();
        for path in &paths {
            for (name, node) in candidates.variables(path, &|path| self.run.scope.absolute(path))? {
                variables.retain(|(known, _)| known != name);
                variables.push((name.clone(), node.clone()));
            }
        }
        Ok((paths, variables))
    }

    fn learn_variables(
        &self,
        paths: &[PathBuf],
        variables: Vec<(String, Arc<Node>)>,
        options: &Map<String, Value>,
    ) -> ItemResult {
        let merges = options.get("hash_behaviour").and_then(Value::as_str) == Some("merge");
        let variables = match options.get("name").and_then(Value::as_str) {
            None => variables,
            Some(name) => {
                let Some(span) = variables.first().map(|(_, node)| node.span.clone()) else {
                    return self.told(paths, Map::new());
                };
                let key = |name: String, node: &Node| Node::new(node.span.clone(), NodeValue::String(name));
                let entries = variables.into_iter().map(|(name, node)| (key(name, &node), (*node).clone()));
                let node = Node::new(span, NodeValue::Mapping(entries.collect()));
                vec![(name.to_owned(), Arc::new(node))]
            }
        };
        let mut facts = Map::new();
        let mut learned = self.host.learned.write().unwrap_or_else(PoisonError::into_inner);
        for (name, node) in variables {
            let known = learned.included.get(&name);
            let node = match known {
                Some(Binding::Source(known)) if merges => Arc::new(merged(known, &node)),
                _ => node,
            };
            facts.insert(name.clone(), node.to_json());
            learned.included.insert(name, Binding::Source(node));
        }
        drop(learned);
        self.told(paths, facts)
    }

    fn told(&self, paths: &[PathBuf], facts: Map<String, Value>) -> ItemResult {
        let paths: Vec<PathBuf> = paths.iter().map(|path| self.run.scope.absolute(path)).collect();
        let value = json!({ "ansible_facts": facts, "ansible_included_var_files": paths, "changed": false });
        ItemResult::of_map(value.as_object().cloned().unwrap_or_default())
    }
}

/// Mappings are merged all the way down; of everything else the second one counts.
fn merged(first: &Node, second: &Node) -> Node {
    match (&first.value, &second.value) {
        (NodeValue::Mapping(old), NodeValue::Mapping(new)) => {
            let mut entries = old.clone();
            for (key, value) in new {
                match entries.iter_mut().find(|(known, _)| known.key_text() == key.key_text()) {
                    Some((_, known)) => *known = merged(known, value),
                    None => entries.push((key.clone(), value.clone())),
                }
            }
            Node::new(second.span.clone(), NodeValue::Mapping(entries))
        }
        _ => second.clone(),
    }
}

/// Lists the files of a folder that the options select.
fn files_of(folder: &Path, options: &Map<String, Value>) -> Result<Vec<PathBuf>, String> {
    let words = |name: &str| -> Option<Vec<String>> {
        let list = options.get(name)?.as_array()?;
        Some(list.iter().map(crate::module::to_text).collect())
    };
    let regex =
        |text: &str| Regex::new(text).map_err(|_| format!("the regular expression `{text}` is not valid"));
    let depth = options.get("depth").and_then(Value::as_u64).unwrap_or(0);
    let matching = options.get("files_matching").and_then(Value::as_str).map(&regex).transpose()?;
    let ignored = words("ignore_files").unwrap_or_default();
    // As in Ansible, what a name ends in.
    let ignored: Vec<Regex> =
        ignored.iter().map(|text| regex(&format!("{text}$"))).collect::<Result<_, _>>()?;
    let extensions: BTreeSet<String> = words("extensions")
        .unwrap_or_else(|| ["yaml", "yml", "json"].map(str::to_owned).to_vec())
        .into_iter()
        .map(|extension| extension.trim_start_matches('.').to_owned())
        .collect();
    let lenient = options.get("ignore_unknown_extensions").and_then(Value::as_bool).unwrap_or(false);
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_path_buf(), 1)];
    while let Some((folder, level)) = waiting.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| format!("cannot list `{}`: {error}", folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let deeper = paths.iter().rev().filter(|path| path.is_dir() && (depth == 0 || level < depth));
        waiting.extend(deeper.map(|path| (path.clone(), level + 1)));
        for path in paths.into_iter().filter(|path| path.is_file()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let hits = |regex: &Regex, text: &str| regex.is_match(text).unwrap_or(false);
            if matching.as_ref().is_some_and(|regex| !hits(regex, &name)) {
                continue;
            }
            if ignored.iter().any(|regex| hits(regex, &name)) {
                continue;
            }
            let extension =
                path.extension().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
            if !extensions.contains(&extension) {
                if lenient {
                    continue;
                }
                let known: Vec<&str> = extensions.iter().map(String::as_str).collect();
                let hint = "give `ignore_unknown_extensions: true` to pass such files over";
                return Err(format!(
                    "`{}` does not end in one of `{}`; hint: {hint}",
                    path.display(),
                    known.join("`, `")
                ));
            }
            found.push(path);
            if found.len() > MOST {
                return Err(format!("`{}` holds over {MOST} files", folder.display()));
            }
        }
    }
    Ok(found)
}
