//! The end of a run: Ansible's recap, then what to do next.

use std::collections::HashSet;

use indexmap::IndexMap;

use super::fit::{pad, width};
use super::{Options, Palette, Tone};
use crate::executor::event::Recap;
use crate::hostlog::sanitize_line;
use crate::journal::short_id;
use crate::source::counted;

/// What the lines after the table are about.
pub(super) struct End<'a> {
    pub(super) run: &'a str,
    /// Targets of the run, whether they had their turn or not.
    pub(super) targets: usize,
    pub(super) exit_code: u8,
    pub(super) duration_ms: u64,
    /// Whether nothing was changed on purpose.
    pub(super) check: bool,
    /// Hosts that were taken back.
    pub(super) taken_back: &'a TakenBack,
}

/// Hosts of a rollout that the run itself took back.
#[derive(Default)]
pub(super) struct TakenBack {
    /// Those that are as they were.
    pub(super) rolled_back: HashSet<String>,
    /// Those of which not everything could be restored.
    pub(super) rollback_failed: HashSet<String>,
}

/// A heading as Ansible draws it: `TEXT ****`, after an empty line.
pub(super) fn banner(text: &str, columns: usize) -> String {
    format!("\n{text} {}", "*".repeat(columns.saturating_sub(width(text)).max(3)))
}

/// The lines of `PLAY RECAP`, column by column as Ansible prints them; `rolled_back` only if there is any. Where
/// they do not fit into the columns of a terminal, space and kinds that did not occur are left out.
pub fn recap_lines(
    hosts: &IndexMap<String, Recap>,
    palette: Palette,
    terminal: Option<usize>,
) -> Vec<String> {
    let mut names: Vec<&String> = hosts.keys().collect();
    names.sort_unstable();
    let all = |style: Style| names.iter().map(move |host| recap_line(host, &hosts[*host], palette, style));
    let wide = Style { host: 26, count: 4, rare: [true; 3] };
    let plain = Palette { color: false };
    let widest =
        names.iter().map(|host| width(recap_line(host, &hosts[*host], plain, wide).trim_end())).max();
    if widest.unwrap_or_default() <= terminal.unwrap_or(usize::MAX) {
        return all(wide).collect();
    }
    let host = names.iter().map(|host| width(&sanitize_line(host))).max().unwrap_or_default();
    let used = |count: fn(&Recap) -> u64| hosts.values().any(|recap| count(recap) > 0);
    let rare = [used(|recap| recap.skipped), used(|recap| recap.rescued), used(|recap| recap.ignored)];
    let close = Style { host, count: 3, rare };
    let widest =
        names.iter().map(|host| width(recap_line(host, &hosts[*host], plain, close).trim_end())).max();
    let fits = widest.unwrap_or_default() <= terminal.unwrap_or(usize::MAX);
    let style = Style { count: if fits { 3 } else { 1 }, ..close };
    all(style).map(|line| line.trim_end().to_owned()).collect()
}

/// How close a line of the recap is drawn.
#[derive(Clone, Copy)]
struct Style {
    host: usize,
    count: usize,
    /// Whether `skipped`, `rescued` and `ignored` are shown.
    rare: [bool; 3],
}

fn recap_line(host: &str, recap: &Recap, palette: Palette, style: Style) -> String {
    let tone = if recap.failed + recap.unreachable > 0 {
        Tone::Failed
    } else if recap.changed > 0 {
        Tone::Changed
    } else {
        Tone::Ok
    };
    let host = sanitize_line(host);
    let space = " ".repeat(style.host.saturating_sub(width(&host)));
    let mut line = format!("{}{space} :", palette.paint(tone, &host));
    let counts = [
        ("ok", recap.ok, Tone::Ok),
        ("changed", recap.changed, Tone::Changed),
        ("unreachable", recap.unreachable, Tone::Unreachable),
        ("failed", recap.failed, Tone::Failed),
        ("skipped", recap.skipped, Tone::Skipped),
        ("rescued", recap.rescued, Tone::Ok),
        ("ignored", recap.ignored, Tone::Warning),
    ];
    let shown = [true; 4].into_iter().chain(style.rare);
    let counts = counts.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|(count, _)| count);
    let rolled_back = (recap.rolled_back > 0).then_some(("rolled_back", recap.rolled_back, Tone::Changed));
    for (name, count, tone) in counts.chain(rolled_back) {
        let text = format!("{name}={count:<space$}", space = style.count);
        line.push(' ');
        line.push_str(&if count == 0 { text } else { palette.paint(tone, &text) });
    }
    line
}

