//! The lease of a host: the text that takes, renews, shows and breaks it, and what the host answers.
//!
//! How it works on the host is told in `posix/lease.sh`. What a host says of a lease comes from the host, and
//! what it says of its holder from other controllers: data, shown to people and compared, nothing else.

use super::library::call;
use crate::shell::quote;

/// Seconds that a claim holds without being renewed.
pub const LEASE_SECONDS: u64 = 120;
/// Fewer cannot be renewed in time.
pub const LEASE_LEAST: u64 = 2;

/// What a claim says: who works on the host, and for how long it holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The run.
    pub run: String,
    /// How often it was started: a higher one takes the lease of the same run at once.
    pub incarnation: u64,
    /// `USER@MACHINE`.
    pub operator: String,
    /// When it was asked for: RFC 3339, UTC.
    pub since: String,
    /// Name of the host in the inventory.
    pub host: String,
    /// Seconds that it holds.
    pub seconds: u64,
}

impl Claim {
    /// The text that takes the lease while a session starts; see [`LeaseAnswer::read`].
    pub fn take(&self) -> String {
        let [run, operator, since, host] = [&self.run, &self.operator, &self.since, &self.host].map(one_line);
        let (incarnation, seconds) = (self.incarnation.to_string(), self.seconds.to_string());
        call("pf_lease", [&*run, &incarnation, &seconds, &operator, &since, &host])
    }

    /// The text that renews the claim `number` in `folder` beside its session; see [`Renewal::read`].
    pub fn renew(&self, folder: &str, number: u64) -> String {
        let text = include_str!("posix/renew.sh");
        format!("l={} n={number} s={}\n{text}", quote(folder), self.seconds)
    }
}

/// The text of a step that shows the lease; see [`LeaseAnswer`].
pub fn show_lease() -> String {
    call("pf_lease_show", [])
}

/// The text of a step that breaks the claim `number`, if that still counts.
pub fn break_lease(number: u64, operator: &str, since: &str, host: &str) -> String {
    let [operator, since, host] = [operator, since, host].map(one_line);
    call("pf_lease_break", [&*number.to_string(), &operator, &since, &host])
}

/// The text of a step that removes what a run left on its host; `host` is percent-encoded as for the points.
pub(super) fn prune_run(run: &str, host: &str) -> String {
    call("pf_prune", [run, host])
}

/// The text of a step that removes claims that no longer count.
pub(super) fn prune_claims() -> String {
    call("pf_prune_claims", [])
}

/// A claim is read line by line.
pub(super) fn one_line(text: impl AsRef<str>) -> String {
    text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Who holds a lease.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// `USER@MACHINE`.
    pub operator: String,
    /// When the run was asked for.
    pub since: String,
    /// What that run calls the host.
    pub host: String,
    /// Seconds that are left of it.
    pub left: u64,
}

/// What became of a lease.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LeaseAnswer {
    /// The session has it.
    Taken {
        /// Number of the claim.
        number: u64,
        /// Its folder on the host.
        folder: String,
        /// Whose claim was not given back, and how long was waited for a step of it.
        over: Option<(Holder, u64)>,
    },
    /// Somebody else has it.
    Held {
        /// Number of the claim.
        number: u64,
        /// Whose it is.
        holder: Holder,
        /// Whether it ran out meanwhile.
        late: bool,
    },
    /// Nobody has it.
    Free,
    /// A step of an earlier session goes on and has no time limit.
    Busy {
        /// Its shell.
        process: String,
        /// Seconds that were waited.
        waited: String,
    },
    /// There is no folder for it.
    Impossible {
        /// Why.
        reason: String,
    },
}

