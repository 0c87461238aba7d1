//! The uniform operation: a thing of a kind, with a key, has these attributes, or is not there.
//!
//! The host's `pw_ensure` reads it, compares attribute by attribute, saves a rollback point, writes only what differs, and
//! reads again. What is right already is not written: each write to an application pool recycles it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::call::{Call, Values};
use crate::operation::answer::{changed, decode, failure, points};
use crate::operation::{Diff, Mode, Operation, Outcome, Payload, Program, Progress, Reply};

/// Makes the fields of the registered variable.
pub type Describe = dyn Fn(&States) -> Map<String, Value> + Send + Sync;

/// One thing of a host.
pub struct Ensure {
    /// Its kind, as the library names it.
    pub kind: &'static str,
    /// What tells it from others of its kind.
    pub key: Vec<(&'static str, String)>,
    /// Whether it has to be there.
    pub present: bool,
    /// What it has to be like, as far as that is said.
    pub set: Vec<(String, Vec<String>)>,
    /// Elements that lists must hold, and must not.
    pub add: Vec<(String, Vec<String>)>,
    /// See `add`.
    pub remove: Vec<(String, Vec<String>)>,
    /// Attributes that are written and never reported.
    pub secret: Vec<(String, String)>,
    /// How to do it, where the kind offers a choice.
    pub options: Vec<(&'static str, Vec<String>)>,
    /// Bytes that go along (a certificate).
    pub payload: Option<Payload>,
    /// Calls that follow in the same step when it is as it should be (a restart). They may be repeated when the step was cut
    /// off: another restart ends in the same state, and the host notes what it stopped on the way (`pw_activate`).
    pub then: Vec<Call>,
    /// Makes the result.
    pub describe: Box<Describe>,
}

/// What a thing was like and is like now.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// Attributes before; nothing if it was not there.
    pub before: Option<BTreeMap<String, Vec<String>>>,
    /// Attributes now (in check mode: as they would be); nothing if it is not there.
    pub after: Option<BTreeMap<String, Vec<String>>>,
    /// Whether something changed, or would.
    pub changed: bool,
    /// Whether the host has to be restarted for it.
    pub reboot: bool,
    /// Everything else that was reported.
    pub other: Vec<(String, String)>,
}

impl States {
    /// Reads a reply.
    #[must_use]
    pub fn read(reply: &Reply) -> Self {
        let side = |side: &str| {
            let there = reply.value(&format!("{side}_exists"))? == "1";
            let named = reply.values.iter().filter_map(|(name, text)| {
                let name = name.strip_prefix(side)?.strip_prefix('.')?;
                Some((name.to_owned(), Values::read(text)?.0))
            });
            there.then(|| named.collect())
        };
        let own = |name: &str| name.starts_with("before") || name.starts_with("after");
        Self {
            before: side("before"),
            after: side("after"),
            changed: changed(reply),
            reboot: reply.value("reboot").is_some(),
            other: reply.values.iter().filter(|(name, _)| !own(name)).cloned().collect(),
        }
    }

    /// Whether it is there now.
    #[must_use]
    pub fn there(&self) -> bool {
        self.after.is_some()
    }

    /// All values of an attribute now.
    #[must_use]
    pub fn all_now(&self, name: &str) -> &[String] {
        self.after.as_ref().and_then(|after| after.get(name)).map_or(&[], Vec::as_slice)
    }

    /// All values of an attribute before.
    #[must_use]
    pub fn all_before(&self, name: &str) -> &[String] {
        self.before.as_ref().and_then(|before| before.get(name)).map_or(&[], Vec::as_slice)
    }

    /// What else was reported under this name, the last of it.
    #[must_use]
    pub fn said(&self, name: &str) -> Option<String> {
        self.other.iter().rev().find(|(key, _)| key == name).map(|(_, text)| decode(text))
    }

    /// The value of an attribute now.
    #[must_use]
    pub fn now(&self, name: &str) -> Option<&str> {
        self.after.as_ref()?.get(name)?.first().map(String::as_str)
    }
}

impl fmt::Debug for Ensure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ensure")
            .field("kind", &self.kind)
            .field("key", &self.key)
            .field("present", &self.present)
            .field("set", &self.set)
            .field("add", &self.add)
            .field("remove", &self.remove)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Ensure {
    /// Begins one that has to be there; its result is empty.
    #[must_use]
    pub fn new(kind: &'static str, key: Vec<(&'static str, String)>) -> Self {
        Self {
            kind,
            key,
            present: true,
            set: Vec::new(),
            add: Vec::new(),
            remove: Vec::new(),
            secret: Vec::new(),
            options: Vec::new(),
            payload: None,
            then: Vec::new(),
            describe: Box::new(|_| Map::new()),
        }
    }

