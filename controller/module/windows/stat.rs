//! `win_stat`, and `stat` on a Windows host.

use super::place;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::windows::stat::{Wanted, stat};

/// The module.
pub(super) struct WinStat;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_stat",
    aliases: &["ansible.windows.win_stat"],
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "name"]),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("get_checksum", OptionKind::Bool),
        OptionSpec::new(
            "checksum_algorithm",
            OptionKind::Choice(&["md5", "sha1", "sha256", "sha384", "sha512"]),
        ),
        OptionSpec::new("get_md5", OptionKind::Bool)
            .refused("Ansible dropped it: use `checksum_algorithm: md5`"),
    ],
    platforms: Platforms::Windows,
    only_looks: true,
    ..ModuleSpec::EMPTY
};

impl Module for WinStat {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, _context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        plan(options, true)
    }
}

/// `stat` on a Windows host.
pub(in crate::module) fn plain(options: &Options) -> Result<Work, ModuleError> {
    if options.text("checksum_algorithm") == Some("sha224") {
        return Err(ModuleError::new(
            "`checksum_algorithm: sha224` of `stat` is not supported on a Windows host\nhint: .NET has `sha256`",
        ));
    }
    plan(options, false)
}

fn plan(options: &Options, as_win_stat: bool) -> Result<Work, ModuleError> {
    let algorithm = options.text("checksum_algorithm").unwrap_or("sha1").to_owned();
    Ok(Work::Host(Box::new(stat(&Wanted {
        path: place::path(options, "path")?,
        follow: options.flag("follow", false),
        checksum: options.flag("get_checksum", true).then_some(algorithm),
        as_win_stat,
    }))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        assert_eq!(text("win_stat", json!({"path": "C:\\x"})), "stat path=C:\\x checksum=sha1 size=1");
        assert_eq!(
            text("stat", json!({"path": "C:\\x", "follow": true, "get_checksum": false})),
            "stat path=C:\\x follow=1"
        );
        assert!(refused("stat", json!({"path": "C:\\x", "checksum": "sha224"})).contains("sha256"));
        assert!(
            refused("win_stat", json!({"path": "C:\\x", "get_md5": true})).contains("checksum_algorithm")
        );
    }

    #[test]
    fn a_missing_file_is_told() {
        let (outcome, result) = told("win_stat", json!({"path": "C:\\x"}), 0, &[("kind", "absent")]);
        assert!(!outcome.changed && !outcome.failed);
        assert_eq!(result["stat"], json!({"exists": false}));
    }
}
