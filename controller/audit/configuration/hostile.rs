//! Files that mean harm: they are refused in their place, or are inert text, and cost no more than their size.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use super::assemble::assemble;
use super::elements::Definitions;
use super::read::read_text;
use super::{Configuration, ServerSettings};

fn read(bytes: &[u8]) -> (Configuration, String) {
    let mut definitions = Definitions::default();
    read_text(bytes.to_vec(), Path::new("a.xml"), "a.xml", &mut definitions);
    let server = ServerSettings::default();
    let configuration = assemble(definitions.drafts, server, &mut definitions.notes);
    (configuration, definitions.notes.finish().render(false))
}

fn within(elements: &str) -> String {
    format!(
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">{elements}</ConfigurationFile>"
    )
}

/// What is said of a file, and that it is not much, whatever the file.
fn said(text: &str) -> String {
    let (_, said) = read(text.as_bytes());
    assert!(said.len() < 4_000, "{} bytes", said.len());
    said
}

#[test]
fn entities_are_never_expanded() {
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let bomb =
        format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>{}", within("<Agent Identifier=\"&l9;\"/>"));
    let outside = "<?xml version=\"1.0\"?>\n<!DOCTYPE x SYSTEM \"file:///etc/passwd\" [<!ENTITY p SYSTEM \"file:///etc/passwd\">]>\n<x>&p;</x>";
    for text in [bomb.as_str(), outside] {
        let said = said(text);
        assert!(said.contains("there is a document type") && said.contains("remove `<!DOCTYPE"), "{said}");
    }
    let place = said(outside);
    assert!(place.contains("a.xml:2:1") && !place.contains("root:"), "{place}");
    for entity in ["&l9;", "&#0;", "&#xd800;", "&#x110000;", "&#-5;", "&", "&amp", "&lt ;", "&#99999999999;"]
    {
        let attribute = said(&within(&format!("\n<Agent Identifier=\"{entity}\"/>")));
        assert!(attribute.contains("a.xml:2:20"), "{entity}: {attribute}");
    }
    assert!(said(&within("<Whatever>&nosuch;</Whatever>")).contains("this entity is not one of XML's own"));
}

#[test]
fn nesting_and_sizes_have_limits() {
    let deep = format!("{}{}", "<x>".repeat(10_000), "</x>".repeat(10_000));
    assert!(said(&within(&deep)).contains("nested deeper than 256 levels"));
    let attributes: String = (0..300).map(|n| format!(" a{n}=''")).collect();
    assert!(said(&within(&format!("<Agent{attributes}/>"))).contains("more than 256 attributes"));
    let prefixes: String = (0..200).map(|n| format!(" xmlns:a{n}='urn:{n}'")).collect();
    assert!(said(&within(&format!("<Agent{prefixes}/>"))).contains("not well-formed XML"));
}

#[test]
fn a_value_of_fifty_megabytes_is_refused_and_not_shown() {
    let long = "é".repeat(25 << 20);
    let (configuration, said) = read(within(&format!("<Agent Identifier=\"{long}\"/><{long}/>")).as_bytes());
    assert!(configuration.agents.is_empty());
    assert!(
        said.len() < 1_000 && said.contains("the value of `Identifier` has 52428800 bytes"),
        "{}",
        said.len()
    );
    let (_, said) = read(format!("<{long}/>").as_bytes());
    assert!(said.len() < 1_000 && said.contains("its root is `éé"), "{}", said.len());
}

#[test]
fn script_in_names_stays_text() {
    let name = "&lt;script&gt;alert(1)&lt;/script&gt;&#x1b;[31m&#x202e;";
    let (configuration, said) =
        read(within(&format!("<Connector Identifier=\"{name}\" Agent=\"' onload='x\"/>")).as_bytes());
    assert_eq!(configuration.connectors[0].identifier, "<script>alert(1)</script>\u{1b}[31m\u{202e}");
    assert_eq!(said, "");
    let (_, said) = read(within("<Job Identifier='a' CronTimeZone='&#x1b;]0;x&#7;'/><Connector Identifier='\u{1b}[2J' IsDeactivated='x'/>").as_bytes());
    assert!(!said.contains(['\u{1b}', '\u{7}']), "{said:?}");
}

