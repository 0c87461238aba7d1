//! `fetch`: a file of the host, as a local file. Where it goes is computed here only.

use std::path::{Component, Path, PathBuf};

use super::place;
use super::{
    Control, Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options,
    Platforms, Work,
};
use crate::operation::read::Fetch;
use crate::shell::Platform;

/// The module.
pub(super) struct FetchModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "fetch",
    options: &[
        OptionSpec::new("src", OptionKind::Path).required(),
        OptionSpec::new("dest", OptionKind::Text).required(),
        OptionSpec::new("flat", OptionKind::Bool),
        OptionSpec::new("fail_on_missing", OptionKind::Bool),
        OptionSpec::new("validate_checksum", OptionKind::Bool),
    ],
    platforms: Platforms::Any,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for FetchModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        let path = place::path(options, "src")?;
        let dest = place::path(options, "dest")?;
        let flat = options.flag("flat", false);
        // As in Ansible, backslashes of a Windows host lead into folders here.
        let local = match context.platform {
            Platform::Windows => path.replace('\\', "/"),
            Platform::Posix => path.clone(),
        };
        let destination = destination(&local, &dest, flat, context.host)?;
        let fail_on_missing = options.flag("fail_on_missing", true);
        let operation = Box::new(Fetch {
            platform: context.platform,
            path,
            destination: destination.display().to_string(),
            fail_on_missing,
            validate: options.flag("validate_checksum", true),
        });
        Ok(Work::Control(Control::Fetch { operation, destination, fail_on_missing }))
    }
}

/// `DEST/HOST/SRC`, or with `flat` `DEST`, which with a slash behind it is a folder. A relative `dest` is
/// relative to the playbook's folder.
fn destination(src: &str, dest: &str, flat: bool, host: &str) -> Result<PathBuf, ModuleError> {
    if flat {
        let name = src.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if !dest.ends_with('/') {
            return Ok(PathBuf::from(dest));
        }
        if matches!(name, "" | "." | "..") || name.starts_with(['~', '$']) {
            return Err(ModuleError::new(format!(
                "`{src}` has no file name that `dest` could get\nhint: write the whole path as `dest`"
            )));
        }
        return Ok(Path::new(dest).join(name));
    }
    let mut below = PathBuf::new();
    for component in Path::new(src).components() {
        match component {
            Component::Normal(part) => below.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(ModuleError::new(format!(
                    "`..` in `{src}` would lead out of `{dest}`\nhint: write the path without `..`, or use `flat: true`"
                )));
            }
        }
    }
    if host.is_empty() || host.contains('/') || matches!(host, "." | "..") {
        return Err(ModuleError::new(format!(
            "`{host}` cannot be the name of a folder\nhint: use `flat: true`"
        )));
    }
    Ok(Path::new(dest).join(host).join(below))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_stays_below_the_named_folder() {
        let to =
            |src, dest, flat, host| destination(src, dest, flat, host).map(|path| path.display().to_string());
        assert_eq!(to("/etc/hosts", "out", false, "web1").unwrap(), "out/web1/etc/hosts");
        assert_eq!(to("/etc//./hosts", "/o/", false, "web1").unwrap(), "/o/web1/etc/hosts");
        assert_eq!(to("/etc/hosts", "out/", true, "web1").unwrap(), "out/hosts");
        assert_eq!(to("/etc/hosts", "out", true, "web1").unwrap(), "out");
        for (src, dest, flat, host) in [
            ("/etc/../../x", "out", false, "web1"),
            ("../x", "out", false, "web1"),
            ("/x", "out", false, ".."),
            ("/x", "out", false, "a/b"),
            ("/x/..", "out/", true, "web1"),
            ("/", "out/", true, "web1"),
        ] {
            assert!(to(src, dest, flat, host).is_err(), "{src} {dest} {host}");
        }
    }
}
