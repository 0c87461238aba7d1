//! What the library's file functions report, taken apart.

use serde_json::{Map, Value, json};

use super::{Diff, Outcome, Point, Reply};

/// The state of a path on a host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PathState {
    /// `directory`, `file`, `link` or `other`.
    pub(super) kind: String,
    /// The twelve bits of its mode.
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) size: u64,
    pub(super) links: u64,
    pub(super) owner: String,
    pub(super) group: String,
}

impl PathState {
    /// Reads `KIND:` and a line of `pf_format`. Nothing is there if it says `absent`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(10, ':');
        let kind = parts.next()?.to_owned();
        let mode = u32::from_str_radix(parts.next()?, 16).ok()? & 0o7777;
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (uid, gid, size, links) = (number()?, number()?, number()?, number()?);
        let _inode_device_time = (number()?, number()?, number()?);
        let owner = parts.next()?.to_owned();
        let (owner, group) = owner.split_once(':')?;
        Some(Self { kind, mode, uid, gid, size, links, owner: owner.to_owned(), group: group.to_owned() })
    }

    /// The line of a stat without a kind in front.
    pub(super) fn parse_line(line: &str) -> Option<Self> {
        let kind = match u32::from_str_radix(line.split(':').next()?, 16).ok()? >> 12 {
            4 => "directory",
            8 => "file",
            10 => "link",
            _ => "other",
        };
        Self::parse(&format!("{kind}:{line}"))
    }

    /// The kind as Ansible names it.
    pub(super) fn state(&self) -> &str {
        match self.kind.as_str() {
            "other" => "file",
            "file" if self.links > 1 => "hard",
            kind => kind,
        }
    }

    /// Adds the fields that Ansible adds to the result of every module that touches a path.
    pub(super) fn describe(&self, result: &mut Map<String, Value>) {
        result.insert("uid".to_owned(), self.uid.into());
        result.insert("gid".to_owned(), self.gid.into());
        result.insert("owner".to_owned(), self.owner.clone().into());
        result.insert("group".to_owned(), self.group.clone().into());
        result.insert("mode".to_owned(), mode_text(self.mode).into());
        result.insert("state".to_owned(), self.state().into());
        result.insert("size".to_owned(), self.size.into());
    }
}

/// A mode as Ansible writes it: a zero and octal digits.
pub(super) fn mode_text(mode: u32) -> String {
    format!("0{mode:03o}")
}

/// Text that `pf_say` reported.
pub(super) fn said(reply: &Reply, name: &str) -> Option<String> {
    reply.value(name).map(decode)
}

/// The state that was reported under `name`; none if nothing was there.
pub(super) fn state(reply: &Reply, name: &str) -> Option<PathState> {
    PathState::parse(&said(reply, name)?)
}

/// Undoes the escapes of `pf_say`.
pub fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The rollback points that were saved.
pub(super) fn points(reply: &Reply) -> Vec<Point> {
    reported_points(reply.values.iter())
}

/// The points among values that a host reported.
pub fn reported_points<'a>(values: impl Iterator<Item = &'a (String, String)>) -> Vec<Point> {
    let parse = |text: String| {
        let mut parts = text.splitn(3, ' ');
        let number = parts.next()?.parse().ok()?;
        Some(Point { number, kind: parts.next()?.to_owned(), path: parts.next()?.to_owned() })
    };
    values.filter(|(name, _)| name == "point").filter_map(|(_, value)| parse(decode(value))).collect()
}

/// Whether the reply says that something changed (in check mode: would change).
pub(super) fn changed(reply: &Reply) -> bool {
    reply.value("changed").is_some()
}

