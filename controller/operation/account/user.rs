//! A user of the host.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::answer::{points, said};
use super::super::attributes::Attributes;
use super::super::script::Script;
use super::super::{Diff, Mode, Operation, Outcome, Payload, Program, Progress, Reply};
use super::{failed, missing, tool_failed};

/// A user and what it has to be; nothing given leaves it as it is.
#[derive(Clone, Default)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Whether it is to be there.
    pub present: bool,
    /// Its number.
    pub uid: Option<u64>,
    /// Whether the number may be another user's too.
    pub non_unique: bool,
    /// Its first group: a name or a number.
    pub group: Option<String>,
    /// Its other groups.
    pub groups: Option<Vec<String>>,
    /// Whether it stays in groups that are not among these.
    pub append: bool,
    /// Its description.
    pub comment: Option<String>,
    /// Its home.
    pub home: Option<String>,
    /// Whether a missing home is made.
    pub create_home: bool,
    /// Whether what is in the old home goes to another one.
    pub move_home: bool,
    /// What a new home begins with.
    pub skeleton: Option<String>,
    /// The umask of a new home.
    pub umask: Option<String>,
    /// Its shell.
    pub shell: Option<String>,
    /// The digest of its password.
    pub password: Option<String>,
    /// Whether it is written for a user that is there already.
    pub update_password: bool,
    /// Whether the password is locked.
    pub lock: Option<bool>,
    /// The day, `YYYY-MM-DD` and its number since 1970, on which it expires; both empty for never.
    pub expires: Option<(String, String)>,
    /// Days: least and most between changes of the password, of warning, and until it is disabled.
    pub aging: [Option<i64>; 4],
    /// Whether a new one gets a number of the system's range.
    pub system: bool,
    /// The range of a new number.
    pub range: [Option<u64>; 2],
    /// Whether home and mailbox go with it.
    pub remove: bool,
    /// Whether it is removed although it is logged in.
    pub force: bool,
    /// Whether the tools were sent, to make it.
    pub(crate) changing: Option<bool>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({}, present: {}, groups: {:?})", self.name, self.present, self.groups)
    }
}

/// A line of the host's database.
#[derive(Clone, Debug)]
struct Known {
    uid: u64,
    gid: u64,
    comment: String,
    home: String,
    shell: String,
    has_home: bool,
    locked: Option<bool>,
    same_password: bool,
    /// Last change, least, most, warning, inactive, expires.
    aging: Vec<String>,
}

impl Known {
    fn read(reply: &Reply) -> Option<Self> {
        let line = said(reply, "passwd")?;
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, uid, gid, comment, home, shell] = fields.as_slice() else { return None };
        Some(Self {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            comment: (*comment).to_owned(),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
            has_home: reply.value("home").is_some(),
            locked: reply.value("locked").map(|locked| locked == "1"),
            same_password: reply.value("password").is_some(),
            aging: reply.value("aging").unwrap_or_default().split(':').map(str::to_owned).collect(),
        })
    }

    fn shown(&self, groups: &BTreeSet<String>) -> String {
        let groups = groups.iter().cloned().collect::<Vec<_>>().join(",");
        format!(
            "uid: {}\ngid: {}\ncomment: {}\nhome: {}\nshell: {}\ngroups: {groups}\n",
            self.uid, self.gid, self.comment, self.home, self.shell
        )
    }
}

/// The groups of the host: name, number, members.
fn all_groups(reply: &Reply) -> Vec<(String, u64, Vec<String>)> {
    let text = String::from_utf8_lossy(reply.blob("groups").unwrap_or_default()).into_owned();
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split(':');
            let (name, _, gid) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
            let members = parts.next().unwrap_or_default().split(',').filter(|name| !name.is_empty());
            Some((name.to_owned(), gid, members.map(str::to_owned).collect()))
        })
        .collect()
}

/// What is done: tools with their words, and what surrounds them.
#[derive(Debug, Default)]
struct Plan {
    tools: Vec<Vec<String>>,
    password: bool,
    make_home: bool,
}

impl User {
    fn look(&self, script: &mut Script) {
        let wanted = if self.password.is_some() { "1" } else { "" };
        script.call("pf_user_look", &[], &[&self.name, wanted]);
    }

