//! What went wrong: failures and ends with the same cause are told once, with the hosts that they are true for.

use indexmap::IndexMap;

use super::super::page::Few;
use crate::executor::event::{HostStatus, NOT_STARTED};
use crate::report::account::Account;

/// Causes that are told; a run has few of them, whatever the number of hosts.
const MOST: usize = 200;

/// How the page speaks of hosts that a cancelled run did not come to.
const HAD_NO_TURN: &str = "had no turn";

/// A task that failed.
pub(super) struct Trouble<'a> {
    pub task: &'a str,
    pub message: &'a str,
    pub place: Option<&'a str>,
    pub hint: Option<&'a str>,
    /// Last lines of the output on the first host.
    pub tail: &'a [String],
    pub first: &'a str,
    pub count: usize,
    pub hosts: Few,
}

/// Hosts that ended otherwise than done.
pub(super) struct End<'a> {
    /// `error`, or `info` for those that had no turn.
    pub mark: &'static str,
    pub words: &'static str,
    pub message: &'a str,
    pub hint: Option<&'a str>,
    pub count: usize,
    pub hosts: Few,
}

/// Failures by cause, in the order in which they came.
pub(super) fn troubles(account: &Account) -> Vec<Trouble<'_>> {
    type Key<'a> = (&'a str, &'a str, Option<&'a str>);
    let mut groups: IndexMap<Key<'_>, Vec<usize>> = IndexMap::new();
    let failures = &account.story.failures;
    for (at, failure) in failures.iter().enumerate() {
        groups.entry((&failure.task, &failure.message, failure.place.as_deref())).or_default().push(at);
    }
    let hint = |host: &str| {
        let end =
            account.story.ends.iter().find(|end| end.host == host && end.status == HostStatus::Failed)?;
        end.hint.as_deref()
    };
    groups
        .into_iter()
        .take(MOST)
        .filter_map(|((task, message, place), all)| {
            let first = &failures[*all.first()?];
            let hosts: Vec<String> = all.iter().map(|at| failures[*at].host.clone()).collect();
            Some(Trouble {
                task,
                message,
                place,
                hint: hint(&first.host),
                tail: &first.output_tail,
                first: &first.host,
                count: hosts.len(),
                hosts: Few::of(&hosts),
            })
        })
        .collect()
}

/// Ends that no failed task explains.
pub(super) fn ends(account: &Account) -> Vec<End<'_>> {
    type Key<'a> = (&'static str, &'a str, Option<&'a str>);
    let failed: std::collections::HashSet<&str> =
        account.story.failures.iter().map(|failure| failure.host.as_str()).collect();
    let mut groups: IndexMap<Key<'_>, Vec<String>> = IndexMap::new();
    for end in &account.story.ends {
        if end.status == HostStatus::Failed && failed.contains(end.host.as_str()) {
            continue;
        }
        let message = end.message.as_deref().unwrap_or_default();
        let idle = end.status == HostStatus::Cancelled && message == NOT_STARTED;
        let words = if idle { HAD_NO_TURN } else { end.status.words() };
        let message = if idle { "" } else { message };
        let key = (words, message, end.hint.as_deref());
        groups.entry(key).or_default().push(end.host.clone());
    }
    groups.sort_by_key(|key, _| key.0 == HAD_NO_TURN);
    groups
        .into_iter()
        .take(MOST)
        .map(|((words, message, hint), hosts)| End {
            mark: if words == HAD_NO_TURN { "info" } else { "error" },
            words,
            message,
            hint,
            count: hosts.len(),
            hosts: Few::of(&hosts),
        })
        .collect()
}
