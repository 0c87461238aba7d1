//! Movements of a small configuration, and of the shipped one.

use std::path::Path;

use super::*;
use crate::audit::{
    ConfigurationLimits, DeclaredHost, Installation, ObservedConnection, ObservedHost, read_configuration,
};
use crate::inventory::{Agent, Connector, ManagedSystem};

fn declared(hosts: &[(&str, &str, &[&str])]) -> Declared {
    let hosts = hosts.iter().map(|(name, agent, connectors)| {
        let connectors = connectors.iter().map(|identifier| Connector {
            identifier: (*identifier).to_owned(),
            managed_system: Some(ManagedSystem {
                name: format!("{identifier}.example"),
                kind: None,
                address: Some(format!("{identifier}.example:636")),
            }),
        });
        DeclaredHost {
            name: (*name).to_owned(),
            agents: vec![Agent {
                identifier: (*agent).to_owned(),
                uri: None,
                connectors: connectors.collect(),
            }],
            ..DeclaredHost::default()
        }
    });
    Declared { hosts: hosts.collect() }
}

fn shipped() -> (Configuration, Declared) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("configuration/production");
    let (configuration, notes) = read_configuration(&root, &[], ConfigurationLimits::default());
    assert!(notes.is_empty());
    let hosts: [(&str, &str, &[&str]); 4] = [
        ("par-ad", "ParisAD", &["CorpAD"]),
        ("lyo-ad", "LyonAD", &["PlantAD"]),
        ("ber-erp", "BerlinERP", &["Warehouse"]),
        ("ber-ad", "BerlinAD", &[]),
    ];
    (configuration, declared(&hosts))
}

/// Changes without the folder of the configuration.
fn changes(movement: &Movement) -> Vec<String> {
    let short = |place: &str| place.rsplit('/').next().unwrap().to_owned();
    movement.changes.iter().map(|change| format!("{} {}", short(&change.place), change.what)).collect()
}

fn fates(movement: &Movement) -> Vec<(&str, JobFate)> {
    movement.jobs.iter().map(|job| (job.identifier.as_str(), job.fate)).collect()
}

#[test]
fn a_connector_with_jobs_of_its_own_and_scaffoldings_moves() {
    let (configuration, declared) = shipped();
    let movement = movement(&configuration, &declared, None, "CorpAD", "LyonAD");
    assert_eq!(movement.problems, Vec::<String>::new());
    assert_eq!(
        changes(&movement),
        [
            "CorpAD Connector.xml:3 Connector `CorpAD`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\"",
            "CorpAD Jobs.xml:3 Job `CorpAD-Fulfill`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\"",
            "CorpAD Jobs.xml:6 FulfillTask `CorpAD-Fulfillment`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\""
        ]
    );
    let mut fates = fates(&movement);
    fates.sort_by_key(|(job, _)| *job);
    assert_eq!(
        fates,
        [
            ("CorpAD-Fulfill", JobFate::Moves),
            ("CorpAD_VirtualJob", JobFate::Follows),
            ("LyonAD-Nightly", JobFate::Joins),
            ("ParisAD-Fast", JobFate::Leaves),
            ("ParisAD-Nightly", JobFate::Leaves),
        ]
    );
    assert_eq!(movement.complete_jobs, ["LyonAD-Nightly"]);
    assert_eq!(movement.managed_systems, ["CorpAD.example at CorpAD.example:636"]);
    assert!(movement.steps[6].contains("--simulate-only") && movement.steps[8].contains("`LyonAD-Nightly`"));
    assert!(movement.steps.last().unwrap().starts_with("par-ad: remove `ADExportFulfillment`"));
}

#[test]
fn a_job_for_several_connectors_has_to_be_split() {
    let (configuration, declared) = shipped();
    let movement = movement(&configuration, &declared, None, "Warehouse", "BerlinAD");
    assert_eq!(
        fates(&movement).into_iter().find(|(job, _)| *job == "Berlin-Nightly").unwrap().1,
        JobFate::Split
    );
    let changes = changes(&movement);
    assert!(changes[1].starts_with("Warehouse Jobs.xml:4 Job `Berlin-Nightly` also serves `Exchange`: take `Warehouse-Nightly-Export`"), "{changes:?}");
    assert!(
        changes.iter().any(|change| change.contains(
            "ExportTask `Warehouse-Nightly-Export`: Agent=\"BerlinERP\" becomes Agent=\"BerlinAD\""
        ))
    );
    assert!(!changes.iter().any(|change| change.contains("Exchange-Extract")), "{changes:?}");
}

