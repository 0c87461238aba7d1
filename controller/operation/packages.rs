//! Packages of a POSIX host: the host says what it has, `apt-get` says in a rehearsal what it would do, and a rollback
//! point in front of the change lists what was installed.

use serde_json::{Map, Value};

use super::account::tool_failed;
use super::answer::points;
use super::attributes::Attributes;
use super::script::Script;
use super::{Diff, Mode, Operation, Outcome, Point, Program, Progress, Reply};

/// What apt's tools find in their environment.
const QUIET: &str = "export DEBIAN_FRONTEND=noninteractive LC_ALL=C APT_LISTCHANGES_FRONTEND=none";

/// Which program does it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manager {
    /// `apt-get` and `dpkg`.
    Apt,
    /// `dnf` or `yum`, and `rpm`.
    Dnf,
    /// Whichever the host has (`package`).
    Any,
}

/// What packages have to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Installed, in any version unless one is named.
    Present,
    /// Installed, in the newest version.
    Latest,
    /// Not installed.
    Absent,
    /// Whole (`apt-get --fix-broken install`).
    Fixed,
}

/// Packages and what they have to be.
#[derive(Clone, Debug)]
pub struct Packages {
    /// Through what.
    pub manager: Manager,
    /// Their names, with a version or release behind some.
    pub names: Vec<String>,
    /// Files of packages on the host.
    pub files: Vec<String>,
    /// What they have to be.
    pub state: State,
    /// Words for the program, in front of its command.
    pub options: Vec<String>,
    /// `dist` or `safe`: all packages are brought up to date.
    pub upgrade: Option<&'static str>,
    /// Whether what nothing needs any more goes.
    pub autoremove: bool,
    /// Whether settings go too.
    pub purge: bool,
    /// Whether only what is installed is brought up to date.
    pub only_upgrade: bool,
    /// Whether the lists of packages are read again, unless they are younger than these seconds.
    pub update: Option<u64>,
    /// `clean` or `autoclean` afterwards.
    pub clean: Vec<&'static str>,
    /// What was done so far.
    pub(crate) progress: PackageProgress,
}

/// How far it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackageProgress {
    stage: Stage,
    command: String,
    apt: bool,
    points: Vec<Point>,
    result: Map<String, Value>,
    words: Vec<String>,
    changes: Vec<String>,
    updated: bool,
    look: Option<Reply>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Look,
    Update,
    Files,
    Rehearse,
    Act,
    Clean,
}

/// What dpkg knows of a package.
fn known(reply: &Reply) -> Vec<(String, String, String, String)> {
    let text = String::from_utf8_lossy(reply.blob("known").unwrap_or_default()).into_owned();
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split(' ').map(str::to_owned);
            Some((parts.next()?, parts.next()?, parts.next()?, parts.next().unwrap_or_default()))
        })
        .collect()
}

/// The name in front of a version or release.
fn bare(name: &str) -> &str {
    name.split(['=', '/']).next().unwrap_or(name)
}

/// What a rehearsal of `apt-get` says would happen: `Inst`, `Remv` and `Purg` lines.
fn rehearsed(output: &str) -> Vec<String> {
    let counts = |line: &&str| ["Inst ", "Remv ", "Purg "].iter().any(|word| line.starts_with(word));
    output.lines().filter(counts).map(str::to_owned).collect()
}

impl Packages {
    /// Makes the operation: these packages are to be in this state.
    pub fn new(manager: Manager, names: Vec<String>, state: State) -> Self {
        Self {
            manager,
            names,
            files: Vec::new(),
            state,
            options: Vec::new(),
            upgrade: None,
            autoremove: false,
            purge: false,
            only_upgrade: false,
            update: None,
            clean: Vec::new(),
            progress: PackageProgress::default(),
        }
    }

