//! The reader on text: what is read, what is said, what hostile files do.

use std::path::Path;

use super::assemble::assemble;
use super::elements::Definitions;
use super::read::read_text;
use super::{Configuration, OddityKind, ServerSettings, settings};
use crate::source::{Diagnostics, SourceFile};

fn read_all(files: &[(&str, &[u8])], server: &ServerSettings) -> (Configuration, Diagnostics) {
    let mut definitions = Definitions::default();
    for (name, bytes) in files {
        read_text(bytes.to_vec(), Path::new(name), name, &mut definitions);
    }
    let configuration = assemble(definitions.drafts, server.clone(), &mut definitions.notes);
    (configuration, definitions.notes.finish())
}

fn within(elements: &str) -> String {
    format!(
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n{elements}\n</ConfigurationFile>\n"
    )
}

fn read(elements: &str) -> (Configuration, Diagnostics) {
    read_all(&[("a.xml", within(elements).as_bytes())], &ServerSettings::default())
}

fn clean(elements: &str) -> Configuration {
    let (configuration, notes) = read(elements);
    assert!(notes.is_empty(), "{}", notes.render(false));
    configuration
}

fn messages(elements: &str) -> String {
    read(elements).1.render(false)
}

/// Tasks of a job: element, agent, connector or connection.
fn tasks(configuration: &Configuration, job: &str) -> Vec<String> {
    let job = configuration.jobs.iter().find(|each| each.identifier == job).unwrap();
    job.tasks
        .iter()
        .map(|number| &configuration.tasks[*number])
        .map(|task| {
            let of = task.connection.as_ref().or(task.connector.as_ref());
            let part = |part: Option<&String>| part.map_or("-", String::as_str).to_owned();
            format!("{} {} {}", task.element, part(task.agent.as_ref()), part(of))
        })
        .collect()
}

#[test]
fn reads_agents_connectors_connections_and_clients() {
    let configuration = clean(
        r#"<Agent Identifier="Paris" DisplayName_L1="Paris" URI="https://par.example" />
        <Connector Identifier="AD" DisplayName_L1="Active Directory"
            Agent="Paris" IsDeactivated="1" />
        <Connection Identifier="ADExport" Connector="AD" Package="Usercube.AD@0000001" DeactivationExportFulfill="Fulfill" DisplayName_L1="x" />
        <OpenIdClient Identifier="Job" HashedSecret="K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=" ExpirationDate="2027-01-31" Profile="P" />
        <Whatever><Connector Identifier="not this one"/></Whatever>"#,
    );
    assert_eq!(configuration.agents[0].uri.as_deref(), Some("https://par.example"));
    let connector = &configuration.connectors[0];
    assert_eq!((connector.place.as_str(), connector.agent_at()), ("a.xml:3", "a.xml:4"));
    assert_eq!((connector.name.as_deref(), connector.deactivated), (Some("Active Directory"), true));
    assert_eq!(configuration.connectors.len(), 1);
    assert_eq!(configuration.connections[0].deactivated.as_deref(), Some("2"));
    assert_eq!(configuration.clients[0].expires.unwrap().to_string(), "2027-01-31T00:00:00Z");
}

#[test]
fn odd_but_right_xml_is_read() {
    let text = "<?xml version=\"1.0\"?><!-- <Agent Identifier='no'/> --><u:ConfigurationFile xmlns:u=\"urn:schemas-usercube-com:configuration\" xmlns:o='urn:other'>\
        <![CDATA[<Agent Identifier='no'/>]]><o:Agent Identifier='no'/><o:box><u:Agent Identifier='no'/></o:box>\
        <u:Agent Identifier=\"A&amp;B &#xe9;&#38;\tC\" o:Identifier='no' URI='&quot;'></u:Agent>&amp;<?x y?></u:ConfigurationFile>";
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    for bytes in [text.as_bytes(), &[b"\xef\xbb\xbf", text.as_bytes()].concat(), &wide] {
        let (configuration, notes) = read_all(&[("a.xml", bytes)], &ServerSettings::default());
        assert!(notes.is_empty(), "{}", notes.render(false));
        let agents: Vec<_> = configuration.agents.iter().map(|agent| agent.identifier.as_str()).collect();
        assert_eq!(agents, ["A&B é& C"]);
    }
}

