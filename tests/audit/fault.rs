//! Faults of every kind that the catalogue has: each plants itself at an agent, and says what has to be found.

use jiff::civil::date;
use paceline::audit::{ObservedCertificate, Usage, Waiver};
use paceline::preflight::host::Reached;
use paceline::preflight::{Finding, Severity};
use serde_json::json;

use super::fleet::{Fleet, HASH, Listed, SEALED};

/// An id and what it is about.
pub(super) type Wanted = Vec<(String, String)>;

/// Agents that a fault needs for itself.
pub(super) const AGENTS: usize = 2;

const OUTSIDE: &str = "D:/people.csv";

impl Fleet {
    /// Plants a fault at agent `n`, for which agent `n + 1` is set aside as well; nothing if this fleet cannot have it.
    pub(super) fn plant(&mut self, id: &str, n: usize) -> Option<Wanted> {
        let (agent, other) = (self.agents[n].id.clone(), self.agents[n + 1].id.clone());
        let (host, next) = (self.agents[n].host.clone(), self.agents[n + 1].host.clone());
        let (directory, foreign) = (self.agents[n].directory(), self.agents[n + 1].directory());
        let (export, away) = (self.agents[n].export(), self.agents[n + 1].export());
        let people = self.agents[n].listed[1].name.clone();
        let at = self.agents[n].subject();
        let one = |subject: String| Some(vec![(id.to_owned(), subject)]);
        let job = |fleet: &mut Self, on: &str, task: &str| {
            fleet.xml.push(format!("<Job Identifier=\"Odd{n}\" DisplayName_L1=\"x\"{on}>{task}</Job>"));
        };
        match id {
            "agent-variable" => {
                self.hosts.push((format!("foreign{n}.example"), "telegraf".to_owned()));
                one(format!("host foreign{n}.example"))
            }
            "agent-malformed" => {
                let variable = format!("{{identifier: Typo{n}, connector: [X]}}");
                self.hosts.push((format!("typo{n}.example"), variable));
                one(format!("host typo{n}.example"))
            }
            "agent-name-reserved" => {
                self.hosts.push((format!("local{n}.example"), "{identifier: Local}".to_owned()));
                one(format!("host local{n}.example"))
            }
            "agent-on-two-hosts" => {
                self.hosts.push((format!("twin{n}.example"), format!("{{identifier: {agent}}}")));
                one(format!("agent {agent}"))
            }
            "agent-name-case" => {
                self.hosts
                    .push((format!("case{n}.example"), format!("{{identifier: {}}}", agent.to_uppercase())));
                one(format!("agent {agent}"))
            }
            "agent-without-host" => {
                self.xml.push(format!("<Agent Identifier=\"Ghost{n}\" DisplayName_L1=\"x\"/>"));
                one(format!("agent Ghost{n}"))
            }
            "agent-not-configured" => {
                self.hosts.push((format!("stray{n}.example"), format!("{{identifier: Stray{n}}}")));
                one(format!("agent Stray{n}"))
            }
            "agent-idle" => {
                self.hosts.push((format!("idle{n}.example"), format!("{{identifier: Idle{n}}}")));
                self.xml.push(format!("<Agent Identifier=\"Idle{n}\" DisplayName_L1=\"x\"/>"));
                one(format!("agent Idle{n}"))
            }
            "agent-not-installed" => {
                self.agents[n].installed = false;
                one(at)
            }
            "agent-identifier-mismatch" => {
                self.agents[n].settings["OpenId"]["AgentIdentifier"] = json!(format!("Other{n}"));
                // What the host says that it is, the server does not know.
                Some(vec![(id.into(), at), ("agent-not-configured".into(), format!("agent Other{n}"))])
            }
            "agent-identifier-missing" => {
                self.agents[n].settings["OpenId"].as_object_mut().unwrap().remove("AgentIdentifier");
                one(at)
            }
            "host-unreachable" => {
                self.agents[n].silent = true;
                one(format!("host {host}"))
            }
            "agent-uri" => {
                let uri = self.agents[n].uri.replace("agents", "AGENTS");
                self.agents[n].xml_uri.clone_from(&uri);
                self.agents[n].uri = uri;
                one(format!("agent {agent}"))
            }
            "agent-uri-mismatch" => {
                self.agents[n].uri = format!("https://other{n}.agents.example");
                one(format!("agent {agent}"))
            }
            "agent-uri-override" => {
                let name = format!("over{n}.agents.example");
                self.agents[n].uri = format!("https://{name}");
                self.server["Agents"][&agent] = json!({ "Uri": format!("https://{name}") });
                self.agents[n].host_names = vec![name];
                one(format!("agent {agent}"))
            }
            "agent-override-unknown" => {
                self.server["Agents"][format!("Nobody{n}")] =
                    json!({ "Uri": "https://nobody.agents.example" });
                one(format!("agent Nobody{n}"))
            }
            "agent-binding-mismatch" => {
                self.agents[n].host_names = vec!["elsewhere.agents.example".to_owned()];
                one(at)
            }
            "agent-certificate-name" => {
                let name = format!("a{n}.elsewhere.example");
                let spec = &mut self.agents[n];
                spec.uri = format!("https://{name}");
                spec.xml_uri = format!("https://{name}");
                spec.host_names = vec![name];
                one(at)
            }
            "agent-pool-stopped" => {
                self.agents[n].states[0] = "Stopped";
                one(at)
            }
            "agent-site-stopped" => {
                self.agents[n].states[1] = "missing";
                one(at)
            }
            "not-use-agent" => {
                self.server["NotUseAgent"] = json!(true);
                one("server".to_owned())
            }
            "connector-without-agent" => {
                self.xml.push(format!("<Connector Identifier=\"Lost{n}\" DisplayName_L1=\"x\"/>"));
                one(format!("connector Lost{n}"))
            }
            "connector-agent-mismatch" => {
                // The settings are where the configuration wants them: only the inventory is wrong.
                let settings =
                    self.agents[n].settings["Connections"].as_object_mut().unwrap().remove(&export);
                self.agents[n + 1].settings["Connections"][&export] = settings.unwrap();
                self.agents[n].xml_agent = other;
                one(format!("connector {directory}"))
            }
            "connector-on-two-agents" => {
                self.agents[n + 1].listed.push(Listed { name: directory.clone(), system: None });
                one(format!("connector {directory}"))
            }
            "connector-not-configured" => {
                self.agents[n].listed.push(Listed { name: format!("Unknown{n}"), system: None });
                one(format!("connector Unknown{n}"))
            }
            "connector-not-declared" => {
                self.connector(&format!("Extra{n}"), &agent);
                one(format!("connector Extra{n}"))
            }
            "connector-identifier" => {
                let name = format!("{n}Bad Name");
                self.connector(&name, &agent);
                self.agents[n].listed.push(Listed { name: name.clone(), system: None });
                one(format!("connector {name}"))
            }
            "managed-system-two-agents" | "managed-system-conflict" => {
                let (name, address) = self.agents[n].listed[0].system.clone().unwrap();
                let twice = id == "managed-system-two-agents";
                let (on, serving, address) = match twice {
                    true => (n + 1, other, address),
                    false => (n, agent, "elsewhere.example:636".to_owned()),
                };
                let subject = format!("managed system {name}");
                self.connector(&format!("Second{n}"), &serving);
                let system = Some((name, address));
                self.agents[on].listed.push(Listed { name: format!("Second{n}"), system });
                one(subject)
            }
            "managed-system-address" => {
                let name = format!("dir{n:04}");
                self.agents[n].listed[0].system = Some((name.clone(), "no port".to_owned()));
                one(format!("managed system {name}"))
            }
            "managed-system-unreachable" => {
                let (_, address) = self.agents[n].listed[0].system.clone().unwrap();
                self.agents[n].reached.insert(address, Reached::No("connection refused".to_owned()));
                one(format!("connector {directory}"))
            }
            "identifier-duplicate" => {
                self.connector(&directory, &agent);
                one(format!("connector {directory}"))
            }
            "connection-identifier" => {
                let name = format!("AD_{n}");
                self.connection(&name, &directory);
                self.agents[n].settings["Connections"][&name] = json!({ "Server": "x" });
                one(format!("connection {name}"))
            }
            "connection-connector-unknown" => {
                self.connection(&format!("Orphan{n}"), "Nowhere");
                one(format!("connection Orphan{n}"))
            }
            "connection-settings-missing" => {
                self.agents[n].settings["Connections"].as_object_mut().unwrap().remove(&export);
                one(format!("connection {export}"))
            }
            "connection-settings-leftover" => {
                self.agents[n].settings["Connections"][&away] = json!({ "Password": SEALED });
                one(format!("connection {away} on {host}"))
            }
            "connection-settings-unknown" => {
                self.agents[n].settings["Connections"][format!("Old{n}")] = json!({ "Server": "x" });
                one(format!("connection Old{n} on {host}"))
            }
            "source-path-outside" => {
                self.agents[n].settings["Connections"][format!("{people}People")] =
                    json!({ "Path": OUTSIDE });
                one(format!("connection {people}People of {at}"))
            }
            "job-mixes-agents" => {
                let (first, second) =
                    (task(n, "A", &agent, &export, "Job"), task(n, "B", &other, &away, "Job"));
                job(self, &format!(" Agent=\"{agent}\""), &format!("{first}{second}"));
                one(format!("job Odd{n}"))
            }
            "job-agent-mismatch" => {
                let fulfil = format!(
                    "<FulfillTask Identifier=\"Odd{n}-F\" Connector=\"{foreign}\" DisplayName_L1=\"x\"/>"
                );
                job(self, &format!(" Agent=\"{agent}\""), &fulfil);
                one(format!("job Odd{n}"))
            }
            "job-agent-unknown" => {
                job(self, " Agent=\"Nowhere\"", "");
                one(format!("job Odd{n}"))
            }
            "job-step-unknown" => {
                job(self, &format!(" Agent=\"{agent}\""), "<Step Identifier=\"NoSuchTask\"/>");
                one(format!("job Odd{n}"))
            }
            "task-agent-mismatch" => {
                job(self, &format!(" Agent=\"{agent}\""), &task(n, "A", &agent, &away, "Job"));
                one(format!("task Odd{n}-A"))
            }
            "task-agent-unknown" => {
                job(self, "", &task(n, "A", "Nowhere", &export, "Job"));
                one(format!("task Odd{n}-A"))
            }
            "task-connector-unknown" => {
                let prepare = format!(
                    "<PrepareSynchronizationTask Identifier=\"Odd{n}-A\" Agent=\"{agent}\" Connector=\"Nowhere\" OpenIdClient=\"Job\" DisplayName_L1=\"x\"/>"
                );
                job(self, &format!(" Agent=\"{agent}\""), &prepare);
                one(format!("task Odd{n}-A"))
            }
            "task-connection-unknown" => {
                job(self, &format!(" Agent=\"{agent}\""), &task(n, "A", &agent, "Nowhere", "Job"));
                one(format!("task Odd{n}-A"))
            }
            "task-client-unknown" => {
                job(self, &format!(" Agent=\"{agent}\""), &task(n, "A", &agent, &export, "Nobody"));
                one(format!("task Odd{n}-A"))
            }
            "client-expired" => self.client(n, "ExpirationDate=\"2026-11-01\"", id),
            "client-expires-soon" => self.client(n, "ExpirationDate=\"2026-12-20\"", id),
            "client-hash-invalid" => {
                self.xml.push(format!(
                    "<OpenIdClient Identifier=\"Client{n}\" Profile=\"x\" DisplayName_L1=\"x\"/>"
                ));
                one(format!("client Client{n}"))
            }
            "client-secret-mismatch" => {
                self.agents[n].settings["OpenId"]["OpenIdClients"]["Job"] = json!("not the secret");
                // To be compared at all it has to be in plain text.
                Some(vec![(id.into(), "client Job".into()), ("secret-plain-text".into(), at)])
            }
            "client-unknown" => {
                self.agents[n].settings["OpenId"]["OpenIdClients"][format!("Other{n}")] = json!(SEALED);
                one(format!("client Other{n}"))
            }
            "client-default-unknown" => {
                self.agents[n].settings["OpenId"]["DefaultOpenIdClient"] = json!("Nobody");
                one(at)
            }
            "application-uri-slash" => {
                self.agents[n].main["ApplicationUri"] = json!("https://identity.corp.example/");
                one(at)
            }
            "application-uri-mismatch" => {
                self.agents[n].main["ApplicationUri"] = json!("https://staging.corp.example");
                one(at)
            }
            "encrypt-file-off" => {
                self.agents[n].main["EncryptionCertificate"]["EncryptFile"] = json!(false);
                one(at)
            }
            "stdout-log-on" => {
                self.agents[n].stdout_log = true;
                one(at)
            }
            "secret-plain-text" => {
                // The right secret: its hash fits, and it is readable all the same.
                self.agents[n].settings["OpenId"]["OpenIdClients"]["Job"] = json!("secret");
                one(at)
            }
            "settings-odd" => {
                self.agents[n].oddities.push((format!("{host}:x.json"), "it is cut off".to_owned()));
                one(format!("file {host}:x.json: it is cut off"))
            }
            "version-older" | "version-newer" => {
                self.server_version.as_ref()?;
                self.agents[n].version = if id == "version-older" { "6.1.9.4" } else { "6.2.2.0" }.to_owned();
                one(at)
            }
            "versions-differ" => {
                if self.server_version.is_some() {
                    return None;
                }
                self.agents[n].version = "6.2.0.0".to_owned();
                one("versions".to_owned())
            }
            "waiver-expired" => {
                self.waive(id, n, "agent-idle", date(2026, 11, 25));
                one(format!("waiver waivers.yml:{id}{n}"))
            }
            "waiver-unused" => {
                self.waive(id, n, "agent-idle", date(2026, 11, 26));
                one(format!("waiver waivers.yml:{id}{n}"))
            }
            "certificate-unreadable" => {
                self.certificate(n, id, false);
                one(format!("certificate of {at} for files"))
            }
            "configuration-misspelt" => {
                let element =
                    format!("<Conector Identifier=\"Typo{n}\" DisplayName_L1=\"x\" Agent=\"{agent}\"/>");
                self.xml.push(element);
                one(format!("element Conector Typo{n}"))
            }
            "configuration-merge" => {
                let job = format!(
                    "<Job Identifier=\"Merged{n}\" DisplayName_L1=\"x\" Agent=\"{agent}\" ConsolidationMode=\"Merge\"/>"
                );
                self.xml.push(job);
                one(format!("Job Merged{n}"))
            }
            "client-override-unknown" => {
                self.server["OpenIdClients"][format!("Nobody{n}")] = json!({ "HashedSecret": HASH });
                one(format!("client Nobody{n}"))
            }
            _ if id.starts_with("certificate-") => {
                self.certificate(n, id, true);
                // The same certificate is on another host: it is one finding.
                let both = self.agents[n].certificates.last().cloned().unwrap();
                self.agents[n + 1].certificates.push(both);
                assert_ne!(host, next);
                one(format!("certificate {id}{n}"))
            }
            _ => panic!("the generator cannot plant `{id}`"),
        }
    }

