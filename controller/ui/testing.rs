//! Events for the tests of the reporters.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::executor::event::{Event, EventKind, HostStatus, Recap, Status};

/// An event of a host, its task and its step.
pub(crate) fn event(host: Option<&str>, task: Option<&str>, kind: EventKind) -> Event {
    Event {
        seq: 1,
        at: "2026-05-09T07:29:33.000001Z".to_owned(),
        run: "0198-run".to_owned(),
        host: host.map(str::to_owned),
        task: task.map(str::to_owned),
        step: task.map(|_| 1),
        kind,
        kept: None,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(crate) fn run_started(hosts: &[&str], check: bool) -> Event {
    let kind = EventKind::RunStarted {
        command: "apply".to_owned(),
        playbooks: names(&["site.yml"]),
        hosts: names(hosts),
        check,
        forks: 50,
        incarnation: 1,
        again: Vec::new(),
    };
    event(None, None, kind)
}

pub(crate) fn play_started(hosts: &[&str], tasks: usize) -> Event {
    event(
        None,
        None,
        EventKind::PlayStarted {
            play: "Install the agent".to_owned(),
            hosts: names(hosts),
            tasks,
            maintenance_groups: Vec::new(),
            moved: Vec::new(),
        },
    )
}

pub(crate) fn wave_started(wave: usize, waves: usize, hosts: &[&str]) -> Event {
    event(
        None,
        None,
        EventKind::WaveStarted { wave, waves, hosts: names(hosts), stops: Vec::new(), breaches: Vec::new() },
    )
}

pub(crate) fn started(host: &str, task: &str, item: Option<&str>) -> Event {
    let kind =
        EventKind::StepStarted { item: item.map(str::to_owned), module: "copy".to_owned(), for_host: None };
    event(Some(host), Some(task), kind)
}

pub(crate) fn step_finished(host: &str, task: &str, item: Option<&str>, diff: Option<&str>) -> Event {
    let kind = EventKind::StepFinished {
        status: Status::Changed,
        changed: true,
        rc: None,
        duration_ms: 12,
        item: item.map(str::to_owned),
        message: None,
        diff: diff.map(str::to_owned),
    };
    event(Some(host), Some(task), kind)
}

pub(crate) fn finished(host: &str, task: &str, status: Status, changed: bool) -> Event {
    told(host, task, status, changed, None, &[])
}

pub(crate) fn told(
    host: &str,
    task: &str,
    status: Status,
    changed: bool,
    message: Option<&str>,
    output_tail: &[&str],
) -> Event {
    let kind = EventKind::TaskFinished {
        status,
        changed,
        message: message.map(str::to_owned),
        output_tail: names(output_tail),
        handler: false,
        irreversible: false,
        unplanned: false,
        place: (status == Status::Failed).then(|| "site.yml:12:7".to_owned()),
        delegates: Vec::new(),
    };
    event(Some(host), Some(task), kind)
}

pub(crate) fn host_finished(host: &str, status: HostStatus, message: &str) -> Event {
    let text = (!message.is_empty()).then(|| message.to_owned());
    let hint = (status == HostStatus::Unreachable).then(|| "is sshd running there?".to_owned());
    event(Some(host), None, EventKind::HostFinished { status, message: text, hint })
}

pub(crate) fn warning(message: &str) -> Event {
    event(None, None, EventKind::Warning { message: message.to_owned() })
}

pub(crate) fn run_finished(hosts: &[(&str, Recap)], exit_code: u8) -> Event {
    let hosts = hosts.iter().map(|&(host, recap)| (host.to_owned(), recap)).collect();
    event(None, None, EventKind::RunFinished { hosts, exit_code, duration_ms: 12_345 })
}

/// A writer whose text can be read.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("output is UTF-8")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
