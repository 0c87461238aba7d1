//! A generator of fleets: inventory, server configuration and settings of hosts as text, read by the real readers. What
//! only a host can answer (pools, sites, certificates) is put into the model.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::OnceLock;

use paceline::audit::settings::{HostFile, HostFiles, read};
use paceline::audit::{
    Audit, CheckOptions, Configuration, ConfigurationLimits, Declared, DeclaredHost, Installation, Observed,
    ObservedCertificate, ObservedHost, RunState, Sources, Usage, Waivers, audit, read_configuration,
};
use paceline::inventory::{Inventory, InventorySource};
use paceline::preflight::certificate::Certificate;
use paceline::preflight::host::{Reached, place_of};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::certificates::Certificates;

pub(super) const SERVER: &str = "https://identity.corp.example";
/// Encrypted as the product's tool does it, so that no secret stands in plain text.
pub(super) const SEALED: &str = "kxABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// base64 of the SHA-256 of `secret`.
pub(super) const HASH: &str = "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=";

/// A small generator of numbers (xorshift): the same fleet for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A connector as the inventory lists it.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) name: String,
    /// Name and address.
    pub(super) system: Option<(String, String)>,
}

/// An agent in all three sources.
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) host: String,
    pub(super) uri: String,
    pub(super) xml_uri: String,
    pub(super) listed: Vec<Listed>,
    /// The agent of its directory's connector in the XML.
    pub(super) xml_agent: String,
    pub(super) settings: Value,
    pub(super) main: Value,
    pub(super) stdout_log: bool,
    pub(super) version: String,
    pub(super) certificates: Vec<ObservedCertificate>,
    pub(super) host_names: Vec<String>,
    pub(super) oddities: Vec<(String, String)>,
    pub(super) states: [&'static str; 2],
    pub(super) installed: bool,
    pub(super) silent: bool,
    pub(super) reached: BTreeMap<String, Reached>,
}

impl Agent {
    fn new(number: usize) -> Self {
        let (id, host) = (format!("Agent{number:04}"), format!("h{number:04}.example"));
        let uri = format!("https://a{number:04}.agents.example");
        let (directory, people) = (format!("AD{number:04}"), format!("HR{number:04}"));
        Self {
            listed: vec![
                Listed {
                    name: directory.clone(),
                    system: Some((format!("dir{number:04}"), format!("dir{number:04}.example:636"))),
                },
                Listed { name: people.clone(), system: None },
            ],
            settings: json!({
                "OpenId": { "AgentIdentifier": id, "OpenIdClients": { "Job": SEALED }, "DefaultOpenIdClient": "Job" },
                "Connections": {
                    format!("{directory}Export"): { "Login": "CORP\\svc", "Password": SEALED },
                    format!("{people}People"): { "Path": "C:/IdentityAgent/Sources/people.csv" },
                },
                "SourcesRootPaths": ["C:/IdentityAgent/Sources"],
            }),
            main: json!({ "ApplicationUri": SERVER, "EncryptionCertificate": { "EncryptFile": true } }),
            xml_uri: uri.clone(),
            xml_agent: id.clone(),
            stdout_log: false,
            version: "6.2.1.0".to_owned(),
            certificates: vec![site_certificate()],
            host_names: vec![format!("a{number:04}.agents.example")],
            oddities: Vec::new(),
            states: ["Started"; 2],
            installed: true,
            silent: false,
            reached: BTreeMap::new(),
            id,
            host,
            uri,
        }
    }

    pub(super) fn directory(&self) -> String {
        self.listed[0].name.clone()
    }

    /// The connection of its directory.
    pub(super) fn export(&self) -> String {
        format!("{}Export", self.listed[0].name)
    }

    /// What findings about its installation are about.
    pub(super) fn subject(&self) -> String {
        format!("agent {} on {}", self.id, self.host)
    }
}

/// A certificate for `*.agents.example`, made by `openssl` once for all fleets.
fn site_certificate() -> ObservedCertificate {
    static MADE: OnceLock<Certificate> = OnceLock::new();
    let certificate = MADE.get_or_init(|| {
        let certificates = Certificates::new();
        let out = certificates.argument("site.der");
        let key = certificates.argument("site.key");
        certificates.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=site",
            "-days",
            "30",
            "-addext",
            "subjectAltName=DNS:*.agents.example",
            "-keyout",
            &key,
            "-outform",
            "DER",
            "-out",
            &out,
        ]);
        Certificate::read(&std::fs::read(out).unwrap(), "site").unwrap()
    });
    ObservedCertificate {
        usage: Usage::Tls,
        place: "site".to_owned(),
        judged: vec![certificate.clone()],
        findings: Vec::new(),
    }
}

