//! The shell functions that the operations call: static text, loaded once into every session, or brought along by the steps
//! that need it.

use std::sync::OnceLock;

use crate::shell::quote;

const PARTS: &[&str] = &[
    include_str!("posix/command.sh"),
    include_str!("posix/facts.sh"),
    include_str!("posix/service.sh"),
    include_str!("posix/uri.sh"),
    include_str!("posix/wait_for.sh"),
    include_str!("posix/state.sh"),
    include_str!("posix/attributes.sh"),
    include_str!("posix/point.sh"),
    include_str!("posix/restore.sh"),
    include_str!("posix/ledger.sh"),
    include_str!("posix/lease.sh"),
    include_str!("posix/prune.sh"),
    include_str!("posix/undo.sh"),
    include_str!("posix/activation.sh"),
    include_str!("posix/found.sh"),
    include_str!("posix/directory.sh"),
    include_str!("posix/file.sh"),
    include_str!("posix/remove.sh"),
    include_str!("posix/link.sh"),
    include_str!("posix/put.sh"),
    include_str!("posix/tree.sh"),
    include_str!("posix/read.sh"),
    include_str!("posix/preflight.sh"),
    include_str!("posix/audit.sh"),
    include_str!("posix/walk.sh"),
    include_str!("posix/account.sh"),
    include_str!("posix/package.sh"),
    include_str!("posix/cron.sh"),
];

/// Functions that few steps call, which bring them along.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seldom {
    /// `find`, and names for `tempfile`.
    Find,
    /// `get_url`.
    Download,
    /// `unarchive`.
    Unarchive,
}

/// Returns the text of functions that are not part of [`library`].
pub(super) fn seldom(part: Seldom) -> &'static str {
    static PARTS: OnceLock<[String; 3]> = OnceLock::new();
    let parts = [
        include_str!("posix/find.sh"),
        include_str!("posix/download.sh"),
        include_str!("posix/unarchive.sh"),
    ];
    let [find, download, unarchive] = PARTS.get_or_init(|| parts.map(|part| without_comments(&[part])));
    match part {
        Seldom::Find => find,
        Seldom::Download => download,
        Seldom::Unarchive => unarchive,
    }
}

/// Returns the text of all functions that every session has, without the comment lines that start in the first column.
pub fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| without_comments(PARTS))
}

/// The parts one behind the other, without the comment lines that start in the first column.
pub(super) fn without_comments(parts: &[&str]) -> String {
    let lines = parts.iter().flat_map(|part| part.lines()).filter(|line| !line.starts_with('#'));
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}

/// Returns the text that tells a session, once, where its rollback points go: `BASE/runs/RUN/HOST`.
/// Without a `base` it is `/var/lib/paceline` for root and `~/.paceline` for everybody else.
/// Nothing is made before the first point is saved. `host` is percent-encoded by the caller's
/// rules for file names; neither it nor `run` may hold a slash.
pub fn open_points(base: Option<&str>, run: &str, host: &str) -> String {
    call("pf_points", [base.unwrap_or_default(), run, host])
}

/// Returns the text that begins the ledger of a session; [`open_points`] comes in front of it.
pub(super) fn open_ledger() -> &'static str {
    "pl_ledger_begin"
}

/// Returns text in front of a program that is repeated: what an attempt that was cut off left beside its paths, under the
/// temporary names that these points know, is removed. Nothing for no points.
pub(super) fn sweep(points: &[u64]) -> String {
    if points.is_empty() {
        return String::new();
    }
    let numbers: Vec<String> = points.iter().map(u64::to_string).collect();
    call("pf_sweep", numbers.iter().map(String::as_str)) + "\n"
}

/// Returns the program that reports the ledger, as the blob `ledger`.
pub(super) fn tell_ledger() -> String {
    "pl_ledger_tell".to_owned()
}

/// Returns the program that reports the output of a command of an earlier session, as the blobs `stdout` and `stderr`.
/// `folder` and `number` are what the ledger says.
pub(super) fn tell_output(folder: &str, number: &str) -> String {
    call("pl_ledger_output", [folder, number])
}

/// Returns the text that limits, for a session, how many bytes are copied for one rollback point.
pub(super) fn limit_points(bytes: u64) -> String {
    call("pf_points_limit", [bytes.to_string().as_str()])
}

/// Returns text to run in front of the first of several steps that follow each other in one body: it
/// reads what these file operations look at with one `stat` and one `sha256sum`. Nothing is
/// returned where that saves nothing. Each item is what [`super::Operation::looks_at`] gives for
/// one step; a step without paths ends the row, and must not be counted in.
///
/// What was read is forgotten at the first change, failure or command of the user in the session,
/// and after these steps. Steps that reach the host another way (`raw`, another user's session,
/// `delegate_to`) must not lie between them.
pub fn probe_ahead(steps: &[Vec<String>]) -> Option<String> {
    let paths: Vec<&str> = steps.iter().flatten().map(String::as_str).collect();
    if steps.len() < 2 || paths.len() < 2 || steps.iter().any(Vec::is_empty) {
        return None;
    }
    let count = steps.len().to_string();
    Some(call("pf_probe_ahead", std::iter::once(count.as_str()).chain(paths)))
}

/// Returns the call of a function of the library, its arguments quoted.
pub(super) fn call<'a>(function: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    arguments.into_iter().fold(function.to_owned(), |mut text, argument| {
        text.push(' ');
        text.push_str(&quote(argument));
        text
    })
}
