//! `copy`: local files, folders or given text as files on the host; or files that are there already.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::place::{self, CHATTR, SELINUX, UNSAFE};
use super::python;
use super::windows;
use super::{
    Module, ModuleContext, ModuleError, ModuleSpec, OptionKind, OptionSpec, OptionValues, Options, Platforms,
    Work,
};
use crate::operation::Content;
use crate::operation::attributes::Attributes;
use crate::operation::put::{PutFile, PutOptions};
use crate::operation::remote_copy::RemoteCopy;
use crate::operation::tree::{PutTree, TreeEntry};
use crate::shell::Platform;

/// The module.
pub(super) struct CopyModule;

static SPEC: ModuleSpec = ModuleSpec {
    name: "copy",
    options: &[
        OptionSpec::new("src", OptionKind::Path),
        OptionSpec::new("content", OptionKind::Any),
        OptionSpec::new("dest", OptionKind::Path).required(),
        OptionSpec::new("mode", OptionKind::Mode),
        OptionSpec::new("directory_mode", OptionKind::Mode),
        OptionSpec::new("owner", OptionKind::Text).limited(place::account),
        OptionSpec::new("group", OptionKind::Text).limited(place::account),
        OptionSpec::new("backup", OptionKind::Bool),
        OptionSpec::new("force", OptionKind::Bool).aliases(&["thirsty"]),
        OptionSpec::new("follow", OptionKind::Bool),
        OptionSpec::new("local_follow", OptionKind::Bool).limited(links_are_followed),
        OptionSpec::new("remote_src", OptionKind::Bool),
        OptionSpec::new("checksum", OptionKind::Text),
        OptionSpec::new("validate", OptionKind::Text).limited(place::with_placeholder),
        OptionSpec::new("decrypt", OptionKind::Bool),
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

impl Module for CopyModule {
    fn spec(&self) -> &'static ModuleSpec {
        &SPEC
    }

    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError> {
        if context.platform == Platform::Windows {
            return windows::copy::plain(options, context);
        }
        let dest = place::path(options, "dest")?;
        let mut put = PutOptions {
            attributes: place::attributes(options)?,
            directory: directory_attributes(options)?,
            make_parents: true,
            follow: options.flag("follow", false),
            keep: !options.flag("force", true),
            backup: options.flag("backup", false),
            validate: place::validate(options)?,
            ..PutOptions::default()
        };
        let content = options.get("content").filter(|content| !content.is_null());
        match (options.text("src").filter(|src| !src.is_empty()), content) {
            (Some(_), Some(_)) => Err(ModuleError::new("`copy` takes `src` or `content`, not both")),
            (None, None) => Err(ModuleError::new("`copy` needs `src` or `content`")),
            (None, Some(_)) if dest.ends_with('/') => {
                Err(ModuleError::new("`copy` with `content` needs a file as `dest`, not a folder"))
            }
            (None, Some(_)) if options.text("mode") == Some("preserve") => {
                Err(ModuleError::new("`mode: preserve` of `copy` needs a `src` whose mode it can take"))
            }
            (None, Some(content)) => {
                let content = Arc::new(Content::new(text_of(content).into_bytes()));
                check_sum(options, &content)?;
                Ok(Work::Host(Box::new(PutFile::new(dest, content, put, None))))
            }
            (Some(src), None) if options.flag("remote_src", false) => remote(src, dest, options, put),
            (Some(src), None) => {
                place::path(options, "src")?;
                let local = context.files.find("files", src.trim_end_matches('/'))?;
                if local.is_dir() {
                    return tree(src, &local, dest, options, put, context);
                }
                let content = local_content(&local, options, context)?;
                check_sum(options, &content)?;
                if options.text("mode") == Some("preserve") {
                    put.attributes.mode = Some(context.files.mode(&local)?);
                }
                put.name = local.file_name().map(|name| name.to_string_lossy().into_owned());
                let shown = Some(local.display().to_string());
                Ok(Work::Host(Box::new(PutFile::new(dest, content, put, shown))))
            }
        }
    }
}

pub(super) fn links_are_followed(follow: &Value) -> Result<(), String> {
    if follow == &Value::Bool(false) {
        return Err(
            "`false` is not supported\nhint: copy the files, then make the links with `file`".to_owned()
        );
    }
    Ok(())
}

/// Folders that are made get `directory_mode`; a file's owner is theirs too.
fn directory_attributes(options: &Options) -> Result<Attributes, ModuleError> {
    Ok(Attributes { mode: place::mode(options.text("directory_mode"))?, ..place::attributes(options)? })
}

/// Text as it stands; structures as JSON, the way Python writes it.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::Array(_) | Value::Object(_) => {
            let mut text = String::new();
            python_json(content, &mut text);
            text
        }
        scalar => python::text(scalar),
    }
}