#[test]
fn jobs_have_their_tasks_steps_and_overrides() {
    let configuration = clean(
        r#"<Job Identifier="J" Agent="A" CronTabExpression="0 2 * * *" CronTimeZone="ServerTime" IsIncremental="true">
            <Step Identifier="Later" Level="1" />
            <ExportTask Agent="A" Connection="C1" OpenIdClient="Job" />
            <PrepareSynchronizationTask Identifier="P" Agent="A" Connector="AD"><TaskDependsOnTask ParentTask="Later" /></PrepareSynchronizationTask>
            <FulfillTask Identifier="F" Agent="A"><TaskResourceType ResourceType="AD_User" /><TaskResourceType ResourceType="Nowhere" /></FulfillTask>
            <ExportTaskOverride Identifier="Later" Agent="B" />
            <ExportTaskOverride Identifier="Later" Dirty="1" />
            <Step Identifier="Gone" />
        </Job>
        <Job Identifier="K"><Step Task="P" /></Job>
        <ExportTask Identifier="Later" Agent="A" Connection="C2" />
        <ResourceType Identifier="AD_User" TargetEntityType="AD_Entry" />
        <EntityTypeMapping Identifier="AD_Entry" Connector="AD" />"#,
    );
    let job = &configuration.jobs[0];
    assert_eq!((job.cron.as_deref(), job.server_time, job.incremental), (Some("0 2 * * *"), true, true));
    assert_eq!(job.unknown_steps, ["Gone"]);
    assert_eq!(
        tasks(&configuration, "J"),
        [
            "ExportTask A C2",
            "ExportTask A C1",
            "PrepareSynchronizationTask A AD",
            "FulfillTask A -",
            "ExportTask B C2",
            "ExportTask A C2"
        ]
    );
    let task = |number: usize| &configuration.tasks[job.tasks[number]];
    assert_eq!(job.tasks[0], job.tasks[5], "an override of nothing that matters is the same task");
    assert_eq!((task(1).identifier.as_str(), task(2).depends_on[0].as_str()), ("J/ExportTask#2", "Later"));
    assert_eq!(task(3).resource_connectors, ["AD"]);
    assert!(task(4).overrides && task(4).place == "a.xml:7");
    assert_eq!(configuration.jobs[1].tasks, [job.tasks[2]]);
}

#[test]
fn scaffoldings_become_jobs_with_tasks() {
    let configuration = clean(
        r#"<Connector Identifier="AD" Agent="Paris" /><Connection Identifier="ADx" Connector="AD" />
        <Connector Identifier="HR" Agent="Paris" IncrementalJob="NotUsed" />
        <Connection Identifier="HRa" Connector="HR" DeactivationExportFulfill="2" /><Connection Identifier="HRb" Connector="HR" DeactivationExportFulfill="Fulfill" />
        <Connector Identifier="Off" Agent="Paris" IsDeactivated="true" /><Connection Identifier="Ox" Connector="Off" />
        <Connector Identifier="Here" /><Connection Identifier="Hx" Connector="Here" />
        <Connector Identifier="Bare" Agent="Paris" />
        <CreateAgentSynchroComplete Agent="Paris" JobIdentifier="Daily"><OpenIdIdentifier Identifier="Night" /><CronTabExpression CronTab="0 1 * * *" CronTimeZone="1" />
            <AddTask Task="Extra" TaskToCompareWith="x" Before="1" /><NoConnectorProvisioning ConnectorIdentifier="AD" /></CreateAgentSynchroComplete>
        <CreateAgentSynchroIncremental Agent="Paris" />
        <CreateConnectorSynchroComplete Connector="HR" JobIdentifier="HR-All"><NoProvisioning /></CreateConnectorSynchroComplete>
        <CreateInitializationJob />
        <CreateConnectorsJobs />
        <InvokeSqlCommandTask Identifier="Extra" Agent="Paris" />
        <Job Identifier="Own"><Step Identifier="AD_ConnectorExport" /></Job>"#,
    );
    let names: Vec<_> = configuration.jobs.iter().map(|job| job.identifier.as_str()).collect();
    let made = ["Daily", "CreateAgentSynchroIncremental_Paris", "HR-All", "InitializationJob"];
    assert_eq!(
        names,
        [made.as_slice(), &["AD_VirtualJob", "HR_VirtualJob", "Here_VirtualJob", "Own"]].concat()
    );
    assert_eq!(
        tasks(&configuration, "Daily"),
        [
            "ExportTask Paris ADx",
            "PrepareSynchronizationTask Paris AD",
            "SynchronizeTask - AD",
            "ExportTask Paris HRa",
            "ExportTask Paris HRb",
            "PrepareSynchronizationTask Paris HR",
            "SynchronizeTask - HR",
            "InvokeSqlCommandTask Paris -"
        ]
    );
    let daily = &configuration.jobs[0];
    assert_eq!((daily.cron.as_deref(), daily.server_time), (Some("0 1 * * *"), true));
    let export = &configuration.tasks[daily.tasks[0]];
    assert_eq!(export.identifier, "Daily_Export_AD_Complete_ADx");
    assert_eq!((export.client.as_deref(), export.generated), (Some("Night"), true));
    assert_eq!(tasks(&configuration, names[1]).len(), 4, "HR is in no incremental job");
    let of_hr = &configuration.jobs[2];
    assert_eq!((of_hr.agent.as_deref(), of_hr.tasks.len()), (Some("Paris"), 4));
    assert_eq!(configuration.tasks[of_hr.tasks[0]].client.as_deref(), Some("Job"));
    assert_eq!(tasks(&configuration, "InitializationJob")[0], "ExportTask Local Hx");
    assert_eq!(configuration.jobs[7].tasks, [configuration.jobs[4].tasks[0]]);
}

