//! What goes wrong with a remote shell.

use std::fmt;

use thiserror::Error;

/// How far a start had come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartPhase {
    /// Waiting for the login shell to run the command.
    Login,
    /// Waiting for sudo.
    Become,
    /// Waiting for the session's program to be ready.
    Shell,
}

impl fmt::Display for StartPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login shell",
            Self::Become => "sudo",
            Self::Shell => "remote shell",
        })
    }
}

/// Why a remote shell did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A phase took longer than the limit.
    #[error("the {phase} did not answer in time")]
    Timeout {
        /// The phase.
        phase: StartPhase,
    },
    /// sudo asked a second time.
    #[error("sudo did not accept the password\nhint: check the become password")]
    SudoPasswordWrong,
    /// sudo wants a password and none was given.
    #[error(
        "sudo wants a password\nhint: give one with `-K` or `ansible_become_password`, or allow NOPASSWD"
    )]
    SudoNeedsPassword,
    /// sudo refused for another reason.
    #[error("sudo refused: {text}")]
    SudoNotAllowed {
        /// What sudo said.
        text: String,
    },
    /// The command ended or wrote something else before the shell came up.
    #[error(
        "no shell came up on the host: {what}\nhint: the login shell may refuse commands; a Windows host needs `ansible_shell_type: powershell`"
    )]
    NoShell {
        /// What came instead.
        what: String,
    },
    /// The host lacks something that the session needs.
    #[error(
        "the host's `{tool}` cannot be used\nhint: GNU coreutils or busybox 1.30 or newer are needed, on Linux"
    )]
    Unsupported {
        /// The tool.
        tool: String,
    },
    /// PowerShell came up and may not do what the session needs.
    #[error(
        "PowerShell cannot be used: {what}\nhint: PowerShell 5.1 or 7 in full language mode is needed; an application control policy may forbid it for this user"
    )]
    PowerShell {
        /// What it said.
        what: String,
    },
    /// There is no `become` on Windows.
    #[error("`become` is not supported on Windows\nhint: connect as that user, or use a scheduled task")]
    NoBecome,
    /// The shell came up, but reported that it cannot work.
    #[error("the remote shell cannot work: {text}")]
    Failed {
        /// What it said.
        text: String,
    },
    /// The connection ended.
    #[error("the connection was lost while the shell started")]
    Lost,
}

/// A step could not be handed over.
#[derive(Clone, Copy, Debug, Error, Eq, PartialEq)]
pub enum SendError {
    /// The session is over; its last event says why.
    #[error("the remote shell is closed")]
    Closed,
    /// A shell drops NUL in silence, which would change the text.
    #[error("the text of a step contains a NUL byte")]
    Nul,
}

/// Why a session ended.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CloseReason {
    /// It was closed here and the shell ended after its last step.
    #[error("closed")]
    Closed,
    /// The connection or the shell ended by itself.
    #[error("the connection or the remote shell was lost")]
    Lost,
    /// The stream from the host failed.
    #[error("{0}")]
    Disconnected(String),
    /// The lease is no longer ours: the shell took no further step.
    #[error("the lease of this host is lost: {0}")]
    Fenced(String),
    /// The shell reported that it cannot go on.
    #[error("the remote shell cannot go on: {0}")]
    Failed(String),
    /// The host sent what the protocol does not allow.
    #[error("the host broke the protocol of the remote shell: {0}")]
    Broken(String),
}
