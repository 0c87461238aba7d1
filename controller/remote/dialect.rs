//! The two shells that become a session, and how each is written to. What they answer is the same.
//!
//! On POSIX a step is shell text that the session evaluates. On Windows it is lines of calls: the name of a function
//! and named lists of values in base64, taken apart by the session and never compiled (`powershell/call.ps1`).

use crate::login::{Login, command_line};
use crate::nonce::Nonce;
use crate::program::{self, Settings};
use crate::step::{Step, posix_unit};
use crate::{login, powershell};

/// `read` takes less time than starting `dd` for lines up to about this length.
const LINE: usize = 1500;

/// Which shell the host runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// `/bin/sh`.
    #[default]
    Posix,
    /// `powershell.exe` 5.1 or 7 on Windows.
    PowerShell,
}

impl Dialect {
    /// Returns the command line that opens a session. PowerShell knows no login but the plain one.
    pub fn command_line(self, nonce: &Nonce, login: &Login) -> String {
        match self {
            Self::Posix => command_line(nonce, login),
            Self::PowerShell => powershell::command_line(nonce),
        }
    }

    /// The line that the shell writes before anything else of ours.
    pub(crate) fn sentinel(self, nonce: &Nonce) -> String {
        login::sentinel(nonce)
    }

    /// The first bytes that the shell reads.
    pub(crate) fn bootstrap(self, settings: &Settings<'_>) -> Vec<u8> {
        match self {
            Self::Posix => program::bootstrap(settings),
            Self::PowerShell => powershell::bootstrap(settings),
        }
    }

    /// What runs one step.
    pub(crate) fn unit(self, step: &Step) -> String {
        match self {
            Self::Posix => posix_unit(step),
            Self::PowerShell => powershell::unit(step),
        }
    }

    /// Several steps, or one, as they are sent.
    pub(crate) fn units(self, units: &[String], token: &str) -> String {
        match (self, units) {
            (_, []) => String::new(),
            (Self::PowerShell, units) => units.iter().fold(String::new(), |mut text, unit| {
                text.push_str(unit);
                text.push_str(" #");
                text.push_str(token);
                text.push('\n');
                text
            }),
            (Self::Posix, [unit]) if unit.len() <= LINE && !unit.contains('\n') => {
                format!("{unit} #{token}\n")
            }
            (Self::Posix, units) => {
                let mut body = units.join("\n");
                body.push_str("\n#");
                body.push_str(token);
                format!("plr_body {} #{token}\n{body}", body.len())
            }
        }
    }

    /// The line in front of a piece of a payload.
    pub(crate) fn piece(self, step: &Step, bytes: usize, more: bool, first: bool, token: &str) -> String {
        let word = match self {
            Self::Posix => "plr_in",
            Self::PowerShell => "in",
        };
        let (more, first) = (u8::from(more), u8::from(first));
        format!("{word} {} {} {bytes} {more} {first} #{token}\n", step.id, step.epoch)
    }

    /// The line that says that all results are in safety.
    pub(crate) fn bye(self, token: &str) -> String {
        match self {
            Self::Posix => format!("plr_bye #{token}\n"),
            Self::PowerShell => format!("bye #{token}\n"),
        }
    }
}
