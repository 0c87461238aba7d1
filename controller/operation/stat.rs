//! Tells all that is known about a path (`stat`).

use serde_json::{Map, Value};

use super::answer::{failure, said};
use super::attributes::Attributes;
use super::script::Script;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// Tells all that is known about a path.
#[derive(Clone, Debug)]
pub struct StatPath {
    /// The path.
    pub path: String,
    /// Whether a link is followed.
    pub follow: bool,
    /// Name of the digest to compute (`sha1`, ...), if any.
    pub checksum: Option<String>,
}

impl Operation for StatPath {
    fn first(&mut self, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        let path = script.path(&self.path);
        let follow = if self.follow { "1" } else { "0" };
        script.call("pf_facts", &[&path], &[follow, self.checksum.as_deref().unwrap_or_default()]);
        script.program()
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        if reply.status != 0 {
            return Progress::Done(failure(&reply));
        }
        let stat = match said(&reply, "facts") {
            None => Some(Map::from_iter([("exists".to_owned(), Value::Bool(false))])),
            Some(facts) => described(&facts, &self.path, &reply),
        };
        let Some(stat) = stat else {
            let result = Map::from_iter([(
                "msg".to_owned(),
                Value::from(format!("the host's answer about `{}` makes no sense", self.path)),
            )]);
            return Progress::Done(Outcome { failed: true, result, ..Outcome::default() });
        };
        let result = Map::from_iter([("stat".to_owned(), Value::Object(stat))]);
        Progress::Done(Outcome { result, ..Outcome::default() })
    }
}

/// The fields that Ansible's `stat` has and POSIX tools give.
fn described(facts: &str, path: &str, reply: &Reply) -> Option<Map<String, Value>> {
    let mut parts = facts.split('|');
    let access = parts.next()?;
    let fields: Vec<&str> = parts.next()?.split(':').collect();
    let [
        raw,
        uid,
        gid,
        size,
        links,
        inode,
        device,
        atime,
        mtime,
        ctime,
        blocks,
        block,
        major,
        minor,
        user,
        group,
    ] = fields.as_slice()
    else {
        return None;
    };
    let raw = u32::from_str_radix(raw, 16).ok()?;
    let (kind, mode) = (raw >> 12, raw & 0o7777);
    let mut stat = Map::new();
    let mut add = |name: &str, value: Value| stat.insert(name.to_owned(), value);
    add("exists", true.into());
    // As it was given, unless the host had to expand it.
    let expanded = said(reply, "path").filter(|_| path.contains('$') || path.starts_with('~'));
    add("path", expanded.unwrap_or_else(|| path.to_owned()).into());
    add("mode", format!("{mode:04o}").into());
    for (name, wanted) in
        [("isdir", 4), ("ischr", 2), ("isblk", 6), ("isreg", 8), ("isfifo", 1), ("islnk", 10), ("issock", 12)]
    {
        add(name, (kind == wanted).into());
    }
    for (name, text) in [
        ("uid", uid),
        ("gid", gid),
        ("size", size),
        ("inode", inode),
        ("dev", device),
        ("nlink", links),
        ("blocks", blocks),
        ("block_size", block),
    ] {
        add(name, text.parse::<u64>().ok()?.into());
    }
    for (name, seconds) in [("atime", atime), ("mtime", mtime), ("ctime", ctime)] {
        add(name, time(seconds, parts.next().unwrap_or_default())?);
    }
    for (name, bit) in [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o20),
        ("rgrp", 0o40),
        ("xgrp", 0o10),
        ("woth", 0o2),
        ("roth", 0o4),
        ("xoth", 0o1),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ] {
        add(name, (mode & bit != 0).into());
    }
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let (major, minor) = (number(major)?, number(minor)?);
    add("device_type", (minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12).into());
    add("readable", access.contains('r').into());
    add("writeable", access.contains('w').into());
    add("executable", access.contains('x').into());
    if let Some(target) = said(reply, "target") {
        let source = said(reply, "source").unwrap_or_else(|| target.clone());
        add("lnk_source", source.into());
        add("lnk_target", target.into());
    }
    if *user != "UNKNOWN" {
        add("pw_name", (*user).into());
    }
    if *group != "UNKNOWN" {
        add("gr_name", (*group).into());
    }
    if let Some(checksum) = reply.value("checksum") {
        add("checksum", checksum.into());
    }
    Some(stat)
}

/// Seconds, with the fraction of a time as people read it: `2020-01-01 00:00:00.500000000 +0000`.
fn time(seconds: &str, shown: &str) -> Option<Value> {
    let seconds: i64 = seconds.parse().ok()?;
    let fraction = shown.split_once('.').map_or("0", |(_, rest)| rest.split(' ').next().unwrap_or("0"));
    format!("{seconds}.{fraction}").parse::<f64>().ok().map(Value::from)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_fields() {
        let line = "rw|89a0:0:5:3:1:77:65024:1577836800:1577836801:1795473075:8:4096:0:0:root:domain users\
                    |2020-01-01 00:00:00.500000000 +0000|2020-01-01 00:00:01.000000000 +0000|x";
        let stat = described(line, "/x", &Reply::default()).unwrap();
        assert_eq!(stat["mode"], "4640");
        assert_eq!(stat["atime"], 1_577_836_800.5);
        assert_eq!(stat["gr_name"], "domain users");
        assert_eq!(stat["executable"], false);
        assert_eq!(stat["isuid"], true);
    }

    #[test]
    fn a_path_is_told_as_it_was_given() {
        let line = "rw|81a4:0:5:3:1:77:65024:0:0:0:8:4096:0:0:root:root|x|x|x";
        let reply = Reply { values: vec![("path".to_owned(), "./-x".to_owned())], ..Reply::default() };
        assert_eq!(described(line, "-x", &reply).unwrap()["path"], "-x");
        assert_eq!(described(line, "$HOME", &reply).unwrap()["path"], "./-x");
    }

    #[test]
    fn garbage_of_a_host_is_a_failure() {
        for facts in ["", "rw", "rw|1:2", "rw|zz:0:0:0:0:0:0:0:0:0:0:0:0:0:a:b|||"] {
            assert!(described(facts, "/x", &Reply::default()).is_none(), "{facts}");
        }
    }
}
