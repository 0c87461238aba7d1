//! `win_unzip`, and `unarchive` on a Windows host: zip archives, of the host or of the controller.

use std::sync::Arc;

use serde_json::Value;

use super::place;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::{Archive, Unzip};

/// The module of `community.windows`.
pub(super) struct WinUnzip;

static UNZIP: ModuleSpec = ModuleSpec {
    name: "win_unzip",
    aliases: &["community.windows.win_unzip"],
    options: &[
        OptionSpec::new("src", OptionKind::Path).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("delete_archive", OptionKind::Bool).aliases(&["rm"]),
        OptionSpec::new("remote_src", OptionKind::Bool),
        OptionSpec::new("recurse", OptionKind::Bool).limited(not_recursive),
        OptionSpec::new("password", OptionKind::Text)
            .refused("Windows does not read encrypted archives: unpack it on the controller"),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

fn not_recursive(recurse: &Value) -> Result<(), String> {
    match recurse {
        Value::Bool(true) => {
            Err("`true` is not supported\nhint: unpack the archives that were in it with tasks of their own"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// Zip archives are all that Windows unpacks by itself.
fn zip(name: &str) -> Result<(), ModuleError> {
    let name = name.to_lowercase();
    let other = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".gz", ".7z", ".rar"];
    match other.iter().find(|ending| name.ends_with(**ending)) {
        Some(ending) => Err(ModuleError::new(format!(
            "archives of type `{ending}` are not unpacked on a Windows host\nhint: make a zip archive of it"
        ))),
        None => Ok(()),
    }
}

impl Module for WinUnzip {
    fn spec(&self) -> &'static ModuleSpec {
        &UNZIP
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let mut unzip = unzip(options, context, options.flag("remote_src", true))?;
        unzip.remove = options.flag("delete_archive", false);
        if unzip.remove && matches!(unzip.archive, Archive::Here(..)) {
            return Err(ModuleError::new("`win_unzip` does not remove archives of the controller"));
        }
        unzip.as_win_unzip = true;
        Ok(Work::Host(Box::new(unzip)))
    }
}

/// `unarchive` on a Windows host.
///
/// # Errors
/// An option means nothing there, or there is no such archive.
pub(in crate::module) fn plain_unarchive(
    options: &Options,
    context: &ModuleContext<'_>,
) -> Result<Work, ModuleError> {
    place::no_posix("unarchive", options)?;
    crate::module::unarchive::only_posix(options)?;
    let mut unzip = unzip(options, context, options.flag("remote_src", false))?;
    unzip.exclude = options.texts("exclude").unwrap_or_default();
    unzip.include = options.texts("include").unwrap_or_default();
    Ok(Work::Host(Box::new(unzip)))
}

fn unzip(options: &Options, context: &ModuleContext<'_>, there: bool) -> Result<Unzip, ModuleError> {
    let src = place::path(options, "src")?;
    zip(&src)?;
    if src.contains("://") {
        return Err(ModuleError::new(format!(
            "`{src}` is an address\nhint: download it with `win_get_url` before"
        )));
    }
    let archive = if there {
        Archive::There(src)
    } else {
        let local = context.files.find("files", &src)?;
        let content = crate::module::copy::local_content(&local, options, context)?;
        Archive::Here(Arc::clone(&content), local.display().to_string())
    };
    let mut unzip = Unzip::new(archive, place::path(options, "dest")?);
    unzip.creates = place::some_path(options, "creates")?;
    Ok(unzip)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        assert_eq!(
            text(
                "win_unzip",
                json!({"src": "C:\\a.zip", "dest": "C:\\x", "creates": "C:\\x\\b", "rm": true})
            ),
            "unzip path=C:\\x creates=C:\\x\\b exclude include src=C:\\a.zip remove=1"
        );
        let text = text("unarchive", json!({"src": "a.zip", "dest": "C:\\x", "exclude": ["*.pdb"]}));
        assert!(text.starts_with("unzip path=C:\\x exclude=*.pdb include digest="), "{text}");
    }

    #[test]
    fn other_archives_are_refused() {
        for (module, options, expected) in [
            ("unarchive", json!({"src": "a.tar.gz", "dest": "C:\\x"}), "zip archive"),
            ("unarchive", json!({"src": "a.zip", "dest": "C:\\x", "mode": "0755"}), "win_acl"),
            ("unarchive", json!({"src": "https://a.example/a.zip", "dest": "C:\\x"}), "win_get_url"),
            ("win_unzip", json!({"src": "C:\\a.zip", "dest": "C:\\x", "password": "p"}), "encrypted"),
            (
                "win_unzip",
                json!({"src": "C:\\a.zip", "dest": "C:\\x", "recurse": true}),
                "tasks of their own",
            ),
            (
                "win_unzip",
                json!({"src": "a.zip", "dest": "C:\\x", "remote_src": false, "rm": true}),
                "does not remove",
            ),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_archive_that_is_known_changes_nothing() {
        let options = json!({"src": "C:\\a.zip", "dest": "C:\\x"});
        let (outcome, result) = told("win_unzip", options, 0, &[("path", "C:\\x")]);
        assert!(!outcome.changed && !outcome.failed);
        assert_eq!((&result["dest"], &result["removed"]), (&json!("C:\\x"), &json!(false)));
    }
}
