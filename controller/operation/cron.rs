//! A job or variable of a crontab: what `cron` makes of its text (pure), and the crontab of a user, which only its tool
//! may read and write.

use serde_json::{Map, Value, json};

use super::account::tool_failed;
use super::answer::{failure, points};
use super::attributes::Attributes;
use super::script::Script;
use super::text::{Edited, Shape, TextEdit};
use super::{Content, Diff, Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// What stands in front of the name of a job, in a line of its own.
const MARK: &str = "#Ansible: ";

/// An edit of a crontab.
#[derive(Clone, Debug)]
pub struct CronEdit {
    /// Name of the job, or of the variable.
    pub name: String,
    /// The line; nothing for neither job nor variable.
    pub line: Option<String>,
    /// Whether it is a variable.
    pub variable: bool,
    /// Before or behind which variable a new one goes: `true` for behind.
    pub beside: Option<(String, bool)>,
}

/// The name of a line that sets a variable.
fn variable(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim();
    let word = |char: char| char.is_alphanumeric() || char == '_';
    (!name.is_empty() && name.chars().all(word)).then_some(name)
}

impl CronEdit {
    fn jobs(&self, lines: &mut Vec<String>) {
        let mark = format!("{MARK}{}", self.name);
        let Some(at) = lines.iter().position(|line| *line == mark) else {
            // A line that is there already gets its name.
            if let Some(line) = &self.line {
                match lines.iter().position(|known| known == line) {
                    Some(at) if at == 0 || !lines[at - 1].starts_with(MARK) => lines.insert(at, mark),
                    _ => lines.extend([mark, line.clone()]),
                }
            }
            return;
        };
        let behind = (at + 1).min(lines.len());
        let has_job = lines.get(behind).is_some_and(|line| !line.starts_with(MARK));
        match &self.line {
            Some(line) if has_job => lines[behind].clone_from(line),
            Some(line) => lines.insert(behind, line.clone()),
            None => {
                lines.drain(at..behind + usize::from(has_job));
            }
        }
    }

    fn variables(&self, lines: &mut Vec<String>) -> Result<(), String> {
        let find = |lines: &[String], name: &str| lines.iter().position(|line| variable(line) == Some(name));
        match (find(lines, &self.name), &self.line) {
            (Some(at), Some(line)) => lines[at].clone_from(line),
            (Some(at), None) => {
                lines.remove(at);
            }
            (None, None) => {}
            (None, Some(line)) => {
                let at = match &self.beside {
                    None => 0,
                    Some((name, behind)) => {
                        let at =
                            find(lines, name).ok_or_else(|| format!("Variable named '{name}' not found."))?;
                        at + usize::from(*behind)
                    }
                };
                lines.insert(at, line.clone());
            }
        }
        Ok(())
    }

    /// The names of jobs and variables in a crontab.
    fn names(text: &str) -> (Vec<&str>, Vec<&str>) {
        (
            text.lines().filter_map(|line| line.strip_prefix(MARK)).collect(),
            text.lines().filter_map(variable).collect(),
        )
    }
}

impl TextEdit for CronEdit {
    fn edit(&self, bytes: Option<&[u8]>) -> Result<Edited, String> {
        let bytes = bytes.unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|error| {
            format!("the crontab is not UTF-8: byte {} does not fit", error.valid_up_to())
        })?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let before = lines.clone();
        if self.variable {
            self.variables(&mut lines)?;
        } else {
            self.jobs(&mut lines);
        }
        if lines == before {
            return Ok(Edited::new(bytes.to_vec(), ""));
        }
        let mut edited = lines.join("\n");
        if !edited.is_empty() {
            edited.push('\n');
        }
        Ok(Edited::new(edited.into_bytes(), "crontab changed"))
    }

    fn shape(&self) -> Shape {
        Shape::Cron
    }

    fn without_file(&self, _path: &str, _create: bool) -> Option<String> {
        self.line.is_none().then(String::new)
    }

    fn tell(&self, bytes: &[u8], result: &mut Map<String, Value>) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (jobs, variables) = Self::names(&text);
        result.insert("jobs".to_owned(), json!(jobs));
        result.insert("envs".to_owned(), json!(variables));
    }
}

/// Edits the crontab of a user.
#[derive(Debug)]
pub struct Crontab {
    /// Whose; the login's own if nothing is given.
    pub user: Option<String>,
    /// What is done to it.
    pub edit: CronEdit,
    /// Whether a copy of the old one is kept in a file for temporary files.
    pub backup: bool,
    before: Option<Vec<u8>>,
    after: Vec<u8>,
}

impl Crontab {
    /// Makes the operation.
    pub fn new(user: Option<String>, edit: CronEdit, backup: bool) -> Self {
        Self { user, edit, backup, before: None, after: Vec::new() }
    }

    fn outcome(&self, before: &[u8], after: &[u8], mode: Mode) -> Outcome {
        let mut result = Map::new();
        self.edit.tell(after, &mut result);
        let mut outcome = Outcome { changed: before != after, result, ..Outcome::default() };
        if mode.diff && outcome.changed {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let header = "crontab".to_owned();
            let (before, after) = (text(before), text(after));
            let told =
                json!({ "before": before, "after": after, "before_header": header, "after_header": header });
            outcome.result.insert("diff".to_owned(), told);
            outcome.diff.push(Diff { before_header: header.clone(), after_header: header, before, after });
        }
        outcome
    }
}

