//! Plans modules for a Windows host, and shows their calls with the values in plain text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::module::Work;
use crate::module::testing::plan_on;
use crate::operation::{Mode, Operation, Outcome, Progress, Reply};
use crate::shell::Platform;

/// The operation that a module plans.
pub(super) fn operation(module: &str, options: Value) -> Box<dyn Operation> {
    match plan_on(Platform::Windows, module, options) {
        Ok(Work::Host(operation)) => operation,
        Ok(work) => panic!("{module}: {work:?}"),
        Err(error) => panic!("{module}: {error}"),
    }
}

/// The calls of its first program; values are in plain text, with `=` in front and `|` between them.
pub(super) fn text(module: &str, options: Value) -> String {
    shown(&operation(module, options).first(Mode::default()).text)
}

/// Calls with their values in plain text.
pub(super) fn shown(calls: &str) -> String {
    let word = |word: &str| match word.split_once(':') {
        Some((name, values)) => {
            let decode =
                |value: &str| String::from_utf8_lossy(&STANDARD.decode(value).expect("base64")).into_owned();
            format!("{name}={}", values.split(',').map(decode).collect::<Vec<_>>().join("|"))
        }
        None => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    calls.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The message of a module that refuses its options.
pub(super) fn refused(module: &str, options: Value) -> String {
    match plan_on(Platform::Windows, module, options) {
        Ok(work) => panic!("{module}: {work:?}"),
        Err(error) => error.message,
    }
}

/// What a module makes of a reply with these values.
pub(super) fn told(
    module: &str,
    options: Value,
    status: i32,
    values: &[(&str, &str)],
) -> (Outcome, Map<String, Value>) {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut operation = operation(module, options);
    operation.first(Mode::default());
    match operation.next(Reply { status, values, ..Reply::default() }, Mode::default()) {
        Progress::Done(outcome) => {
            let result = outcome.result.clone();
            (outcome, result)
        }
        Progress::Again(program) => panic!("{module}: {program:?}"),
    }
}
