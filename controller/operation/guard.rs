//! The dead-man guard: arms it, confirms it, fires it, and asks what became of it.
//!
//! The guard is a script on the host that holds the whole operation library and restores rollback points without
//! a controller. Arming sends it; everything later names its folder.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{decode, failure, said};
use super::library::{call, library, open_points};
use super::{Mode, Operation, Outcome, Payload, Point, Program, Progress, Reply};

/// Limit for what the host answers at once.
const SOON: Duration = Duration::from_secs(30);
/// Limit for a guard that restores while the controller waits.
const RESTORING: Duration = Duration::from_secs(90);

/// Something to do with a guard.
#[derive(Clone, Debug)]
pub enum Guard {
    /// Arms one for the points that are saved from now on.
    Arm {
        /// Seconds until it fires by itself.
        seconds: u64,
        /// Name of its folder, new within run and host.
        name: String,
        /// What [`guard_script`] gave.
        script: Arc<[u8]>,
    },
    /// Says that the controller is there.
    Confirm(String),
    /// Restores at once.
    Fire(String),
    /// Asks what became of it.
    Look(String),
    /// Restores what a guard of an earlier session still waits for, or is at.
    FireLeft,
}

/// What became of a guard.
#[derive(Clone, Debug, Default)]
pub struct GuardReport {
    /// Its folder on the host, when it was armed now.
    pub folder: String,
    /// The number of the newest point in front of it, when it was armed now.
    pub mark: u64,
    /// Who keeps the time, when it was armed now: `systemd` or `process`.
    pub by: String,
    /// `armed`, `confirmed`, `fired`, or `gone`.
    pub state: String,
    /// Whether it is done with restoring.
    pub done: bool,
    /// The points that it restored.
    pub restored: Vec<Point>,
    /// What it could not restore, and why.
    pub problem: Option<String>,
}

/// Returns the script of a guard: it needs nothing but the points in the folder that `base`, `run` and `host` name.
pub fn guard_script(base: Option<&str>, run: &str, host: &str) -> Arc<[u8]> {
    let points = open_points(base, run, host);
    let alone = code(include_str!("posix/guard_alone.sh"));
    let text = [&alone, library(), functions(), &points, "\npf_guard_main \"$@\"\nexit\n"].concat();
    Arc::from(text.into_bytes())
}

/// The functions, which only steps of a guard bring along.
pub(super) fn functions() -> &'static str {
    static FUNCTIONS: OnceLock<String> = OnceLock::new();
    FUNCTIONS.get_or_init(|| code(include_str!("posix/guard.sh")))
}

fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| [line, "\n"]).collect()
}

impl Operation for Guard {
    fn first(&mut self, _mode: Mode) -> Program {
        let (call, payload, timeout) = match self {
            Self::Arm { seconds, name, script } => {
                let call = call("pf_guard_arm", [seconds.to_string().as_str(), name]);
                (call, Some(Payload::Bytes(script.clone())), SOON)
            }
            Self::Confirm(folder) => (call("pf_guard_confirm", [folder.as_str()]), None, SOON),
            Self::Fire(folder) => (call("pf_guard_fire", [folder.as_str()]), None, RESTORING),
            Self::FireLeft => ("pf_guard_fire_left".to_owned(), None, RESTORING),
            Self::Look(folder) => (call("pf_guard_look", [folder.as_str()]), None, SOON),
        };
        let text = [functions(), &call].concat();
        Program { text, payload, timeout: Some(timeout), ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        if reply.status != 0 {
            return Progress::Done(failure(&reply));
        }
        let points = reply.values.iter().filter(|(name, _)| name == "guard_point");
        let points: Vec<Value> = points.filter_map(|(_, text)| parsed(&decode(text))).collect();
        let result = json!({
            "folder": said(&reply, "guard_folder").unwrap_or_default(),
            "mark": reply.value("guard_mark").and_then(|mark| mark.parse::<u64>().ok()),
            "by": reply.value("guard_by"),
            "state": reply.value("guard"),
            "done": reply.value("guard_rc").is_some(),
            "clean": reply.value("guard_rc") == Some("0"),
            "why": said(&reply, "guard_why"),
            "points": points,
        });
        let result = match result {
            Value::Object(result) => result,
            _ => Map::new(),
        };
        Progress::Done(Outcome { result, ..Outcome::default() })
    }
}

fn parsed(text: &str) -> Option<Value> {
    let mut parts = text.splitn(4, ' ');
    let restored = parts.next()? == "ok";
    let number: u64 = parts.next()?.parse().ok()?;
    Some(json!({ "restored": restored, "number": number, "kind": parts.next()?, "path": parts.next()? }))
}

impl GuardReport {
    /// Whether everything that its block changed is restored.
    pub fn is_complete(&self) -> bool {
        self.state == "fired" && self.done && self.problem.is_none()
    }

    /// Reads what an operation on a guard answered.
    pub fn of(outcome: &Outcome) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let result = &outcome.result;
        let flag = |name: &str| result.get(name).and_then(Value::as_bool).unwrap_or(false);
        let mut report = Self {
            folder: text(result.get("folder")),
            mark: result.get("mark").and_then(Value::as_u64).unwrap_or_default(),
            by: text(result.get("by")),
            state: text(result.get("state")),
            done: flag("done"),
            ..Self::default()
        };
        let mut failed = None;
        for point in result.get("points").and_then(Value::as_array).into_iter().flatten() {
            let number = point.get("number").and_then(Value::as_u64).unwrap_or_default();
            let (kind, path) = (text(point.get("kind")), text(point.get("path")));
            if point.get("restored").and_then(Value::as_bool) == Some(true) {
                report.restored.push(Point { number, kind, path });
            } else {
                failed.get_or_insert(format!("point {number} (`{path}`)"));
            }
        }
        if report.done && !flag("clean") {
            let point = failed.unwrap_or_else(|| "a point".to_owned());
            let why = result.get("why").and_then(Value::as_str).unwrap_or("it could not be restored");
            report.problem = Some(format!("{point}: {why}"));
        }
        report
    }
}