fn python_json(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                python_json(item, text);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                python_json(&Value::String(key.clone()), text);
                text.push_str(": ");
                python_json(item, text);
            }
            text.push('}');
        }
        Value::String(string) => {
            for char in Value::String(string.clone()).to_string().chars() {
                if char.is_ascii() && char != '\u{7f}' {
                    text.push(char);
                } else {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        other => text.push_str(&other.to_string()),
    }
}

pub(super) fn check_sum(options: &Options, content: &Content) -> Result<(), ModuleError> {
    match options.text("checksum").filter(|sum| !sum.is_empty()) {
        Some(expected) if !expected.eq_ignore_ascii_case(content.sha1()) => Err(ModuleError::new(format!(
            "the SHA-1 of the content is `{}`, not `{expected}` as `checksum` says",
            content.sha1()
        ))),
        _ => Ok(()),
    }
}

/// Reads a file of the controller; `decrypt` says whether one that is encrypted is opened.
pub(super) fn local_content(
    path: &Path,
    options: &Options,
    context: &ModuleContext<'_>,
) -> Result<Arc<Content>, ModuleError> {
    match options.flag("decrypt", true) {
        true => context.files.opened(path),
        false => context.files.content(path),
    }
}

fn remote(src: &str, dest: String, options: &Options, mut put: PutOptions) -> Result<Work, ModuleError> {
    if options.text("checksum").is_some() {
        return Err(ModuleError::new(
            "option `checksum` of `copy` is not supported with `remote_src`\nhint: compare with `stat` before",
        ));
    }
    let src = place::path(options, "src").map(|_| src.to_owned())?;
    put.name = src.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    let preserve = options.text("mode") == Some("preserve");
    let mut copy = RemoteCopy::new(src, dest, put, preserve);
    // Links stay links, as in Ansible, where only a written out `true` follows them.
    copy.follow_links = options.flag("local_follow", false);
    Ok(Work::Host(Box::new(copy)))
}

fn tree(
    src: &str,
    local: &Path,
    dest: String,
    options: &Options,
    mut put: PutOptions,
    context: &ModuleContext<'_>,
) -> Result<Work, ModuleError> {
    if options.text("checksum").is_some() {
        return Err(ModuleError::new("option `checksum` of `copy` is for a file, and `src` is a folder"));
    }
    let preserve = options.text("mode") == Some("preserve");
    let entries = entries(src, local, options, context, preserve)?;
    if let [file] = entries.as_slice()
        && let Some(content) = &file.content
    {
        // Ansible answers for a single file as if it had been named.
        put.name = Some(file.path.clone());
        if file.mode.is_some() {
            put.attributes.mode.clone_from(&file.mode);
        }
        let dest = format!("{}/", dest.trim_end_matches('/'));
        let shown = Some(local.join(&file.path).display().to_string());
        return Ok(Work::Host(Box::new(PutFile::new(dest, Arc::clone(content), put, shown))));
    }
    // As in Ansible, without anything in it not even the folder itself is made.
    put.make_parents = entries.is_empty() && put.make_parents;
    Ok(Work::Host(Box::new(PutTree::new(dest, entries, put, src.to_owned()))))
}

/// The folders and files of a local tree, folders first. Without a slash behind `src` the folder itself is the top of them.
pub(super) fn entries(
    src: &str,
    local: &Path,
    options: &Options,
    context: &ModuleContext<'_>,
    preserve: bool,
) -> Result<Vec<TreeEntry>, ModuleError> {
    let mut top = String::new();
    let mut folders = Vec::new();
    let mut files = Vec::new();
    let found = context.files.walk(local)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    if !src.ends_with('/')
        && let Some(name) = local.file_name()
    {
        top = utf8(Path::new(name))?;
        folders.push(TreeEntry { path: top.clone(), content: None, mode: None });
        top.push('/');
    }
    for (path, folder) in found {
        let from = local.join(&path);
        let path = format!("{top}{}", utf8(&path)?);
        if folder {
            folders.push(TreeEntry { path, content: None, mode: None });
            continue;
        }
        let content = local_content(&from, options, context)?;
        let mode = if preserve { Some(context.files.mode(&from)?) } else { None };
        files.push(TreeEntry { path, content: Some(content), mode });
    }
    folders.sort_by(|one, other| one.path.cmp(&other.path));
    folders.append(&mut files);
    Ok(folders)
}

fn utf8(path: &Path) -> Result<String, ModuleError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        ModuleError::new(format!("the name of `{}` is not UTF-8\nhint: rename it", path.display()))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::testing::plan;
    use super::*;
    use serde_json::json;

    #[test]
    fn structures_are_written_as_python_writes_json() {
        assert_eq!(
            text_of(&json!({"b": 1, "a": [true, null, "x\u{e9}\u{1f600}\n\u{7f}"]})),
            r#"{"b": 1, "a": [true, null, "x\u00e9\ud83d\ude00\n\u007f"]}"#
        );
        assert_eq!(text_of(&json!(true)), "True");
        assert_eq!(text_of(&json!(12)), "12");
        assert_eq!(text_of(&json!("a\n")), "a\n");
    }

    #[test]
    fn contradictions_are_refused() {
        for (options, expected) in [
            (json!({"dest": "/x"}), "needs `src`"),
            (json!({"dest": "/x", "src": "a", "content": "b"}), "not both"),
            (json!({"dest": "/x/", "content": "b"}), "not a folder"),
            (json!({"dest": "/x", "content": "b", "mode": "preserve"}), "preserve"),
            (json!({"dest": "/x", "src": "a", "local_follow": false}), "local_follow"),
            (json!({"dest": "/x", "src": "a", "validate": "true"}), "%s"),
            (json!({"dest": "/x", "src": "a", "checksum": "00"}), "SHA-1"),
            (json!({"dest": "/x", "src": "missing"}), "missing"),
        ] {
            let error = plan("copy", options.clone()).unwrap_err().message;
            assert!(error.contains(expected), "{options}: {error}");
        }
    }

    #[test]
    fn small_content_goes_along_only_when_it_probably_differs() {
        let Work::Host(mut operation) = plan("copy", json!({"dest": "/x", "src": "a"})).unwrap() else {
            panic!("not for the host")
        };
        let mut mode = crate::operation::Mode::default();
        let mut size = |mode| {
            let program = operation.first(mode);
            program.text.len() + program.payload.map_or(0, |payload| payload.bytes().len())
        };
        let asked = size(mode);
        mode.eager = true;
        assert!(size(mode) > asked);
        mode.check = true;
        assert_eq!(size(mode), asked);
    }
}
