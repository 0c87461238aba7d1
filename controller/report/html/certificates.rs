//! Certificates on a time line: one row for each, however many hosts have it, the next to expire first.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::page::{Few, Mark};
use crate::audit::Certificates;
use crate::preflight::Severity;

/// Rows that are shown; those behind expire later and are counted.
const ROWS: usize = 60;
const DAY: i64 = 86_400;
/// "Soon", as the policy has it (DESIGN 3.5).
const SOON: i64 = 30;

/// The time line.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeLine {
    pub rows: Vec<Row>,
    pub ticks: Vec<Tick>,
    /// Where today is, in percent.
    pub today: String,
    /// Certificates that expire later than those shown.
    pub later: usize,
    pub expired: usize,
    pub soon: usize,
    pub all: usize,
}

/// A date on the axis.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub at: String,
    pub text: String,
}

/// A certificate.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub subject: String,
    pub issuer: String,
    pub usages: String,
    pub hosts: Few,
    pub key: String,
    pub thumbprint: String,
    pub expires: String,
    pub left: String,
    /// `expired`, `soon`, `later` or `unknown`.
    pub state: &'static str,
    pub mark: Option<Mark>,
    pub from: String,
    pub length: String,
}

#[derive(Default)]
struct Group<'a> {
    first: Option<&'a Certificates>,
    usages: std::collections::BTreeSet<&'a str>,
    hosts: std::collections::BTreeSet<String>,
}

/// Draws certificates; those that only belong to a chain are left to the findings.
pub(super) fn time_line(certificates: &[Certificates], now: Timestamp) -> TimeLine {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for one in certificates.iter().filter(|one| !one.certificate.chain) {
        let group = groups.entry(&one.certificate.thumbprint_sha256).or_default();
        group.first.get_or_insert(one);
        group.usages.insert(&one.usage);
        group.hosts.insert(one.host.clone());
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| group.first.map(|one| ends(one).unwrap_or(Timestamp::MAX)));
    let states: Vec<&str> = groups.iter().filter_map(|g| g.first).map(|one| state(one, now)).collect();
    let many = |word| states.iter().filter(|state| **state == word).count();
    let shown = &groups[..groups.len().min(ROWS)];
    let axis = Axis::around(shown, now);
    TimeLine {
        rows: shown.iter().filter_map(|group| row(group, &axis, now)).collect(),
        ticks: axis.ticks(),
        today: axis.percent(now),
        later: groups.len() - shown.len(),
        expired: many("expired"),
        soon: many("soon"),
        all: groups.len(),
    }
}

fn ends(one: &Certificates) -> Option<Timestamp> {
    one.certificate.not_after.parse().ok()
}

fn days_left(one: &Certificates, now: Timestamp) -> Option<i64> {
    Some((ends(one)?.as_second() - now.as_second()).div_euclid(DAY))
}

fn state(one: &Certificates, now: Timestamp) -> &'static str {
    match days_left(one, now) {
        None => "unknown",
        Some(..0) => "expired",
        Some(0..SOON) => "soon",
        Some(_) => "later",
    }
}

fn row(group: &Group<'_>, axis: &Axis, now: Timestamp) -> Option<Row> {
    let one = group.first?;
    let certificate = &one.certificate;
    let starts = certificate.not_before.parse().unwrap_or(axis.from);
    let (from, to) = (axis.share(starts), ends(one).map_or(100.0, |at| axis.share(at)));
    let state = state(one, now);
    Some(Row {
        subject: certificate.subject.clone(),
        issuer: certificate.issuer.clone(),
        usages: group.usages.iter().copied().collect::<Vec<_>>().join(", "),
        hosts: Few::of(&group.hosts),
        key: format!("{} {}", certificate.key_algorithm, certificate.key_size),
        thumbprint: certificate.thumbprint.clone(),
        expires: certificate.not_after.split('T').next().unwrap_or_default().to_owned(),
        left: days_left(one, now).map(left).unwrap_or_default(),
        state,
        mark: match state {
            "expired" | "unknown" => Some(Mark(Severity::Error)),
            "soon" => Some(Mark(Severity::Warning)),
            _ => None,
        },
        from: percent(from),
        // A line of no length could not be seen.
        length: percent((to - from).max(0.6)),
    })
}

/// `in 12 days`, `3 months ago`.
fn left(days: i64) -> String {
    let size = match days.abs() {
        0 => return "today".to_owned(),
        1 => "1 day".to_owned(),
        days @ 2..90 => format!("{days} days"),
        days @ 90..730 => format!("{} months", days / 30),
        days => format!("{} years", days / 365),
    };
    if days < 0 { format!("{size} ago") } else { format!("in {size}") }
}

/// The part of time that is drawn.
struct Axis {
    from: Timestamp,
    seconds: f64,
}