    fn call(&self, mode: Mode) -> Call {
        let mut call = Call::new("ensure").with("kind", self.kind);
        for (name, value) in &self.key {
            call = call.with(&format!("key.{name}"), value);
        }
        call = call.with("want", if self.present { "present" } else { "absent" });
        for (prefix, lists) in [("set", &self.set), ("add", &self.add), ("remove", &self.remove)] {
            for (name, values) in lists {
                call = call.list(&format!("{prefix}.{name}"), values.iter().map(String::as_str));
            }
        }
        for (name, value) in &self.secret {
            call = call.with(&format!("secret.{name}"), value);
        }
        for (name, values) in &self.options {
            call = call.list(name, values.iter().map(String::as_str));
        }
        call.flag("check", mode.check)
    }

    fn difference(states: &States) -> Diff {
        let text = |side: &Option<BTreeMap<String, Vec<String>>>,
                    other: &Option<BTreeMap<String, Vec<String>>>| {
            let Some(side) = side else { return String::new() };
            let differs =
                |name: &String| other.as_ref().is_none_or(|other| other.get(name) != side.get(name));
            let lines = side.iter().filter(|(name, _)| !name.starts_with('.') && differs(name));
            lines.map(|(name, values)| format!("{name}: {}\n", values.join(", "))).collect()
        };
        Diff {
            before: text(&states.before, &states.after),
            after: text(&states.after, &states.before),
            ..Diff::default()
        }
    }
}

impl Operation for Ensure {
    fn first(&mut self, mode: Mode) -> Program {
        let then = self.then.iter().map(|call| call.clone().flag("check", mode.check));
        let lines: Vec<String> = std::iter::once(self.call(mode)).chain(then).map(Call::text).collect();
        Program { text: lines.join("\n"), payload: self.payload.clone(), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        let states = States::read(&reply);
        let mut outcome = if reply.status == 0 { Outcome::default() } else { failure(&reply) };
        outcome.result.extend((self.describe)(&states));
        outcome.changed = states.changed;
        outcome.points = points(&reply);
        if mode.diff && states.changed {
            outcome.diff.push(Self::difference(&states));
        }
        Progress::Done(outcome)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        // A kept program must not hold a secret: it lies on the host until the run is pruned.
        self.secret.is_empty().then(|| self.first(Mode::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: i32, values: &[(&str, &str)]) -> Reply {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status, values, ..Reply::default() }
    }

    fn pool() -> Ensure {
        let mut pool = Ensure::new("pool", vec![("name", "Usercube".to_owned())]);
        pool.set.push(("managedRuntimeVersion".to_owned(), vec![String::new()]));
        pool.secret.push(("processModel.password".to_owned(), "x".to_owned()));
        pool.describe = Box::new(|states| {
            Map::from_iter([("state".to_owned(), states.now("state").unwrap_or_default().into())])
        });
        pool
    }

    #[test]
    fn it_is_one_call() {
        let text = pool().first(Mode { check: true, ..Mode::default() }).text;
        assert_eq!(
            text,
            "ensure kind:cG9vbA== key.name:VXNlcmN1YmU= want:cHJlc2VudA== set.managedRuntimeVersion: \
             secret.processModel.password:eA== check:MQ=="
        );
        assert!(!format!("{:?}", pool()).contains("password"));
        assert!(pool().kept().is_none());
    }

    #[test]
    fn what_changed_is_told() {
        let reply = reply(
            0,
            &[
                ("before_exists", "0"),
                ("after_exists", "1"),
                ("after.state", "c3RhcnRlZA=="),
                ("after.managedRuntimeVersion", ""),
                ("changed", "1"),
                ("point", "3 pool Usercube"),
            ],
        );
        let Progress::Done(outcome) = pool().next(reply, Mode { diff: true, ..Mode::default() }) else {
            panic!("not over")
        };
        assert!(outcome.changed && !outcome.failed);
        assert_eq!(outcome.result["state"], "started");
        assert_eq!(outcome.points[0].kind, "pool");
        assert_eq!(outcome.diff[0].after, "managedRuntimeVersion: \nstate: started\n");
    }

    #[test]
    fn a_failure_keeps_what_was_changed_before_it() {
        let reply =
            reply(1, &[("msg", "pool `x`: startMode is a%25"), ("changed", "1"), ("point", "1 pool x")]);
        let Progress::Done(outcome) = pool().next(reply, Mode::default()) else { panic!("not over") };
        assert!(outcome.failed && outcome.changed);
        assert_eq!(outcome.result["msg"], "pool `x`: startMode is a%");
        assert_eq!(outcome.points.len(), 1);
    }
}
