//! What is planted is found, all of it and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use paceline::audit::{
    Audit, CATALOGUE, CheckOptions, Configuration, ConfiguredConnector, Declared, Sources, audit, drift,
};

use super::fault::{AGENTS, Wanted};
use super::fleet::{Fleet, Random};

fn found(audit: &Audit) -> BTreeSet<(String, String)> {
    let about = |subject: &Option<String>| subject.clone().expect("every finding of an audit has a subject");
    audit.findings.iter().map(|finding| (finding.id.clone(), about(&finding.subject))).collect()
}

/// Compares what is found with what was planted; nothing may be found twice.
#[track_caller]
fn compare(audit: &Audit, wanted: Wanted, what: &str) {
    let wanted: BTreeSet<_> = wanted.into_iter().collect();
    let found = found(audit);
    let missed: Vec<_> = wanted.difference(&found).collect();
    let invented: Vec<_> = found.difference(&wanted).collect();
    assert!(missed.is_empty() && invented.is_empty(), "{what}: missed {missed:?}, invented {invented:?}");
    assert_eq!(audit.findings.len(), found.len(), "{what}: found twice");
}

#[test]
fn clean_fleets_have_no_findings() {
    for count in [10, 100, 1000] {
        let mut fleet = Fleet::clean(count);
        compare(&fleet.audit(), Vec::new(), "clean");
        fleet.server_version = Some("6.2.1".to_owned());
        let audit = fleet.audit();
        compare(&audit, Vec::new(), "clean, with the server's version");
        assert_eq!(
            (audit.connectors.len(), audit.agents.len(), audit.hosts.len()),
            (2 * count, count, count)
        );
        assert!(audit.connectors.iter().all(|row| row.hosts.len() == 1 && !row.jobs.is_empty()));
    }
}

#[test]
fn each_kind_of_fault_is_found_alone() {
    for rule in CATALOGUE {
        let mut planted = 0;
        for server_version in [None, Some("6.2.1".to_owned())] {
            let mut fleet = Fleet::clean(10);
            fleet.server_version = server_version;
            if let Some(wanted) = fleet.plant(rule.id, 3) {
                planted += 1;
                assert!(wanted.iter().any(|(id, _)| id == rule.id), "{}", rule.id);
                compare(&fleet.audit(), wanted, rule.id);
            }
        }
        assert!(planted > 0, "`{}` was never planted", rule.id);
    }
}

#[test]
fn many_faults_in_many_fleets_are_found_exactly() {
    for (seed, count) in [(1, 10), (2, 10), (3, 25), (4, 60), (5, 150), (6, 300), (7, 1000), (8, 1000)] {
        let mut random = Random::new(seed);
        let mut fleet = Fleet::clean(count);
        fleet.server_version = (seed % 2 == 0).then(|| "6.2.1".to_owned());
        // Each fault has agents of its own, so that none hides another.
        let mut places: Vec<usize> = (0..count / AGENTS).map(|pair| pair * AGENTS).collect();
        random.shuffle(&mut places);
        let mut rules: Vec<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
        random.shuffle(&mut rules);
        let most = (places.len() * 2 / 3).max(3);
        let mut wanted = Wanted::new();
        for (place, id) in places.into_iter().take(most).zip(rules.iter().cycle()) {
            wanted.extend(fleet.plant(id, place).unwrap_or_default());
        }
        assert!(!wanted.is_empty());
        compare(&fleet.audit(), wanted, &format!("seed {seed}, {count} hosts"));
    }
}

#[test]
fn the_same_fleet_gives_the_same_document_and_a_planted_fault_is_drift() {
    let document = |fleet: &Fleet| {
        let mut out = Vec::new();
        paceline::report::audit_json(&fleet.audit(), &mut out).unwrap();
        // Folders of tests have random names.
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|line| !line.contains("\"place\"")).collect::<Vec<_>>().join("\n")
    };
    let mut fleet = Fleet::clean(20);
    let before = fleet.audit();
    assert_eq!(document(&fleet), document(&fleet));
    assert_eq!(drift(&before, &fleet.audit()), []);
    fleet.plant("connector-agent-mismatch", 4).unwrap();
    let changes: Vec<String> = drift(&before, &fleet.audit()).into_iter().map(|one| one.change).collect();
    for change in ["connector-moved", "finding-new"] {
        assert!(changes.iter().any(|one| one == change), "{changes:?}");
    }
}

/// Lookups are by hash: a configuration with 100,000 connectors, all of them wrong, is judged in seconds.
#[test]
fn a_hundred_thousand_connectors_are_judged_in_bounded_time() {
    let connector = |number: usize| ConfiguredConnector {
        identifier: format!("C{number}"),
        agent: Some(format!("Agent{}", number % 1000)),
        place: format!("a.xml:{number}"),
        ..ConfiguredConnector::default()
    };
    let configuration =
        Configuration { connectors: (0..100_000).map(connector).collect(), ..Configuration::default() };
    let options = CheckOptions {
        now: "2026-11-26T12:00:00Z".parse().unwrap(),
        expires_within: 30,
        server_version: None,
    };
    let declared = Declared::default();
    let sources = Sources {
        declared: &declared,
        configuration: Some(&configuration),
        observed: None,
        options: &options,
    };
    let started = Instant::now();
    let audit = audit(sources, None);
    assert_eq!(audit.findings.len(), 100_000);
    assert!(audit.findings.iter().all(|finding| finding.id == "connector-without-agent"));
    let mut out = Vec::new();
    paceline::report::audit(&audit, false, &mut out).unwrap();
    assert_eq!(drift(&audit, &audit), []);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
