//! For tests: what a module asks a host for, in words; and what it makes of an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::module::Work;
use crate::module::testing::plan_on;
use crate::operation::{Mode, Operation, Outcome, Progress, Reply};
use crate::shell::Platform;

/// The operation of a task.
pub(super) fn operation(module: &str, options: Value) -> Box<dyn Operation> {
    match plan_on(Platform::Windows, module, options) {
        Ok(Work::Host(operation)) => operation,
        other => panic!("{module} is no operation: {other:?}"),
    }
}

/// The calls of a task, their values readable: `ensure kind=pool key.name=x set.list=[a|b]`.
pub(super) fn said(module: &str, options: Value) -> String {
    let text = operation(module, options).first(Mode::default()).text;
    let value = |word: &str| String::from_utf8_lossy(&STANDARD.decode(word).unwrap_or_default()).into_owned();
    let argument = |word: &str| match word.split_once(':') {
        None => format!("{word}=[]"),
        Some((name, values)) => match values.split(',').map(value).collect::<Vec<_>>().as_slice() {
            [one] => format!("{name}={one}"),
            more => format!("{name}=[{}]", more.join("|")),
        },
    };
    let line = |line: &str| {
        let mut words = line.split(' ');
        let function = words.next().unwrap_or_default().to_owned();
        std::iter::once(function).chain(words.map(argument)).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The message of a task that is refused.
pub(super) fn refused(module: &str, options: Value) -> String {
    match plan_on(Platform::Windows, module, options) {
        Err(error) => error.message,
        Ok(work) => panic!("not refused: {work:?}"),
    }
}

/// What a task makes of an answer. A name that begins with `before.` or `after.` has its values between bars.
pub(super) fn answered(module: &str, options: Value, status: i32, values: &[(&str, &str)]) -> Outcome {
    let state = |name: &str| name.starts_with("before.") || name.starts_with("after.");
    let value = |(name, text): &(&str, &str)| {
        let text = match text {
            text if !state(name) => (*text).to_owned(),
            &"-" => "-".to_owned(),
            text => text.split('|').map(|value| STANDARD.encode(value)).collect::<Vec<_>>().join(","),
        };
        ((*name).to_owned(), text)
    };
    let reply = Reply { status, values: values.iter().map(value).collect(), ..Reply::default() };
    match operation(module, options).next(reply, Mode::default()) {
        Progress::Done(outcome) => outcome,
        Progress::Again(program) => panic!("not over: {program:?}"),
    }
}
