//! The command line that turns a login into `/bin/sh`, whatever the login shell is.
//!
//! dash, bash, zsh, fish, tcsh, ksh and busybox agree on little. Words here stand in single quotes
//! and contain no quote, backslash, exclamation mark or newline; those are written outside of the
//! quotes ([`quote_for_login`]).

use crate::Nonce;

/// Who the shell runs as.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Login {
    /// The login user.
    #[default]
    Plain,
    /// Another user, through sudo.
    Sudo {
        /// Whom to become.
        user: String,
        /// Path or name of sudo (`ansible_become_exe`).
        exe: Option<String>,
        /// Further flags; `-H` where none are given. `-n`, `-S`, `-p` and `-u` are set here and
        /// passed over when given.
        flags: Option<Vec<String>>,
        /// Whether a password is at hand; otherwise sudo is told not to ask (`-n`).
        password: bool,
    },
}

impl Login {
    /// The words in front of the shell, with a space at the end, or nothing.
    pub(crate) fn prefix(&self, nonce: &Nonce) -> String {
        let Self::Sudo { user, exe, flags, password } = self else { return String::new() };
        let mut words = quote_for_login(exe.as_deref().unwrap_or("sudo"));
        for flag in own_flags(flags.as_deref()) {
            words.push(' ');
            words.push_str(&quote_for_login(flag));
        }
        if *password {
            words.push_str(" -S -p ");
            words.push_str(&quote_for_login(&prompt(nonce)));
        } else {
            words.push_str(" -n");
        }
        words.push_str(" -u ");
        words.push_str(&quote_for_login(user));
        words.push(' ');
        words
    }
}

/// The flags that do not get in the way of ours.
fn own_flags(flags: Option<&[String]>) -> Vec<&str> {
    let Some(flags) = flags else { return vec!["-H"] };
    let mut kept = Vec::new();
    let mut words = flags.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "-n" | "-S" | "--non-interactive" | "--stdin" => {}
            "-p" | "-u" | "--prompt" | "--user" => _ = words.next(),
            _ => kept.push(word),
        }
    }
    kept
}

/// The prompt that sudo is told to write.
pub(crate) fn prompt(nonce: &Nonce) -> String {
    format!("[{nonce}]")
}

/// The line that the shell writes before anything else of ours.
pub(crate) fn sentinel(nonce: &Nonce) -> String {
    format!("@{nonce}@")
}

/// Returns the command line that opens a session under any login shell.
pub fn command_line(nonce: &Nonce, login: &Login) -> String {
    command_line_for(nonce, login, "/bin/sh")
}

/// Like [`command_line`] with another POSIX shell, given as words (`/bin/busybox sh`).
pub fn command_line_for(nonce: &Nonce, login: &Login, shell: &str) -> String {
    let prefix = login.prefix(nonce);
    let sentinel = sentinel(nonce);
    format!(
        "exec {prefix}{shell} -c 'echo; echo {sentinel}; while IFS= read -r plr_l; do eval \"$plr_l\"; done'"
    )
}

/// Returns `word` as one word of every known login shell. Newlines cannot be quoted in tcsh;
/// callers refuse them.
pub fn quote_for_login(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for part in word.chars() {
        match part {
            // Outside of the quotes all of them agree on what a backslash does.
            '\'' | '!' | '\\' => {
                quoted.push_str("'\\");
                quoted.push(part);
                quoted.push('\'');
            }
            _ => quoted.push(part),
        }
    }
    quoted.push('\'');
    quoted
}