#[test]
fn clients_are_merged_and_the_server_overrides() {
    let hash = |char: &str| format!("{}=", char.repeat(43));
    let xml = within(&format!(
        "<OpenIdClient Identifier='Job' HashedSecret='{}' ConsolidationMode='Merge'/>\n<OpenIdClient Identifier='Job' HashedSecret='{}' ExpirationDate='2027-01-31T10:00:00+02:00'/>\n<OpenIdClient Identifier='Two' HashedSecret='{}'/><OpenIdClient Identifier='Alone' ConsolidationMode='Merge'/>",
        hash("A"),
        hash("E"),
        hash("I")
    ));
    let mut server = ServerSettings::default();
    let json = SourceFile::new(
        "appsettings.json",
        "",
        "{ // the server's\n\"applicationuri\": \"https://id.example\", \"NotUseAgent\": \"True\",\n\"Agents\": {\"Paris\": {\"Uri\": \"https://p.example\"}},\n\"openidclients:two:hashedsecret\": \"over\",}",
    );
    settings::read_over(&json, &mut server).unwrap();
    let (configuration, _) = read_all(&[("a.xml", xml.as_bytes())], &server);
    let client = |number: usize| &configuration.clients[number];
    assert_eq!(client(0).hashed_secret.as_deref(), Some(hash("A").as_str()));
    assert_eq!(
        (client(0).place.as_str(), client(0).expires.unwrap().to_string().as_str()),
        ("a.xml:2", "2027-01-31T08:00:00Z")
    );
    assert_eq!(
        (client(1).hashed_secret.as_deref(), client(1).place.as_str()),
        (Some("over"), "appsettings.json:4")
    );
    assert_eq!((configuration.clients.len(), client(2).identifier.as_str()), (3, "Alone"));
    let server = &configuration.server;
    assert_eq!(
        server.application_uri,
        Some(("https://id.example".to_owned(), "appsettings.json:2".to_owned()))
    );
    assert_eq!(server.agent_uris["Paris"].1, "appsettings.json:3");
    assert_eq!(server.not_use_agent.as_deref(), Some("appsettings.json:2"));
    let wrong = SourceFile::new("appsettings.json", "", "{\"ApplicationUri\": 5, \"Password\": \"geheim\"}");
    let error = settings::read_over(&wrong, &mut ServerSettings::default()).unwrap_err().render(false);
    assert!(error.contains("appsettings.json:1: `ApplicationUri` is not text") && !error.contains("geheim"));
}