    /// The line for `chpasswd`, and what the host compares.
    fn digest(&self) -> String {
        let password = self.password.as_deref().unwrap_or_default();
        match self.lock {
            Some(true) => format!("!{}", password.trim_start_matches('!')),
            _ => password.to_owned(),
        }
    }

    fn with(&self, script: Script, text: String) -> Program {
        if self.password.is_none() {
            return script.program();
        }
        let mut program = script.with_payload(Payload::Bytes(text.into_bytes().into()));
        program.content = false;
        program
    }

    fn create(&self, own_group: bool) -> Vec<String> {
        let mut words = vec!["useradd".to_owned()];
        let mut add = |given: &[&str]| words.extend(given.iter().map(|word| (*word).to_owned()));
        if let Some(uid) = self.uid {
            add(&["-u", &uid.to_string()]);
            if self.non_unique {
                add(&["-o"]);
            }
        }
        match &self.group {
            Some(group) => add(&["-g", group]),
            // A group of this name is there: no other one is made.
            None if own_group => add(&["-N"]),
            None => {}
        }
        if let Some(groups) = self.groups.as_ref().filter(|groups| !groups.is_empty()) {
            add(&["-G", &groups.join(",")]);
        }
        for (option, value) in [("-c", &self.comment), ("-d", &self.home), ("-s", &self.shell)] {
            if let Some(value) = value {
                add(&[option, value]);
            }
        }
        if let Some((day, _)) = &self.expires {
            add(&["-e", day]);
        }
        if let Some(days) = self.aging[3] {
            add(&["-f", &days.to_string()]);
        }
        if self.create_home {
            add(&["-m"]);
            if let Some(skeleton) = &self.skeleton {
                add(&["-k", skeleton]);
            }
            if let Some(umask) = &self.umask {
                add(&["-K", &format!("UMASK={umask}")]);
            }
        } else {
            add(&["-M"]);
        }
        if self.system {
            add(&["-r"]);
        }
        for (name, value) in ["UID_MIN", "UID_MAX"].iter().zip(self.range) {
            if let Some(value) = value {
                add(&["-K", &format!("{name}={value}")]);
            }
        }
        add(&["--", &self.name]);
        words
    }

    fn modify(
        &self,
        known: &Known,
        gid: Option<u64>,
        current: &BTreeSet<String>,
        primary: Option<&str>,
    ) -> Vec<String> {
        let mut words = vec!["usermod".to_owned()];
        let mut add = |given: &[&str]| words.extend(given.iter().map(|word| (*word).to_owned()));
        if let Some(uid) = self.uid.filter(|uid| *uid != known.uid) {
            add(&["-u", &uid.to_string()]);
            if self.non_unique {
                add(&["-o"]);
            }
        }
        if let Some(gid) = gid.filter(|gid| *gid != known.gid) {
            add(&["-g", &gid.to_string()]);
        }
        if let Some(groups) = &self.groups {
            // Whether the first group is named too does not matter.
            let without = |groups: &BTreeSet<String>| {
                groups.iter().filter(|name| Some(name.as_str()) != primary).cloned().collect::<BTreeSet<_>>()
            };
            let (wanted, current) = (without(&groups.iter().cloned().collect()), without(current));
            let differs = if self.append { !wanted.is_subset(&current) } else { wanted != current };
            if differs {
                if self.append {
                    add(&["-a"]);
                }
                add(&["-G", &groups.join(",")]);
            }
        }
        if let Some(comment) = self.comment.as_ref().filter(|comment| **comment != known.comment) {
            add(&["-c", comment]);
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != known.home) {
            add(&["-d", home]);
            if self.move_home {
                add(&["-m"]);
            }
        }
        if let Some(shell) = self.shell.as_ref().filter(|shell| **shell != known.shell) {
            add(&["-s", shell]);
        }
        if let Some((day, number)) = &self.expires
            && known.aging.get(5).is_none_or(|now| now != number)
        {
            add(&["-e", day]);
        }
        if let Some(days) = self.aging[3]
            && known.aging.get(4).is_none_or(|now| *now != days.to_string())
        {
            add(&["-f", &days.to_string()]);
        }
        let writes = self.writes_password(known);
        match (self.lock, known.locked) {
            (Some(true), Some(false)) if !writes => add(&["-L"]),
            (Some(false), Some(true)) if !writes => add(&["-U"]),
            _ => {}
        }
        if words.len() == 1 {
            return Vec::new();
        }
        words.extend(["--".to_owned(), self.name.clone()]);
        words
    }