    fn look(&self, mode: Mode) -> Program {
        let mut script = Script::new(mode, &Attributes::default());
        let manager = match self.manager {
            Manager::Apt => "apt",
            Manager::Dnf => "dnf",
            Manager::Any => "",
        };
        let names =
            self.names.iter().map(|name| if self.manager == Manager::Dnf { name } else { bare(name) });
        let words: Vec<&str> = std::iter::once(manager).chain(names).collect();
        script.call("pf_packages_look", &[], &words);
        script.program()
    }

    /// The words for `apt-get`, from what is installed; nothing if there is nothing to do.
    fn apt_words(&self, reply: &Reply) -> Vec<String> {
        let known = known(reply);
        let status = |name: &str| {
            let name = bare(name);
            known
                .iter()
                .find(|(_, binary, package, _)| binary == name || package == name && !name.contains(':'))
                .map(|(status, ..)| status.clone())
        };
        let installed = |name: &&String| status(name).is_some_and(|status| status == "installed");
        let named = |name: &str| name.contains(['=', '/']);
        let mut names: Vec<String> = match self.state {
            State::Present if self.only_upgrade => self.names.iter().filter(installed).cloned().collect(),
            State::Present => {
                self.names.iter().filter(|name| named(name) || !installed(name)).cloned().collect()
            }
            State::Latest if self.only_upgrade => self.names.iter().filter(installed).cloned().collect(),
            State::Latest => self.names.clone(),
            State::Absent => {
                let left = |name: &&String| {
                    installed(name)
                        || self.purge && status(name).is_some_and(|status| status != "not-installed")
                };
                self.names.iter().filter(left).map(|name| bare(name).to_owned()).collect()
            }
            State::Fixed => self.names.clone(),
        };
        if self.state != State::Absent {
            names.extend(self.files.iter().cloned());
        }
        let command: &[&str] = match (self.upgrade, self.state) {
            (Some("dist"), _) => &["dist-upgrade"],
            (Some(_), _) => &["--with-new-pkgs", "upgrade"],
            (None, State::Fixed) => &["--fix-broken", "install"],
            (None, _) if names.is_empty() && self.autoremove => &["autoremove"],
            (None, _) if names.is_empty() => return Vec::new(),
            (None, State::Absent) => &["remove"],
            (None, _) if self.only_upgrade => &["--only-upgrade", "install"],
            (None, _) => &["install"],
        };
        let mut words = vec!["-y".to_owned()];
        words.extend(self.options.iter().cloned());
        if self.purge {
            words.push("--purge".to_owned());
        }
        if self.autoremove {
            words.push("--auto-remove".to_owned());
        }
        words.extend(command.iter().map(|word| (*word).to_owned()));
        if self.upgrade.is_none() && !names.is_empty() {
            words.push("--".to_owned());
            words.extend(names);
        }
        words
    }

    /// The words for `dnf`; the state of packages decides for which.
    fn dnf_words(&self, reply: &Reply) -> Vec<String> {
        let installed: Vec<String> = reply.texts("installed").collect();
        let is = |name: &&String| installed.contains(name);
        let everything = self.names.iter().any(|name| name == "*");
        let (command, names): (&str, Vec<String>) = match self.state {
            State::Absent => ("remove", self.names.iter().filter(is).cloned().collect()),
            State::Latest if everything => ("upgrade", Vec::new()),
            State::Latest if self.only_upgrade => {
                ("upgrade", self.names.iter().filter(is).cloned().collect())
            }
            State::Latest => {
                // Only installing knows what is not there yet; it brings up to date what is.
                ("install", self.names.clone())
            }
            _ => ("install", self.names.iter().filter(|name| !installed.contains(name)).cloned().collect()),
        };
        let mut words = vec!["-y".to_owned()];
        words.extend(self.options.iter().cloned());
        if names.is_empty() && command != "upgrade" {
            if !self.autoremove {
                return Vec::new();
            }
            words.push("autoremove".to_owned());
            return words;
        }
        if names.is_empty() && !everything {
            return Vec::new();
        }
        if self.state == State::Latest
            && command == "install"
            && names.iter().all(|name| installed.contains(name))
        {
            words.push("upgrade".to_owned());
        } else {
            words.push(command.to_owned());
        }
        words.extend(names);
        words
    }

