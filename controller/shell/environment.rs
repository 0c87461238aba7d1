//! Environment and user of a command, as shell text.

use super::quote;

/// Returns the statements that export `pairs`, for the variable `pl_env` of a session.
///
/// # Errors
/// A name that is no name of a shell variable.
pub fn exports(pairs: &[(String, String)]) -> Result<String, String> {
    let mut text = String::new();
    for (name, value) in pairs {
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !starts_well || !name.chars().all(|part| part.is_ascii_alphanumeric() || part == '_') {
            return Err(format!("`environment`: `{name}` is not the name of an environment variable"));
        }
        if value.contains('\0') {
            return Err(format!("`environment`: the value of `{name}` holds a NUL byte"));
        }
        text.push_str("export ");
        text.push_str(name);
        text.push('=');
        text.push_str(&quote(value));
        text.push('\n');
    }
    Ok(text)
}

/// Puts `exports` in front of the text of a step, for the user's command that it runs.
pub fn with_environment(exports: &str, text: &str) -> String {
    if exports.is_empty() {
        return text.to_owned();
    }
    ["pl_env=", &quote(exports), "\n", text].concat()
}

/// Returns the command line that runs `text` through `sudo` as `user`, for a login shell. With a
/// `prompt`, sudo asks for a password with it on standard error.
pub fn sudo_line(
    exe: Option<&str>,
    flags: Option<&str>,
    user: &str,
    prompt: Option<&str>,
    text: &str,
) -> String {
    let mut words = vec![quote(exe.unwrap_or("sudo")), "-H".to_owned()];
    words.extend(flags.unwrap_or_default().split_whitespace().map(quote));
    match prompt {
        Some(prompt) => words.extend(["-S".to_owned(), "-p".to_owned(), quote(prompt)]),
        None => words.push("-n".to_owned()),
    }
    words.extend(["-u".to_owned(), quote(user), "/bin/sh".to_owned(), "-c".to_owned(), quote(text)]);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_names_checked() {
        let pairs = [("A".to_owned(), "it's $HOME".to_owned())];
        assert_eq!(exports(&pairs).as_deref(), Ok("export A='it'\\''s $HOME'\n"));
        assert!(exports(&[("A B".to_owned(), String::new())]).is_err());
        assert!(exports(&[("1A".to_owned(), String::new())]).is_err());
    }

    #[test]
    fn no_environment_leaves_the_text_alone() {
        assert_eq!(with_environment("", "op_ping"), "op_ping");
    }
}