    fn writes_password(&self, known: &Known) -> bool {
        self.password.is_some() && self.update_password && !known.same_password
    }

    /// Days between changes of the password.
    fn change_ages(&self, known: Option<&Known>) -> Vec<String> {
        let mut words = vec!["chage".to_owned()];
        for (number, option) in ["-m", "-M", "-W"].iter().enumerate() {
            if let Some(days) = self.aging[number] {
                let now = known.and_then(|known| known.aging.get(number + 1));
                if now.is_none_or(|now| *now != days.to_string()) {
                    words.extend([(*option).to_owned(), days.to_string()]);
                }
            }
        }
        if words.len() == 1 {
            return Vec::new();
        }
        words.extend(["--".to_owned(), self.name.clone()]);
        words
    }

    fn plan(&self, reply: &Reply, known: Option<&Known>) -> Result<Plan, String> {
        let groups = all_groups(reply);
        let find = |name: &str| {
            groups
                .iter()
                .find(|(group, gid, _)| group == name || gid.to_string() == name)
                .map(|(_, gid, _)| *gid)
        };
        let mut plan = Plan::default();
        if !self.present {
            if known.is_some() {
                let force = if self.force { &["userdel", "-f"][..] } else { &["userdel"] };
                let words = force.iter().copied().chain(["--", self.name.as_str()]);
                plan.tools.push(words.map(str::to_owned).collect());
            }
            return Ok(plan);
        }
        for group in self.group.iter().chain(self.groups.iter().flatten()) {
            // Groups of a directory are not in the file: the tool says whether they are there.
            if find(group).is_none()
                && !groups.is_empty()
                && group.parse::<u64>().is_err()
                && self.is_local(&groups)
            {
                return Err(format!("Group {group} does not exist\nhint: make it with `group` before"));
            }
        }
        let gid = self.group.as_deref().and_then(|group| find(group).or_else(|| group.parse().ok()));
        match known {
            None => {
                plan.tools.push(self.create(find(&self.name).is_some()));
                plan.password = self.password.is_some();
            }
            Some(known) => {
                let current: BTreeSet<String> = memberships(&groups, &self.name);
                let primary = groups.iter().find(|(_, number, _)| *number == gid.unwrap_or(known.gid));
                let words = self.modify(known, gid, &current, primary.map(|(name, ..)| name.as_str()));
                if !words.is_empty() {
                    plan.tools.push(words);
                }
                plan.password = self.writes_password(known);
                let same_home = self.home.as_ref().is_none_or(|home| *home == known.home);
                plan.make_home = self.create_home && same_home && !known.has_home;
            }
        }
        let ages = self.change_ages(known);
        if !ages.is_empty() {
            plan.tools.push(ages);
        }
        Ok(plan)
    }

    fn is_local(&self, groups: &[(String, u64, Vec<String>)]) -> bool {
        groups.iter().any(|(name, ..)| name == "root")
    }

    fn change(&self, plan: &Plan, known: Option<&Known>, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        script.call("pf_user_save", &[], &[&self.name]);
        if known.is_none() && self.create_home {
            let home = self.home.clone().unwrap_or_else(|| format!("/home/{}", self.name));
            script.and("pf_user_home_ahead", &[], &[&home]);
        }
        for tool in &plan.tools {
            let words: Vec<&str> = std::iter::once("").chain(tool.iter().map(String::as_str)).collect();
            script.and("pf_tool", &[], &words);
        }
        if plan.password {
            script.and("pf_tool_fed", &[], &["chpasswd", "-e"]);
        } else if known.is_none() && self.lock == Some(true) {
            script.and("pf_tool", &[], &["", "usermod", "-L", "--", &self.name]);
        }
        if let (true, Some(known)) = (plan.make_home, known) {
            let mode = self.umask.as_deref().and_then(|umask| u32::from_str_radix(umask, 8).ok());
            let mode = format!("{:04o}", 0o777 & !mode.unwrap_or(0o022));
            let skeleton = self.skeleton.as_deref().unwrap_or("/etc/skel");
            let uid = self.uid.unwrap_or(known.uid).to_string();
            script.and("pf_user_home", &[], &[&known.home, skeleton, &uid, &known.gid.to_string(), &mode]);
        }
        if let (true, false, Some(known)) = (self.remove, self.present, known) {
            script.and("pf_user_remains", &[], &[&known.home]);
            script.and("pf_user_remains", &[], &[&format!("/var/mail/{}", self.name)]);
        }
        script.and("pf_user_look", &[], &[&self.name, ""]);
        self.with(script, format!("{}:{}\n", self.name, self.digest()))
    }

