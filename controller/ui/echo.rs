//! Keeps the terminal from printing `^C` between the bars, which would move them by a line.

use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// How the terminal was, as long as it is another way.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Switches the echo of control characters off. Does nothing where standard error is no terminal, or one that
/// belongs to another job.
pub(super) fn hide_control_characters() {
    let stderr = io::stderr();
    let ours = tcgetpgrp(&stderr).is_ok_and(|group| group == rustix::process::getpgrp());
    let (true, Ok(termios)) = (ours, tcgetattr(&stderr)) else { return };
    let mut changed = termios.clone();
    changed.local_modes.remove(LocalModes::ECHOCTL);
    if tcsetattr(&stderr, OptionalActions::Now, &changed).is_ok() {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(termios);
    }
}

/// Leaves the terminal as it was; to be called before the program ends, however it ends.
pub fn restore_terminal() {
    if let Some(termios) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Nobody is left to tell when this fails.
        let _ = tcsetattr(io::stderr(), OptionalActions::Now, &termios);
    }
}
