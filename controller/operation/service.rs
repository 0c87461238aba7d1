//! Brings a service of the host to a state: started, stopped, enabled, masked.

use serde_json::{Map, Value};

use super::answer::{failure, points};
use super::library::call;
use super::{Mode, Operation, Outcome, Program, Progress, Reply};

/// How the host manages its services.
#[derive(Clone, Debug)]
pub enum Manager {
    /// Whatever the host has.
    Any {
        /// A text in the command line of the service's process, instead of asking for its status.
        pattern: String,
        /// Seconds between stop and start of a restart.
        sleep: String,
        /// The run level for `enabled`.
        level: String,
        /// Words behind the action.
        arguments: Vec<String>,
    },
    /// systemd only.
    Systemd {
        /// Whether unit files are read again first.
        reload: bool,
        /// Whether the unit is masked, if that matters.
        masked: Option<bool>,
        /// Options of `systemctl`.
        options: Vec<String>,
    },
}

/// A service and the state it has to be in.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, if one is concerned.
    pub name: Option<String>,
    /// `started`, `stopped`, `restarted` or `reloaded`.
    pub state: Option<String>,
    /// Whether it starts with the host, if that matters.
    pub enabled: Option<bool>,
    /// Through what.
    pub manager: Manager,
}

fn switch(value: Option<bool>) -> &'static str {
    match value {
        None => "",
        Some(true) => "1",
        Some(false) => "0",
    }
}

impl Service {
    fn failure(&self, fault: &str, reply: &Reply) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let said = [&reply.stderr, &reply.stdout]
            .into_iter()
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
            .find(|text| !text.is_empty())
            .or_else(|| reply.value("pl_stderr").map(str::to_owned));
        let what = match fault {
            "missing" => return format!("Could not find the requested service {name}: host"),
            "systemctl" => "the host has no systemctl\nhint: use the module `service`".to_owned(),
            "tool" => "the host has neither chkconfig nor update-rc.d\nhint: leave out `enabled`".to_owned(),
            "show" => format!("systemd does not tell about `{name}`"),
            "daemon-reload" => "unit files could not be read again".to_owned(),
            action => format!("Unable to {action} service {name}"),
        };
        match said {
            Some(said) => format!("{what}: {said}"),
            None => what,
        }
    }
}

impl Operation for Service {
    fn first(&mut self, mode: Mode) -> Program {
        let how = if mode.check { "check" } else { "run" };
        let name = self.name.as_deref().unwrap_or_default();
        let state = self.state.as_deref().unwrap_or_default();
        let head = [how, name, state, switch(self.enabled)];
        let text = match &self.manager {
            Manager::Any { pattern, sleep, level, arguments } => {
                let middle = [pattern.as_str(), sleep, level];
                let words = head.into_iter().chain(middle).chain(arguments.iter().map(String::as_str));
                call("pl_service", words)
            }
            Manager::Systemd { reload, masked, options } => {
                let middle = [switch(*masked), switch(reload.then_some(true))];
                let words = head.into_iter().chain(middle).chain(options.iter().map(String::as_str));
                call("pl_systemd", words)
            }
        };
        Program { text, ..Program::default() }
    }

    fn next(&mut self, reply: Reply, _mode: Mode) -> Progress {
        if reply.value("unarmed").is_some() {
            return Progress::Done(failure(&reply));
        }
        let (mut result, points) = (Map::new(), points(&reply));
        let did = reply.values.iter().filter(|(name, _)| name == "did").map(|(_, word)| word.as_str());
        let changed = did.filter(|word| *word != "daemon-reload").count() > 0;
        if reply.value("fault").is_some() || reply.status != 0 {
            let fault = reply.value("fault").unwrap_or("manage");
            result.insert("msg".to_owned(), self.failure(fault, &reply).into());
            return Progress::Done(Outcome { failed: true, changed, result, points, ..Outcome::default() });
        }
        result.insert("name".to_owned(), self.name.clone().into());
        if let Some(state) = &self.state {
            let state = if state == "stopped" { "stopped" } else { "started" };
            result.insert("state".to_owned(), state.into());
        }
        if let Some(enabled) = self.enabled {
            result.insert("enabled".to_owned(), enabled.into());
        }
        if let Some(status) = reply.blob("status") {
            let text = String::from_utf8_lossy(status);
            let status: Map<String, Value> = text
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            result.insert("status".to_owned(), Value::Object(status));
        }
        Progress::Done(Outcome { changed, result, points, ..Outcome::default() })
    }

    fn saves_first(&self) -> bool {
        true
    }

