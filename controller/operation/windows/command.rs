//! Commands and scripts of the user on a Windows host, as calls.
//!
//! A script goes to its child on standard input, behind its length, so that no text of the user stands in a command line,
//! which every user of the host may list.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;
use crate::operation::command::{Command, Start};
use crate::operation::{Mode, Payload, Program};

/// What a child of ours is started with, as `-EncodedCommand` takes it: base64 of UTF-16 in little-endian order.
fn child() -> &'static str {
    static CHILD: OnceLock<String> = OnceLock::new();
    CHILD.get_or_init(|| {
        let text = without_comments(include_str!("child.ps1"));
        STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    })
}

/// The text of a `.ps1` without the comment lines that start in the first column.
pub(super) fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
}

/// The arguments of a PowerShell that reads its script from standard input.
#[must_use]
pub(super) fn powershell(profile: bool) -> Vec<&'static str> {
    let mut words = vec!["-NonInteractive"];
    if !profile {
        words.push("-NoProfile");
    }
    words.extend(["-InputFormat", "None", "-OutputFormat", "Text", "-ExecutionPolicy", "Bypass"]);
    words.extend(["-EncodedCommand", child()]);
    words
}

/// A script and what follows it, as such a PowerShell reads them.
pub(super) fn script(text: &str, input: &[u8]) -> Payload {
    let bytes = [format!("{:08x}\n", text.len()).as_bytes(), text.as_bytes(), input].concat();
    Payload::Bytes(bytes.into())
}

/// The program of a command.
pub(in crate::operation) fn program(command: &Command, mode: Mode) -> Program {
    let call = Call::new("command")
        .maybe("chdir", command.chdir.as_deref())
        .maybe("creates", command.creates.as_deref())
        .maybe("removes", command.removes.as_deref());
    if mode.check {
        return Program { text: call.flag("check", true).text(), ..Program::default() };
    }
    let input = command.stdin.as_deref();
    let plain =
        |call: Call| (call.flag("stdin", input.is_some()), input.map(|bytes| Payload::Bytes(bytes.into())));
    let (call, payload) = match &command.start {
        Start::Words { argv, .. } => plain(call.list("argv", argv.iter().map(String::as_str))),
        Start::Line { text } => plain(call.with("line", text)),
        Start::Shell { executable, text } => plain(call.with("line", &[executable, " /c ", text].concat())),
        Start::PowerShell { text, profile } => {
            let words = std::iter::once("@powershell").chain(powershell(*profile));
            // As with `-Command`: a last statement that failed is a failure.
            let text = [text, "\nif (-not $?) { exit 1 }\n"].concat();
            (call.list("argv", words).flag("stdin", true), Some(script(&text, input.unwrap_or_default())))
        }
        Start::Script { content, name, text } => {
            let call = call.with("script", name).with("arguments", text);
            (
                call.maybe("executable", command.executable.as_deref()),
                Some(Payload::Content(Arc::clone(content))),
            )
        }
    };
    Program { text: call.text(), payload, user: true, ..Program::default() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operation::Operation as _;
    use crate::shell::Platform;

    fn command(start: Start) -> Command {
        Command { creates: Some("C:\\x".to_owned()), ..Command::new(Platform::Windows, start) }
    }

    fn decoded(text: &str) -> String {
        let word = |word: &str| match word.split_once(':') {
            Some((name, values)) => {
                let values = values.split(',').map(|value| STANDARD.decode(value).unwrap());
                let values: Vec<String> = values.map(|value| String::from_utf8(value).unwrap()).collect();
                format!("{name}={}", values.join("|"))
            }
            None => word.to_owned(),
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_script_is_never_in_the_command_line() {
        let start = Start::PowerShell { text: "Set-Secret 'hunter2'".to_owned(), profile: false };
        let mut command = Command { stdin: Some(b"in\n".to_vec()), ..command(start) };
        let program = command.first(Mode::default());
        let text = decoded(&program.text);
        assert!(
            text.starts_with("command creates=C:\\x argv=@powershell|-NonInteractive|-NoProfile|"),
            "{text}"
        );
        assert!(text.ends_with(" stdin=1") && !text.contains("hunter2") && program.text.len() < 8000);
        let payload = program.payload.unwrap();
        let bytes = payload.bytes();
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..8]).unwrap(), 16).unwrap();
        assert_eq!(&bytes[9 + length..], b"in\n");
        assert!(bytes[9..].starts_with(b"Set-Secret 'hunter2'\nif (-not $?) { exit 1 }"));
    }

    #[test]
    fn other_commands_are_given_as_they_are() {
        let shell = Start::Shell { executable: "cmd".to_owned(), text: "dir & echo x".to_owned() };
        assert!(decoded(&command(shell).first(Mode::default()).text).ends_with(" line=cmd /c dir & echo x"));
        let words = Start::Words { argv: vec!["whoami".to_owned(), "/all".to_owned()], expand: false };
        assert!(decoded(&command(words).first(Mode::default()).text).ends_with(" argv=whoami|/all"));
        let line = Start::Line { text: "a.exe \"b c\"".to_owned() };
        let program = command(line).first(Mode { check: true, ..Mode::default() });
        assert_eq!(decoded(&program.text), "command creates=C:\\x check=1");
        assert!(!program.user);
    }
}
