//! Which connectors stop while a wave works, in lines that fit: what nobody else serves first.

use super::fit::{shorten, width};
use crate::hostlog::sanitize_line;
use crate::plan::{Breach, MaintenanceGroup, Moved, Stop};
use crate::source::counted;

/// What is said about a play whose waves are not cut by `serial` alone.
pub(super) fn arranged(groups: &[MaintenanceGroup], moved: &[Moved], columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if !groups.is_empty() {
        let name = |group: &MaintenanceGroup| match &group.name {
            Some(name) => sanitize_line(name).into_owned(),
            None => "none".to_owned(),
        };
        let group = |group: &MaintenanceGroup| format!("{} ({})", name(group), counted(group.hosts, "host"));
        lines.push(filled("maintenance groups: ", groups.iter().map(group).collect(), columns));
    }
    if !moved.is_empty() {
        let host = |moved: &Moved| format!("{} ({} to {})", sanitize_line(&moved.host), moved.from, moved.to);
        lines.push(filled(
            "change waves, so that others go on serving: ",
            moved.iter().map(host).collect(),
            columns,
        ));
    }
    lines
}

/// What stops in a wave; in a check it would.
pub(super) fn stopping(stops: &[Stop], check: bool, columns: usize) -> Vec<String> {
    let verb = if check { "would stop" } else { "stops" };
    let name = |stop: &Stop| {
        let systems: Vec<_> = stop.managed_systems.iter().map(|name| sanitize_line(name)).collect();
        let connector = sanitize_line(&stop.connector);
        if systems.is_empty() {
            connector.into_owned()
        } else {
            format!("{connector} ({})", systems.join(", "))
        }
    };
    let mut lines = Vec::new();
    for (what, alone) in [("nobody else serves", true), ("others go on serving", false)] {
        let names: Vec<String> = stops.iter().filter(|stop| (stop.others == 0) == alone).map(name).collect();
        if !names.is_empty() {
            lines.push(filled(&format!("{verb}, {what}: "), names, columns));
        }
    }
    lines
}

/// A wave in which everybody stops who serves something.
pub(super) fn breach(breach: &Breach, columns: usize) -> String {
    let head =
        format!("all {} stop that {}: ", counted(breach.hosts.len(), "host"), sanitize_line(&breach.what()));
    let hosts = breach.hosts.iter().map(|host| sanitize_line(host).into_owned());
    filled(&head, hosts.collect(), columns)
}

/// A line of as many items as fit, and how many more there are; the first one is always there, if need be shortened.
fn filled(head: &str, items: Vec<String>, columns: usize) -> String {
    let mut line = head.to_owned();
    for (index, item) in items.iter().enumerate() {
        let joint = if index == 0 { "" } else { ", " };
        let rest = items.len() - index - 1;
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        if index > 0 && width(&line) + width(joint) + width(item) + more.len() > columns {
            return format!("{line} and {} more", rest + 1);
        }
        let room = columns.saturating_sub(width(&line) + more.len()).max(20);
        line.push_str(joint);
        line.push_str(&if index == 0 { shorten(item, room) } else { item.into() });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(connector: &str, system: Option<&str>, others: usize) -> Stop {
        Stop {
            connector: connector.to_owned(),
            managed_systems: system.map(str::to_owned).into_iter().collect(),
            hosts: vec!["a.example".to_owned()],
            others,
        }
    }

    #[test]
    fn what_nobody_else_serves_comes_first() {
        let stops = [
            stop("Payroll", Some("payroll"), 0),
            stop("CorpAD", Some("corp.example"), 2),
            stop("HR", None, 0),
        ];
        assert_eq!(
            stopping(&stops, false, 79),
            [
                "stops, nobody else serves: Payroll (payroll), HR",
                "stops, others go on serving: CorpAD (corp.example)"
            ]
        );
        assert_eq!(stopping(&stops[2..], true, 79), ["would stop, nobody else serves: HR"]);
        assert!(stopping(&[], false, 79).is_empty());
    }

    #[test]
    fn long_lists_are_cut_with_a_count() {
        let stops: Vec<Stop> =
            (1..=40).map(|number| stop(&format!("Connector{number:02}"), None, 0)).collect();
        let lines = stopping(&stops, false, 79);
        assert_eq!(lines, ["stops, nobody else serves: Connector01, Connector02, Connector03 and 37 more"]);
        let long = stop(&"x".repeat(200), None, 0);
        let lines = stopping(&[long.clone(), long], false, 79);
        assert!(lines[0].ends_with("… and 1 more") && width(&lines[0]) <= 79, "{lines:?}");
        let odd = stopping(&[stop("a\u{1b}[2J", None, 0)], false, 79).concat();
        assert!(!odd.contains('\u{1b}'), "{odd}");
    }

    #[test]
    fn arrangements_are_told() {
        let groups = [("weekend", 5, 3), ("", 1, 1)].map(|(name, hosts, waves)| MaintenanceGroup {
            name: (!name.is_empty()).then(|| name.to_owned()),
            hosts,
            waves,
        });
        let moved =
            [("b", 1, 2), ("c", 2, 1)].map(|(host, from, to)| Moved { host: host.to_owned(), from, to });
        assert_eq!(
            arranged(&groups, &moved, 79),
            [
                "maintenance groups: weekend (5 hosts), none (1 host)",
                "change waves, so that others go on serving: b (1 to 2), c (2 to 1)",
            ]
        );
    }
}