    fn tool(&self, script: &mut Script, first: bool, words: &[String]) {
        let exports = if self.progress.apt { QUIET } else { "export LC_ALL=C" };
        let words: Vec<&str> = [exports, self.progress.command.as_str()]
            .into_iter()
            .chain(words.iter().map(String::as_str))
            .collect();
        if first { script.call("pf_tool", &[], &words) } else { script.and("pf_tool", &[], &words) }
    }

    fn begin(&self, mode: Mode) -> Script {
        Script::new(mode, &Attributes::default())
    }

    /// What follows once it is known what is installed.
    fn decide(&mut self, mode: Mode) -> Progress {
        let look = self.progress.look.clone().unwrap_or_default();
        let words = if self.progress.apt { self.apt_words(&look) } else { self.dnf_words(&look) };
        if words.is_empty() {
            return self.cleaned(mode);
        }
        self.progress.words = words;
        if !self.progress.apt {
            if mode.check {
                self.progress.changes.push(self.progress.words.join(" "));
                return self.done(true, mode);
            }
            return Progress::Again(self.act(mode));
        }
        self.progress.stage = Stage::Rehearse;
        let words: Vec<String> =
            std::iter::once("-s".to_owned()).chain(self.progress.words.iter().cloned()).collect();
        let mut script = self.begin(mode);
        self.tool(&mut script, true, &words);
        Progress::Again(script.program())
    }

    fn act(&mut self, mode: Mode) -> Program {
        self.progress.stage = Stage::Act;
        let manager = if self.progress.apt { "apt" } else { "dnf" };
        let mut label = self.names.iter().map(|name| bare(name)).collect::<Vec<_>>().join(" ");
        if label.is_empty() {
            label = "packages".to_owned();
        }
        let mut script = self.begin(mode);
        script.call("pf_packages_save", &[], &[manager, &self.progress.command, &label]);
        let words = self.progress.words.clone();
        let exports = if self.progress.apt { QUIET } else { "export LC_ALL=C" };
        let tool: Vec<&str> = [manager, exports, self.progress.command.as_str()]
            .into_iter()
            .chain(words.iter().map(String::as_str))
            .collect();
        script.and("pf_packages_act", &[], &tool);
        script.program()
    }

    fn cleaned(&mut self, mode: Mode) -> Progress {
        let changed = !self.progress.changes.is_empty();
        if self.clean.is_empty() || !self.progress.apt || mode.check {
            return self.done(changed, mode);
        }
        self.progress.stage = Stage::Clean;
        let mut script = self.begin(mode);
        let words: Vec<String> = self.clean.iter().map(|word| (*word).to_owned()).collect();
        for (number, word) in words.iter().enumerate() {
            self.tool(&mut script, number == 0, std::slice::from_ref(word));
        }
        Progress::Again(script.program())
    }

    fn done(&mut self, changed: bool, mode: Mode) -> Progress {
        let progress = std::mem::take(&mut self.progress);
        let alone = self.names.is_empty() && self.files.is_empty() && self.upgrade.is_none();
        let changed = changed || progress.updated && alone && !self.autoremove;
        let mut outcome =
            Outcome { changed, result: progress.result, points: progress.points, ..Outcome::default() };
        if mode.diff && !progress.changes.is_empty() {
            let after = progress.changes.iter().map(|line| format!("{line}\n")).collect();
            outcome.diff.push(Diff { after, ..Diff::default() });
        }
        Progress::Done(outcome)
    }

