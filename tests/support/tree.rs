//! Trees of files, written down so that they can be compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Every entry below a folder by its path, with its type, mode, owner and content.
pub(crate) type Tree = BTreeMap<String, String>;

/// Writes down a tree, without times.
pub(crate) fn tree(root: &Path) -> Tree {
    let mut entries = Tree::new();
    walk(root, root, false, &mut entries);
    entries
}

/// Writes down a tree with the time of every entry.
pub(crate) fn tree_with_times(root: &Path) -> Tree {
    let mut entries = Tree::new();
    walk(root, root, true, &mut entries);
    entries
}

/// Writes down a tree with all that a file system holds of it, but for inodes and the times of access and change: which
/// names are one file, holes, extended attributes and access lists as well.
pub(crate) fn tree_with_everything(root: &Path) -> Tree {
    let mut names = BTreeMap::new();
    let mut entries = tree_with_times(root);
    for (name, entry) in &mut entries {
        let path = if name.is_empty() { root.to_owned() } else { root.join(name) };
        let meta = fs::symlink_metadata(&path).unwrap();
        if !meta.is_dir() {
            let first = names.entry((meta.dev(), meta.ino())).or_insert_with(|| name.clone());
            entry.push_str(&format!(" {} names, first {first:?}", meta.nlink()));
        }
        if meta.is_file() {
            entry.push_str(if meta.blocks() * 512 < meta.len() { " with holes" } else { "" });
        }
        if meta.is_file() || meta.is_dir() {
            for attribute in ["user.note", "system.posix_acl_access", "security.capability"] {
                let mut bytes = [0; 256];
                if let Ok(length) = rustix::fs::lgetxattr(&path, attribute, &mut bytes) {
                    entry.push_str(&format!(" {attribute}={:?}", &bytes[..length]));
                }
            }
        }
    }
    entries
}

fn walk(root: &Path, at: &Path, times: bool, entries: &mut Tree) {
    let meta = fs::symlink_metadata(at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
    let kind = meta.file_type();
    let what = if kind.is_symlink() {
        format!("link to {}", fs::read_link(at).unwrap().display())
    } else if kind.is_dir() {
        "folder".to_owned()
    } else if kind.is_file() {
        format!("file {:?}", String::from_utf8_lossy(&fs::read(at).unwrap()))
    } else {
        "other".to_owned()
    };
    // The mode of a link means nothing.
    let mode = if kind.is_symlink() { 0 } else { meta.mode() & 0o7777 };
    let time = if times { format!(" {}.{:09}", meta.mtime(), meta.mtime_nsec()) } else { String::new() };
    let path = at.strip_prefix(root).unwrap().display().to_string();
    entries.insert(path, format!("{mode:04o} {}:{} {what}{time}", meta.uid(), meta.gid()));
    if kind.is_dir() {
        for entry in fs::read_dir(at).unwrap() {
            walk(root, &entry.unwrap().path(), times, entries);
        }
    }
}

/// What differs between two trees, one line an entry; empty if nothing does.
pub(crate) fn difference(left: &Tree, right: &Tree) -> String {
    let mut lines = String::new();
    for path in left.keys().chain(right.keys().filter(|path| !left.contains_key(*path))) {
        let (here, there) = (left.get(path), right.get(path));
        if here != there {
            let say = |entry: Option<&String>| entry.map_or("nothing", String::as_str).to_owned();
            lines.push_str(&format!("{path}:\n  {}\n  {}\n", say(here), say(there)));
        }
    }
    lines
}

/// Copies a tree with its modes and links.
pub(crate) fn copy(from: &Path, to: &Path) {
    let kind = fs::symlink_metadata(from).unwrap().file_type();
    if kind.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else {
        fs::copy(from, to).unwrap();
    }
}
