//! What a session is opened and asked with, in the language of its shell: shell text on POSIX, calls on Windows.
//!
//! Both hosts answer alike, so that the executor is one.

use super::lease::Claim;
use super::{lease, library, windows};
use crate::shell::Platform;
use windows::Call;

/// The words for one kind of host.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionText(pub Platform);

impl SessionText {
    /// The functions that operations call, loaded once into every session.
    pub fn library(self) -> &'static str {
        match self.0 {
            Platform::Posix => library::library(),
            Platform::Windows => windows::library(),
        }
    }

    /// Tells a session, once, where its rollback points go: `BASE/runs/RUN/HOST`. Without a `base` it is
    /// `/var/lib/paceline` for root, `~/.paceline` for everybody else, and `%ProgramData%\Paceline` on Windows. Nothing
    /// is made before the first point is saved. `host` is percent-encoded by the caller's rules for file names; neither
    /// it nor `run` may hold a slash.
    pub fn open_points(self, base: Option<&str>, run: &str, host: &str) -> String {
        match self.0 {
            Platform::Posix => library::open_points(base, run, host),
            Platform::Windows => Call::new("open_points")
                .with("base", base.unwrap_or_default())
                .with("run", run)
                .with("host", host)
                .text(),
        }
    }

    /// Limits, for a session, how many bytes are copied for one rollback point.
    pub fn limit_points(self, bytes: u64) -> String {
        match self.0 {
            Platform::Posix => library::limit_points(bytes),
            Platform::Windows => Call::new("limit_points").with("bytes", &bytes.to_string()).text(),
        }
    }

    /// Begins the ledger of a session; [`Self::open_points`] comes in front of it.
    pub fn open_ledger(self) -> String {
        match self.0 {
            Platform::Posix => library::open_ledger().to_owned(),
            Platform::Windows => Call::new("open_ledger").text(),
        }
    }

    /// Takes the lease while a session starts; see [`super::LeaseAnswer::read`].
    pub fn take(self, claim: &Claim) -> String {
        if self.0 == Platform::Posix {
            return claim.take();
        }
        let Claim { run, incarnation, operator, since, host, seconds } = claim;
        let [run, operator, since, host] = [run, operator, since, host].map(lease::one_line);
        Call::new("lease_take")
            .with("run", &run)
            .with("incarnation", &incarnation.to_string())
            .with("seconds", &seconds.to_string())
            .with("operator", &operator)
            .with("since", &since)
            .with("host", &host)
            .text()
    }

    /// Renews the claim `number` in `folder` beside its session; see [`super::Renewal::read`].
    pub fn renew(self, claim: &Claim, folder: &str, number: u64) -> String {
        match self.0 {
            Platform::Posix => claim.renew(folder, number),
            Platform::Windows => Call::new("beside_renew")
                .with("folder", folder)
                .with("number", &number.to_string())
                .with("seconds", &claim.seconds.to_string())
                .text(),
        }
    }

    /// The functions that [`Self::renew`] needs in a shell of its own. On POSIX it brings them along.
    pub fn beside_library(self) -> &'static str {
        match self.0 {
            Platform::Posix => "",
            Platform::Windows => windows::beside_library(),
        }
    }

    /// A step that shows the lease; see [`super::LeaseAnswer`].
    pub fn show_lease(self) -> String {
        match self.0 {
            Platform::Posix => lease::show_lease(),
            Platform::Windows => Call::new("lease_show").text(),
        }
    }

    /// A step that breaks the claim `number`, if that still counts.
    pub fn break_lease(self, number: u64, operator: &str, since: &str, host: &str) -> String {
        if self.0 == Platform::Posix {
            return lease::break_lease(number, operator, since, host);
        }
        let [operator, since, host] = [operator, since, host].map(lease::one_line);
        Call::new("lease_break")
            .with("number", &number.to_string())
            .with("operator", &operator)
            .with("since", &since)
            .with("host", &host)
            .text()
    }

    /// A step that removes what a run left on its host; `host` is percent-encoded as for the points.
    pub fn prune_run(self, run: &str, host: &str) -> String {
        match self.0 {
            Platform::Posix => lease::prune_run(run, host),
            Platform::Windows => Call::new("prune").with("run", run).with("host", host).text(),
        }
    }

    /// A step that removes claims that no longer count.
    pub fn prune_claims(self) -> String {
        match self.0 {
            Platform::Posix => lease::prune_claims(),
            Platform::Windows => Call::new("prune_claims").text(),
        }
    }

    /// What stands in front of a program that is repeated: what an attempt that was cut off left beside its paths, under
    /// the temporary names that these points know, is removed. Nothing for no points.
    pub fn sweep(self, points: &[u64]) -> String {
        match self.0 {
            Platform::Posix => library::sweep(points),
            Platform::Windows if points.is_empty() => String::new(),
            Platform::Windows => {
                let numbers: Vec<String> = points.iter().map(u64::to_string).collect();
                Call::new("sweep").list("numbers", numbers.iter().map(String::as_str)).text() + "\n"
            }
        }
    }

    /// A step that reports the ledger, as the blob `ledger`.
    pub fn tell_ledger(self) -> String {
        match self.0 {
            Platform::Posix => library::tell_ledger(),
            Platform::Windows => Call::new("tell_ledger").text(),
        }
    }

    /// A step that reports the output of a command of an earlier session, as the blobs `stdout` and `stderr`. `folder`
    /// and `number` are what the ledger says.
    pub fn tell_output(self, folder: &str, number: &str) -> String {
        match self.0 {
            Platform::Posix => library::tell_output(folder, number),
            Platform::Windows => {
                Call::new("tell_output").with("folder", folder).with("number", number).text()
            }
        }
    }

    /// Restores the point of this number; `force` puts aside what somebody changed after the run.
    pub fn restore(self, number: u64, force: bool) -> String {
        let number = number.to_string();
        match self.0 {
            Platform::Posix => library::call("pf_restore", [number.as_str(), if force { "1" } else { "" }]),
            Platform::Windows => Call::new("restore").with("number", &number).flag("force", force).text(),
        }
    }

    /// Gives the folders of these points their times, the newest point first; `last` says that all have theirs now.
    pub fn restore_times(self, numbers: &[u64], last: bool) -> String {
        let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
        if self.0 == Platform::Windows {
            let words = words.iter().map(String::as_str);
            return Call::new("restore_times").list("numbers", words).flag("last", last).text();
        }
        let call = |chunk: &[String]| library::call("pf_restore_times", chunk.iter().map(String::as_str));
        let mut calls: Vec<String> = words.chunks(500).map(call).collect();
        calls.extend(last.then(|| "pf_restored_times".to_owned()));
        calls.join("\n")
    }

    /// Takes a look at the point of a service or pool: `stop`, `start` or `check`.
    pub fn service_phase(self, phase: &str, number: u64) -> String {
        let number = number.to_string();
        match self.0 {
            Platform::Posix => library::call("pf_service_phase", [phase, &number]),
            Platform::Windows => {
                Call::new("service_phase").with("phase", phase).with("number", &number).text()
            }
        }
    }

    /// Lists all points of the session's run and host.
    pub fn list_points(self) -> String {
        match self.0 {
            Platform::Posix => "pf_points_list".to_owned(),
            Platform::Windows => Call::new("points_list").text(),
        }
    }

    /// Lists all runs that left points on the session's host.
    pub fn list_runs(self) -> String {
        match self.0 {
            Platform::Posix => "pf_runs_list".to_owned(),
            Platform::Windows => Call::new("runs_list").text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: SessionText = SessionText(Platform::Windows);

    #[test]
    fn what_comes_from_outside_is_data_on_windows() {
        let claim = Claim {
            run: "r1".to_owned(),
            incarnation: 2,
            operator: "ann\n@de'sk".to_owned(),
            since: "now".to_owned(),
            host: "web".to_owned(),
            seconds: 120,
        };
        assert_eq!(
            WINDOWS.take(&claim),
            "lease_take run:cjE= incarnation:Mg== seconds:MTIw operator:YW5uP0BkZSdzaw== since:bm93 host:d2Vi"
        );
        assert_eq!(
            WINDOWS.renew(&claim, "C:\\x", 7),
            "beside_renew folder:QzpceA== number:Nw== seconds:MTIw"
        );
        assert_eq!(WINDOWS.open_points(None, "r", "h"), "open_points base: run:cg== host:aA==");
        assert_eq!(WINDOWS.sweep(&[]), "");
        assert_eq!(WINDOWS.sweep(&[1, 2]), "sweep numbers:MQ==,Mg==\n");
        assert_eq!(WINDOWS.restore_times(&[3], true), "restore_times numbers:Mw== last:MQ==");
    }

    #[test]
    fn every_call_of_windows_is_a_function_of_the_library() {
        let number = 1;
        let calls = [
            WINDOWS.open_ledger(),
            WINDOWS.tell_ledger(),
            WINDOWS.tell_output("f", "1"),
            WINDOWS.show_lease(),
            WINDOWS.break_lease(number, "o", "s", "h"),
            WINDOWS.prune_run("r", "h"),
            WINDOWS.prune_claims(),
            WINDOWS.list_runs(),
        ];
        for call in calls {
            let name = call.split(' ').next().unwrap_or_default();
            assert!(WINDOWS.library().contains(&format!("function pw_{name}($a)")), "{name}");
        }
        assert!(WINDOWS.beside_library().contains("function pw_beside_renew($a)"));
    }
}
