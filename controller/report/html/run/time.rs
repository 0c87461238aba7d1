//! Waves and hosts on a time line, as bars whose places are percentages of the run's time.

use crate::report::account::{Account, Doing, HostAccount, Span, Wave};
use crate::report::html::page::{Few, some};
use crate::report::html::run::hosts::{Ended, ended, words};
use crate::ui::duration;

/// Rows that stand open; the others can be opened.
const OPEN: usize = 40;
/// Rows of hosts, and bars in one of them.
const HOSTS: usize = 2_000;
const BARS: usize = 80;
/// Bars that are nearer than this, in thousandths of the whole, become one.
const NEAR: i64 = 3;

/// The time line.
pub(super) struct TimeLine<'a> {
    pub ticks: Vec<(String, String)>,
    /// What happened to the run: place and words.
    pub marks: Vec<(String, &'static str)>,
    pub waves: Vec<WaveRow<'a>>,
    pub hosts: Vec<HostRow<'a>>,
    pub more: Vec<HostRow<'a>>,
    pub left_out: usize,
    pub restores: bool,
}

/// A wave.
pub(super) struct WaveRow<'a> {
    pub name: String,
    pub play: &'a str,
    pub hosts: String,
    pub bar: Bar,
    pub took: String,
    /// Connectors that stop meanwhile: whether anybody else serves them, and which.
    pub stops: Vec<(&'static str, Few)>,
    pub breaches: Vec<String>,
}

/// A host.
pub(super) struct HostRow<'a> {
    pub name: &'a str,
    pub mark: &'static str,
    pub words: &'static str,
    /// From its first event to its last: where nothing lies on it the host waited.
    pub present: Option<Bar>,
    pub bars: Vec<Bar>,
    pub took: String,
    /// The same for those who do not see it.
    pub told: String,
}

/// A bar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bar {
    pub class: &'static str,
    pub x: String,
    pub width: String,
}

struct Scale {
    from: i64,
    length: i64,
}

impl Scale {
    fn bar(&self, class: &'static str, from: i64, to: i64) -> Bar {
        let share = |at: i64| ((at - self.from) * 10_000 / self.length).clamp(0, 10_000);
        let (x, end) = (share(from), share(to));
        // What is too short to be seen is still there.
        let x = x.min(10_000 - 15);
        Bar { class, x: percent(x), width: percent((end - x).max(15)) }
    }

    fn place(&self, at: i64) -> String {
        percent(((at - self.from) * 10_000 / self.length).clamp(0, 10_000))
    }
}

fn percent(hundredths: i64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Draws a run.
pub(super) fn time_line(account: &Account) -> TimeLine<'_> {
    let scale = Scale { from: account.from, length: (account.to - account.from).max(1) };
    let mut order: Vec<(&String, &HostAccount)> = account.hosts.iter().collect();
    order.sort_by_key(|(_, host)| (rank(ended(host)), host.from.unwrap_or(i64::MAX)));
    let left_out = order.len().saturating_sub(HOSTS);
    let mut hosts: Vec<HostRow<'_>> =
        order.into_iter().take(HOSTS).map(|(name, host)| host_row(name, host, &scale)).collect();
    let more = if hosts.len() > OPEN + OPEN / 4 { hosts.split_off(OPEN) } else { Vec::new() };
    TimeLine {
        ticks: ticks(&scale),
        marks: account.marks.iter().take(20).map(|(at, words)| (scale.place(*at), *words)).collect(),
        waves: waves(account, &scale),
        restores: account
            .hosts
            .values()
            .any(|host| host.spans.iter().any(|span| span.what == Doing::Restore)),
        hosts,
        more,
        left_out,
    }
}

/// Those that did not end well come first.
fn rank(ended: Ended) -> u8 {
    match ended {
        Ended::Ok => 1,
        Ended::Idle => 2,
        _ => 0,
    }
}

fn waves<'a>(account: &'a Account, scale: &Scale) -> Vec<WaveRow<'a>> {
    const MOST: usize = 200;
    account
        .waves
        .iter()
        .take(MOST)
        .map(|wave| WaveRow {
            name: if wave.of > 1 {
                format!("Wave {} of {}", wave.number, wave.of)
            } else {
                "All hosts".to_owned()
            },
            play: &wave.play,
            hosts: some(wave.hosts, "host"),
            bar: scale.bar("wave", wave.from, wave.to),
            took: duration(wave.to.abs_diff(wave.from)),
            stops: stops(wave, account.story.summary.check),
            breaches: wave
                .breaches
                .iter()
                .take(20)
                .map(|breach| format!("all {} that {}", some(breach.hosts.len(), "host"), breach.what()))
                .collect(),
        })
        .collect()
}