    pub(super) fn connector(&mut self, name: &str, agent: &str) {
        self.xml.push(format!("<Connector Identifier=\"{name}\" DisplayName_L1=\"x\" Agent=\"{agent}\"/>"));
    }

    fn connection(&mut self, name: &str, connector: &str) {
        let element = format!(
            "<Connection Identifier=\"{name}\" Connector=\"{connector}\" DisplayName_L1=\"x\" Package=\"Usercube.AD@0000001\"/>"
        );
        self.xml.push(element);
    }

    fn client(&mut self, n: usize, attribute: &str, id: &str) -> Option<Wanted> {
        self.xml.push(format!(
            "<OpenIdClient Identifier=\"Client{n}\" HashedSecret=\"{HASH}\" Profile=\"x\" DisplayName_L1=\"x\" {attribute}/>"
        ));
        Some(vec![(id.to_owned(), format!("client Client{n}"))])
    }

    fn waive(&mut self, id: &str, n: usize, waived: &str, until: jiff::civil::Date) {
        self.waivers.waive.push(Waiver {
            id: waived.to_owned(),
            subject: Some("nothing has this subject".to_owned()),
            reason: "x".to_owned(),
            until,
            place: format!("waivers.yml:{id}{n}"),
            ..Waiver::default()
        });
    }

    /// A certificate with what the policy would say about it.
    fn certificate(&mut self, n: usize, id: &str, readable: bool) {
        let judged = json!({
            "place": "x", "subject": "CN=x", "issuer": "CN=CA", "serial": "01", "thumbprint": format!("{id}{n}"),
            "thumbprint_sha256": "", "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-12-01T00:00:00Z",
            "key_algorithm": "RSA", "key_size": 4096, "signature": "sha256WithRSAEncryption",
            "has_private_key": true, "self_signed": false, "chain": false,
        });
        self.agents[n].certificates.push(ObservedCertificate {
            usage: Usage::Encryption,
            place: "x".to_owned(),
            judged: readable.then(|| serde_json::from_value(judged).unwrap()).into_iter().collect(),
            findings: vec![Finding::new(id, Severity::Warning, "x", "m", "h")],
        });
    }
}

fn task(n: usize, name: &str, agent: &str, connection: &str, client: &str) -> String {
    format!(
        "<ExportTask Identifier=\"Odd{n}-{name}\" Agent=\"{agent}\" Connection=\"{connection}\" OpenIdClient=\"{client}\" DisplayName_L1=\"x\"/>"
    )
}
