//! Options that name paths, and those of POSIX that mean nothing on Windows.

use crate::module::{ModuleError, OptionValues, Options};

/// Why `mode` is refused.
const MODE: &str = "Windows has access rules instead of permission bits: use `win_acl`";
/// Why `owner` is refused.
const OWNER: &str = "use `win_owner`";
/// Why `group` is refused.
const GROUP: &str = "Windows has access rules instead of owning groups: use `win_acl`";

/// What a plain module cannot do on a Windows host, and what does it.
const POSIX: &[(&str, &str)] = &[
    ("mode", MODE),
    ("directory_mode", MODE),
    ("owner", OWNER),
    ("group", GROUP),
    ("validate", "check the file with `win_command` in a `block`, and take it back in `rescue`"),
];

/// Refuses options of a plain module that are for POSIX hosts.
///
/// # Errors
/// Names the option and what to use instead.
pub(in crate::module) fn no_posix(module: &str, options: &Options) -> Result<(), ModuleError> {
    for (name, hint) in POSIX {
        if options.contains_key(*name) {
            return Err(ModuleError::new(format!(
                "option `{name}` of `{module}` is not supported on a Windows host\nhint: {hint}"
            )));
        }
    }
    Ok(())
}

/// Refuses an option if it is there.
pub(in crate::module) fn without(
    module: &str,
    options: &Options,
    name: &str,
    hint: &str,
) -> Result<(), ModuleError> {
    match options.contains_key(name) {
        true => Err(ModuleError::new(format!(
            "option `{name}` of `{module}` is not supported on a Windows host\nhint: {hint}"
        ))),
        false => Ok(()),
    }
}

/// A path that is there and not empty.
pub(super) fn path(options: &Options, name: &str) -> Result<String, ModuleError> {
    crate::module::place::path(options, name)
}

/// A path, unless it is missing or empty.
pub(super) fn some_path(options: &Options, name: &str) -> Result<Option<String>, ModuleError> {
    match options.text(name) {
        None | Some("") => Ok(None),
        Some(_) => path(options, name).map(Some),
    }
}

/// The last name of a path, whichever separators it has.
pub(super) fn last_name(path: &str) -> Option<String> {
    let name = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?;
    (!name.is_empty() && !name.ends_with(':')).then(|| name.to_owned())
}

/// Whether a path is written as a folder.
pub(super) fn is_folder(path: &str) -> bool {
    path.ends_with(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_behind_the_last_separator() {
        assert_eq!(last_name("C:\\a\\b.txt").as_deref(), Some("b.txt"));
        assert_eq!(last_name("C:/a/b/").as_deref(), Some("b"));
        assert_eq!(last_name("C:\\"), None);
        assert!(is_folder("C:\\x\\") && !is_folder("C:\\x"));
    }
}
