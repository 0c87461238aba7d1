//! The picture of an audit: hosts, agents, connectors and managed systems in four columns, findings in place.
//!
//! [`graph`] takes an audit apart, [`collapse`] merges what a reader of a large fleet would not look at, [`layout`]
//! gives places. What comes out is drawn by `picture.svg`.

mod collapse;
mod graph;
mod layout;

pub(super) use graph::system_of;
pub(super) use layout::Picture;

use crate::audit::Audit;

/// Draws an audit.
pub(super) fn picture(audit: &Audit) -> Picture {
    layout::lay_out(&collapse::collapse(graph::graph(audit)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    use super::*;

    /// Agents with a host and some connectors each, which share managed systems.
    fn fleet(agents: usize, connectors: usize, fault: usize) -> Audit {
        let host = |n: usize| format!("srv-{n}.example");
        let name = |n: usize, c: usize| format!("C{n}-{c}");
        let rows: Vec<Value> = (0..agents)
            .map(|n| json!({"identifier": format!("A{n}"), "hosts": [host(n)], "connectors": []}))
            .collect();
        let all = (0..agents).flat_map(|n| (0..connectors).map(move |c| (n, c)));
        let lines: Vec<Value> = all
            .map(|(n, c)| {
                json!({"identifier": name(n, c), "agent": format!("A{n}"), "hosts": [host(n)], "declared": [format!("A{n}")],
                    "managed_systems": [format!("S{}", (n + c) % agents.div_ceil(2))]})
            })
            .collect();
        let findings: Vec<Value> = (0..agents)
            .step_by(fault)
            .map(|n| {
                json!({"id": "x", "severity": "error", "host": host(n), "connector": name(n, 0), "place": "p", "message": "m", "hint": ""})
            })
            .collect();
        serde_json::from_value(json!({"findings": findings, "connectors": lines, "agents": rows})).unwrap()
    }

    fn check(picture: &Picture) {
        for one in &picture.boxes {
            let inside = one.x >= 0
                && one.y >= 20
                && one.x.unsigned_abs() + one.width.unsigned_abs() <= picture.width
                && one.y.unsigned_abs() + one.height.unsigned_abs() <= picture.height;
            assert!(inside, "{one:?} in {} x {}", picture.width, picture.height);
        }
        let mut sorted: Vec<_> = picture.boxes.iter().map(|one| (one.x, one.y)).collect();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            assert!(pair[0].0 != pair[1].0 || pair[1].1 - pair[0].1 >= 34, "{pair:?}");
        }
        let x: std::collections::HashMap<usize, i32> =
            picture.boxes.iter().map(|one| (one.number, one.x)).collect();
        for line in &picture.lines {
            assert!(x[&line.from] < x[&line.to], "{line:?}");
        }
    }

    #[test]
    fn a_small_fleet_is_drawn_whole() {
        let picture = picture(&fleet(12, 3, 4));
        check(&picture);
        assert_eq!(picture.boxes.len(), 12 + 12 + 36 + 6);
        assert_eq!(picture.lines.len(), 12 + 36 + 36);
        assert!(!picture.merged);
        let marked = picture.boxes.iter().filter(|one| one.mark.is_some()).count();
        assert_eq!(marked, 3 + 3, "hosts and connectors of three findings");
    }

    #[test]
    fn of_a_large_fleet_what_has_findings_stays_and_the_rest_is_counted() {
        let picture = picture(&fleet(1_000, 3, 50));
        check(&picture);
        assert!(
            picture.merged && picture.boxes.len() < 300 && picture.height < 6_000,
            "{}",
            picture.boxes.len()
        );
        let marked = picture.boxes.iter().filter(|one| one.mark.is_some()).count();
        assert_eq!(marked, 20 + 20);
        let labels: Vec<&str> = picture.boxes.iter().map(|one| one.label.as_str()).collect();
        assert!(labels.contains(&"980 hosts") && labels.contains(&"2 connectors"), "{labels:?}");
        assert_eq!(picture.headings[2].0, "3000 connectors");
    }

    #[test]
    fn one_agent_with_very_many_connectors_takes_little_time_and_room() {
        let audit = fleet(1, 100_000, 1);
        let started = Instant::now();
        let picture = picture(&audit);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        check(&picture);
        assert!(picture.boxes.len() < 10, "{}", picture.boxes.len());
    }

    #[test]
    fn findings_about_managed_systems_are_on_their_boxes() {
        for many in [3, 300] {
            let rows: Vec<Value> =
                (0..many).map(|n| json!({"name": format!("S{n}"), "connectors": [], "agents": []})).collect();
            let findings: Vec<Value> = (0..many)
                .map(|n| json!({"id": "managed-system-two-agents", "severity": "warning", "subject": format!("managed system S{n}"), "place": "p", "message": "m", "hint": ""}))
                .collect();
            let audit = serde_json::from_value(
                json!({"findings": findings, "connectors": [], "agents": [], "managed_systems": rows}),
            );
            let picture = picture(&audit.unwrap());
            check(&picture);
            let marked = picture.boxes.iter().filter(|one| one.kind == "system" && one.mark.is_some());
            let told: usize = marked.clone().filter(|one| one.name.is_some()).count();
            assert_eq!(told, many.min(60));
            let about: Vec<&str> =
                marked.map(|one| one.about.as_str()).filter(|about| !about.is_empty()).collect();
            let rest: &[&str] = if many > 60 { &["with 240 findings"] } else { &[] };
            assert_eq!(about, rest);
            assert_eq!(picture.counts, [0, 0, 0, many]);
        }
    }

    #[test]
    fn what_only_findings_name_is_unknown_and_not_counted() {
        let finding = |host: &str, connector: &str| json!({"id": "x", "severity": "error", "host": host, "connector": connector, "place": "p", "message": "m", "hint": ""});
        let audit: Audit = serde_json::from_value(json!({
            "findings": [finding("b", "Typo"), finding("a", "C")],
            "agents": [{"identifier": "A", "hosts": ["a"], "connectors": ["C"]}],
            "connectors": [{"identifier": "C", "agent": "A", "hosts": ["a"], "declared": ["A"]}],
        }))
        .unwrap();
        let picture = picture(&audit);
        let headings: Vec<&str> = picture.headings.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(headings, ["2 hosts", "1 agent", "1 connector", "0 managed systems"]);
        let unknown: Vec<(&str, &str)> = picture
            .boxes
            .iter()
            .filter(|one| one.unknown)
            .map(|one| (one.label.as_str(), one.about.as_str()))
            .collect();
        assert_eq!(unknown, [("Typo", "unknown")]);
        assert!(picture.unknown);
    }

    #[test]
    fn nothing_is_a_picture_too() {
        let picture = picture(&Audit::default());
        assert!(picture.boxes.is_empty() && picture.width > 300);
    }

    #[test]
    fn what_only_the_inventory_says_is_told_apart() {
        let audit: Audit = serde_json::from_value(json!({
            "findings": [], "agents": [{"identifier": "A", "hosts": ["a"], "connectors": ["C"]}],
            "connectors": [{"identifier": "C", "agent": "A", "hosts": ["a"], "declared": ["B"]}],
        }))
        .unwrap();
        let picture = picture(&audit);
        check(&picture);
        let meant: Vec<bool> = picture.lines.iter().map(|line| line.meant).collect();
        assert_eq!(meant.iter().filter(|meant| **meant).count(), 1);
        assert!(picture.boxes.iter().any(|one| one.label == "B"), "an agent that is only meant has a box");
    }
}
