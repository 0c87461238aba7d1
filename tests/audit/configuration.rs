//! The folder of the server's configuration as it lies on a disk: the shipped sample, order, links, limits, settings.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use paceline::audit::{Configuration, ConfigurationLimits, read_configuration};

fn read(folder: &Path) -> (Configuration, String) {
    read_with(folder, &[], ConfigurationLimits::default())
}

fn read_with(folder: &Path, settings: &[PathBuf], limits: ConfigurationLimits) -> (Configuration, String) {
    let (configuration, notes) = read_configuration(folder, settings, limits);
    (configuration, notes.render(false))
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn agent(identifier: &str) -> String {
    format!(
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\"><Agent Identifier=\"{identifier}\"/></ConfigurationFile>"
    )
}

fn agents(configuration: &Configuration) -> Vec<&str> {
    configuration.agents.iter().map(|agent| agent.identifier.as_str()).collect()
}

#[test]
fn the_shipped_sample_fits_the_shipped_inventory_but_for_what_is_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (configuration, notes) = read(&root.join("configuration/production"));
    assert_eq!(notes, "");
    let hosts = fs::read_to_string(root.join("inventory/production/hosts.yml")).unwrap();
    let known = |name: &str| {
        hosts.lines().any(|line| {
            let line = line.trim().trim_start_matches("- ");
            line == name || line == format!("identifier: {name}")
        })
    };
    let unknown: Vec<_> = agents(&configuration).into_iter().filter(|agent| !known(agent)).collect();
    assert_eq!((configuration.agents.len(), unknown), (9, vec!["ParisReception"]));
    let connectors: BTreeSet<_> =
        configuration.connectors.iter().map(|connector| connector.identifier.as_str()).collect();
    let unknown: Vec<_> = connectors.iter().filter(|connector| !known(connector)).collect();
    assert_eq!((connectors.len(), unknown), (21, vec![&"Visitors"]));
    let without: Vec<_> =
        configuration.connectors.iter().filter(|connector| connector.agent.is_none()).collect();
    assert_eq!((without.len(), without[0].identifier.as_str()), (1, "Telephones"));
    for connection in &configuration.connections {
        assert!(connectors.contains(connection.connector.as_str()), "{}", connection.identifier);
    }
    assert!(configuration.jobs.iter().all(|job| job.unknown_steps.is_empty()));
    let mixed: Vec<_> = configuration
        .jobs
        .iter()
        .filter(|job| {
            job.tasks
                .iter()
                .filter_map(|task| configuration.tasks[*task].agent.as_ref())
                .collect::<BTreeSet<_>>()
                .len()
                > 1
        })
        .map(|job| job.identifier.as_str())
        .collect();
    assert_eq!(mixed, ["Berlin-Nightly"]);
    let server = &configuration.server;
    let uri = server.application_uri.as_ref().unwrap();
    assert_eq!(uri.0, "https://identity.corp.example");
    assert!(uri.1.ends_with("configuration/production/appsettings.json:3"), "{}", uri.1);
    assert!(server.agent_uris.contains_key("LyonAD"));
    let fulfill = configuration.tasks.iter().find(|task| task.identifier == "CorpAD-Fulfillment").unwrap();
    assert_eq!(fulfill.resource_connectors, ["CorpAD"]);
}

#[test]
fn files_are_read_in_order_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (conf, outside) = (folder.path().join("conf"), folder.path().join("outside"));
    put(&conf, "b.xml", &agent("2"));
    put(&conf, "A.XML", &agent("1"));
    put(&conf, "x/c.xml", &agent("4"));
    put(&conf, "x/y/d.xml", &agent("5"));
    put(&conf, "c.txt", "<nothing>");
    put(&conf, ".git/e.xml", &agent("hidden"));
    put(&outside, "f.xml", &agent("outside"));
    symlink(&conf, conf.join("x/loop")).unwrap();
    symlink("b.xml", conf.join("same.xml")).unwrap();
    symlink("nowhere.xml", conf.join("gone.xml")).unwrap();
    symlink(&outside, conf.join("out")).unwrap();
    symlink(outside.join("f.xml"), conf.join("out.xml")).unwrap();
    assert!(Command::new("mkfifo").arg(conf.join("pipe.xml")).status().unwrap().success());
    put(&conf, "z.xml", &agent("3"));
    let (configuration, notes) = read(&conf);
    assert_eq!(agents(&configuration), ["1", "2", "3", "4", "5"]);
    let place = &configuration.agents[4].place;
    assert_eq!(place, &format!("{}:1", conf.join("x/y/d.xml").display()));
    for what in [
        "out` leads out of the folder",
        "out.xml` leads out of",
        "gone.xml` leads nowhere",
        "pipe.xml` is not a regular file",
    ] {
        assert!(notes.contains(what), "{what}: {notes}");
    }
    assert!(!notes.contains("loop") && !notes.contains("same") && notes.contains("4 warnings"), "{notes}");
}

