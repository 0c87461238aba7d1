//! A group of the host.

use serde_json::Map;

use super::super::answer::{points, said};
use super::super::attributes::Attributes;
use super::super::script::Script;
use super::super::{Diff, Mode, Operation, Outcome, Program, Progress, Reply};
use super::{failed, missing, tool_failed};

/// A group and what it has to be.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Whether it is to be there.
    pub present: bool,
    /// Its number, if that matters.
    pub gid: Option<u64>,
    /// Whether a new one gets a number of the system's range.
    pub system: bool,
    /// Whether the number may be another group's too.
    pub non_unique: bool,
    /// Whether it is removed although it is the first group of a user.
    pub force: bool,
    /// The range of a new number.
    pub range: [Option<u64>; 2],
    /// Whether the tool was sent.
    pub(crate) changing: bool,
}

impl Group {
    /// What a tool is told; nothing if all is as it should be.
    fn tool(&self, now: Option<u64>) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |given: &[&str]| words.extend(given.iter().map(|word| (*word).to_owned()));
        let gid = self.gid.map(|gid| gid.to_string());
        match (self.present, now) {
            (false, None) => return words,
            (false, Some(_)) => {
                add(&["groupdel"]);
                if self.force {
                    add(&["-f"]);
                }
            }
            (true, Some(now)) => match self.gid {
                Some(wanted) if wanted != now => add(&["groupmod", "-g", gid.as_deref().unwrap_or_default()]),
                _ => return words,
            },
            (true, None) => {
                add(&["groupadd"]);
                if let Some(gid) = &gid {
                    add(&["-g", gid]);
                }
                if self.system {
                    add(&["-r"]);
                }
                for (name, value) in ["GID_MIN", "GID_MAX"].iter().zip(self.range) {
                    if let Some(value) = value {
                        add(&["-K", &format!("{name}={value}")]);
                    }
                }
            }
        }
        if self.present && self.non_unique {
            add(&["-o"]);
        }
        add(&["--", &self.name]);
        words
    }

    fn outcome(&self, gid: Option<u64>, changed: bool) -> Outcome {
        let mut result = Map::new();
        result.insert("name".to_owned(), self.name.clone().into());
        result.insert("state".to_owned(), if self.present { "present" } else { "absent" }.into());
        if let Some(gid) = gid {
            result.insert("gid".to_owned(), gid.into());
            result.insert("system".to_owned(), self.system.into());
        }
        Outcome { changed, result, ..Outcome::default() }
    }
}

fn gid_of(reply: &Reply) -> Option<u64> {
    said(reply, "group")?.split(':').nth(2)?.parse().ok()
}

fn shown(name: &str, gid: Option<u64>) -> String {
    gid.map_or(String::new(), |gid| format!("{name}: gid {gid}\n"))
}

impl Operation for Group {
    fn first(&mut self, mode: Mode) -> Program {
        self.changing = false;
        let mut script = Script::new(mode, &Attributes::default());
        script.call("pf_group_look", &[], &[&self.name]);
        script.program()
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status != 75 {
            return Progress::Done(tool_failed(&reply));
        }
        let now = gid_of(&reply);
        if self.changing {
            return Progress::Done(Outcome { points: points(&reply), ..self.outcome(now, true) });
        }
        let tool = self.tool(now);
        let Some(program) = tool.first() else { return Progress::Done(self.outcome(now, false)) };
        if let Some(missing) = missing(&reply, &[program]) {
            return missing;
        }
        if self.non_unique && self.gid.is_none() {
            return failed("`non_unique` needs `gid`".to_owned());
        }
        if mode.check {
            let then = if self.present { self.gid.or(now) } else { None };
            let mut outcome = self.outcome(then, true);
            if mode.diff {
                let after = if self.present && then.is_none() {
                    format!("{}: a new gid\n", self.name)
                } else {
                    shown(&self.name, then)
                };
                outcome.diff.push(Diff { before: shown(&self.name, now), after, ..Diff::default() });
            }
            return Progress::Done(outcome);
        }
        let mut script = Script::new(mode, &Attributes::default());
        script.call("pf_group_save", &[], &[&self.name]);
        let words: Vec<&str> = std::iter::once("").chain(tool.iter().map(String::as_str)).collect();
        script.and("pf_tool", &[], &words);
        script.and("pf_group_look", &[], &[&self.name]);
        self.changing = true;
        Progress::Again(script.program())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_told_what_differs() {
        let group = Group { name: "g".to_owned(), present: true, gid: Some(7), ..Group::default() };
        assert_eq!(group.tool(None).join(" "), "groupadd -g 7 -- g");
        assert_eq!(group.tool(Some(8)).join(" "), "groupmod -g 7 -- g");
        assert!(group.tool(Some(7)).is_empty());
        let gone = Group { name: "g".to_owned(), force: true, ..Group::default() };
        assert_eq!(gone.tool(Some(8)).join(" "), "groupdel -f -- g");
        assert!(gone.tool(None).is_empty());
        let system = Group { system: true, range: [Some(5), None], gid: None, ..group };
        assert_eq!(system.tool(None).join(" "), "groupadd -r -K GID_MIN=5 -- g");
    }
}