/// The lines below the table: how the run ended, where its logs are, what to do next.
pub(super) fn end_lines(hosts: &IndexMap<String, Recap>, end: &End<'_>, options: &Options) -> Vec<String> {
    let palette = Palette { color: options.color };
    let TakenBack { rolled_back, rollback_failed } = end.taken_back;
    let settled = |host: &str| rolled_back.contains(host) || rollback_failed.contains(host);
    let bad: Vec<&str> = bad_hosts(hosts, |recap| recap.failed > 0 && recap.unreachable == 0);
    let failed = bad.iter().filter(|host| !settled(host)).count();
    let unreachable: Vec<&str> = bad_hosts(hosts, |recap| recap.unreachable > 0);
    let idle = hosts.values().filter(|recap| **recap == Recap::default()).count();
    let waiting = end.targets.saturating_sub(hosts.len()) + idle;
    let changed =
        hosts.iter().filter(|(host, recap)| recap.changed > 0 && !rolled_back.contains(*host)).count();

    let would = if end.check { " would change" } else { " changed" };
    let restored = hosts.values().map(|recap| recap.rolled_back).sum::<u64>() as usize;
    let mut parts = vec![counted(end.targets, "host")];
    if changed > 0 || restored == 0 {
        parts.push(format!("{changed}{would}"));
    }
    if restored > 0 {
        parts.push(format!("{} restored", counted(restored, "point")));
    }
    for (number, word) in [
        (rolled_back.len(), "rolled back"),
        (rollback_failed.len(), "rollback failed"),
        (failed, "failed"),
        (unreachable.len(), "unreachable"),
        (waiting, "without a task"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    let tone = if end.exit_code == 0 { Tone::Ok } else { Tone::Failed };
    let verdict = format!("exit code {}", end.exit_code);
    let mut lines = vec![
        String::new(),
        format!(
            "run {} took {}: {}; {}",
            end.run,
            duration(end.duration_ms),
            parts.join(", "),
            palette.paint(tone, &verdict)
        ),
    ];
    let Some(state_dir) = &options.state_dir else { return lines };
    lines.push(format!("logs: {}/", state_dir.join("runs").join(end.run).join("hosts").display()));
    if end.exit_code == 0 {
        return lines;
    }
    let flag = if options.name_state_dir {
        format!(" --state-dir {}", word(&state_dir.to_string_lossy()))
    } else {
        String::new()
    };
    let run = short_id(end.run);
    let mut next = Vec::new();
    // The host that needs somebody most comes first.
    let worst = bad.iter().find(|host| rollback_failed.contains(**host));
    let worst =
        worst.or_else(|| bad.iter().find(|host| !settled(host))).or(unreachable.first()).or(bad.first());
    if let Some(host) = worst {
        let host = word(&sanitize_line(host));
        next.push((format!("paceline runs logs {run} {host}{flag}"), "what happened on that host"));
    }
    if options.suggest_resume && !end.check {
        next.push((format!("paceline resume {run}{flag}"), "go on with the hosts that are not done"));
    }
    if options.suggest_rollback && !end.check && changed > 0 {
        next.push((format!("paceline rollback {run}{flag}"), "put back what was changed"));
    }
    let column = next.iter().map(|(command, _)| width(command)).max().unwrap_or_default();
    for (number, (command, meaning)) in next.into_iter().enumerate() {
        let lead = if number == 0 { "next:" } else { "     " };
        lines.push(format!("{lead} {}  {}", pad(&command, column), palette.paint(Tone::Faint, meaning)));
    }
    lines
}

fn bad_hosts(hosts: &IndexMap<String, Recap>, bad: impl Fn(&Recap) -> bool) -> Vec<&str> {
    hosts.iter().filter(|(_, recap)| bad(recap)).map(|(host, _)| host.as_str()).collect()
}

/// A word of a command that is suggested: quoted only where it must be, because people read it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { crate::shell::quote(text) }
}

/// `340 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn hosts() -> IndexMap<String, Recap> {
        let ok = Recap { ok: 12, changed: 6, skipped: 3, rescued: 1, ignored: 3, ..Recap::default() };
        let failed = Recap { ok: 1, failed: 1, rolled_back: 2, ..Recap::default() };
        IndexMap::from([
            ("web-2.example".to_owned(), failed),
            ("a".to_owned(), ok),
            (
                "a-name-of-more-than-26-columns.example".to_owned(),
                Recap { unreachable: 1, ..Recap::default() },
            ),
        ])
    }

    #[test]
    fn a_narrow_terminal_has_a_closer_recap() {
        let recap = Recap { ok: 12, changed: 6, ..Recap::default() };
        let hosts = ["par-ad-01.example", "b"].map(|host| (host.to_owned(), recap));
        let mut hosts = IndexMap::from(hosts);
        let lines = |hosts: &_| recap_lines(hosts, Palette { color: false }, Some(80)).join("\n");
        insta::assert_snapshot!(lines(&hosts), @r"
        b                 : ok=12  changed=6   unreachable=0   failed=0
        par-ad-01.example : ok=12  changed=6   unreachable=0   failed=0
        ");
        hosts["b"].skipped = 1;
        let lines = lines(&hosts);
        let end = "unreachable=0   failed=0   skipped=1";
        assert!(lines.lines().next().is_some_and(|line| line.ends_with(end)), "{lines}");
        hosts["b"].rolled_back = 4;
        let lines = recap_lines(&hosts, Palette { color: false }, Some(80)).join("\n");
        let end = "b                 : ok=12 changed=6 unreachable=0 failed=0 skipped=1 rolled_back=4";
        assert!(lines.starts_with(end), "{lines}");
    }

    /// The line for `a` is what ansible-core 2.19.14 printed for the playbook of `fold.rs`.
    #[test]
    fn is_ansibles_recap() {
        let lines = recap_lines(&hosts(), Palette { color: false }, None);
        assert_eq!(
            lines,
            [
                "a                          : ok=12   changed=6    unreachable=0    failed=0    skipped=3    rescued=1    ignored=3   ",
                "a-name-of-more-than-26-columns.example : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0   ",
                "web-2.example              : ok=1    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0    rolled_back=2   ",
            ]
        );
        assert_eq!(banner("PLAY RECAP", 79), format!("\nPLAY RECAP {}", "*".repeat(69)));
    }

    #[test]
    fn colours_what_is_not_zero() {
        let lines = recap_lines(&hosts(), Palette { color: true }, None);
        assert!(
            lines[0].starts_with(
                "\u{1b}[0;33ma\u{1b}[0m                          : \u{1b}[0;32mok=12  \u{1b}[0m "
            )
        );
        assert!(lines[0].contains(" unreachable=0    failed=0    "));
    }

    #[test]
    fn says_what_to_do_next() {
        let end = End {
            run: "0198-run",
            targets: 6,
            exit_code: 4,
            duration_ms: 12_345,
            check: false,
            taken_back: &TakenBack::default(),
        };
        let options = Options {
            state_dir: Some(PathBuf::from("my state")),
            name_state_dir: true,
            ..Options::default()
        };
        insta::assert_snapshot!(end_lines(&hosts(), &end, &options).join("\n"), @r"

        run 0198-run took 12.3 s: 6 hosts, 1 changed, 2 points restored, 1 failed, 1 unreachable, 3 without a task; exit code 4
        logs: my state/runs/0198-run/hosts/
        next: paceline runs logs 0198-run web-2.example --state-dir 'my state'  what happened on that host
              paceline resume 0198-run --state-dir 'my state'                   go on with the hosts that are not done
              paceline rollback 0198-run --state-dir 'my state'                 put back what was changed
        ");
    }

    #[test]
    fn tells_what_was_taken_back_from_what_is_left() {
        let of = |failed, rolled_back| Recap { ok: 3, changed: 2, failed, rolled_back, ..Recap::default() };
        let hosts = [("changed", of(0, 0)), ("back", of(1, 2)), ("broken", of(1, 1)), ("fine", of(0, 2))];
        let hosts = IndexMap::from(hosts.map(|(host, recap)| (host.to_owned(), recap)));
        let taken_back = TakenBack {
            rolled_back: HashSet::from(["back".to_owned(), "fine".to_owned()]),
            rollback_failed: HashSet::from(["broken".to_owned()]),
        };
        let end = End {
            run: "0198-run",
            targets: 4,
            exit_code: 2,
            duration_ms: 340,
            check: false,
            taken_back: &taken_back,
        };
        let options = Options { state_dir: Some(PathBuf::from(".paceline")), ..Options::default() };
        let lines = end_lines(&hosts, &end, &options).join("\n");
        let counts = "4 hosts, 2 changed, 5 points restored, 2 rolled back, 1 rollback failed; exit code 2";
        assert!(lines.contains(counts), "{lines}");
        assert!(lines.contains("paceline runs logs 0198-run broken"), "{lines}");
    }

    #[test]
    fn says_less_when_all_is_well_or_nothing_is_kept() {
        let mut hosts = hosts();
        hosts.retain(|host, _| host == "a");
        let end = End {
            run: "0198-run",
            targets: 1,
            exit_code: 0,
            duration_ms: 340,
            check: true,
            taken_back: &TakenBack::default(),
        };
        let kept = Options { state_dir: Some(PathBuf::from(".paceline")), ..Options::default() };
        insta::assert_snapshot!(end_lines(&hosts, &end, &kept).join("\n"), @r"

        run 0198-run took 340 ms: 1 host, 1 would change; exit code 0
        logs: .paceline/runs/0198-run/hosts/
        ");
        assert_eq!(end_lines(&hosts, &end, &Options::default()).len(), 2);
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(
            [999, 1_000, 61_000, 3_723_000].map(duration),
            ["999 ms", "1.0 s", "1 min 01 s", "1 h 02 min"]
        );
    }
}