    fn outcome(&self, known: Option<&Known>, created: bool, changed: bool) -> Outcome {
        let mut result = Map::new();
        let mut put = |name: &str, value: Value| {
            result.insert(name.to_owned(), value);
        };
        put("name", self.name.clone().into());
        put("state", if self.present { "present" } else { "absent" }.into());
        if !self.present {
            if changed {
                put("force", self.force.into());
                put("remove", self.remove.into());
            }
            return Outcome { changed, result, ..Outcome::default() };
        }
        if created {
            put("system", self.system.into());
            put("create_home", self.create_home.into());
        } else {
            put("append", self.append.into());
            put("move_home", self.move_home.into());
        }
        if self.password.is_some() {
            put("password", "NOT_LOGGING_PASSWORD".into());
        }
        if let Some(known) = known {
            put("uid", known.uid.into());
            put("group", known.gid.into());
            put("comment", known.comment.clone().into());
            put("home", known.home.clone().into());
            put("shell", known.shell.clone().into());
            if let Some(groups) = &self.groups {
                put("groups", groups.join(",").into());
            }
        }
        Outcome { changed, result, ..Outcome::default() }
    }
}

fn memberships(groups: &[(String, u64, Vec<String>)], user: &str) -> BTreeSet<String> {
    groups
        .iter()
        .filter(|(_, _, members)| members.iter().any(|member| member == user))
        .map(|(name, ..)| name.clone())
        .collect()
}

