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
    /// Whether a copy is made of what links below the source lead to, instead of links.
    pub follow_links: bool,
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
            follow_links: false,
            work: Vec::new(),
            outcome: Outcome::default(),
            dest_shown: String::new(),
        }
    }

    fn call(&self, script: &mut Script, words: &[&str], name: &str, dest: &str, preserve: &str) {
        let [directory_mode, ..] = self.options.directory.words();
        let mut flags = flags(dest, &self.options, false);
        if self.follow_links {
            flags.push('l');
        }
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
        let (mut folders, mut files, mut links) = (read("folders")?, read("files")?, read("links")?);
        folders.sort();
        files.sort();
        links.sort();
        let root = folders.first().cloned().unwrap_or_default();
        let base = said(reply, "path").unwrap_or_else(|| trimmed(&self.dest).to_owned());
        let whole = !self.src.ends_with('/');
        let name = self.options.name.clone().unwrap_or_default();
        let top = base.trim_end_matches('/').to_owned();
        let base = if whole { format!("{top}/{name}") } else { top.clone() };
        // Ansible names the copy if its folder was there, else what `dest` says.
        let into = reply.value("into").is_some() || self.dest.ends_with('/');
        self.dest_shown = match (whole, into) {
            (true, true) => base.clone(),
            (false, true) => format!("{top}/"),
            (_, false) => top,
        };
        let relative = |path: &str| path.strip_prefix(&root).unwrap_or_default().to_owned();
        let mut script = self.begin(mode);
        let mut programs = Vec::new();
        let kept = flags("", &self.options, false);
        for (number, path) in folders.iter().chain(&files).chain(&links).enumerate() {
            if script.len() > TEXT {
                let full = std::mem::replace(&mut script, self.begin(mode));
                programs.push(full.program());
            }
            let to = quote(&format!("{base}{}", relative(path)));
            let (at, number, from) = (number, number.to_string(), quote(path));
            if at < folders.len() {
                script.and_begin(mode, &self.options.directory);
                script.and("pf_item", &[&number, "pf_folder_like", &from, &to], &[]);
            } else if at >= folders.len() + files.len() {
                script.and_begin(mode, &self.options.attributes);
                script.and("pf_item", &[&number, "pf_link_like", &from, &to], &[&kept]);
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
        if let Some(sum) = reply.value("md5").filter(|sum| !sum.is_empty()) {
            result.insert("md5sum".to_owned(), sum.into());
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
            let (diff, _) =
                content_diff(&dest, reply, &self.src, reply.blob("new").unwrap_or_default(), false);
            outcome.diff.push(diff);
        }
        Outcome { result, ..outcome }
    }
}

impl Operation for RemoteCopy {
    fn saves_first(&self) -> bool {
        true
    }

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

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;

    #[test]
    fn links_are_copied_as_links_or_followed() {
        for shell in SHELLS {
            let root = tempfile::TempDir::new().unwrap();
            let path = |name: &str| root.path().join(name);
            let text = |name: &str| path(name).to_str().unwrap().to_owned();
            std::fs::create_dir(path("s")).unwrap();
            std::fs::write(path("s/file"), "content").unwrap();
            symlink("file", path("s/link")).unwrap();
            symlink("s", path("top")).unwrap();
            let mut host = Rehearsal::new(shell);
            let base = path("base").to_str().unwrap().to_owned();
            host.prelude =
                format!("pl_u=0022\n{}", crate::operation::open_points(Some(&base), "run1", "web1"));
            let copy = |to: &str, follow_links| {
                let options = PutOptions { name: Some("top".to_owned()), ..PutOptions::default() };
                let mut copy = RemoteCopy::new(text("top"), text(to), options, false);
                copy.follow_links = follow_links;
                host.run(&mut copy, Mode::default())
            };
            assert!(copy("kept", false).changed, "{shell}");
            assert_eq!(std::fs::read_link(path("kept/top/link")).unwrap().to_str(), Some("file"), "{shell}");
            assert!(!copy("kept", false).changed, "{shell}: a second time");
            assert!(copy("followed", true).changed, "{shell}");
            assert!(
                !path("followed/top/link").is_symlink() && path("followed/top/link").is_file(),
                "{shell}"
            );

            symlink("nowhere", path("s/broken")).unwrap();
            assert!(copy("kept", false).changed && path("kept/top/broken").is_symlink(), "{shell}");
            let failed = copy("followed", true);
            assert!(
                failed.result["msg"].as_str().unwrap().contains("a link to nothing"),
                "{shell}: {failed:?}"
            );
        }
    }

    #[test]
    fn a_fifo_is_not_read() {
        for shell in SHELLS {
            let root = tempfile::TempDir::new().unwrap();
            let text = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
            assert!(std::process::Command::new("mkfifo").arg(text("fifo")).status().unwrap().success());
            let mut copy = RemoteCopy::new(text("fifo"), text("to"), PutOptions::default(), false);
            let outcome = Rehearsal::new(shell).run(&mut copy, Mode::default());
            assert!(
                outcome.result["msg"].as_str().unwrap().contains("neither a folder nor a file"),
                "{shell}"
            );
        }
    }
}