/// The failure that the library reported, with the reason that a tool gave.
pub(super) fn failure(reply: &Reply) -> Outcome {
    let mut message = said(reply, "msg").unwrap_or_else(|| {
        format!("the step ended with status {} and said nothing\nhint: see the host's log", reply.status)
    });
    let reason =
        reply.blob("why").map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    if let Some(line) = reason.lines().find(|line| !line.trim().is_empty()) {
        message = format!("{message}: {line}");
    }
    let mut result = Map::new();
    result.insert("msg".to_owned(), message.into());
    if let Some(status) = reply.value("exit_status").and_then(|status| status.parse::<i64>().ok()) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        result.insert("exit_status".to_owned(), status.into());
        result.insert("stdout".to_owned(), text(&reply.stdout).into());
        result.insert("stderr".to_owned(), text(&reply.stderr).into());
    }
    Outcome { failed: true, result, points: points(reply), ..Outcome::default() }
}

/// Before and after of a path's properties, as Ansible shows them.
#[derive(Debug, Default)]
pub(super) struct Properties {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Properties {
    pub(super) fn new(path: &str) -> Self {
        let mut properties = Self::default();
        properties.before.insert("path".to_owned(), path.into());
        properties.after.insert("path".to_owned(), path.into());
        properties
    }

    pub(super) fn add(&mut self, name: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.before.insert(name.to_owned(), before.into());
        self.after.insert(name.to_owned(), after.into());
    }

    pub(super) fn add_before(&mut self, name: &str, before: impl Into<Value>) {
        self.before.insert(name.to_owned(), before.into());
    }

    /// Adds what `pf_attributes` changed or would change.
    pub(super) fn add_attributes(&mut self, reply: &Reply) {
        let Some(before) = state(reply, "before") else { return };
        let number = |name: &str| reply.value(name).and_then(|text| text.parse::<u64>().ok());
        let now = state(reply, "now").unwrap_or_else(|| before.clone());
        let uid = number("wanted_uid").unwrap_or(now.uid);
        if uid != before.uid {
            self.add("owner", before.uid, uid);
        }
        let gid = number("wanted_gid").unwrap_or(now.gid);
        if gid != before.gid {
            self.add("group", before.gid, gid);
        }
        if let Some(mode) = number("mode").and_then(|mode| u32::try_from(mode).ok())
            && mode != before.mode
        {
            self.add("mode", mode_text(before.mode), mode_text(mode));
        }
    }

    /// As the registered variable has it.
    pub(super) fn value(&self) -> Value {
        json!({ "before": self.before, "after": self.after })
    }

    /// As text.
    pub(super) fn diff(&self) -> Diff {
        Diff { before: pretty(&self.before), after: pretty(&self.after), ..Diff::default() }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.before == self.after
    }
}

fn pretty(map: &Map<String, Value>) -> String {
    let mut names: Vec<&String> = map.keys().collect();
    names.sort();
    let lines: Vec<String> = names.iter().map(|name| format!("    {:?}: {}", name, map[*name])).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reply(values: &[(&str, &str)]) -> Reply {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status: 1, values, ..Reply::default() }
    }

    #[test]
    fn a_state_is_read_with_names_that_hold_spaces() {
        let reply = reply(&[("now", "file:81a4:0:5:12:2:77:65024:1795473075:root:domain users")]);
        let state = state(&reply, "now").unwrap();
        assert_eq!((state.mode, state.gid, state.size), (0o644, 5, 12));
        assert_eq!((state.owner.as_str(), state.group.as_str()), ("root", "domain users"));
        assert_eq!(state.state(), "hard");
    }

    #[test]
    fn garbage_of_a_host_is_no_state() {
        for text in ["", "absent:", "file", "file:zz:0:0:0:0:0:0:0:a:b", "file:81a4:0:0:0:0:0:0:0:a"] {
            assert_eq!(state(&reply(&[("now", text)]), "now"), None, "{text}");
        }
    }

    #[test]
    fn points_and_failures_are_decoded() {
        let mut reply = reply(&[("point", "12 file /a%0Ab c"), ("msg", "cannot write `/x%25`")]);
        reply.blobs.push(("why".to_owned(), b"cat: write error: No space left on device\n".to_vec()));
        let outcome = failure(&reply);
        assert_eq!(outcome.points[0].number, 12);
        assert_eq!(outcome.points[0].path, "/a\nb c");
        assert_eq!(outcome.result["msg"], "cannot write `/x%`: cat: write error: No space left on device");
    }
}
