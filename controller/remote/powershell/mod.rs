//! PowerShell: the command line, the program and the lines of a session on Windows.
//!
//! No one of them holds text of a host or a user that PowerShell would read as text of its own: what varies is a
//! random word, a number, or base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::login::sentinel;
use crate::nonce::Nonce;
use crate::program::Settings;
use crate::step::{Group, Step, whole_seconds};

mod quote;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use quote::{quote_argv, quote_word, split_argv};

/// What the command line holds.
const BOOTSTRAP: &str = include_str!("bootstrap.ps1");
/// The session's program.
const PARTS: [&str; 5] = [
    include_str!("session.ps1"),
    include_str!("platform.ps1"),
    include_str!("call.ps1"),
    include_str!("run.ps1"),
    include_str!("beside.ps1"),
];
/// The words in front of the encoded program. Without `-InputFormat None` powershell.exe would read our standard input
/// itself; with text as its output format what it complains about can be read.
const START: &str =
    "-NoProfile -NonInteractive -InputFormat None -OutputFormat Text -ExecutionPolicy Bypass -EncodedCommand";

/// Returns the command line that opens a session in cmd.exe, PowerShell or bash alike: none of its characters means
/// anything to them.
pub(crate) fn command_line(nonce: &Nonce) -> String {
    let sentinel = sentinel(nonce);
    let text = strip(BOOTSTRAP).replace("@NONCE@", &sentinel);
    format!("powershell.exe {START} {}", encode_command(&text))
}

/// Returns text as `-EncodedCommand` takes it: base64 of UTF-16 in little-endian order.
pub fn encode_command(text: &str) -> String {
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    BASE64.encode(bytes)
}

/// The text without the comment lines that start in the first column.
pub(crate) fn strip(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}

/// The head line of a session and its program.
pub(crate) fn bootstrap(settings: &Settings<'_>) -> Vec<u8> {
    let Settings { token, directory, output_cap, blob_cap, library, opening } = settings;
    let program = program(library, opening, token);
    let head = format!("plr {token} {} {output_cap} {blob_cap} {directory}\n", program.len());
    [head.into_bytes(), program.into_bytes()].concat()
}

/// The head line and the program of what runs beside the session in `directory`.
pub(crate) fn beside(token: &str, directory: &str, library: &str, calls: &str) -> Vec<u8> {
    let program = program(library, calls, token);
    let head = format!("plb {token} {} 0 0 {directory}\n", program.len());
    [head.into_bytes(), program.into_bytes()].concat()
}

/// The functions, the calls as text within quotes, and the token.
fn program(library: &str, calls: &str, token: &str) -> String {
    let own: String = PARTS.iter().map(|part| strip(part)).collect();
    let calls: String = calls.lines().filter(|line| is_call(line)).flat_map(|line| [line, "\n"]).collect();
    format!("{own}{library}\nplr_main @'\n# calls\n{calls}# end of calls\n'@\n#{token}")
}

/// Whether a line is a call: nothing else may stand within the quotes.
pub(crate) fn is_call(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_lowercase())
        && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:,+/= -".contains(&byte))
}

/// The line of a step, without its token.
pub(crate) fn unit(step: &Step) -> String {
    let group = match step.group {
        Group::Alone => 'a',
        Group::Item => 'i',
        Group::LastItem => 'l',
    };
    let payload = u8::from(step.payload.is_some());
    let limit = step.timeout.map_or(0, whole_seconds);
    let name = step.name.as_deref().unwrap_or("-");
    let text = BASE64.encode(&step.text);
    format!("step {} {} {group} {limit} {payload} {name} {text}", step.id, step.epoch)
}