#[test]
fn what_is_nearly_right_and_merges_are_kept_as_oddities() {
    let (configuration, notes) = read(
        "<Conector Identifier='AD'/><form/>\n<Connector Identifier='B'\n agent='P' DisplayName_L9='x'/>\n\
         <Job Identifier='J' ConsolidationMode='Merge'/><OpenIdClient Identifier='C' ConsolidationMode='Merge' HashedSecret='K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols='/>\n\
         <Job Identifier='K'><Steps Task='\u{202e}'/><ExportTask><TaskDependOnTask/></ExportTask></Job>",
    );
    assert!(notes.is_empty(), "{}", notes.render(false));
    let name = |name: &str| name.to_owned();
    let told: Vec<_> = configuration
        .oddities
        .into_iter()
        .map(|odd| (odd.place, odd.identifier.unwrap_or_default(), odd.kind))
        .collect();
    let element = |name: &str, meant: &str| OddityKind::Element { name: name.into(), meant: meant.into() };
    assert_eq!(
        told,
        [
            (name("a.xml:2"), name("AD"), element("Conector", "Connector")),
            (
                name("a.xml:4"),
                name("B"),
                OddityKind::Attribute {
                    element: name("Connector"),
                    name: name("agent"),
                    meant: name("Agent")
                }
            ),
            (name("a.xml:5"), name("J"), OddityKind::Merge { name: name("Job") }),
            (name("a.xml:6"), String::new(), element("Steps", "Step")),
            (name("a.xml:6"), String::new(), element("TaskDependOnTask", "TaskDependsOnTask")),
        ]
    );
}

#[test]
fn what_is_wrong_is_shown_in_its_place() {
    insta::assert_snapshot!(
        messages(
            "<Connector Agent=\"Paris\" />\n<Connector Identifier=\"AD\" agent=\"Paris\" IsDeactivated=\"True\" />\n<Connection identifier=\"X\" Connector=\"AD\" />\n\
             <Job Identifier=\"J\" CronTimeZone=\"Paris\"><Step /></Job>\n<OpenIdClient Identifier=\"Job\" HashedSecret=\"abc\" ExpirationDate=\"31.12.2027\" />\n<agent Identifier=\"A\" />"
        ),
        @r#"
    error: this `Connector` has no `Identifier`
     --> a.xml:2:2
      |
    1 | <ConfigurationFile xmlns="urn:schemas-usercube-com:configuration">
    2 | <Connector Agent="Paris" />
      |  ^^^^^^^^^

    error: `IsDeactivated` is `true` or `false`, and this is `True`
     --> a.xml:3:57
      |
    2 | <Connector Agent="Paris" />
    3 | <Connector Identifier="AD" agent="Paris" IsDeactivated="True" />
      |                                                         ^^^^
    hint: write `true`

    error: this `Connection` has no `Identifier`
     --> a.xml:4:2
      |
    3 | <Connector Identifier="AD" agent="Paris" IsDeactivated="True" />
    4 | <Connection identifier="X" Connector="AD" />
      |  ^^^^^^^^^^
    hint: write `Identifier`, not `identifier`: names are told apart by case

    error: `CronTimeZone` does not know `Paris`
     --> a.xml:5:35
      |
    4 | <Connection identifier="X" Connector="AD" />
    5 | <Job Identifier="J" CronTimeZone="Paris"><Step /></Job>
      |                                   ^^^^^
    hint: write one of `UTC`, `ServerTime`, or its number from 0 on

    error: this `Step` has no `Identifier`
     --> a.xml:5:43
      |
    4 | <Connection identifier="X" Connector="AD" />
    5 | <Job Identifier="J" CronTimeZone="Paris"><Step /></Job>
      |                                           ^^^^

    warning: `HashedSecret` is the base64 of 32 bytes, and this is not, so that no secret fits
     --> a.xml:6:32
      |
    5 | <Job Identifier="J" CronTimeZone="Paris"><Step /></Job>
    6 | <OpenIdClient Identifier="Job" HashedSecret="abc" ExpirationDate="31.12.2027" />
      |                                ^^^^^^^^^^^^
    hint: make it with `Usercube-New-OpenIDSecret`, or as base64 of the SHA-256 of the secret

    error: `ExpirationDate` is a date, and this is `31.12.2027`
     --> a.xml:6:67
      |
    5 | <Job Identifier="J" CronTimeZone="Paris"><Step /></Job>
    6 | <OpenIdClient Identifier="Job" HashedSecret="abc" ExpirationDate="31.12.2027" />
      |                                                                   ^^^^^^^^^^
    hint: write it as `2027-12-31` or `2027-12-31T23:59:59Z`

    6 errors, 1 warning
    "#
    );
}