#[test]
fn broken_files_are_said_to_be_broken_where_they_are() {
    for (text, what, place) in [
        ("", "there is no element in the file", "1:1"),
        ("<a", "not well-formed", "1:"),
        (&within("<Agent Identifier=\"A\">"), "not well-formed", "1:"),
        (
            "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n <Agent",
            "not well-formed",
            "2:",
        ),
        (
            "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n <x>",
            "has no end tag",
            "2:2",
        ),
        (&within("<Agent Identifier=A/>"), "written in quotes", "1:85"),
        (&within("<Agent Identifier='A' Identifier='B'/>"), "is there twice", "1:89"),
        (&within("<Agent Identifier='a<b'/>"), "is written `&lt;`", "1:87"),
        (&within("<q:Agent Identifier='a'/>"), "prefix `q` is not declared", "1:67"),
        ("<a/><b/>", "its root is `a`", "1:2"),
        (&format!("{}{}", within(""), within("")), "a second root", "1:"),
        (&format!("{} text", within("")), "outside of the root", "1:"),
        ("<ConfigurationFile/>", "not in the namespace", "1:2"),
        ("<Agent xmlns='urn:schemas-usercube-com:configuration'/>", "its root is `Agent`", "1:2"),
    ] {
        let (_, said) = read(text.as_bytes());
        assert!(said.contains(what) && said.contains(&format!("a.xml:{place}")), "{text}: {said}");
    }
}

#[test]
fn messages_are_counted_not_collected() {
    let (_, said) = read(within(&"<Agent/>\n".repeat(5_000)).as_bytes());
    assert!(said.contains("4900 more errors") && said.lines().count() < 800, "{}", said.lines().count());
}

/// Text of a number of connectors on one line, with connections and jobs.
fn fleet(connectors: usize) -> String {
    let each = |n| {
        format!(
            "<Connector Identifier='C{n}' Agent='A{}'/><Connection Identifier='X{n}' Connector='C{n}'/>\
             <Job Identifier='J{n}' Agent='A{0}'><ExportTask Identifier='E{n}' Agent='A{0}' Connection='X{n}'/><Step Identifier='E{}'/></Job>",
            n % 100,
            n / 2
        )
    };
    let agents: String = (0..100).map(|n| format!("<CreateAgentSynchroComplete Agent='A{n}'/>")).collect();
    within(&((0..connectors).map(each).collect::<String>() + &agents))
}

#[test]
fn a_hundred_thousand_connectors_take_time_and_memory_by_their_number() {
    let time = |connectors: usize| {
        let text = fleet(connectors);
        let start = Instant::now();
        let (configuration, said) = read(text.as_bytes());
        let taken = start.elapsed();
        assert_eq!(said, "");
        assert_eq!(configuration.connectors.len(), connectors);
        assert_eq!(configuration.tasks.len(), connectors * 5);
        assert_eq!(configuration.jobs.iter().map(|job| job.tasks.len()).sum::<usize>(), connectors * 6);
        taken
    };
    time(1_000);
    let (small, large) = (time(5_000), time(100_000));
    // Twenty times as many; quadratic work would take 400 times as long.
    assert!(large < small * 100, "{small:?} for 5,000, {large:?} for 100,000");
}

#[test]
fn scaffoldings_cannot_multiply_without_end() {
    let connectors: String = (0..2_000)
        .map(|n| {
            format!(
                "<Connector Identifier='C{n}' Agent='A'/><Connection Identifier='X{n}' Connector='C{n}'/>"
            )
        })
        .collect();
    let (_, said) = read(
        within(
            &(connectors + &"<CreateAgentSynchroComplete Agent='A'/><CreateConnectorsJobs/>".repeat(1_000)),
        )
        .as_bytes(),
    );
    assert!(said.contains("the scaffoldings make more than 1000000 tasks"), "{said}");
}

/// A file that says much of what there is.
fn sample() -> String {
    within(
        "<!-- c --><Agent Identifier='A' URI='u'/><Connector Identifier='C' Agent='A' CompleteJob='1'/><Connection Identifier='X' Connector='C' DeactivationExportFulfill='Export'/>\
         <OpenIdClient Identifier='Job' HashedSecret='&#x41;' ExpirationDate='2027-01-01' ConsolidationMode='Merge'/>\
         <Job Identifier='J' Agent='A' CronTimeZone='1'><ExportTask Agent='A'><TaskDependsOnTask ParentTask='E'/></ExportTask><Step Identifier='E'/><ExportTaskOverride Identifier='E' Agent='B'/></Job>\
         <ExportTask Identifier='E'><TaskResourceType ResourceType='R'/></ExportTask><CreateInitializationJob><NotUsed ConnectorIdentifier='C'/></CreateInitializationJob><CreateConnectorsJobs/>",
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn random_marks_never_panic(text in "[<>/&;#x'\"=! ?a-c:\\[\\]é\\-\u{feff}]{0,80}") {
        read(text.as_bytes());
        read(within(&text).as_bytes());
    }

    #[test]
    fn mutated_files_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..8),
        wide in any::<bool>(),
    ) {
        let mut bytes = if wide {
            sample().encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else {
            sample().into_bytes()
        };
        for (at, byte, what) in changes {
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at.max(1)),
                2 => { bytes.remove(at); bytes.push(byte); }
                _ => { let part = bytes[at..].to_vec(); bytes.extend(part.iter().take(100)); }
            }
        }
        read(&bytes);
    }
}