impl Axis {
    /// Half a year back, and as far ahead as the certificates that are shown, but at most three years: what ends later
    /// runs out of the picture.
    fn around(groups: &[Group<'_>], now: Timestamp) -> Self {
        let last = groups.iter().filter_map(|group| group.first.and_then(ends)).max().unwrap_or(now);
        let ahead = (last.as_second() - now.as_second()).clamp(365 * DAY, 3 * 365 * DAY);
        let back = 182 * DAY;
        let from = now.checked_sub(SignedDuration::from_secs(back)).unwrap_or(Timestamp::MIN);
        Self { from, seconds: float(back + ahead) }
    }

    /// Where a time is, in percent, kept within the picture.
    fn share(&self, at: Timestamp) -> f64 {
        (float(at.as_second() - self.from.as_second()) / self.seconds * 100.0).clamp(0.0, 100.0)
    }

    fn percent(&self, at: Timestamp) -> String {
        percent(self.share(at))
    }

    /// The start of every quarter, or of every year of a long axis.
    fn ticks(&self) -> Vec<Tick> {
        let long = self.seconds > float(2 * 365 * DAY);
        let start = self.from.strftime("%Y").to_string().parse::<i32>().unwrap_or(1970);
        let mut ticks = Vec::new();
        for year in start..=start + 5 {
            for month in [1, 4, 7, 10] {
                let Ok(at) = format!("{year:04}-{month:02}-01T00:00:00Z").parse::<Timestamp>() else {
                    continue;
                };
                let share = self.share(at);
                if !(1.0..96.0).contains(&share) || (long && month % 6 != 1) {
                    continue;
                }
                ticks.push(Tick { at: percent(share), text: format!("{year}-{month:02}") });
            }
        }
        ticks
    }
}

fn float(number: i64) -> f64 {
    // A span of time in seconds, far below what f64 holds exactly.
    i32::try_from(number).map_or(f64::from(i32::MAX), f64::from)
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(host: &str, thumbprint: &str, from: &str, to: &str) -> Certificates {
        serde_json::from_value(json!({
            "host": host, "usage": "tls", "place": "a", "subject": format!("CN={thumbprint}"), "issuer": "CN=CA",
            "serial": "1", "thumbprint": thumbprint, "thumbprint_sha256": thumbprint,
            "not_before": from, "not_after": to, "key_algorithm": "RSA", "key_size": 4096,
            "signature": "sha256", "has_private_key": true, "self_signed": false, "chain": false,
        }))
        .unwrap()
    }

    #[test]
    fn the_next_to_expire_is_first_and_hosts_are_put_together() {
        let now: Timestamp = "2026-05-09T00:00:00Z".parse().unwrap();
        let line = time_line(
            &[
                one("a", "late", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
                one("a", "soon", "2025-01-01T00:00:00Z", "2026-05-20T00:00:00Z"),
                one("b", "soon", "2025-01-01T00:00:00Z", "2026-05-20T00:00:00Z"),
                one("c", "gone", "2015-01-01T00:00:00Z", "2016-01-01T00:00:00Z"),
                one("c", "odd", "?", "?"),
            ],
            now,
        );
        let rows: Vec<_> = line
            .rows
            .iter()
            .map(|r| (r.subject.as_str(), r.state, r.left.as_str(), r.hosts.first.len()))
            .collect();
        assert_eq!(
            rows,
            [
                ("CN=gone", "expired", "10 years ago", 1),
                ("CN=soon", "soon", "in 11 days", 2),
                ("CN=late", "later", "in 9 years", 1),
                ("CN=odd", "unknown", "", 1),
            ]
        );
        assert_eq!((line.expired, line.soon, line.all, line.later), (1, 1, 4, 0));
        // What is long gone is still to be seen at the left, and what ends far ahead reaches the right edge.
        assert_eq!((line.rows[0].from.as_str(), line.rows[0].length.as_str()), ("0.00%", "0.60%"));
        let end = |row: &Row| {
            let number = |text: &str| text.trim_end_matches('%').parse::<f64>().unwrap();
            number(&row.from) + number(&row.length)
        };
        assert!((end(&line.rows[2]) - 100.0).abs() < 0.1);
        assert!(
            line.ticks.len() > 3 && line.ticks.iter().all(|tick| tick.text.len() == 7),
            "{:?}",
            line.ticks
        );
    }

    #[test]
    fn many_are_counted() {
        let now: Timestamp = "2026-05-09T00:00:00Z".parse().unwrap();
        let all: Vec<_> = (0..500)
            .map(|n| {
                one(
                    "a",
                    &format!("{n}"),
                    "2025-01-01T00:00:00Z",
                    &format!("{}-01-01T00:00:00Z", 2027 + n % 50),
                )
            })
            .collect();
        let line = time_line(&all, now);
        assert_eq!((line.rows.len(), line.later, line.all), (60, 440, 500));
        assert!(line.rows.iter().all(|row| row.expires.as_str() < "2034"));
    }
}
