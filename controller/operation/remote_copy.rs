//! Copies a file or a tree that is on the host already (`copy` with `remote_src`).

use serde_json::{Map, Value};

use super::answer::{Properties, changed, failure, points, said, state};
use super::file::names;
use super::put::{PutOptions, content_diff, flags};
use super::script::{Script, trimmed};
use super::{Mode, Operation, Outcome, Program, Progress, Reply};
use crate::shell::quote;

/// Text of one program.
const TEXT: usize = 48 << 10;

/// Copies what is on the host already.
#[derive(Debug)]
pub struct RemoteCopy {
    /// The file or folder; what is in it is copied if a slash is behind it.
    pub src: String,
    /// Where to.
    pub dest: String,
    /// How. `name` is the last part of `src`.
    pub options: PutOptions,
    /// Whether the mode of the source is taken.
    pub preserve: bool,
    work: Vec<Program>,
    outcome: Outcome,
    dest_shown: String,
}

impl RemoteCopy {
    /// Makes the operation.
    pub fn new(src: String, dest: String, options: PutOptions, preserve: bool) -> Self {
        Self {
            src,
            dest,
            options,
            preserve,
            work: Vec::new(),
            outcome: Outcome::default(),
            dest_shown: String::new(),
        }
    }

    fn call(&self, script: &mut Script, words: &[&str], name: &str, dest: &str, preserve: &str) {
        let [directory_mode, ..] = self.options.directory.words();
        let flags = flags(dest, &self.options, false);
        let texts = [name, &flags, &directory_mode, &self.options.validation(), preserve];
        script.and("pf_item", words, &texts);
    }

    /// The programs that copy what the host listed.
    fn tree(&mut self, reply: &Reply, mode: Mode) -> Result<(), String> {
        let read = |name: &str| {
            let bytes = reply.blob(name).unwrap_or_default();
            if std::str::from_utf8(bytes).is_err() {
                return Err(format!(
                    "below `{}` there are names that are not UTF-8\nhint: use `command: cp -a`",
                    self.src
                ));
            }
            Ok(names(bytes))
        };
        let (mut folders, mut files) = (read("folders")?, read("files")?);
        folders.sort();
        files.sort();
        let root = folders.first().cloned().unwrap_or_default();
        let base = said(reply, "path").unwrap_or_else(|| trimmed(&self.dest).to_owned());
        let whole = !self.src.ends_with('/');
        let name = self.options.name.clone().unwrap_or_default();
        let top = base.trim_end_matches('/').to_owned();
        let base = if whole { format!("{top}/{name}") } else { top.clone() };
        // Ansible names the copy if its folder was there, else what `dest` says.
        self.dest_shown = match (whole, reply.value("into")) {
            (true, Some(_)) => base.clone(),
            (true, None) => top,
            (false, _) => format!("{top}/"),
        };
        let relative = |path: &str| path.strip_prefix(&root).unwrap_or_default().to_owned();
        let mut script = self.begin(mode);
        let mut programs = Vec::new();
        for (number, path) in folders.iter().chain(&files).enumerate() {
            if script.len() > TEXT {
                let full = std::mem::replace(&mut script, self.begin(mode));
                programs.push(full.program());
            }
            let to = quote(&format!("{base}{}", relative(path)));
            let (number, from) = (number.to_string(), quote(path));
            if number.parse::<usize>().is_ok_and(|number| number < folders.len()) {
                script.and_begin(mode, &self.options.directory);
                script.and("pf_item", &[&number, "pf_folder_like", &from, &to], &[]);
            } else {
                script.and_begin(mode, &self.options.attributes);
                let preserve = if self.options.attributes.mode.is_none() { "1" } else { "2" };
                let file = PutOptions { name: None, ..self.options.clone() };
                let [directory_mode, ..] = file.directory.words();
                let texts = ["", &flags("", &file, false), &directory_mode, &file.validation(), preserve];
                script.and("pf_item", &[&number, "pf_put_remote", &from, &to], &texts);
            }
        }
        script.and("pf_tree_done", &[&quote(&self.dest_shown)], &[]);
        programs.push(script.program());
        programs.reverse();
        self.work = programs;
        Ok(())
    }

    fn begin(&self, mode: Mode) -> Script {
        let mut script = Script::new(mode, &self.options.attributes);
        script.call("pf_items_begin", &[], &[]);
        script
    }

    fn result(&self, reply: &Reply, mode: Mode) -> Outcome {
        let dest = said(reply, "path").unwrap_or_else(|| self.dest.clone());
        let mut result = Map::new();
        result.insert("dest".to_owned(), dest.clone().into());
        result.insert("src".to_owned(), self.src.clone().into());
        if let Some(sum) = reply.value("sha1") {
            result.insert("checksum".to_owned(), sum.into());
        }
        if let Some(copy) = said(reply, "backup_file") {
            result.insert("backup_file".to_owned(), copy.into());
        }
        if let Some(now) = state(reply, "now") {
            now.describe(&mut result);
        }
        let mut outcome = Outcome { changed: changed(reply), points: points(reply), ..Outcome::default() };
        if mode.diff && outcome.changed && reply.value("same").is_some() {
            let mut properties = Properties::new(&dest);
            properties.add_attributes(reply);
            outcome.diff.push(properties.diff());
            result.insert("diff".to_owned(), properties.value());
        } else if mode.diff && outcome.changed {
            let (diff, _) = content_diff(&dest, reply, &self.src, reply.blob("new").unwrap_or_default());
            outcome.diff.push(diff);
        }
        Outcome { result, ..outcome }
    }
}

impl Operation for RemoteCopy {
    fn first(&mut self, mode: Mode) -> Program {
        self.outcome = Outcome::default();
        self.work.clear();
        let mut script = Script::new(mode, &self.options.attributes);
        script.call("pf_items_begin", &[], &[]);
        let src = script.quiet_path(&self.src);
        let dest = script.path(&self.dest);
        let name = self.options.name.clone().unwrap_or_default();
        let preserve = if self.preserve { "1" } else { "" };
        self.call(&mut script, &["0", "pf_put_remote", &src, &dest], &name, &self.dest, preserve);
        script.and("pf_items_end", &[], &[]);
        script.program()
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let again = !self.work.is_empty();
        if again {
            self.work.pop();
        }
        self.outcome.points.extend(points(&reply));
        self.outcome.changed |= reply.value("changed").is_some();
        if reply.status == 75 && !again {
            if let Err(message) = self.tree(&reply, mode) {
                let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
                return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
            }
        } else if reply.status != 0 {
            let points = std::mem::take(&mut self.outcome.points);
            return Progress::Done(Outcome { points, ..failure(&reply) });
        } else if !again {
            return Progress::Done(self.result(&reply, mode));
        }
        if let Some(program) = self.work.last() {
            return Progress::Again(program.clone());
        }
        let mut outcome = std::mem::take(&mut self.outcome);
        if let Some(now) = state(&reply, "now") {
            now.describe(&mut outcome.result);
        }
        outcome.result.insert("dest".to_owned(), self.dest_shown.clone().into());
        outcome.result.insert("src".to_owned(), self.src.clone().into());
        Progress::Done(outcome)
    }
}