/// A fleet.
pub(super) struct Fleet {
    pub(super) agents: Vec<Agent>,
    /// Further hosts of the inventory: name, and the YAML of their variable `agent`.
    pub(super) hosts: Vec<(String, String)>,
    /// Groups of such hosts, with the variable of all of them.
    pub(super) groups: Vec<(Vec<String>, String)>,
    /// Further elements of the configuration.
    pub(super) xml: Vec<String>,
    /// The server's settings.
    pub(super) server: Value,
    /// Whether these are UTF-16, as PowerShell 5.1 writes it.
    pub(super) wide: bool,
    pub(super) server_version: Option<String>,
    pub(super) waivers: Waivers,
}

impl Fleet {
    /// A fleet in which nothing is wrong.
    pub(super) fn clean(count: usize) -> Self {
        Self {
            agents: (0..count).map(Agent::new).collect(),
            hosts: Vec::new(),
            groups: Vec::new(),
            xml: Vec::new(),
            server: json!({ "ApplicationUri": SERVER }),
            wide: false,
            server_version: None,
            waivers: Waivers::default(),
        }
    }

    fn yaml(&self) -> String {
        let mut text = String::from("identity_agents:\n  hosts:\n");
        for agent in &self.agents {
            let connectors: Vec<Value> = agent
                .listed
                .iter()
                .map(|listed| match &listed.system {
                    None => json!(listed.name),
                    Some((name, address)) => {
                        json!({"identifier": listed.name, "managed_system": {"name": name, "kind": "ldap", "address": address}})
                    }
                })
                .collect();
            let variable = json!({"identifier": agent.id, "uri": agent.uri, "connectors": connectors});
            writeln!(text, "    {}:\n      agent: {variable}", agent.host).unwrap();
        }
        for (host, variable) in &self.hosts {
            writeln!(text, "    {host}:\n      agent: {variable}").unwrap();
        }
        for (number, (hosts, variable)) in self.groups.iter().enumerate() {
            let hosts: String = hosts.iter().map(|host| format!("    {host}:\n")).collect();
            writeln!(text, "odd{number}:\n  vars:\n    agent: {variable}\n  hosts:\n{hosts}").unwrap();
        }
        text
    }

    fn configuration(&self) -> String {
        let mut text = String::from(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ConfigurationFile xmlns=\"urn:schemas-usercube-com:configuration\">\n",
        );
        writeln!(text, "<OpenIdClient Identifier=\"Job\" HashedSecret=\"{HASH}\" Profile=\"Jobs\" DisplayName_L1=\"Jobs\"/>").unwrap();
        for (number, agent) in self.agents.iter().enumerate() {
            let (id, directory, people) = (&agent.id, &agent.listed[0].name, &agent.listed[1].name);
            let on = &agent.xml_agent;
            writeln!(
                text,
                "<Agent Identifier=\"{id}\" DisplayName_L1=\"x\" URI=\"{}\"/>
<Connector Identifier=\"{directory}\" DisplayName_L1=\"x\" Agent=\"{on}\"/>
<Connection Identifier=\"{directory}Export\" Connector=\"{directory}\" DisplayName_L1=\"x\" Package=\"Usercube.AD@0000001\"/>
<Connector Identifier=\"{people}\" DisplayName_L1=\"x\" Agent=\"{id}\"/>
<Connection Identifier=\"{people}People\" Connector=\"{people}\" DisplayName_L1=\"x\" Package=\"Usercube.CSV.Complete@0000001\"/>
<CreateAgentSynchroComplete Agent=\"{id}\" JobIdentifier=\"Daily{number:04}\" DisplayName_L1=\"x\"><OpenIdIdentifier Identifier=\"Job\"/></CreateAgentSynchroComplete>
<Job Identifier=\"Fast{number:04}\" DisplayName_L1=\"x\" Agent=\"{id}\" CronTabExpression=\"*/15 * * * *\" IsIncremental=\"true\">
<ExportTask Identifier=\"Fast{number:04}-Export\" Agent=\"{id}\" Connection=\"{people}People\" OpenIdClient=\"Job\" DisplayName_L1=\"x\"/>
<PrepareSynchronizationTask Identifier=\"Fast{number:04}-Prepare\" Agent=\"{id}\" Connector=\"{people}\" OpenIdClient=\"Job\" DisplayName_L1=\"x\"/>
<SynchronizeTask Identifier=\"Fast{number:04}-Sync\" Connector=\"{people}\" DisplayName_L1=\"x\"/>
</Job>",
                agent.xml_uri
            )
            .unwrap();
        }
        for element in &self.xml {
            writeln!(text, "{element}").unwrap();
        }
        text.push_str("</ConfigurationFile>\n");
        text
    }

