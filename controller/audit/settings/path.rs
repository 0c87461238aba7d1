//! Paths of hosts, as text.

/// A path below a folder, made plain: without `.` and `..`, with the separators of the host. One that is absolute stands for
/// itself.
pub(super) fn join(folder: &str, path: &str, windows: bool) -> String {
    let separators: &[char] = if windows { &['\\', '/'] } else { &['/'] };
    if windows && path.starts_with(separators) {
        // On another machine, or relative to a drive that nobody names: the host says what is wrong with it.
        return path.to_owned();
    }
    let drive = |path: &str| windows && path.as_bytes().get(1) == Some(&b':');
    let whole = match drive(path) || (!windows && path.starts_with('/')) {
        true => path.to_owned(),
        false => [folder, path].join("/"),
    };
    let root = match whole.starts_with(separators) {
        true if windows => "\\\\",
        true => "/",
        false => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split(separators) {
        match part {
            "" | "." => {}
            ".." if parts.len() > usize::from(drive(&whole)) => drop(parts.pop()),
            ".." => {}
            part => parts.push(part),
        }
    }
    let separator = if windows { "\\" } else { "/" };
    [root, &parts.join(separator)].concat()
}

/// The last part of a path.
pub(super) fn name(path: &str, windows: bool) -> &str {
    let separators: &[char] = if windows { &['\\', '/'] } else { &['/'] };
    path.rsplit(separators).next().unwrap_or(path)
}
