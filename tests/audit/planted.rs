//! What is planted is found, all of it and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use paceline::audit::{
    Audit, CATALOGUE, CheckOptions, Configuration, ConfiguredConnector, Declared, Sources, audit, drift,
};

use super::fault::{AGENTS, Wanted};
use super::fleet::{Fleet, Random};
use super::variant::VARIANTS;

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
fn each_form_of_a_fault_is_found_alone() {
    let mut random = Random::new(11);
    for variant in VARIANTS {
        for _ in 0..3 {
            let mut fleet = Fleet::clean(10);
            let wanted = fleet.plant_variant(variant, 2 * random.below(5), &mut random);
            compare(&fleet.audit(), wanted, variant);
        }
    }
}

#[test]
fn what_is_meant_is_told_with_the_finding() {
    let hint = |plant: &dyn Fn(&mut Fleet)| {
        let mut fleet = Fleet::clean(10);
        plant(&mut fleet);
        let audit = fleet.audit();
        (audit.findings[0].message.clone(), audit.findings[0].hint.clone())
    };
    let variant = |name: &'static str| {
        hint(&move |fleet: &mut Fleet| {
            fleet.plant_variant(name, 4, &mut Random::new(1));
        })
    };
    for (told, meant) in [
        (hint(&|fleet| drop(fleet.plant("configuration-misspelt", 4))), "did you mean `Connector`?"),
        (variant("a connector on an agent that differs in case"), "did you mean `Agent0004`?"),
        (variant("a misspelt part of a scaffolding"), "did you mean `OpenIdIdentifier`?"),
        (
            hint(&|fleet| fleet.server["OpenIdClients"]["Jbo"] = serde_json::json!({"HashedSecret": "x"})),
            "did you mean `Job`?",
        ),
    ] {
        assert!(told.1.contains(meant), "{told:?}: {meant}");
    }
    // A place stands in front of each finding and need not be in its text.
    let (message, _) = hint(&|fleet| drop(fleet.plant("settings-odd", 4)));
    assert_eq!(message, "it is cut off");
    // Nor does a hint say why, which has a line of its own.
    let (_, mend) = hint(&|fleet| drop(fleet.plant("agent-uri", 4)));
    assert_eq!(mend, "write `https://NAME` in lower case");
}

/// Each connector has a job behind the button of its page, which is no job that somebody looks for in a matrix.
#[test]
fn jobs_of_pages_are_not_listed() {
    let mut fleet = Fleet::clean(10);
    let before = fleet.audit();
    fleet.plant_variant("a page's jobs for all connectors", 2, &mut Random::new(1));
    let after = fleet.audit();
    // Folders of tests have random names, so that places differ.
    let jobs = |audit: &Audit| audit.connectors.iter().map(|row| row.jobs.clone()).collect::<Vec<_>>();
    assert_eq!(jobs(&before), jobs(&after));
    assert!(after.connectors.iter().all(|row| !row.jobs.is_empty()));
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
        let kinds = rules.len() + VARIANTS.len();
        for (number, place) in places.into_iter().take(most).enumerate() {
            match (number % kinds).checked_sub(rules.len()) {
                None => wanted.extend(fleet.plant(rules[number % kinds], place).unwrap_or_default()),
                Some(form) => wanted.extend(fleet.plant_variant(VARIANTS[form], place, &mut random)),
            }
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
