//! Processes of this machine, by what `/proc` says of them.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// Numbers of all processes.
pub(crate) fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn about(process: i32, what: &str) -> Option<Vec<u8>> {
    fs::read(PathBuf::from(format!("/proc/{process}/{what}"))).ok()
}

/// The arguments of a process, with a space after each.
pub(crate) fn arguments(process: i32) -> Option<String> {
    let bytes = about(process, "cmdline")?;
    Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
}

/// Processes whose arguments hold `text`.
pub(crate) fn with_argument(text: &str) -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let holds = |&process: &i32| arguments(process).is_some_and(|all| all.contains(text));
    all().into_iter().filter(|&process| process != own).filter(holds).collect()
}

/// Processes whose environment holds the entry `text`.
pub(crate) fn with_environment(text: &str) -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let holds = |&process: &i32| {
        let environment = about(process, "environ").unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == text.as_bytes())
    };
    all().into_iter().filter(|&process| process != own).filter(holds).collect()
}

/// Sends a signal; a process that is gone is fine.
pub(crate) fn signal(process: i32, signal: Signal) {
    if let Some(process) = Pid::from_raw(process) {
        let _ = kill_process(process, signal);
    }
}

/// The most memory a process had in use so far, in KiB.
pub(crate) fn peak_memory(process: i32) -> Option<u64> {
    let status = String::from_utf8(about(process, "status")?).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Whether a process has a handler for a signal.
pub(crate) fn catches(process: i32, signal: Signal) -> bool {
    let status = String::from_utf8(about(process, "status").unwrap_or_default()).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    caught & (1 << (signal.as_raw() - 1)) != 0
}