impl Operation for User {
    fn first(&mut self, mode: Mode) -> Program {
        self.changing = None;
        let mut script = Script::new(mode, &Attributes::default());
        self.look(&mut script);
        self.with(script, format!("{}\n", self.digest()))
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        if reply.status != 75 {
            return Progress::Done(tool_failed(&reply));
        }
        let known = Known::read(&reply);
        if let Some(created) = self.changing {
            let outcome = self.outcome(known.as_ref(), created, true);
            return Progress::Done(Outcome { points: points(&reply), ..outcome });
        }
        let plan = match self.plan(&reply, known.as_ref()) {
            Ok(plan) => plan,
            Err(message) => return failed(message),
        };
        let created = known.is_none() && self.present;
        if plan.tools.is_empty() && !plan.password && !plan.make_home {
            return Progress::Done(self.outcome(known.as_ref(), created, false));
        }
        let tools = plan.tools.iter().filter_map(|words| words.first()).map(String::as_str);
        let tools: Vec<&str> = tools.chain(plan.password.then_some("chpasswd")).collect();
        if let Some(missing) = missing(&reply, &tools) {
            return missing;
        }
        if mode.check {
            let mut outcome = self.outcome(known.as_ref(), created, true);
            if mode.diff {
                let member = memberships(&all_groups(&reply), &self.name);
                let before = known.as_ref().map(|known| known.shown(&member)).unwrap_or_default();
                // What the tools are told holds no secret: the password goes another way.
                let mut after: String =
                    plan.tools.iter().map(|words| format!("{}\n", words.join(" "))).collect();
                for (is, text) in [(plan.password, "a new password\n"), (plan.make_home, "a new home\n")] {
                    after.push_str(if is { text } else { "" });
                }
                let header = self.name.clone();
                outcome.diff.push(Diff {
                    before_header: header.clone(),
                    after_header: header,
                    before,
                    after,
                });
            }
            return Progress::Done(outcome);
        }
        self.changing = Some(created);
        Progress::Again(self.change(&plan, known.as_ref(), mode))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reply(passwd: Option<&str>, values: &[(&str, &str)]) -> Reply {
        let passwd = passwd.map(|line| ("passwd".to_owned(), line.to_owned()));
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let groups = b"root:x:0:\nweb:x:5:ann,bob\nlog:x:6:ann\nann:x:7:\n".to_vec();
        Reply {
            status: 75,
            values: passwd.into_iter().chain(values).collect(),
            blobs: vec![("groups".to_owned(), groups)],
            ..Reply::default()
        }
    }

    fn told(user: &User, reply: &Reply) -> String {
        let known = Known::read(reply);
        let plan = user.plan(reply, known.as_ref()).unwrap();
        let mut told: Vec<String> = plan.tools.iter().map(|words| words.join(" ")).collect();
        told.extend(plan.password.then(|| "password".to_owned()));
        told.extend(plan.make_home.then(|| "home".to_owned()));
        told.join("; ")
    }

    fn ann() -> User {
        User {
            name: "ann".to_owned(),
            present: true,
            create_home: true,
            update_password: true,
            ..User::default()
        }
    }

    const LINE: &str = "ann:x:7:7:Ann:/home/ann:/bin/sh";
    const SHADOW: &[(&str, &str)] = &[("home", "1"), ("locked", "0"), ("aging", "20000:0:99999:7:::")];

    #[test]
    fn what_differs_is_told_and_nothing_else() {
        let there = reply(Some(LINE), SHADOW);
        let groups = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(told(&ann(), &there), "");
        for (user, expected) in [
            (User { comment: Some("A".to_owned()), ..ann() }, "usermod -c A -- ann"),
            (User { groups: groups(&["web", "log"]), ..ann() }, ""),
            (User { groups: groups(&["web"]), ..ann() }, "usermod -G web -- ann"),
            (User { groups: groups(&["web"]), append: true, ..ann() }, ""),
            (User { groups: groups(&[]), ..ann() }, "usermod -G  -- ann"),
            (User { group: Some("web".to_owned()), ..ann() }, "usermod -g 5 -- ann"),
            (User { password: Some("$6$x".to_owned()), ..ann() }, "password"),
            (User { password: Some("$6$x".to_owned()), update_password: false, ..ann() }, ""),
            (User { lock: Some(true), ..ann() }, "usermod -L -- ann"),
            (User { lock: Some(false), ..ann() }, ""),
            (User { aging: [Some(0), Some(90), None, None], ..ann() }, "chage -M 90 -- ann"),
            (
                User { expires: Some(("2030-01-01".to_owned(), "21915".to_owned())), ..ann() },
                "usermod -e 2030-01-01 -- ann",
            ),
            (User { present: false, ..ann() }, "userdel -- ann"),
        ] {
            assert_eq!(told(&user, &there), expected, "{user:?}");
        }
        let same = reply(Some(LINE), &[SHADOW, &[("password", "same")]].concat());
        assert_eq!(told(&User { password: Some("$6$x".to_owned()), ..ann() }, &same), "");
        let homeless = reply(Some(LINE), &[("aging", "")]);
        assert_eq!(told(&ann(), &homeless), "home");
    }

    #[test]
    fn a_new_user_and_one_that_is_gone() {
        let none = reply(None, &[]);
        assert_eq!(told(&ann(), &none), "useradd -N -m -- ann");
        let user = User { name: "eve".to_owned(), system: true, create_home: false, uid: Some(9), ..ann() };
        assert_eq!(told(&user, &none), "useradd -u 9 -M -r -- eve");
        assert_eq!(told(&User { present: false, ..ann() }, &none), "");
        let wrong = User { groups: Some(vec!["nope".to_owned()]), ..ann() };
        assert!(wrong.plan(&none, None).unwrap_err().contains("Group nope does not exist"));
    }

    #[test]
    fn a_digest_is_in_no_text_and_no_debug() {
        let mut user = User { password: Some("$6$secret".to_owned()), ..ann() };
        let first = user.first(Mode::default());
        assert!(!first.text.contains("secret") && !format!("{user:?}").contains("secret"));
        let Progress::Again(program) = user.next(reply(None, &[]), Mode::default()) else {
            panic!("nothing to do")
        };
        assert!(!program.text.contains("secret"));
        assert_eq!(program.payload.unwrap().bytes(), b"ann:$6$secret\n");
    }
}
