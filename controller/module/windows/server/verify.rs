//! Modules of Paceline that only look, for verifying an agent: `effective_rights`, `event_log`, `iis_worker`.

use serde_json::{Map, Value, json};

use crate::module::windows::acl::mask;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Act, Call, Values, all_said, said};

/// What an account may do with files, by all the rules that count for it.
pub(super) struct EffectiveRights;
/// Errors in an event log.
pub(super) struct EventLog;
/// The processes of an application pool.
pub(super) struct IisWorker;

static RIGHTS: ModuleSpec = ModuleSpec {
    name: "effective_rights",
    options: &[
        OptionSpec::new("paths", OptionKind::List).required(),
        OptionSpec::new("identity", OptionKind::Text).required(),
        OptionSpec::new("allowed", OptionKind::Text),
        OptionSpec::new("forbidden", OptionKind::Text),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static EVENTS: ModuleSpec = ModuleSpec {
    name: "event_log",
    options: &[
        OptionSpec::new("log", OptionKind::Text),
        OptionSpec::new("sources", OptionKind::List),
        OptionSpec::new("since", OptionKind::Int),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

static WORKER: ModuleSpec = ModuleSpec {
    name: "iis_worker",
    options: &[
        OptionSpec::new("pool", OptionKind::Text).required(),
        OptionSpec::new("global_module", OptionKind::Text),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for EffectiveRights {
    fn spec(&self) -> &'static ModuleSpec {
        &RIGHTS
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let paths = options.texts("paths").unwrap_or_default();
        if paths.is_empty() {
            return Err(ModuleError::new("option `paths` of `effective_rights` is empty"));
        }
        let bits = |name: &str| options.text(name).map_or(Ok(0), |rights| mask(rights, "", false));
        let (allowed, forbidden) = (bits("allowed")?, bits("forbidden")?);
        if allowed == 0 && forbidden == 0 {
            return Err(ModuleError::new(
                "`effective_rights` has nothing to compare\nhint: give `allowed`, `forbidden` or both",
            ));
        }
        let identity = options.text("identity").unwrap_or_default().replace('/', "\\");
        let call = Call::new("effective_rights")
            .list("path", paths.iter().map(String::as_str))
            .with("user", &identity);
        let count = paths.len();
        Ok(Work::Host(Box::new(Act::new(
            call,
            Box::new(move |reply, outcome| {
                let mut wrong = Vec::new();
                let mut listed = Vec::new();
                let answers = all_said(reply, "rights");
                for text in &answers {
                    let (given, path) = text.split_once(' ').unwrap_or((text, ""));
                    let Ok(given) = given.parse::<u32>() else {
                        listed.push(json!({"path": path, "exists": false}));
                        if allowed != 0 {
                            wrong.push(format!("`{path}` does not exist"));
                        }
                        continue;
                    };
                    listed.push(json!({"path": path, "exists": true, "mask": format!("{given:#x}")}));
                    if given & allowed != allowed {
                        wrong.push(format!(
                            "`{identity}` may not do all that is needed with `{path}` (has {given:#x}, needs {allowed:#x})"
                        ));
                    }
                    if given & forbidden != 0 {
                        wrong.push(format!(
                            "`{identity}` may do with `{path}` what it must not (has {given:#x}, of which {:#x} is forbidden)",
                            given & forbidden
                        ));
                    }
                }
                outcome.result.insert("paths".to_owned(), listed.into());
                if outcome.failed {
                    return;
                }
                if answers.len() != count {
                    wrong.push("the host did not answer for every path".to_owned());
                }
                if !wrong.is_empty() {
                    let hint = "hint: `icacls PATH` on the host shows the rules; `win_acl` and `win_acl_inheritance` change them";
                    outcome.failed = true;
                    outcome.result.insert("msg".to_owned(), format!("{}\n{hint}", wrong.join("\n")).into());
                }
            }),
        ))))
    }
}

impl Module for EventLog {
    fn spec(&self) -> &'static ModuleSpec {
        &EVENTS
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let sources = options.texts("sources").unwrap_or_default();
        let mut call = Call::new("event_log").with("log", options.text("log").unwrap_or("Application"));
        if !sources.is_empty() {
            call = call.list("sources", sources.iter().map(String::as_str));
        }
        if let Some(since) = options.int("since") {
            call = call.with("since", &since.max(0).to_string());
        }
        Ok(Work::Host(Box::new(Act::new(
            call,
            Box::new(|reply, outcome| {
                let events = reply.values.iter().filter(|(name, _)| name == "event");
                let read = events.filter_map(|(_, text)| match Values::read(text)?.0.as_slice() {
                    [source, id, time, message] => {
                        let id = id.parse::<u64>().unwrap_or_default();
                        Some(json!({"source": source, "id": id, "time": time, "message": message}))
                    }
                    _ => None,
                });
                let read: Vec<Value> = read.collect();
                outcome.result.insert("count".to_owned(), read.len().into());
                outcome.result.insert("events".to_owned(), read.into());
            }),
        ))))
    }
}

impl Module for IisWorker {
    fn spec(&self) -> &'static ModuleSpec {
        &WORKER
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut call = Call::new("iis_worker").with("pool", options.text("pool").unwrap_or_default());
        if let Some(module) = options.text("global_module") {
            call = call.with("module", module);
        }
        Ok(Work::Host(Box::new(Act::new(
            call,
            Box::new(|reply, outcome| {
                let state = said(reply, "state");
                let workers = all_said(reply, "worker");
                let workers: Vec<Value> = workers
                    .iter()
                    .filter_map(|text| {
                        let (id, started) = text.split_once(' ')?;
                        Some(json!({"pid": id.parse::<u32>().ok()?, "started": started.parse::<i64>().ok()?}))
                    })
                    .collect();
                let mut result = Map::from_iter([
                    ("exists".to_owned(), state.is_some().into()),
                    ("state".to_owned(), state.into()),
                    ("workers".to_owned(), workers.into()),
                ]);
                if let Some(known) = said(reply, "module") {
                    result.insert("global_module".to_owned(), (known == "1").into());
                }
                outcome.result.extend(result);
            }),
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answered, refused, said};
    use serde_json::json;

    #[test]
    fn what_is_asked_for() {
        for (module, options, expected) in [
            (
                "effective_rights",
                json!({"paths": ["C:\\a", "C:\\b"], "identity": "IIS AppPool/Usercube", "allowed": "Modify"}),
                "effective_rights path=[C:\\a|C:\\b] user=IIS AppPool\\Usercube",
            ),
            (
                "event_log",
                json!({"sources": [".NET Runtime"], "since": 1_700_000_000}),
                "event_log log=Application sources=.NET Runtime since=1700000000",
            ),
            ("event_log", json!({"log": "System"}), "event_log log=System"),
            (
                "iis_worker",
                json!({"pool": "Usercube", "global_module": "AspNetCoreModuleV2"}),
                "iis_worker pool=Usercube module=AspNetCoreModuleV2",
            ),
        ] {
            assert_eq!(said(module, options).trim_end_matches(" check=[]"), expected);
        }
        for options in [
            json!({"paths": [], "identity": "x", "allowed": "Read"}),
            json!({"paths": ["C:\\a"], "identity": "x"}),
            json!({"paths": ["C:\\a"], "identity": "x", "allowed": "Reed"}),
        ] {
            refused("effective_rights", options);
        }
    }

    #[test]
    fn rights_are_compared() {
        let options = |name: &str, rights: &str| json!({"paths": ["C:\\a"], "identity": "x", name: rights});
        let answer = |options, said: &str| answered("effective_rights", options, 0, &[("rights", said)]);
        assert!(!answer(options("allowed", "Modify"), "1245631 C:\\a").failed);
        let few = answer(options("allowed", "Modify"), "1179817 C:\\a");
        assert!(few.failed && few.result["msg"].to_string().contains("may not do all"));
        assert!(answer(options("forbidden", "WriteData"), "1245631 C:\\a").failed);
        assert!(!answer(options("forbidden", "WriteData"), "1179817 C:\\a").failed);
        // What is not there cannot be read by anybody, and cannot be worked in either.
        assert!(!answer(options("forbidden", "ReadData"), "- C:\\a").failed);
        assert!(answer(options("allowed", "ReadData"), "- C:\\a").failed);
        assert!(answered("effective_rights", options("forbidden", "Read"), 0, &[]).failed);
    }

    #[test]
    fn results_are_structured() {
        let worker = answered(
            "iis_worker",
            json!({"pool": "p", "global_module": "m"}),
            0,
            &[("module", "1"), ("state", "started"), ("worker", "42 1700000000"), ("worker", "x")],
        );
        assert_eq!(
            serde_json::Value::Object(worker.result),
            json!({"exists": true, "state": "started", "global_module": true, "workers": [{"pid": 42, "started": 1_700_000_000}]})
        );
        let events =
            answered("event_log", json!({}), 0, &[("event", "YQ==,MTA=,dA==,bQ=="), ("event", "YQ==")]);
        assert_eq!(events.result["count"], 1);
        assert_eq!(events.result["events"][0]["id"], 10);
    }
}
