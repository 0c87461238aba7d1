//! `unarchive`: an archive of the controller or the host, unpacked on the host.

use std::sync::Arc;

use serde_json::Value;

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work, windows,
};
use crate::operation::glob::glob;
use crate::operation::unarchive::Unarchive as Operation;
use crate::shell::Platform;

/// The module.
pub(super) struct Unarchive;

static SPEC: ModuleSpec = ModuleSpec {
    name: "unarchive",
    options: &[
        OptionSpec::new("src", OptionKind::Path).required(),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("remote_src", OptionKind::Bool),
        OptionSpec::new("creates", OptionKind::Path),
        OptionSpec::new("exclude", OptionKind::List),
        OptionSpec::new("include", OptionKind::List),
        OptionSpec::new("keep_newer", OptionKind::Bool),
        OptionSpec::new("list_files", OptionKind::Bool),
        OptionSpec::new("extra_opts", OptionKind::List),
        OptionSpec::new("decrypt", OptionKind::Bool),
        OptionSpec::new("mode", OptionKind::Mode).limited(place::not_preserved),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("copy", OptionKind::Bool).refused("use `remote_src`"),
        OptionSpec::new("io_buffer_size", OptionKind::Int).refused("leave it out"),
        OptionSpec::new("validate_certs", OptionKind::Bool).refused("download with `get_url` before"),
        OptionSpec::new("attributes", OptionKind::Text).aliases(&["attr"]).refused(CHATTR),
        OptionSpec::new("selevel", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("serole", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("setype", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("seuser", OptionKind::Text).refused(SELINUX),
        OptionSpec::new("unsafe_writes", OptionKind::Bool).refused(UNSAFE),
    ],
    platforms: Platforms::Any,
    ..ModuleSpec::EMPTY
};

/// The options of tar that mean something here: leading parts to drop, and whether owners count.
fn extra(options: &Options) -> Result<(usize, bool), ModuleError> {
    let (mut strip, mut owners) = (0, true);
    let words = options.texts("extra_opts").unwrap_or_default();
    let mut words = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        match name {
            "--strip-components" | "--strip" => {
                let value = value.or_else(|| words.next()).unwrap_or_default();
                strip = value.parse().ok().filter(|parts| *parts < 100).ok_or_else(|| {
                    ModuleError::new(format!("`{value}` is not a number of parts for `{name}`"))
                })?;
            }
            "--no-same-owner" | "-o" => owners = false,
            _ => {
                return Err(ModuleError::new(format!(
                    "option `extra_opts` of `unarchive`: `{word}` is not supported\nhint: `--strip-components=N` and `--no-same-owner` are; use `command: tar` with `creates` for more"
                )));
            }
        }
    }
    Ok((strip, owners))
}

impl Module for Unarchive {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::archive::plain_unarchive(options, context);
        }
        let src = place::path(options, "src")?;
        if src.contains("://") {
            return Err(ModuleError::new(format!(
                "`{src}` is an address\nhint: download it with `get_url` before"
            )));
        }
        let patterns = |name: &str| {
            let given = options.texts(name).unwrap_or_default();
            let given = given.iter().map(|text| text.trim_start_matches("./").trim_end_matches('/'));
            given
                .filter(|text| !text.is_empty())
                .map(|text| glob(text).map_err(|error| ModuleError::new(format!("option `{name}`: {error}"))))
                .collect::<Result<Vec<_>, _>>()
        };
        let (exclude, include) = (patterns("exclude")?, patterns("include")?);
        if !exclude.is_empty() && !include.is_empty() {
            return Err(ModuleError::new("`unarchive` takes `exclude` or `include`, not both"));
        }
        let (content, src) = if options.flag("remote_src", false) {
            (None, src)
        } else {
            let local = context.files.find("files", &src)?;
            let content = super::copy::local_content(&local, options, context)?;
            (Some(Arc::clone(&content)), local.display().to_string())
        };
        let (strip, owners) = extra(options)?;
        no_nul(options.text("creates"))?;
        Ok(Work::Host(Box::new(Operation {
            content,
            src,
            dest: place::path(options, "dest")?,
            creates: options.text("creates").filter(|path| !path.is_empty()).map(str::to_owned),
            exclude,
            include,
            attributes: place::attributes(options)?,
            owners,
            keep_newer: options.flag("keep_newer", false),
            list: options.flag("list_files", false),
            strip,
            progress: Default::default(),
        })))
    }
}

/// What Windows has no tool for.
pub(super) fn only_posix(options: &Options) -> Result<(), ModuleError> {
    for (name, hint) in [
        ("keep_newer", "files with another content are replaced"),
        ("list_files", "use `win_find` afterwards"),
        ("extra_opts", "no program unpacks it"),
    ] {
        let given = options.get(name).is_some_and(|value| !matches!(value, Value::Bool(false)));
        if given {
            return Err(ModuleError::new(format!(
                "option `{name}` of `unarchive` is not supported on Windows hosts\nhint: {hint}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, expected) in [
            (json!({"src": "https://a.example/a.tgz", "dest": "/x"}), "get_url"),
            (json!({"src": "missing.tgz", "dest": "/x"}), "is not there"),
            (json!({"src": "a.tgz", "dest": "/x", "extra_opts": ["--to-command=sh"]}), "not supported"),
            (json!({"src": "a.tgz", "dest": "/x", "include": "a", "exclude": "b"}), "not both"),
            (json!({"src": "a.tgz", "dest": "/x", "copy": false}), "remote_src"),
        ] {
            let error = plan("unarchive", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
        let options =
            json!({"src": "a.tgz", "dest": "/x", "extra_opts": ["--strip-components=1", "--no-same-owner"]});
        let work = format!("{:?}", plan("unarchive", options).unwrap());
        assert!(work.contains("strip: 1") && work.contains("owners: false"), "{work}");
    }
}
