//! Other forms of the same faults: what a rule once missed, or told where nothing was wrong. Each plants itself at an agent, as
//! in `fault.rs`.

use serde_json::json;

use super::fault::Wanted;
use super::fleet::{Fleet, HASH, Random};

/// What each of them is.
pub(super) const VARIANTS: &[&str] = &[
    "a connector on an agent that differs in case",
    "a job on an agent that differs in case",
    "a task on an agent that differs in case",
    "two connectors on one line",
    "two connectors of which the last one has no agent",
    "two connectors of which the first one has no agent",
    "a scaffolding of a connector that is nowhere",
    "a group with a foreign variable",
    "a misspelt attribute",
    "a misspelt task of a job",
    "a misspelt part of a scaffolding",
    "server settings in UTF-16",
    "an override of a client that differs in case",
    "a page's jobs for all connectors",
    "elements of which an audit knows nothing",
];

impl Fleet {
    /// Plants a form of a fault, for which the agents `n` and `n + 1` are set aside.
    pub(super) fn plant_variant(&mut self, variant: &str, n: usize, random: &mut Random) -> Wanted {
        let agent = self.agents[n].id.clone();
        let lower = agent.to_lowercase();
        let (directory, export) = (self.agents[n].directory(), self.agents[n].export());
        let one = |id: &str, subject: String| vec![(id.to_owned(), subject)];
        match variant {
            "a connector on an agent that differs in case" => {
                self.connector(&format!("Case{n}"), &lower);
                one("connector-without-agent", format!("connector Case{n}"))
            }
            "a job on an agent that differs in case" => {
                self.xml
                    .push(format!("<Job Identifier=\"Case{n}\" DisplayName_L1=\"x\" Agent=\"{lower}\"/>"));
                one("job-agent-unknown", format!("job Case{n}"))
            }
            "a task on an agent that differs in case" => {
                let task = format!(
                    "<ExportTask Identifier=\"Case{n}\" Agent=\"{lower}\" Connection=\"{export}\" OpenIdClient=\"Job\" DisplayName_L1=\"x\"/>"
                );
                self.xml.push(format!("<Job Identifier=\"CaseJob{n}\" DisplayName_L1=\"x\">{task}</Job>"));
                one("task-agent-unknown", format!("task Case{n}"))
            }
            "two connectors on one line" => {
                let connector =
                    format!("<Connector Identifier=\"Twin{n}\" DisplayName_L1=\"x\" Agent=\"{agent}\"/>");
                self.xml.push(connector.repeat(2 + random.below(2)));
                // The inventory lists other connectors of the agent, and not this one.
                let mut wanted = one("identifier-duplicate", format!("connector Twin{n}"));
                wanted.extend(one("connector-not-declared", format!("connector Twin{n}")));
                wanted
            }
            "two connectors of which the last one has no agent" => {
                self.connector(&format!("Last{n}"), &agent);
                self.xml.push(format!("<Connector Identifier=\"Last{n}\" DisplayName_L1=\"x\"/>"));
                let mut wanted = one("identifier-duplicate", format!("connector Last{n}"));
                wanted.extend(one("connector-without-agent", format!("connector Last{n}")));
                wanted
            }
            "two connectors of which the first one has no agent" => {
                self.xml.push(format!("<Connector Identifier=\"First{n}\" DisplayName_L1=\"x\"/>"));
                self.connector(&format!("First{n}"), &agent);
                let mut wanted = one("identifier-duplicate", format!("connector First{n}"));
                wanted.extend(one("connector-not-declared", format!("connector First{n}")));
                wanted
            }
            "a scaffolding of a connector that is nowhere" => {
                let element =
                    ["CreateConnectorSynchroComplete", "CreateConnectorSynchroIncremental"][random.below(2)];
                self.xml.push(format!(
                    "<{element} Connector=\"Nowhere{n}\" JobIdentifier=\"Made{n}\" DisplayName_L1=\"x\"/>"
                ));
                one("task-connector-unknown", format!("job Made{n}"))
            }
            "a group with a foreign variable" => {
                let hosts: Vec<String> =
                    (0..2 + random.below(5)).map(|host| format!("g{n:04}x{host}.example")).collect();
                let first = hosts[0].clone();
                self.groups.push((hosts, "telegraf".to_owned()));
                one("agent-variable", format!("host {first}"))
            }
            "a misspelt attribute" => {
                // Its agent does not count, so that the connector has none.
                let name = ["agent", "Agnet"][random.below(2)];
                self.xml.push(format!(
                    "<Connector Identifier=\"Odd{n}\" DisplayName_L1=\"x\" {name}=\"{agent}\"/>"
                ));
                let mut wanted =
                    one("configuration-misspelt", format!("attribute {name} of Connector Odd{n}"));
                wanted.extend(one("connector-without-agent", format!("connector Odd{n}")));
                wanted
            }
            "a misspelt task of a job" => {
                let name = ["FulfilTask", "ExprotTask", "Stepp"][random.below(3)];
                self.xml.push(format!(
                    "<Job Identifier=\"Part{n}\" DisplayName_L1=\"x\" Agent=\"{agent}\"><{name} Identifier=\"Part{n}-A\" Agent=\"Nowhere\" Connector=\"{directory}\" DisplayName_L1=\"x\"/></Job>"
                ));
                one("configuration-misspelt", format!("element {name} Part{n}-A"))
            }
            "a misspelt part of a scaffolding" => {
                self.xml.push(format!(
                    "<CreateAgentSynchroIncremental Agent=\"{agent}\" JobIdentifier=\"Told{n}\" DisplayName_L1=\"x\"><OpenIDIdentifier Identifier=\"Told{n}\"/></CreateAgentSynchroIncremental>"
                ));
                one("configuration-misspelt", format!("element OpenIDIdentifier Told{n}"))
            }
            "server settings in UTF-16" => {
                self.wide = true;
                self.server["Agents"][format!("Wide{n}")] = json!({ "Uri": "https://wide.agents.example" });
                one("agent-override-unknown", format!("agent Wide{n}"))
            }
            "an override of a client that differs in case" => {
                // Names of settings have no case: this one is for the client that there is.
                self.server["OpenIdClients"]["JOB"] = json!({ "HashedSecret": HASH });
                Wanted::new()
            }
            "a page's jobs for all connectors" => {
                // Two of them would make jobs of one name.
                let element = "<CreateConnectorsJobs/>";
                if !self.xml.iter().any(|other| other == element) {
                    self.xml.push(element.to_owned());
                }
                Wanted::new()
            }
            "elements of which an audit knows nothing" => {
                for name in ["Form", "EntityType", "SingleRole", "MenuItem", "ConnectionTable", "Policy"] {
                    self.xml.push(format!("<{name} Identifier=\"X{n}\" Agent=\"x\"/>"));
                }
                Wanted::new()
            }
            _ => panic!("there is no such variant: {variant}"),
        }
    }
}