impl Operation for Crontab {
    fn first(&mut self, mode: Mode) -> Program {
        self.before = None;
        let mut script = Script::new(mode, &Attributes::default());
        script.call("pf_crontab_read", &[], &[self.user.as_deref().unwrap_or_default()]);
        script.program()
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if let Some(before) = self.before.take() {
            if reply.status != 0 {
                return Progress::Done(tool_failed(&reply));
            }
            let mut outcome = self.outcome(&before, &self.after, mode);
            if let Some(copy) = reply.text("backup_file") {
                outcome.result.insert("backup_file".to_owned(), copy.into());
            }
            outcome.points = points(&reply);
            return Progress::Done(outcome);
        }
        if reply.status != 75 {
            return Progress::Done(failure(&reply));
        }
        let before = reply.blob("content").unwrap_or_default().to_vec();
        let after = match self.edit.edit(Some(&before)) {
            Ok(edited) => edited.bytes,
            Err(message) => {
                let result = Map::from_iter([("msg".to_owned(), Value::String(message))]);
                return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
            }
        };
        if mode.check || before == after {
            return Progress::Done(self.outcome(&before, &after, mode));
        }
        let mut script = Script::new(mode, &Attributes::default());
        let backup = if self.backup { "1" } else { "" };
        let digest = Content::new(before.clone()).sha256;
        script.call("pf_crontab_write", &[], &[self.user.as_deref().unwrap_or_default(), &digest, backup]);
        let program = script.with_payload(Payload::Bytes(after.clone().into()));
        (self.before, self.after) = (Some(before), after);
        Progress::Again(program)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::testing::{Rehearsal, SHELLS};
    use super::*;
    use crate::rollback::newest_first;

    fn job(name: &str, line: Option<&str>) -> CronEdit {
        CronEdit { name: name.to_owned(), line: line.map(str::to_owned), variable: false, beside: None }
    }

    fn after(edit: &CronEdit, text: &str) -> String {
        String::from_utf8(edit.edit(Some(text.as_bytes())).unwrap().bytes).unwrap()
    }

    #[test]
    fn jobs_and_variables_are_found_by_their_names() {
        let one = job("one", Some("* * * * * a"));
        let with = after(&one, "# mine\n0 0 * * * b\n");
        assert_eq!(with, "# mine\n0 0 * * * b\n#Ansible: one\n* * * * * a\n");
        assert_eq!(after(&one, &with), with);
        assert_eq!(
            after(&job("one", Some("1 * * * * a")), &with),
            with.replace("* * * * * a", "1 * * * * a")
        );
        assert_eq!(after(&job("one", None), &with), "# mine\n0 0 * * * b\n");
        let mut path = CronEdit { variable: true, ..job("PATH", Some("PATH=\"/bin\"")) };
        assert_eq!(after(&path, "A=\"1\"\nx\n"), "PATH=\"/bin\"\nA=\"1\"\nx\n");
        path.beside = Some(("A".to_owned(), true));
        assert_eq!(after(&path, "A=\"1\"\nx\n"), "A=\"1\"\nPATH=\"/bin\"\nx\n");
        path.beside = Some(("B".to_owned(), true));
        assert!(path.edit(Some(b"")).unwrap_err().contains("'B' not found"));
    }

    const CRONTAB: &str = "#!/bin/sh\nfile=${0%/*}/table\n[ \"$1\" = -u ] && shift 2\ncase $1 in\n-l) [ -e \"$file\" ] || { echo 'no crontab for x' >&2; exit 1; }; cat \"$file\" ;;\n-r) rm -f \"$file\" ;;\n*) cat \"$1\" >\"$file\" ;;\nesac\n";

    #[test]
    fn the_table_of_a_user_comes_and_goes() {
        for shell in SHELLS.iter().filter(|shell| **shell != "busybox") {
            let root = tempfile::TempDir::new().unwrap();
            let (program, table) = (root.path().join("crontab"), root.path().join("table"));
            fs::write(&program, CRONTAB).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let mut host = Rehearsal::new(shell);
            host.path.insert(0, root.path().to_owned());
            let base = root.path().join("base");
            host.prelude = crate::operation::open_points(base.to_str(), "run1", "web1");
            let run = |mode: Mode| {
                let edit = job("one", Some("* * * * * a"));
                host.run(&mut Crontab::new(Some("root".to_owned()), edit, true), mode)
            };
            let told = run(Mode { check: true, diff: true, ..Mode::default() });
            assert!(told.changed && !table.exists() && told.diff.len() == 1, "{shell}");
            let outcome = run(Mode::default());
            assert!(outcome.changed && !outcome.failed, "{shell} {:?}", outcome.result);
            assert_eq!(fs::read_to_string(&table).unwrap(), "#Ansible: one\n* * * * * a\n", "{shell}");
            assert_eq!(outcome.result["jobs"], json!(["one"]));
            assert!(!run(Mode::default()).changed, "{shell}");
            for mut restore in newest_first(&outcome.points, None) {
                let restored = host.run(&mut restore, Mode::default());
                assert!(!restored.failed, "{shell} {:?}", restored.result);
            }
            assert!(!table.exists(), "{shell}");
        }
    }
}
