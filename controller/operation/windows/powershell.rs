//! Runs a script of the user with its streams kept apart (`win_powershell`).
//!
//! The runner of `runner.ps1` goes to a child on standard input, and behind it one line of words: what to run, with
//! which parameters. It answers with one JSON document, which is data like all that a host says.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::call::Call;
use super::command::{powershell, script, without_comments};
use crate::operation::answer::{failure, points};
use crate::operation::{Mode, Operation, Outcome, Program, Progress, Reply};

/// Bytes of an answer that a registered variable may hold.
const REGISTERED: usize = 16 << 20;

/// A script and how to run it. `Debug` shows nothing of its parameters.
#[derive(Clone)]
pub struct PowerShell {
    /// The script.
    pub script: String,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// Parameters that nobody may see.
    pub sensitive: Vec<(String, Sensitive)>,
    /// The folder (or another location of a provider) to run it in.
    pub chdir: Option<String>,
    /// Nothing is done if this pattern matches a file.
    pub creates: Option<String>,
    /// Nothing is done unless this pattern matches a file.
    pub removes: Option<String>,
    /// How deep objects are shown.
    pub depth: i64,
    /// `SilentlyContinue`, `Continue` or `Stop`.
    pub error_action: &'static str,
    /// Another program than the host's PowerShell.
    pub executable: Option<String>,
    /// Arguments in front of those that make it read the script.
    pub arguments: Vec<String>,
    /// How many `-v` were given.
    pub verbosity: u8,
}

/// What a sensitive parameter becomes.
#[derive(Clone)]
pub enum Sensitive {
    /// A `SecureString`.
    Text(String),
    /// A `PSCredential`.
    Credential {
        /// The account.
        username: String,
        /// Its password.
        password: String,
    },
}

impl std::fmt::Debug for PowerShell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PowerShell({} bytes, {} parameters)", self.script.len(), self.parameters.len())
    }
}

/// A value as words that the runner reads back: a letter for its type, text in base64.
struct Words(String);

impl Words {
    fn word(&mut self, word: &str) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(word);
    }

    fn text(&mut self, kind: char, text: &str) {
        self.word(&format!("{kind}{}", STANDARD.encode(text)));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.word("n"),
            Value::Bool(true) => self.word("t"),
            Value::Bool(false) => self.word("f"),
            Value::Number(number) => match number.as_i64() {
                Some(int) => self.word(&format!("i{int}")),
                None => self.word(&format!("d{}", number.as_f64().unwrap_or_default())),
            },
            Value::String(text) => self.text('s', text),
            Value::Array(items) => {
                self.word("[");
                items.iter().for_each(|item| self.value(item));
                self.word("]");
            }
            Value::Object(entries) => {
                self.word("{");
                self.entries(entries);
                self.word("}");
            }
        }
    }

    fn entries(&mut self, entries: &Map<String, Value>) {
        for (name, value) in entries {
            self.text('s', name);
            self.value(value);
        }
    }
}

impl PowerShell {
    fn input(&self, check: bool) -> String {
        let mut words = Words(String::new());
        words.word("{");
        let mut flat = Map::new();
        let mut put = |name: &str, value: Value| flat.insert(name.to_owned(), value);
        put("script", self.script.clone().into());
        put("chdir", self.chdir.clone().map_or(Value::Null, Value::from));
        put("depth", self.depth.into());
        put("error_action", self.error_action.into());
        put("check", check.into());
        put("verbosity", self.verbosity.into());
        words.entries(&flat);
        words.text('s', "parameters");
        words.word("{");
        words.entries(&self.parameters);
        for (name, value) in &self.sensitive {
            words.text('s', name);
            match value {
                Sensitive::Text(text) => words.text('p', text),
                Sensitive::Credential { username, password } => {
                    words.word("c");
                    words.text('s', username);
                    words.text('p', password);
                }
            }
        }
        words.word("}");
        words.word("}");
        let _ = writeln!(words.0);
        words.0
    }

    fn skipped(&self, guard: &str) -> Outcome {
        let (path, state) = match guard {
            "creates" => (self.creates.as_deref().unwrap_or_default(), "exists"),
            _ => (self.removes.as_deref().unwrap_or_default(), "does not exist"),
        };
        let message = format!("skipped, since {path} {state}");
        let result = Map::from_iter([("msg".to_owned(), Value::from(message))]);
        Outcome { skipped: true, result, ..Outcome::default() }
    }

