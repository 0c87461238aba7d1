//! Which of the two remote shells a host has.

use std::fmt;

/// The family of a host's operating system, as far as the remote shell and the modules care.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Platform {
    /// `/bin/sh` with GNU coreutils or busybox.
    #[default]
    Posix,
    /// Windows PowerShell 5.1 or PowerShell 7.
    Windows,
}

impl Platform {
    /// Reads `ansible_shell_type`.
    #[must_use]
    pub fn of_shell_type(name: &str) -> Option<Self> {
        match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
            "sh" | "bash" | "csh" | "fish" => Some(Self::Posix),
            "powershell" | "cmd" => Some(Self::Windows),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Posix => "POSIX",
            Self::Windows => "Windows",
        })
    }
}
