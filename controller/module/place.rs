//! What the modules about files share: mode, owner and times among their options.

use jiff::civil::DateTime;
use serde_json::Value;

use super::words::{no_nul, split};
use super::{ModuleError, OptionValues, Options};
use crate::operation::attributes::{Attributes, FileMode, FileTime};

/// Hint for the options of SELinux.
pub(super) const SELINUX: &str =
    "Paceline leaves SELinux contexts to the host's policy: run `restorecon` or `chcon` with `command`";
/// Hint for `attributes`.
pub(super) const CHATTR: &str = "use `command: chattr`";
/// Hint for `unsafe_writes`.
pub(super) const UNSAFE: &str = "files are only ever replaced whole; mount the folder instead of the file";

/// A limit of `owner` and `group`: what the name of a user or a group can be.
pub(super) fn account(name: &Value) -> Result<(), String> {
    let name = name.as_str().unwrap_or_default();
    let odd = |char: char| char.is_control() || ":/ ".contains(char);
    if name.starts_with('-') || name.contains(odd) && !name.contains('\\') {
        return Err(format!("`{name}` cannot be the name of a user or a group"));
    }
    Ok(())
}

/// A limit of `mode` for modules without a source whose mode could be taken.
pub(super) fn not_preserved(mode: &Value) -> Result<(), String> {
    if mode.as_str() == Some("preserve") {
        return Err("`preserve` is a mode for `copy` and `template` only".to_owned());
    }
    Ok(())
}

/// A limit of `validate`: `%s` is in it.
pub(super) fn with_placeholder(command: &Value) -> Result<(), String> {
    match command.as_str() {
        Some(command) if !command.is_empty() && !command.contains("%s") => Err(format!(
            "validate must contain %s: {command}\nhint: `%s` stands for the path of the new file"
        )),
        _ => Ok(()),
    }
}

/// Reads `mode`, `owner` and `group`. `preserve` is for the module to deal with.
///
/// # Errors
/// The mode cannot be read.
pub(super) fn attributes(options: &Options) -> Result<Attributes, ModuleError> {
    let name = |option: &str| options.text(option).filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Attributes {
        mode: mode(options.text("mode"))?,
        owner: name("owner"),
        group: name("group"),
        access_time: None,
        modification_time: None,
    })
}

/// Reads a mode; `preserve` is none.
///
/// # Errors
/// It cannot be read.
pub(super) fn mode(text: Option<&str>) -> Result<Option<FileMode>, ModuleError> {
    match text {
        None | Some("preserve" | "") => Ok(None),
        Some(text) => FileMode::parse(text).map(Some).ok_or_else(|| {
            ModuleError::new(format!(
                "`{text}` is not a file mode\nhint: write it as text in octal (`\"0644\"`) or symbolic (`u=rw,g=r,o=`)"
            ))
        }),
    }
}

/// Reads `access_time` or `modification_time` and its format; nothing given is `otherwise`.
///
/// # Errors
/// The time does not have the format.
pub(super) fn time(
    options: &Options,
    name: &str,
    otherwise: Option<FileTime>,
) -> Result<Option<FileTime>, ModuleError> {
    let format = options.text(&format!("{name}_format")).unwrap_or("%Y%m%d%H%M.%S").to_owned();
    match options.text(name) {
        None | Some("") => Ok(otherwise),
        Some("preserve") => Ok(None),
        Some("now") => Ok(Some(FileTime::Now)),
        Some(text) => DateTime::strptime(&format, text)
            .map(|time| Some(FileTime::At(time.strftime("%Y-%m-%d %H:%M:%S").to_string())))
            .map_err(|error| {
                ModuleError::new(format!(
                    "option `{name}`: `{text}` is not a time of the form `{format}`: {error}\nhint: write `preserve`, `now`, or a time like `202612312359.59`"
                ))
            }),
    }
}

/// Reads a path that an operation gets.
///
/// # Errors
/// It is missing, empty, or holds a NUL.
pub(super) fn path(options: &Options, name: &str) -> Result<String, ModuleError> {
    let path = options.text(name).unwrap_or_default();
    no_nul([path])?;
    if path.is_empty() {
        return Err(ModuleError::new(format!("option `{name}` is empty\nhint: give it a path")));
    }
    Ok(path.to_owned())
}

/// Reads `validate`: the words of a command, among them `%s`.
///
/// # Errors
/// A quote is not closed.
pub(super) fn validate(options: &Options) -> Result<Option<Vec<String>>, ModuleError> {
    let Some(command) = options.text("validate").filter(|command| !command.is_empty()) else {
        return Ok(None);
    };
    no_nul([command])?;
    split(command).map(Some)
}