    fn failed(reply: &Reply, message: String) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(REGISTERED)]).into_owned();
        let result = Map::from_iter([
            ("msg".to_owned(), Value::from(message)),
            ("rc".to_owned(), reply.rc.map_or(Value::Null, Value::from)),
            ("host_out".to_owned(), text(&reply.stdout).into()),
            ("host_err".to_owned(), text(&reply.stderr).into()),
        ]);
        Outcome { failed: true, changed: true, result, points: points(reply), ..Outcome::default() }
    }

    fn outcome(&self, reply: &Reply) -> Outcome {
        if let Some(guard) = reply.value("skip") {
            return self.skipped(guard);
        }
        if reply.rc.is_none() {
            return failure(reply);
        }
        if reply.timed_out {
            return Self::failed(reply, reply.over_time());
        }
        if reply.dropped > 0 {
            return Self::failed(
                reply,
                "the script wrote more than may be kept\nhint: lower `depth`, or write less".to_owned(),
            );
        }
        let Ok(Value::Object(mut result)) = serde_json::from_slice::<Value>(&reply.stdout) else {
            return Self::failed(reply, "the script ended without a result".to_owned());
        };
        let mut take = |name: &str| result.remove(name).and_then(|value| value.as_bool()).unwrap_or(false);
        let (changed, failed, skipped) = (take("changed"), take("failed"), take("skipped"));
        if result.get("diff").and_then(Value::as_object).is_some_and(Map::is_empty) {
            result.remove("diff");
        }
        if failed && !result.contains_key("msg") {
            let first =
                result.get("error").and_then(|errors| errors.get(0)).and_then(|error| error.get("output"));
            let message = first.and_then(Value::as_str).unwrap_or("the script failed").to_owned();
            result.insert("msg".to_owned(), message.into());
        }
        Outcome { changed, failed, skipped, result, points: points(reply), ..Outcome::default() }
    }
}

impl Operation for PowerShell {
    fn first(&mut self, mode: Mode) -> Program {
        let executable = self.executable.as_deref().unwrap_or("@powershell");
        let words = std::iter::once(executable).chain(self.arguments.iter().map(String::as_str));
        let call = Call::new("command")
            .maybe("creates", self.creates.as_deref())
            .maybe("removes", self.removes.as_deref())
            .list("argv", words.chain(powershell(false)))
            .flag("stdin", true);
        let runner = without_comments(include_str!("runner.ps1"));
        let payload = script(&runner, self.input(mode.check).as_bytes());
        Program { text: call.text(), payload: Some(payload), user: true, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        Progress::Done(self.outcome(&reply))
    }

    fn judged_here(&self) -> bool {
        true
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn repeatable(&self) -> bool {
        false
    }

    fn irreversible(&self) -> bool {
        let single = |path: &Option<String>| path.as_deref().is_some_and(|path| !path.contains(['*', '?']));
        !single(&self.creates) && !single(&self.removes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shell() -> PowerShell {
        let Value::Object(parameters) = json!({"Name": "x", "List": [1, true, null, 1.5], "Map": {"k": "v"}})
        else {
            panic!("not a mapping")
        };
        PowerShell {
            script: "param($Name)".to_owned(),
            parameters,
            sensitive: vec![
                ("Token".to_owned(), Sensitive::Text("hunter2".to_owned())),
                (
                    "Login".to_owned(),
                    Sensitive::Credential { username: "u".to_owned(), password: "hunter3".to_owned() },
                ),
            ],
            chdir: None,
            creates: None,
            removes: None,
            depth: 2,
            error_action: "Continue",
            executable: None,
            arguments: Vec::new(),
            verbosity: 0,
        }
    }

    fn answer(rc: i32, stdout: &str) -> Outcome {
        let reply =
            Reply { status: rc.min(1), rc: Some(rc), stdout: stdout.as_bytes().to_vec(), ..Reply::default() };
        match shell().next(reply, Mode::default()) {
            Progress::Done(outcome) => outcome,
            Progress::Again(program) => panic!("{program:?}"),
        }
    }

    #[test]
    fn parameters_are_words() {
        let input = shell().input(true);
        assert!(input.starts_with("{ "), "{input}");
        assert!(input.ends_with(" } }\n"), "{input}");
        assert!(input.contains(" [ i1 t n d1.5 ] "), "{input}");
        assert!(input.contains(&format!(" p{} ", STANDARD.encode("hunter2"))), "{input}");
        assert!(!format!("{:?}", shell()).contains("hunter"));
        let program = shell().first(Mode::default());
        assert!(!program.text.contains(&STANDARD.encode("hunter2")));
        assert!(program.text.contains("stdin:MQ=="));
    }

    #[test]
    fn the_document_is_the_result() {
        let outcome = answer(
            0,
            "{\"changed\":false,\"failed\":false,\"result\":{\"a\":1},\"output\":[\"x\"],\"diff\":{},\"error\":[]}\n",
        );
        assert!(!outcome.changed && !outcome.failed);
        assert_eq!(outcome.result["output"], json!(["x"]));
        assert!(!outcome.result.contains_key("diff"));
        let outcome = answer(0, r#"{"changed":true,"failed":true,"error":[{"output":"no"}]}"#);
        assert!(outcome.failed);
        assert_eq!(outcome.result["msg"], "no");
    }

    #[test]
    fn what_is_no_document_is_a_failure() {
        for stdout in ["", "text", "[1]", "{\"changed\":"] {
            assert!(answer(1, stdout).failed, "{stdout}");
        }
    }
}
