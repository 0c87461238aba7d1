//! `win_copy`, and `copy` on a Windows host: local files, folders or given text; or files that are there already.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::place;
use crate::module::copy as posix;
use crate::module::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::Content;
use crate::operation::windows::{Call, PutFile, PutOptions, PutTree, Step};

/// The module.
pub(super) struct WinCopy;

static SPEC: ModuleSpec = ModuleSpec {
    name: "win_copy",
    aliases: &["ansible.windows.win_copy"],
    options: &[
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("content", OptionKind::Any),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool),
        OptionSpec::new("remote_src", OptionKind::Bool),
        OptionSpec::new("local_follow", OptionKind::Bool).limited(posix::links_are_followed),
        OptionSpec::new("decrypt", OptionKind::Bool),
    ],
    platforms: Platforms::Windows,
    ..ModuleSpec::EMPTY
};

impl Module for WinCopy {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        copy("win_copy", options, context)
    }
}

/// `copy` on a Windows host.
pub(in crate::module) fn plain(options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
    place::no_posix("copy", options)?;
    copy("copy", options, context)
}

fn copy(module: &str, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
    let dest = place::path(options, "dest")?;
    let as_win_copy = module == "win_copy";
    let mut put = PutOptions {
        parents: place::is_folder(&dest),
        keep: !options.flag("force", true),
        backup: options.flag("backup", false),
        as_win_copy,
        ..PutOptions::default()
    };
    let content = options.get("content").filter(|content| !content.is_null());
    let wrong = |what: &str| Err(ModuleError::new(format!("`{module}` {what}")));
    match (options.text("src").filter(|src| !src.is_empty()), content) {
        (Some(_), Some(_)) => wrong("takes `src` or `content`, not both"),
        (None, None) => wrong("needs `src` or `content`"),
        (None, Some(_)) if place::is_folder(&dest) => {
            wrong("with `content` needs a file as `dest`, not a folder")
        }
        (None, Some(content)) => {
            let content = Arc::new(Content::new(posix::text_of(content).into_bytes()));
            posix::check_sum(options, &content)?;
            Ok(Work::Host(Box::new(PutFile::new(dest, content, put, None))))
        }
        (Some(src), None) if options.flag("remote_src", false) => {
            if options.text("checksum").is_some() {
                return wrong("has no `checksum` with `remote_src`\nhint: compare with `win_stat` before");
            }
            put.name = place::last_name(src);
            here(place::path(options, "src")?, dest, &put)
        }
        (Some(src), None) => {
            place::path(options, "src")?;
            let local = context.files.find("files", src.trim_end_matches('/'))?;
            if local.is_dir() {
                return tree(src, &local, dest, &put, options, context);
            }
            let content = posix::local_content(&local, options, context)?;
            posix::check_sum(options, &content)?;
            put.name = local.file_name().map(|name| name.to_string_lossy().into_owned());
            let shown = Some(local.display().to_string());
            Ok(Work::Host(Box::new(PutFile::new(dest, content, put, shown))))
        }
    }
}

fn tree(
    src: &str,
    local: &Path,
    dest: String,
    put: &PutOptions,
    options: &Options,
    context: &ModuleContext<'_>,
) -> Result<Work, ModuleError> {
    let entries = posix::entries(src, local, options, context, false)?;
    for entry in &entries {
        windows_name(&entry.path)?;
    }
    Ok(Work::Host(Box::new(PutTree::new(dest, entries, put.keep, src.to_owned()))))
}

/// Refuses names of local files that Windows would take for something else.
fn windows_name(path: &str) -> Result<(), ModuleError> {
    let odd =
        |part: &str| part.ends_with(['.', ' ']) || part.contains(['\\', ':', '*', '?', '"', '<', '>', '|']);
    match path.split('/').find(|part| odd(part)) {
        Some(part) => {
            Err(ModuleError::new(format!("`{path}` cannot be copied: `{part}` is no name on Windows")))
        }
        None => Ok(()),
    }
}

fn here(src: String, dest: String, put: &PutOptions) -> Result<Work, ModuleError> {
    let call = Call::new("here")
        .with("src", &src)
        .with("path", &dest)
        .maybe("name", put.name.as_deref())
        .flag("parents", put.parents)
        .flag("keep", put.keep)
        .flag("backup", put.backup);
    let as_win_copy = put.as_win_copy;
    let step = Step::new(call).telling(move |reply, _, outcome| {
        let mut put = |name: &str, value: Value| {
            outcome.result.insert(name.to_owned(), value);
        };
        put("src", reply.text("src").unwrap_or_else(|| src.clone()).into());
        put("dest", reply.text("path").unwrap_or_else(|| dest.clone()).into());
        if let Some(operation) = reply.value("operation").filter(|_| as_win_copy) {
            put("operation", operation.into());
        }
        if let Some(copy) = reply.text("backup_file") {
            put("backup_file", copy.into());
        }
    });
    Ok(Work::Host(Box::new(step)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{refused, text, told};
    use serde_json::json;

    #[test]
    fn options_become_calls() {
        for (module, options, expected) in [
            ("win_copy", json!({"src": "a.txt", "dest": "C:\\x\\"}), " name=a.txt parents=1"),
            ("win_copy", json!({"content": "x", "dest": "C:\\x", "force": false}), " size=1 keep=1"),
            ("copy", json!({"src": "a.txt", "dest": "C:\\x", "backup": true}), " name=a.txt backup=1"),
            (
                "win_copy",
                json!({"src": "C:\\a\\b.txt", "dest": "D:\\", "remote_src": true}),
                "here src=C:\\a\\b.txt path=D:\\ name=b.txt parents=1",
            ),
        ] {
            let text = text(module, options);
            assert!(text.ends_with(expected), "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (module, options, expected) in [
            ("win_copy", json!({"dest": "C:\\x"}), "needs `src`"),
            ("win_copy", json!({"dest": "C:\\x\\", "content": "a"}), "not a folder"),
            ("copy", json!({"dest": "C:\\x", "src": "a", "mode": "0644"}), "win_acl"),
            ("copy", json!({"dest": "C:\\x", "src": "a", "validate": "x %s"}), "rescue"),
            ("win_copy", json!({"dest": "C:\\x", "src": "missing"}), "missing"),
            ("win_copy", json!({"dest": "C:\\x", "src": "a", "mode": "0644"}), "no option `mode`"),
        ] {
            let error = refused(module, options);
            assert!(error.contains(expected), "{error}");
        }
        assert!(super::windows_name("a/b:c").is_err() && super::windows_name("a/b c").is_ok());
    }

    #[test]
    fn a_copy_on_the_host_tells_where_it_went() {
        let options = json!({"src": "C:\\a", "dest": "C:\\b", "remote_src": true});
        let values = [("src", "C:\\a"), ("path", "C:\\b\\a"), ("operation", "folder_copy"), ("changed", "1")];
        let (outcome, result) = told("win_copy", options, 0, &values);
        assert!(outcome.changed);
        assert_eq!((&result["dest"], &result["operation"]), (&json!("C:\\b\\a"), &json!("folder_copy")));
    }
}