    fn output(&mut self, reply: &Reply) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.progress.result.insert("stdout".to_owned(), text(&reply.stdout).into());
        self.progress.result.insert("stderr".to_owned(), text(&reply.stderr).into());
    }

    fn looked(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.progress.apt = reply.value("manager") == Some("apt");
        self.progress.command = reply.value("command").unwrap_or("apt-get").to_owned();
        let number = |name: &str| reply.value(name).and_then(|text| text.parse::<u64>().ok());
        let (now, cache) = (number("now").unwrap_or(0), number("cache").unwrap_or(0));
        self.progress.look = Some(reply);
        if self.progress.apt {
            self.progress.result.insert("cache_update_time".to_owned(), cache.into());
            self.progress.result.insert("cache_updated".to_owned(), false.into());
        }
        if let Some(valid) = self.update
            && (!self.progress.apt || now.saturating_sub(cache) > valid)
        {
            self.progress.updated = self.progress.apt;
            if self.progress.apt {
                self.progress.result.insert("cache_updated".to_owned(), true.into());
                self.progress.result.insert("cache_update_time".to_owned(), now.into());
            }
            if !mode.check {
                self.progress.stage = Stage::Update;
                let mut script = self.begin(mode);
                let command = if self.progress.apt { "update" } else { "makecache" };
                let mut words = self.options.clone();
                words.push(command.to_owned());
                self.tool(&mut script, true, &words);
                return Progress::Again(script.program());
            }
        }
        self.after_update(mode)
    }

    fn after_update(&mut self, mode: Mode) -> Progress {
        if self.files.is_empty() || !self.progress.apt {
            return self.decide(mode);
        }
        self.progress.stage = Stage::Files;
        let mut script = self.begin(mode);
        let words: Vec<String> = self.files.iter().map(|file| script.quiet_path(file)).collect();
        script.call("pf_deb_look", &words.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        Progress::Again(script.program())
    }
}

impl Operation for Packages {
    fn first(&mut self, mode: Mode) -> Program {
        self.progress = PackageProgress::default();
        self.look(mode)
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn judged_here(&self) -> bool {
        true
    }

    fn next(&mut self, reply: Reply, mode: Mode) -> Progress {
        self.progress.points.extend(points(&reply));
        let wanted = if self.progress.stage == Stage::Look { 75 } else { 0 };
        if reply.status != wanted {
            let mut outcome = tool_failed(&reply);
            outcome.points = std::mem::take(&mut self.progress.points);
            outcome.changed = reply.value("changed").is_some();
            return Progress::Done(outcome);
        }
        match self.progress.stage {
            Stage::Look => self.looked(reply, mode),
            Stage::Update => self.after_update(mode),
            Stage::Files => {
                let has: Vec<String> = reply.texts("has").collect();
                let wanted: Vec<String> = reply.texts("file").collect();
                let files = std::mem::take(&mut self.files);
                self.files = files
                    .into_iter()
                    .zip(wanted.iter().zip(&has))
                    .filter(|(_, (wanted, has))| {
                        let (name, version) = wanted.split_once(' ').unwrap_or((wanted, ""));
                        **has != format!("{name} installed {version}")
                    })
                    .map(|(file, _)| file)
                    .collect();
                if self.files.is_empty()
                    && self.names.is_empty()
                    && self.upgrade.is_none()
                    && !self.autoremove
                {
                    return self.cleaned(mode);
                }
                self.decide(mode)
            }
            Stage::Rehearse => {
                self.progress.changes = rehearsed(&String::from_utf8_lossy(&reply.stdout));
                if self.progress.changes.is_empty() {
                    return self.cleaned(mode);
                }
                if mode.check {
                    return self.done(true, mode);
                }
                Progress::Again(self.act(mode))
            }
            Stage::Act => {
                self.output(&reply);
                // What a program of the host did is what its list says, not what it announced.
                if reply.value("changed").is_none() {
                    self.progress.changes.clear();
                    self.progress.points.clear();
                } else if self.progress.changes.is_empty() {
                    self.progress.changes.push(self.progress.words.join(" "));
                }
                self.cleaned(mode)
            }
            Stage::Clean => {
                let changed = !self.progress.changes.is_empty();
                self.done(changed, mode)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "packages_tests.rs"]
mod tests;