    fn declared(&self, folder: &std::path::Path) -> Declared {
        let path = folder.join("hosts.yml");
        std::fs::write(&path, self.yaml()).unwrap();
        let (inventory, found) = Inventory::load(
            &[InventorySource::Path(path)],
            None,
            &paceline::secrets::vault::Vault::default(),
        );
        assert!(!found.has_errors(), "{}", found.render(false));
        let hosts = inventory.hosts.keys().map(|host| {
            let value = inventory.variable(host, "agent").map(|variable| variable.node.to_value());
            DeclaredHost::read(&host.0, place_of(&inventory, host, "agent"), value.as_ref())
        });
        Declared { hosts: hosts.collect() }
    }

    fn configured(&self, folder: &std::path::Path) -> Configuration {
        let folder = folder.join("Conf");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("all.xml"), self.configuration()).unwrap();
        let mut settings = self.server.to_string().into_bytes();
        if self.wide {
            let units =
                [0xfeff].into_iter().chain(self.server.to_string().encode_utf16().collect::<Vec<_>>());
            settings = units.flat_map(u16::to_le_bytes).collect();
        }
        std::fs::write(folder.join("appsettings.json"), settings).unwrap();
        let (configuration, found) = read_configuration(&folder, &[], ConfigurationLimits::default());
        assert!(!found.has_errors(), "{}", found.render(false));
        configuration
    }

    fn observed(&self) -> Observed {
        let hosts = self.agents.iter().map(|agent| {
            let mut host = ObservedHost { reached: agent.reached.clone(), ..ObservedHost::default() };
            if agent.silent {
                host.no_answer = Some("connection refused".to_owned());
            } else if agent.installed {
                host.installations.push(installation(agent));
            }
            (agent.host.clone(), host)
        });
        Observed { hosts: hosts.collect() }
    }

    /// Audits it with all three sources.
    pub(super) fn audit(&self) -> Audit {
        let folder = tempfile::tempdir().unwrap();
        let declared = self.declared(folder.path());
        let configuration = self.configured(folder.path());
        let observed = self.observed();
        let options = CheckOptions {
            now: "2026-11-26T12:00:00Z".parse().unwrap(),
            expires_within: 30,
            server_version: self.server_version.clone(),
        };
        let sources = Sources {
            declared: &declared,
            configuration: Some(&configuration),
            observed: Some(&observed),
            options: &options,
        };
        let mut audit = audit(sources, None);
        self.waivers.apply(&mut audit, "2026-11-26".parse().unwrap());
        audit
    }
}

fn installation(agent: &Agent) -> Installation {
    let file = |name: &str, text: String| HostFile {
        path: format!(r"C:\IdentityAgent\Runtime\{name}"),
        content: Ok(Zeroizing::new(text.into_bytes())),
    };
    let web = format!(
        "<configuration><system.webServer><aspNetCore processPath=\"dotnet\" arguments=\"./Usercube-Agent.dll\" stdoutLogEnabled=\"{}\"/></system.webServer></configuration>",
        agent.stdout_log
    );
    let files = HostFiles {
        host: agent.host.clone(),
        folder: r"C:\IdentityAgent".to_owned(),
        windows: true,
        files: vec![
            file("web.config", web),
            file("appsettings.json", agent.main.to_string()),
            file("appsettings.agent.json", agent.settings.to_string()),
        ],
        environment: Vec::new(),
        programs: vec![("Usercube-Agent.dll".to_owned(), Some(agent.version.clone()))],
    };
    let mut installation = read(&files).installation;
    let state = |name: &str, state: &str| Some(RunState { name: name.to_owned(), state: state.to_owned() });
    installation.pool = state("Usercube", agent.states[0]);
    installation.site = state("UsercubeCorp", agent.states[1]);
    installation.host_names.clone_from(&agent.host_names);
    installation.certificates.clone_from(&agent.certificates);
    installation.oddities.extend(agent.oddities.iter().cloned());
    installation
}
