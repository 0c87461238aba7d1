//! Tells all that is known about a path of a Windows host: as `win_stat` has it, or as `stat` does.

use serde_json::{Map, Value};

use super::call::Call;
use super::step::Step;
use crate::operation::Reply;
use crate::operation::answer::said;

/// Ticks of 100 ns from the year 1 to 1970.
const EPOCH: i64 = 621_355_968_000_000_000;

/// Ticks of 100 ns as seconds since 1970.
#[must_use]
pub fn seconds(ticks: &str) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "Ansible has a float here too")]
    ticks.parse::<i64>().ok()?.checked_sub(EPOCH).map(|ticks| ticks as f64 / 1e7)
}

/// Seconds since 1970 as ticks.
#[must_use]
pub fn ticks(seconds: i64) -> i64 {
    seconds.saturating_mul(10_000_000).saturating_add(EPOCH)
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The path.
    pub path: String,
    /// Whether a link is followed.
    pub follow: bool,
    /// Name of the digest to compute, if any.
    pub checksum: Option<String>,
    /// Whether the result is that of `win_stat`.
    pub as_win_stat: bool,
}

/// Makes the operation.
#[must_use]
pub fn stat(wanted: &Wanted) -> Step {
    let windows = wanted.as_win_stat;
    let call = Call::new("stat")
        .with("path", &wanted.path)
        .flag("follow", wanted.follow)
        .maybe("checksum", wanted.checksum.as_deref())
        .flag("size", windows);
    Step::new(call).looking().telling(move |reply, _, outcome| {
        if !outcome.failed {
            let stat = describe(reply, windows);
            outcome.result.insert("stat".to_owned(), Value::Object(stat));
        }
    })
}

fn describe(reply: &Reply, windows: bool) -> Map<String, Value> {
    let mut stat = Map::new();
    let mut add = |name: &str, value: Value| stat.insert(name.to_owned(), value);
    let kind = reply.value("kind").unwrap_or("absent");
    add("exists", (kind != "absent").into());
    if kind == "absent" {
        return stat;
    }
    let text = |name: &str| said(reply, name);
    let has =
        |attribute: &str| text("attributes").is_some_and(|all| all.split(", ").any(|one| one == attribute));
    let time = |name: &str| reply.value(name).and_then(seconds).map_or(Value::Null, Value::from);
    let folder = reply.value("folder") == Some("1");
    let link = text("link");
    add("path", text("path").into());
    add("isdir", (folder && (windows || kind != "link")).into());
    add("isreg", (!folder && (windows || kind != "link")).into());
    add("islnk", (kind == "link" && (!windows || link.as_deref() == Some("SymbolicLink"))).into());
    if let Some(size) = reply.value("size").and_then(|size| size.parse::<u64>().ok()) {
        add("size", size.into());
    }
    if let Some(checksum) = text("checksum") {
        add("checksum", checksum.into());
    }
    if let Some(target) = text("target") {
        add("lnk_source", target.clone().into());
        add("lnk_target", target.into());
    }
    if !windows {
        for (name, value) in [("atime", "accessed"), ("mtime", "written"), ("ctime", "created")] {
            add(name, time(value));
        }
        add("writeable", (!has("ReadOnly")).into());
        add("pw_name", text("owner").into());
        return stat;
    }
    add("attributes", text("attributes").into());
    add("filename", text("name").into());
    add("extension", text("extension").into());
    add("owner", text("owner").into());
    for (name, value) in
        [("creationtime", "created"), ("lastaccesstime", "accessed"), ("lastwritetime", "written")]
    {
        add(name, time(value));
    }
    for (name, attribute) in [("isarchive", "Archive"), ("ishidden", "Hidden"), ("isreadonly", "ReadOnly")] {
        add(name, has(attribute).into());
    }
    add("isjunction", (link.as_deref() == Some("Junction")).into());
    add("isshared", text("share").is_some().into());
    if let Some(share) = text("share") {
        add("sharename", share.into());
    }
    stat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(values: &[(&str, &str)]) -> Reply {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { values, ..Reply::default() }
    }

    #[test]
    fn fields_are_those_of_either_module() {
        let reply = reply(&[
            ("path", "C:\\x\\a.txt"),
            ("kind", "file"),
            ("folder", "0"),
            ("name", "a.txt"),
            ("extension", ".txt"),
            ("attributes", "ReadOnly, Archive"),
            ("created", "621355968000000000"),
            ("accessed", "nonsense"),
            ("written", "621355968015000000"),
            ("owner", "BUILTIN\\Administrators"),
            ("size", "12"),
            ("checksum", "aa"),
        ]);
        let stat = describe(&reply, true);
        assert_eq!(stat["lastwritetime"], 1.5);
        assert_eq!(stat["lastaccesstime"], Value::Null);
        assert_eq!((&stat["isreadonly"], &stat["ishidden"]), (&true.into(), &false.into()));
        assert_eq!(stat["owner"], "BUILTIN\\Administrators");
        let stat = describe(&reply, false);
        assert_eq!((&stat["writeable"], &stat["isreg"]), (&false.into(), &true.into()));
        assert_eq!(stat["mtime"], 1.5);
        assert_eq!(describe(&Reply::default(), true)["exists"], false);
    }

    #[test]
    fn ticks_and_seconds() {
        assert_eq!(seconds(&ticks(1_600_000_000).to_string()), Some(1.6e9));
        assert_eq!(seconds("-9223372036854775808"), None);
    }
}