#[test]
fn a_connector_without_an_agent_has_no_steps_for_an_old_one() {
    let (mut configuration, declared) = shipped();
    for connector in configuration.connectors.iter_mut().filter(|each| each.identifier == "Warehouse") {
        connector.agent = None;
    }
    let movement = movement(&configuration, &declared, None, "Warehouse", "BerlinAD");
    assert_eq!((movement.from.as_deref(), movement.problems.len()), (None, 0));
    assert!(movement.steps[0].starts_with("inventory: add `Warehouse` to `BerlinAD`, with"), "{movement}");
    for line in movement.steps.iter().chain(&movement.rollback) {
        assert!(!["the old", "no agent", "finish=true"].iter().any(|word| line.contains(word)), "{line}");
    }
    assert_eq!(movement.rollback.len(), 2);
}

#[test]
fn what_the_inventory_has_at_the_new_agent_already_is_not_moved_there() {
    let (configuration, _) = shipped();
    let steps = |hosts: &[(&str, &str, &[&str])]| {
        movement(&configuration, &declared(hosts), None, "SharedMailboxes", "LyonAD").steps
    };
    let at = steps(&[("ber-ad", "BerlinAD", &[]), ("lyo-ad", "LyonAD", &["SharedMailboxes"])]);
    assert!(at[0].starts_with("check that lyo-ad reaches"), "{at:?}");
    let last = "ber-ad: remove `SharedMailboxesExport` with its secrets (`-e finish=true`)";
    assert_eq!(at.last().unwrap(), last);
    let both: [(&str, &str, &[&str]); 2] =
        [("ber-ad", "BerlinAD", &["SharedMailboxes"]), ("lyo-ad", "LyonAD", &["SharedMailboxes"])];
    assert!(steps(&both)[0].starts_with("inventory: move `SharedMailboxes` from `BerlinAD`"));
}

#[test]
fn what_hosts_say_tells_what_is_missing_and_what_is_secret() {
    let (configuration, declared) = shipped();
    let host = |agent: &str, connections: &[&str]| ObservedHost {
        installations: vec![Installation {
            agent: Some((agent.to_owned(), String::new())),
            connections: connections
                .iter()
                .map(|name| {
                    let settings = ObservedConnection {
                        secret: true,
                        path: Some("C:/x".to_owned()),
                        ..Default::default()
                    };
                    ((*name).to_owned(), settings)
                })
                .collect(),
            ..Installation::default()
        }],
        ..ObservedHost::default()
    };
    let observed = Observed {
        hosts: [
            ("par-ad".to_owned(), host("ParisAD", &["adexportfulfillment"])),
            ("lyo-ad".to_owned(), host("LyonAD", &[])),
        ]
        .into(),
    };
    let movement = movement(&configuration, &declared, Some(&observed), "CorpAD", "LyonAD");
    let connection = &movement.connections[0];
    assert_eq!(
        (connection.on_old, connection.on_new, connection.secret),
        (Some(true), Some(false), Some(true))
    );
    let text = movement.to_string();
    assert!(
        text.contains(
            "ADExportFulfillment (Usercube.AD@0000001), missing on the new host, with secrets, C:/x"
        ),
        "{text}"
    );
    let unasked = super::movement(&configuration, &declared, None, "CorpAD", "LyonAD");
    assert_eq!((unasked.connections[0].on_new, unasked.connections[0].secret), (None, None));
}

#[test]
fn what_cannot_be_moved_says_why_and_nothing_else() {
    let (configuration, declared) = shipped();
    let problems =
        |connector, to| movement(&configuration, &declared, None, connector, to).problems.join("\n");
    assert_eq!(
        problems("CorpDA", "LyonAD"),
        "the configuration has no connector `CorpDA`; did you mean `CorpAD`?"
    );
    assert!(
        problems("CorpAD", "LyonAd")
            .starts_with("the configuration has no agent `LyonAd`; did you mean `LyonAD`?")
    );
    assert_eq!(problems("CorpAD", "ParisHR"), "no host of the inventory runs the agent `ParisHR`");
    let text = movement(&configuration, &declared, None, "CorpAD", "ParisHR").to_string();
    assert_eq!(
        text,
        "connector CorpAD: ParisAD (par-ad) -> ParisHR\nproblem: no host of the inventory runs the agent `ParisHR`\n"
    );
}

#[test]
fn the_text_names_places_jobs_and_order() {
    let (configuration, declared) = shipped();
    let text = movement(&configuration, &declared, None, "CorpAD", "LyonAD").to_string();
    let text = text.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/configuration/production/"), "");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "connector CorpAD: ParisAD (par-ad) -> LyonAD (lyo-ad)",
            "connections:",
            "  ADExportFulfillment (Usercube.AD@0000001)"
        ]
    );
    for line in [
        "  ParisAD-Nightly (0 0 2 * * *): goes on without it",
        "  LyonAD-Nightly (0 0 4 * * *): takes it in",
        "  CorpAD/CorpAD Jobs.xml:3",
        "    Job `CorpAD-Fulfill`: Agent=\"ParisAD\" becomes Agent=\"LyonAD\"",
        "  6. edit the XML: the 3 changes above",
        "  1. deploy the previous XML",
    ] {
        assert!(lines.contains(&line), "{line}: {text}");
    }
}