/// What nobody else serves comes first.
fn stops(wave: &Wave, check: bool) -> Vec<(&'static str, Few)> {
    let words = match check {
        false => ["stops, nobody else serves", "stops here, others go on serving"],
        true => ["would stop, nobody else serves", "would stop here, others go on serving"],
    };
    let parts = words.into_iter().zip([true, false]).map(|(words, alone)| {
        let stops = wave.stops.iter().filter(|stop| (stop.others == 0) == alone);
        let names: Vec<String> = stops.map(|stop| stop.connector.clone()).collect();
        (words, Few::of(&names))
    });
    parts.filter(|(_, names)| !names.first.is_empty()).collect()
}

fn host_row<'a>(name: &'a str, host: &'a HostAccount, scale: &Scale) -> HostRow<'a> {
    let state = ended(host);
    // A host without a turn is only told of at the end of the run.
    let began = host.from.filter(|_| state != Ended::Idle);
    let present = began.map(|from| scale.bar("wait", from, host.to));
    let near = (scale.length * NEAR / 1_000).max(1);
    let bars = merged(&host.spans, near).into_iter().map(|span| {
        let class = match span.what {
            Doing::Connect => "connect",
            Doing::Work => "work",
            Doing::Restore => "back",
        };
        scale.bar(class, span.from, span.to)
    });
    let time = |what: Doing| -> u64 {
        merged(&host.spans, 1)
            .iter()
            .filter(|span| span.what == what)
            .map(|span| span.to.abs_diff(span.from))
            .sum()
    };
    let total = began.map(|from| host.to.abs_diff(from)).unwrap_or_default();
    let (work, back) = (time(Doing::Work), time(Doing::Restore));
    let back = if back > 0 { format!(", restored for {}", duration(back)) } else { String::new() };
    HostRow {
        name,
        mark: match state {
            Ended::Failed | Ended::Unreachable => "error",
            Ended::Other | Ended::RolledBack | Ended::Open => "warning",
            Ended::Ok => "ok",
            Ended::Idle => "info",
        },
        words: words(host),
        present,
        bars: bars.take(BARS).collect(),
        took: began.map(|_| duration(total)).unwrap_or_default(),
        told: format!("at work for {} of {}{back}", duration(work), duration(total)),
    }
}

/// Spans of one kind that touch or nearly do are one.
fn merged(spans: &[Span], near: i64) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.what == span.what && span.from <= last.to + near => {
                last.to = last.to.max(span.to);
            }
            _ => merged.push(*span),
        }
    }
    merged
}

/// Round times, not more than eight.
fn ticks(scale: &Scale) -> Vec<(String, String)> {
    const STEPS: [i64; 19] = [
        100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
        1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
    ];
    let step = STEPS.into_iter().find(|step| scale.length / step <= 6).unwrap_or(scale.length / 6 + 1);
    (0..=8)
        .map(|number| number * step)
        .take_while(|at| at * 100 <= scale.length * 94)
        .map(|at| (scale.place(scale.from + at), label(at)))
        .collect()
}

fn label(ms: i64) -> String {
    match ms {
        0 => "0".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_spans_become_one() {
        let span = |what, from, to| Span { what, from, to };
        let spans = [
            span(Doing::Work, 0, 10),
            span(Doing::Work, 5, 8),
            span(Doing::Work, 11, 20),
            span(Doing::Work, 40, 50),
        ];
        assert_eq!(merged(&spans, 2), [span(Doing::Work, 0, 20), span(Doing::Work, 40, 50)]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (length, first, many) in
            [(9_500, "2 s", 5), (700, "200 ms", 4), (7_200_000, "30 min", 4), (1, "", 1)]
        {
            let ticks = ticks(&Scale { from: 0, length });
            assert_eq!(ticks.len(), many, "{length}: {ticks:?}");
            if many > 1 {
                assert_eq!(ticks[1].1, first);
            }
        }
    }

    #[test]
    fn bars_keep_within_the_picture() {
        let scale = Scale { from: 100, length: 200 };
        let bar = |x: &str, width: &str| Bar { class: "work", x: x.to_owned(), width: width.to_owned() };
        assert_eq!(scale.bar("work", 100, 200), bar("0.00%", "50.00%"));
        assert_eq!(scale.bar("work", 0, 900), bar("0.00%", "100.00%"));
        assert_eq!(scale.bar("work", 150, 150), bar("25.00%", "0.15%"));
        assert_eq!(scale.bar("work", 300, 300), bar("99.85%", "0.15%"));
    }
}