#[test]
fn all_files_are_read_whatever_is_wrong_with_one() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "1.xml",
        "<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n  <Agent Identifier=\"A\" />\n  <Agent />\n",
    );
    put(folder.path(), "2.xml", &agent("B"));
    put(folder.path(), "3.xml", "<!DOCTYPE x><x/>");
    put(folder.path(), "4.xml", "<pom xmlns='urn:other'/>");
    let (configuration, notes) = read(folder.path());
    assert_eq!(agents(&configuration), ["A", "B"]);
    for what in [
        "has no `Identifier`",
        "1.xml:3:4",
        "no end tag",
        "1.xml:1:1",
        "document type",
        "3.xml:1:1",
        "its root is `pom`",
        "4.xml:1:2",
        "3 errors, 1 warning",
    ] {
        assert!(notes.contains(what), "{what}: {notes}");
    }
}

#[test]
fn limits_and_wrong_folders_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ConfigurationLimits::default();
    let said = |path: &Path, limits| read_with(path, &[], limits).1;
    assert!(said(&folder.path().join("nosuch"), limits).contains("No such file"));
    assert!(said(folder.path(), limits).contains("there is no file of the server's configuration"));
    put(folder.path(), "a.xml", &agent("A"));
    put(folder.path(), "b.xml", &agent("B"));
    assert!(said(&folder.path().join("a.xml"), limits).contains("is not a folder"));
    let one = |change: fn(&mut ConfigurationLimits)| {
        let mut limits = limits;
        change(&mut limits);
        said(folder.path(), limits)
    };
    assert!(one(|limits| limits.file = 50).contains("a.xml` is larger than"));
    assert!(one(|limits| limits.all = 150).contains("b.xml` the configuration has more than"));
    assert!(one(|limits| limits.files = 1).contains("more than 1 XML files"));
    put(folder.path(), "x/y/z/c.xml", &agent("C"));
    assert!(one(|limits| limits.depth = 2).contains("nested deeper than 2 levels"));
    assert_eq!(said(folder.path(), limits), "");
}

#[test]
fn settings_are_found_beside_the_configuration_or_where_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("Conf");
    put(&conf, "a.xml", &agent("A"));
    let uri = |settings: &[PathBuf]| {
        let (configuration, notes) = read_with(&conf, settings, ConfigurationLimits::default());
        assert_eq!(notes, "");
        configuration.server.application_uri
    };
    assert_eq!(uri(&[]), None);
    let settings = |place: &str, uri: &str| {
        put(folder.path(), place, &format!("\u{feff}{{\n\"applicationURI\": \"{uri}\", }}"));
    };
    settings("appsettings.json", "parent");
    assert_eq!(uri(&[]).unwrap().0, "parent");
    settings("Runtime/appsettings.json", "runtime");
    assert_eq!(uri(&[]).unwrap().0, "runtime");
    settings("Runtime/appsettings.Production.json", "production");
    let (value, place) = uri(&[]).unwrap();
    assert_eq!(value, "production");
    assert!(place.ends_with("/Runtime/appsettings.Production.json:2"), "{place}");
    settings("Conf/appsettings.json", "here");
    assert_eq!(uri(&[]).unwrap().0, "here");
    let given = ["Runtime/appsettings.json", "appsettings.json"].map(|file| folder.path().join(file));
    assert_eq!(uri(&given).unwrap().0, "parent");
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{\"ConnectionString\": \"Password=geheim\" \"x\": 1}").unwrap();
    let (_, notes) =
        read_with(&conf, &[broken, folder.path().join("nosuch.json")], ConfigurationLimits::default());
    assert!(
        notes.contains("broken.json:1:40: `,` or `}` is expected") && notes.contains("cannot read"),
        "{notes}"
    );
    assert!(!notes.contains("geheim"), "{notes}");
}