impl LeaseAnswer {
    /// Reads what a session said while it started, or a step.
    pub fn read(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let said = value("lease")?;
        let text = |name: &str| value(name).unwrap_or_default();
        let holder = || Holder {
            run: text("lease_run"),
            operator: text("lease_operator"),
            since: text("lease_since"),
            host: text("lease_host"),
            left: text("lease_left").parse().unwrap_or(0),
        };
        let (state, rest) = said.split_once(' ').unwrap_or((&said, ""));
        let (number, folder) = rest.split_once(' ').unwrap_or((rest, ""));
        let number_of = |text: &str| text.parse::<u64>().ok();
        Some(match state {
            "taken" | "joined" => Self::Taken {
                number: number_of(number)?,
                folder: folder.to_owned(),
                over: value("lease_run").map(|_| (holder(), text("lease_waited").parse().unwrap_or(0))),
            },
            "held" | "late" => {
                Self::Held { number: number_of(number)?, holder: holder(), late: state == "late" }
            }
            "free" => Self::Free,
            "busy" => Self::Busy { process: number.to_owned(), waited: folder.to_owned() },
            _ => Self::Impossible { reason: rest.to_owned() },
        })
    }
}

/// What a renewal found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// The claim holds for another while.
    Renewed,
    /// It ran out before; nobody else has the host.
    Late,
    /// Somebody else has the host, or broke the lease.
    Taken(Holder),
    /// The session has left, or the claim is gone.
    Over,
    /// The host did not answer as it should; the claim may still hold.
    Unknown,
}

impl Renewal {
    /// Reads the answer of [`Claim::renew`].
    pub fn read(said: &[u8]) -> Self {
        let said = String::from_utf8_lossy(said);
        let mut lines = said.lines();
        let first = lines.next().unwrap_or_default();
        match first {
            "renewed" => Self::Renewed,
            "late" => Self::Late,
            "left" | "gone" => Self::Over,
            _ => match first.strip_prefix("taken ") {
                Some(run) => {
                    let mut text = || lines.next().unwrap_or_default().to_owned();
                    let (operator, since) = (text(), text());
                    Self::Taken(Holder { run: run.to_owned(), operator, since, ..Holder::default() })
                }
                None => Self::Unknown,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            run: "r1".to_owned(),
            incarnation: 2,
            operator: "ann\n@de'sk".to_owned(),
            since: "2026-05-09T07:29:33Z".to_owned(),
            host: "web".to_owned(),
            seconds: 120,
        }
    }

    #[test]
    fn a_claim_is_quoted_and_of_one_line_a_field() {
        assert_eq!(claim().take(), r"pf_lease 'r1' '2' '120' 'ann?@de'\''sk' '2026-05-09T07:29:33Z' 'web'");
        assert!(claim().renew("/a b/lease", 7).starts_with("l='/a b/lease' n=7 s=120\n"));
    }

    #[test]
    fn answers_are_read() {
        let read = |said: &[(&str, &str)]| {
            LeaseAnswer::read(|name| {
                said.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
            })
        };
        assert_eq!(read(&[]), None);
        let taken = LeaseAnswer::Taken { number: 3, folder: "/a b/lease".to_owned(), over: None };
        assert_eq!(read(&[("lease", "taken 3 /a b/lease")]), Some(taken));
        let held = [("lease", "held 4 /b"), ("lease_run", "r"), ("lease_operator", "o"), ("lease_left", "9")];
        let Some(LeaseAnswer::Held { number: 4, holder, late: false }) = read(&held) else { panic!() };
        assert_eq!((holder.run.as_str(), holder.operator.as_str(), holder.left), ("r", "o", 9));
        assert_eq!(read(&[("lease", "free 4")]), Some(LeaseAnswer::Free));
        let reason = "cannot write to /b".to_owned();
        assert_eq!(read(&[("lease", "none cannot write to /b")]), Some(LeaseAnswer::Impossible { reason }));
        assert_eq!(read(&[("lease", "taken x /b")]), None);
    }

    #[test]
    fn renewals_are_read() {
        assert_eq!(Renewal::read(b"renewed\n"), Renewal::Renewed);
        assert_eq!(Renewal::read(b"late\n"), Renewal::Late);
        assert_eq!(Renewal::read(b""), Renewal::Unknown);
        let Renewal::Taken(holder) = Renewal::read(b"taken r2\nbob@x\n2026\n") else { panic!() };
        assert_eq!(
            (holder.run.as_str(), holder.operator.as_str(), holder.since.as_str()),
            ("r2", "bob@x", "2026")
        );
    }
}