    fn kept(&mut self) -> Option<Program> {
        Some(self.first(Mode::default()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use serde_json::json;

    use super::super::testing::bare;
    use super::*;

    /// A stand-in for a manager: notes what it is told in `log`; `running` and `on` are the service's state.
    const MANAGER: &str = r#"#!/bin/sh
cd "${0%/*}/../state" || exit 9
me=${0##*/}
[ "$me" = service ] || [ "$me" = rc-service ] && shift
[ "$1" = --no-block ] && shift
case $1 in
show)
[ "$3" = agent ] && echo LoadState=loaded || echo LoadState=not-found
[ -e running ] && echo ActiveState=active || echo ActiveState=inactive
exit 0 ;;
is-enabled) [ -e on ]; exit ;;
status) [ -e running ] || { echo "agent is stopped"; exit 3; }; exit 0 ;;
esac
echo "$me $*" >>log
case $1 in
start | restart) touch running ;;
stop) rm -f running ;;
enable) touch on ;;
disable) rm -f on ;;
reload) echo "reload is broken" >&2; exit 1 ;;
esac
exit 0
"#;

    struct Host {
        folder: tempfile::TempDir,
        rehearsal: super::super::testing::Rehearsal,
        _path: tempfile::TempDir,
    }

    fn host(programs: &[&str], folders: &[&str]) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let (mut rehearsal, path) = bare(None);
        for name in [&["bin", "state", "etc/init.d"], folders].concat() {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        for place in programs.iter().map(|name| format!("bin/{name}")).chain(["etc/init.d/agent".to_owned()])
        {
            let place = folder.path().join(place);
            fs::write(&place, MANAGER).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        }
        rehearsal.path.insert(0, folder.path().join("bin"));
        let points = crate::operation::open_points(folder.path().join("base").to_str(), "run1", "web1");
        rehearsal.prelude = format!("pl_root={}\n{points}", folder.path().display());
        Host { folder, rehearsal, _path: path }
    }

    impl Host {
        fn path(&self) -> &Path {
            self.folder.path()
        }

        /// Runs it, checks that a second run would change nothing, and returns what the manager was told.
        fn settle(&self, service: &Service) -> String {
            let outcome = self.rehearsal.run(&mut service.clone(), Mode::default());
            assert!(!outcome.failed, "{:?}", outcome.result);
            let log = self.path().join("state/log");
            let told = fs::read_to_string(&log).unwrap_or_default();
            assert_eq!(outcome.changed, !told.is_empty(), "{told}");
            let _ = fs::remove_file(&log);
            let again = self.rehearsal.run(&mut service.clone(), Mode::default());
            assert!(!again.changed && !log.exists(), "{service:?}");
            told
        }
    }

    fn service(state: Option<&str>, enabled: Option<bool>) -> Service {
        let manager = Manager::Any {
            pattern: String::new(),
            sleep: String::new(),
            level: String::new(),
            arguments: Vec::new(),
        };
        Service { name: Some("agent".to_owned()), state: state.map(str::to_owned), enabled, manager }
    }

    #[test]
    fn systemd_is_told_what_is_missing() {
        let host = host(&["systemctl"], &["run/systemd/system"]);
        assert_eq!(
            host.settle(&service(Some("started"), Some(true))),
            "systemctl enable -- agent\nsystemctl start -- agent\n"
        );
        assert_eq!(host.settle(&service(Some("started"), None)), "");
        assert_eq!(
            host.settle(&service(Some("stopped"), Some(false))),
            "systemctl disable -- agent\nsystemctl stop -- agent\n"
        );
        let outcome = host.rehearsal.run(&mut service(Some("restarted"), None), Mode::default());
        assert!(outcome.changed);
        assert_eq!(outcome.result["state"], "started");
        assert_eq!(outcome.result["status"]["LoadState"], "loaded");
        let outcome = host.rehearsal.run(&mut service(Some("reloaded"), None), Mode::default());
        assert!(outcome.failed);
        assert_eq!(outcome.result["msg"], "Unable to reload service agent: reload is broken");
        let mut other = service(Some("started"), None);
        other.name = Some("other".to_owned());
        let outcome = host.rehearsal.run(&mut other, Mode::default());
        assert_eq!(outcome.result["msg"], "Could not find the requested service other: host");
    }

    #[test]
    fn systemd_options_reach_systemctl() {
        let host = host(&["systemctl"], &[]);
        let manager = Manager::Systemd { reload: true, masked: None, options: vec!["--no-block".to_owned()] };
        let mut unit = Service { manager, ..service(Some("started"), None) };
        let outcome = host.rehearsal.run(&mut unit, Mode::default());
        assert!(outcome.changed, "{:?}", outcome.result);
        assert_eq!(
            fs::read_to_string(host.path().join("state/log")).unwrap(),
            "systemctl daemon-reload\nsystemctl start -- agent\n"
        );
        let mut reload = Service { name: None, state: None, ..unit };
        let outcome = host.rehearsal.run(&mut reload, Mode::default());
        assert!(!outcome.changed && !outcome.failed);
        assert_eq!(outcome.result["name"], json!(null));
    }

    #[test]
    fn init_scripts_and_openrc() {
        let host_sysv = host(&["service", "update-rc.d"], &[]);
        assert_eq!(host_sysv.settle(&service(Some("started"), None)), "service start\n");
        assert_eq!(host_sysv.settle(&service(Some("stopped"), None)), "service stop\n");
        let outcome = host_sysv.rehearsal.run(&mut service(None, Some(true)), Mode::default());
        assert!(outcome.changed);
        assert_eq!(
            fs::read_to_string(host_sysv.path().join("state/log")).unwrap(),
            "update-rc.d agent defaults\nupdate-rc.d agent enable\n"
        );
        let host_openrc = host(&["rc-service", "rc-update"], &[]);
        assert_eq!(
            host_openrc.rehearsal.run(&mut service(Some("started"), Some(true)), Mode::default()).result["state"],
            "started"
        );
        assert_eq!(
            fs::read_to_string(host_openrc.path().join("state/log")).unwrap(),
            "rc-update add agent default\nrc-service start\n"
        );
        let mut missing = service(Some("started"), None);
        missing.name = Some("other".to_owned());
        for host in [host_sysv, host_openrc] {
            let outcome = host.rehearsal.run(&mut missing.clone(), Mode::default());
            assert_eq!(outcome.result["msg"], "Could not find the requested service other: host");
        }
    }

    #[test]
    fn check_mode_tells_and_does_nothing() {
        let host = host(&["systemctl"], &["run/systemd/system"]);
        let check = Mode { check: true, ..Mode::default() };
        let outcome = host.rehearsal.run(&mut service(Some("started"), Some(true)), check);
        assert!(outcome.changed && !outcome.failed);
        assert!(!host.path().join("state/log").exists());
        let outcome = host.rehearsal.run(&mut service(Some("stopped"), Some(false)), check);
        assert!(!outcome.changed);
    }
}
