//! `file`: folders, links, attributes, removal.

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::windows;
use super::words::no_nul;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::attributes::FileTime;
use crate::operation::file::{FileOperation, FileState};
use crate::shell::Platform;

/// The module.
pub(super) struct FileModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "file",
    options: &[
        OptionSpec::new("path", OptionKind::Path).required().aliases(&["dest", "name"]),
        OptionSpec::new(
            "state",
            OptionKind::Choice(&["absent", "directory", "file", "hard", "link", "touch"]),
        ),
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("mode", OptionKind::Mode).limited(place::not_preserved),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("recurse", OptionKind::Bool),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("access_time", OptionKind::Text),
        OptionSpec::new("access_time_format", OptionKind::Text),
        OptionSpec::new("modification_time", OptionKind::Text),
        OptionSpec::new("modification_time_format", OptionKind::Text),
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

impl Module for FileModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::file::plain(options);
        }
        let path = place::path(options, "path")?;
        let recurse = options.flag("recurse", false);
        let force = options.flag("force", false);
        let src = options.text("src").filter(|src| !src.is_empty()).map(str::to_owned);
        no_nul(src.as_deref())?;
        let has_src = src.is_some();
        let state = match options.text("state") {
            Some("absent") => FileState::Absent,
            Some("directory") => FileState::Directory,
            Some("file") => FileState::File,
            Some("hard") => FileState::Hard { src, force },
            Some("link") => FileState::Link { src, force },
            Some("touch") => FileState::Touch,
            _ if recurse => FileState::Directory,
            _ => FileState::Any,
        };
        if has_src && !matches!(state, FileState::Hard { .. } | FileState::Link { .. }) {
            return Err(ModuleError::new(
                "option `src` of `file` is for links\nhint: add `state: link` or `state: hard`",
            ));
        }
        if recurse && state != FileState::Directory {
            return Err(ModuleError::new(
                "option `recurse` of `file` is for folders\nhint: add `state: directory`",
            ));
        }
        let mut attributes = place::attributes(options)?;
        let otherwise = (state == FileState::Touch).then_some(FileTime::Now);
        attributes.access_time = place::time(options, "access_time", otherwise.clone())?;
        attributes.modification_time = place::time(options, "modification_time", otherwise)?;
        let mut operation = FileOperation::new(path, state, attributes, options.flag("follow", true));
        operation.recurse = recurse;
        Ok(Work::Host(Box::new(operation)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use serde_json::json;

    fn text(options: serde_json::Value) -> String {
        let crate::module::Work::Host(mut operation) = plan("file", options).unwrap() else {
            panic!("not for the host")
        };
        operation.first(crate::operation::Mode::default()).text
    }

    #[test]
    fn options_become_calls() {
        assert_eq!(
            text(json!({"path": "/a b/", "state": "directory", "mode": 493, "owner": "root"})),
            "pf_begin '0' '0' '493' 'root' '' '' ''\npf_directory '/a b' '1'"
        );
        assert_eq!(
            text(json!({"dest": "-x", "state": "absent"})),
            "pf_begin '0' '0' '' '' '' '' ''\npf_absent './-x'"
        );
        assert_eq!(
            text(json!({"name": "~/x", "state": "link", "src": "it's", "force": "yes", "follow": false})),
            "pf_begin '0' '0' '' '' '' '' ''\npf_expand '1' '~/x' ''\npf_link \"$pf_path_1\" 'it'\\''s' '1' '0'"
        );
        assert!(text(json!({"path": "/x", "state": "touch"})).contains("'now' 'now'"));
        assert!(text(json!({"path": "/x", "mode": "0640"})).contains("pf_default '/x'"));
    }

    #[test]
    fn a_tree_is_searched_for_what_differs() {
        let text = text(json!({"path": "/x", "mode": "0755", "group": "adm", "recurse": true}));
        assert!(text.contains("pf_walk '/x' '-l' '(' '!' '-group' 'adm' ')' &&"), "{text}");
        assert!(
            text.contains("pf_walk '/x' '-L' '(' '!' '-group' 'adm' '-o' '!' '-perm' '0755' ')' &&"),
            "{text}"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for (options, expected) in [
            (json!({"path": "/x", "state": "file", "src": "/y"}), "is for links"),
            (json!({"path": "/x", "state": "file", "recurse": true}), "is for folders"),
            (json!({"path": "/x", "mode": "u=q"}), "mode"),
            (json!({"path": "/x", "mode": "preserve"}), "preserve"),
            (json!({"path": "/x", "owner": "a:b"}), "owner"),
            (json!({"path": "/x", "unsafe_writes": true}), "replaced whole"),
            (json!({"path": "/x", "access_time": "tomorrow"}), "access_time"),
            (json!({"path": ""}), "empty"),
            (json!({"state": "touch"}), "path"),
        ] {
            let error = plan("file", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }
}
