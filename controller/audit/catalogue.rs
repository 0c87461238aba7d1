//! All rules of an audit, with what each means for people: the README's table is made of it.

use crate::preflight::{Finding, Severity};

/// A rule: what a finding with its id means.
#[derive(Debug)]
pub struct Rule {
    /// In kebab case; stable.
    pub id: &'static str,
    /// How bad it is, unless a file of waivers says otherwise.
    pub severity: Severity,
    /// When it is found.
    pub when: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// How it is mended.
    pub mend: &'static str,
}

impl Rule {
    /// Makes a finding about a subject, such as `job Paris-Daily`.
    pub(super) fn found(
        &self,
        subject: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding::new(self.id, self.severity, place, message, self.mend).about(subject)
    }
}

/// The rule with that id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    CATALOGUE.iter().copied().find(|rule| rule.id == id)
}

/// The README's table of findings.
#[cfg(test)]
fn markdown() -> String {
    let mut text = String::from(
        "| Finding | Severity | When | Why it matters | What to do |\n| --- | --- | --- | --- | --- |\n",
    );
    for rule in CATALOGUE {
        let Rule { id, severity, when, why, mend } = rule;
        text.push_str(&format!("| `{id}` | {severity} | {when} | {why} | {mend} |\n"));
    }
    text
}

macro_rules! rules {
    ($($name:ident $id:literal $severity:ident $when:literal, $why:literal, $mend:literal;)*) => {
        $(pub(super) static $name: Rule =
            Rule { id: $id, severity: Severity::$severity, when: $when, why: $why, mend: $mend };)*
        /// All rules, by subject.
        pub static CATALOGUE: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // Agents.
    AGENT_VARIABLE "agent-variable" Info
        "the variable `agent` of a host has another shape",
        "the host counts as one without an agent",
        "`identifier`, `uri` and `connectors` belong there; else leave it alone";
    AGENT_MALFORMED "agent-malformed" Error
        "the variable `agent` of a host was meant to assign an agent, and a name or value in it is wrong",
        "the host counts as one without an agent: nothing is known of what stops with it, and no rollout begins",
        "correct what the message names";
    AGENT_NAME_RESERVED "agent-name-reserved" Error
        "a host claims the agent `Local`",
        "that is the agent within the server: tasks meant for one of them run on the other",
        "give the agent an identifier of its own";
    AGENT_ON_TWO_HOSTS "agent-on-two-hosts" Error
        "an agent is on several hosts, by the inventory or by their settings",
        "both ask the server for the same work, and chance decides who does it",
        "one agent runs on one host: give each an identifier of its own";
    AGENT_NAME_CASE "agent-name-case" Error
        "identifiers of agents differ in upper and lower case only",
        "the server tells them apart, people do not: one of them gets no work",
        "write the identifier everywhere as the server's configuration has it";
    AGENT_WITHOUT_HOST "agent-without-host" Error
        "the configuration has an agent that no host of the inventory runs",
        "its connectors are served by nobody, or by a host that nobody looks after",
        "give the agent to a host of the inventory, or take it out of the configuration";
    AGENT_NOT_CONFIGURED "agent-not-configured" Error
        "a host runs an agent that the configuration does not have",
        "the server does not know it and gives it no work",
        "add `<Agent>` to the configuration and deploy it, or correct the identifier";
    AGENT_IDLE "agent-idle" Info
        "no connector and no job of the configuration is on an agent",
        "it runs for nothing",
        "remove it, or give it a connector";
    AGENT_NOT_INSTALLED "agent-not-installed" Error
        "the host that should run an agent has none with that identifier",
        "its connectors are not served",
        "install it: `paceline apply playbooks/install-agent.yml -l HOST`";
    AGENT_IDENTIFIER_MISMATCH "agent-identifier-mismatch" Error
        "the settings on a host name another agent than the inventory",
        "it does the work of another agent",
        "correct `OpenId.AgentIdentifier` on the host, or the inventory";
    AGENT_IDENTIFIER_MISSING "agent-identifier-missing" Error
        "the settings on a host name no agent",
        "without `OpenId.AgentIdentifier` it asks the server for no work",
        "run `playbooks/configure-agent.yml` on the host";
    HOST_UNREACHABLE "host-unreachable" Error
        "a host did not answer",
        "nothing is known about what it serves",
        "look at the host and at how it is reached; `paceline preflight` tells more";
    // Where agents answer.
    AGENT_URI "agent-uri" Error
        "the address of an agent is none, or not in lower case",
        "browsers of administrators call the agent, and the product compares the name letter by letter",
        "write `https://NAME` in lower case";
    AGENT_URI_MISMATCH "agent-uri-mismatch" Warning
        "inventory and configuration have different addresses for an agent",
        "browsers go where the configuration says, the site listens where the inventory says",
        "make `agent.uri` and the agent's `URI` equal";
    AGENT_URI_OVERRIDE "agent-uri-override" Warning
        "the server's `appsettings.json` hides the `URI` of the XML files with another one",
        "who reads or deploys the XML sees an address that does not count",
        "make them equal, or leave `Agents` out of the server's `appsettings.json`";
    AGENT_OVERRIDE_UNKNOWN "agent-override-unknown" Warning
        "the server's `appsettings.json` overrides an agent that the configuration does not have",
        "the override has no effect",
        "correct the name below `Agents`, or remove it";
    AGENT_BINDING_MISMATCH "agent-binding-mismatch" Error
        "the site on the host does not listen to the name in the agent's address",
        "browsers get another site, or none",
        "set the host name of the binding to that of the agent's `URI`";
    AGENT_CERTIFICATE_NAME "agent-certificate-name" Error
        "the site's certificate is not for the name in the agent's address",
        "browsers refuse it, and jobs cannot be started from the server's pages",
        "get a certificate with that name: `playbooks/rotate-certificate.yml -e which=site`";
    AGENT_POOL_STOPPED "agent-pool-stopped" Error
        "the pool of an agent is missing or not started",
        "the agent does not work",
        "start the pool, and look at the host's event log for why it had stopped";
    AGENT_SITE_STOPPED "agent-site-stopped" Error
        "the site of an agent is missing or not started",
        "nobody reaches the agent, and it is not woken up after a restart",
        "start the site";
    NOT_USE_AGENT "not-use-agent" Error
        "the server's settings have `NotUseAgent`",
        "the server uses no agent at all",
        "remove it from the server's settings";
    // Connectors and managed systems.
    CONNECTOR_WITHOUT_AGENT "connector-without-agent" Error
        "a connector has no agent, or one that the configuration does not have; case counts",
        "none of its tasks can run",
        "set its `Agent`";
    CONNECTOR_AGENT_MISMATCH "connector-agent-mismatch" Error
        "the inventory gives a connector to another agent than the configuration",
        "the settings of its connections are prepared where nobody asks for them",
        "correct one of them; `playbooks/move-connector.yml` moves a connector";
    CONNECTOR_ON_TWO_AGENTS "connector-on-two-agents" Error
        "the inventory gives a connector to several agents",
        "a connector has one agent; the other one holds settings and secrets for nothing",
        "leave it with one of them";
    CONNECTOR_NOT_CONFIGURED "connector-not-configured" Error
        "the inventory names a connector that the configuration does not have",
        "nothing is synchronized with it",
        "add `<Connector>` to the configuration, or correct the name";
    CONNECTOR_NOT_DECLARED "connector-not-declared" Info
        "the configuration gives a connector to an agent for which the inventory lists others only",
        "plans and waves do not know what stops with that agent",
        "add it to `connectors` of the agent";
    CONNECTOR_IDENTIFIER "connector-identifier" Warning
        "the identifier of a connector does not begin with a letter, or has other characters than letters, digits, `.` and `-`",
        "the product's pages refuse to edit it",
        "rename it while nothing depends on it";
    MANAGED_SYSTEM_TWO_AGENTS "managed-system-two-agents" Warning
        "connectors of several agents go to one managed system",
        "two accounts and two networks write to the same system; work on one agent does not stop the other",
        "serve it by one agent, or waive this where it is meant";
    MANAGED_SYSTEM_CONFLICT "managed-system-conflict" Warning
        "a managed system has different addresses or kinds in the inventory",
        "one of them is wrong, or these are two systems",
        "make them equal, or give each system a name of its own";
    MANAGED_SYSTEM_ADDRESS "managed-system-address" Warning
        "the address of a managed system is not `HOST:PORT`",
        "nobody can look whether it is reached",
        "write `HOST:PORT`";
    MANAGED_SYSTEM_UNREACHABLE "managed-system-unreachable" Error
        "the host of the serving agent cannot connect to the managed system of a connector",
        "its jobs fail",
        "open the way from the agent's host to the managed system, or correct its `address`";
    IDENTIFIER_DUPLICATE "identifier-duplicate" Error
        "two things of a kind have one identifier, or a host lists one twice; case does not count for connections",
        "the later one replaces the earlier one, or the deployment fails",
        "rename or remove one of them";
    // Connections.
    CONNECTION_IDENTIFIER "connection-identifier" Warning
        "the identifier of a connection begins with a digit or has one of `< > : \" / \\ ? * _` or a bar in it",
        "it names a section of the agent's settings and files on the agent, where these characters mean something else",
        "rename it, here and below `Connections` on the agent's host";
    CONNECTION_CONNECTOR_UNKNOWN "connection-connector-unknown" Error
        "a connection is of a connector that the configuration does not have",
        "it has no agent, so that nobody uses it",
        "correct its `Connector`";
    CONNECTION_SETTINGS_MISSING "connection-settings-missing" Error
        "the agent that serves a connection has no settings for it",
        "export and fulfilment of the connector fail",
        "add the connection to `agent_connections` and run `playbooks/configure-agent.yml`";
    CONNECTION_SETTINGS_LEFTOVER "connection-settings-leftover" Warning
        "settings of a connection are on a host whose agents do not serve it",
        "addresses and passwords of a managed system lie where nobody needs them",
        "remove them: `agent_removed_connections` and `playbooks/configure-agent.yml`";
    CONNECTION_SETTINGS_UNKNOWN "connection-settings-unknown" Warning
        "a host has settings for a connection that the configuration does not have",
        "they are used by nobody, and may hold secrets",
        "correct the name, or remove them from the host";
    SOURCE_PATH_OUTSIDE "source-path-outside" Error
        "the `Path` of a connection to files is not below `SourcesRootPaths`; case counts",
        "the agent refuses to read it",
        "move the file, or add its folder to `SourcesRootPaths` (`agent_sources`)";
    // Jobs and tasks.
    JOB_MIXES_AGENTS "job-mixes-agents" Error
        "a job and its tasks are on several agents",
        "a job runs on one agent: it stops at the first task of another one",
        "split the job, one for each agent";
    JOB_AGENT_MISMATCH "job-agent-mismatch" Error
        "a task without an agent of its own is in a job on another agent than its connector",
        "it runs where the settings of its connections are not",
        "give the job the connector's agent, or move the task";
    JOB_AGENT_UNKNOWN "job-agent-unknown" Error
        "a job is on an agent that the configuration does not have; case counts",
        "nobody runs it",
        "correct its `Agent`";
    JOB_STEP_UNKNOWN "job-step-unknown" Error
        "a step of a job names a task that is nowhere",
        "the configuration cannot be deployed, or the job leaves the step out",
        "correct the step, or remove it";
    TASK_AGENT_MISMATCH "task-agent-mismatch" Error
        "a task is on another agent than its connector",
        "it runs where the settings of its connections are not",
        "set the task's `Agent` to that of the connector";
    TASK_AGENT_UNKNOWN "task-agent-unknown" Error
        "a task is on an agent that the configuration does not have; case counts",
        "nobody runs it",
        "correct its `Agent`";
    TASK_CONNECTOR_UNKNOWN "task-connector-unknown" Error
        "a task or a scaffolding names a connector that the configuration does not have",
        "the configuration cannot be deployed, or the task fails",
        "correct its `Connector`";
    TASK_CONNECTION_UNKNOWN "task-connection-unknown" Error
        "a task names a connection that the configuration does not have",
        "the configuration cannot be deployed, or the task fails",
        "correct its `Connection`";
    TASK_CLIENT_UNKNOWN "task-client-unknown" Error
        "a task names an OpenId client that the configuration does not have",
        "the agent cannot log in to the server for it",
        "correct its `OpenIdClient`";
    // The server's files.
    CONFIGURATION_MISSPELT "configuration-misspelt" Warning
        "an element or attribute of the XML has a name that is nearly one of those that are read",
        "what stands there does not count here, and the deployment refuses it",
        "correct the name; case counts";
    CONFIGURATION_MERGE "configuration-merge" Warning
        "`ConsolidationMode` is `Merge` at something else than an `OpenIdClient`",
        "it is not merged here, so that it counts as a definition of its own",
        "write what it changes into the first definition, to have it audited";
    // OpenId clients.
    CLIENT_EXPIRED "client-expired" Error
        "the `ExpirationDate` of an OpenId client has passed",
        "the server takes no login with it: jobs that use it fail",
        "set a later date, or change to another client: `playbooks/rotate-secret.yml`";
    CLIENT_EXPIRES_SOON "client-expires-soon" Warning
        "an OpenId client expires within `--expires-within` days",
        "jobs that use it will fail from then on",
        "set a later date, or change to another client: `playbooks/rotate-secret.yml`";
    CLIENT_HASH_INVALID "client-hash-invalid" Error
        "the `HashedSecret` of an OpenId client is missing or no base64 of a SHA-256",
        "no secret fits it",
        "write base64 of the SHA-256 of the secret, and the secret itself on hosts only";
    CLIENT_SECRET_MISMATCH "client-secret-mismatch" Error
        "the hash of the secret on a host is not the server's `HashedSecret`",
        "the agent cannot log in to the server",
        "correct the secret on the host, or deploy its hash: `playbooks/rotate-secret.yml`";
    CLIENT_UNKNOWN "client-unknown" Error
        "a host has a secret for an OpenId client that the configuration does not have",
        "the server does not know it",
        "add `<OpenIdClient>` to the configuration, or remove the secret from the host";
    CLIENT_OVERRIDE_UNKNOWN "client-override-unknown" Warning
        "the server's `appsettings.json` overrides an OpenId client that the configuration does not have",
        "the override has no effect",
        "correct the name below `OpenIdClients`, or remove it";
    CLIENT_DEFAULT_UNKNOWN "client-default-unknown" Error
        "`DefaultOpenIdClient` on a host is none of its `OpenIdClients`",
        "the agent has no secret to log in with",
        "correct `OpenId.DefaultOpenIdClient` on the host (`agent_client`)";
    // Settings of agents.
    APPLICATION_URI_SLASH "application-uri-slash" Error
        "an `ApplicationUri` ends in a slash",
        "addresses that are made of it have two slashes, and tokens are refused",
        "leave the slash out";
    APPLICATION_URI_MISMATCH "application-uri-mismatch" Error
        "the `ApplicationUri` of an agent is not the server's",
        "tokens are made for another address and are refused",
        "write it as the server's `appsettings.json` has it";
    ENCRYPT_FILE_OFF "encrypt-file-off" Warning
        "`EncryptFile` is false",
        "exports and logs with personal data lie on the disk in plain text",
        "set `EncryptionCertificate.EncryptFile` to true; false is for the acceptance only";
    STDOUT_LOG_ON "stdout-log-on" Warning
        "`stdoutLogEnabled` of `web.config` is true",
        "that log has no limit and is never cleaned up",
        "set it to false; true is for the acceptance only";
    SECRET_PLAIN_TEXT "secret-plain-text" Warning
        "settings files hold secrets in plain text that the product could hold encrypted",
        "who reads the file has the accounts of the managed systems",
        "move them to `appsettings.encrypted.agent.json` or a vault";
    SETTINGS_ODD "settings-odd" Warning
        "a file of an agent cannot be read, or is not as the product wants it",
        "the agent may not start, or ignore a part of it",
        "correct the file; `playbooks/configure-agent.yml` writes it anew";
    VERSION_OLDER "version-older" Warning
        "an agent is older than the server (`--server-version`)",
        "the vendor wants agents upgraded after the server, before new configuration is deployed",
        "upgrade it: `playbooks/upgrade-agent.yml`";
    VERSION_NEWER "version-newer" Error
        "an agent is newer than the server (`--server-version`)",
        "the vendor wants the server upgraded first",
        "upgrade the server, or take the agent back";
    VERSIONS_DIFFER "versions-differ" Warning
        "agents have different versions, and `--server-version` does not say which is right",
        "an upgrade was left half done",
        "upgrade the older ones: `playbooks/upgrade-agent.yml`";
    // Certificates: the policy of `paceline preflight --certificate` judges them.
    CERTIFICATE_EXPIRED "certificate-expired" Error
        "a certificate of an agent has expired",
        "the agent does not start, or browsers refuse it",
        "replace it: `playbooks/rotate-certificate.yml`";
    CERTIFICATE_NOT_YET_VALID "certificate-not-yet-valid" Error
        "a certificate of an agent is not valid yet",
        "as above, until then",
        "wait until then, or look at the clocks";
    CERTIFICATE_EXPIRES_SOON "certificate-expires-soon" Warning
        "a certificate expires within `--expires-within` days",
        "the agent will stop working then",
        "renew it: `playbooks/rotate-certificate.yml`";
    CERTIFICATE_WEAK_KEY "certificate-weak-key" Error
        "a key is no RSA or under 2048 bits; at exactly 2048 bits a warning",
        "the install guide wants keys exceeding 2048 bits",
        "renew it with a larger key";
    CERTIFICATE_SHA1 "certificate-sha1" Error
        "a certificate is signed with SHA-1 or MD5",
        "such signatures can be forged",
        "have it signed with SHA-256";
    CERTIFICATE_SIGNATORY "certificate-signatory" Warning
        "a certificate is self-signed, or its issuer is not on the list of the policy",
        "browsers do not trust it, or the policy does not",
        "have it signed by a CA of yours, or list the issuer in the policy";
    CERTIFICATE_NO_PRIVATE_KEY "certificate-no-private-key" Error
        "the private key of a certificate is missing or belongs to another one",
        "nothing can be decrypted with it, and no site can use it",
        "import it again together with its key";
    CERTIFICATE_SDK "certificate-sdk" Error
        "it is the certificate of the product's SDK",
        "agents and servers do not start with it: everybody has its key",
        "make one of your own";
    CERTIFICATE_UNREADABLE "certificate-unreadable" Error
        "a certificate that the settings name is missing or cannot be read",
        "the agent does not start without it",
        "correct the settings, or put the certificate there";
    CERTIFICATE_AMBIGUOUS "certificate-ambiguous" Info
        "settings name a certificate by a subject that several have",
        "the product takes any of them",
        "name it by its thumbprint";
    CERTIFICATE_NOT_UNIQUE "certificate-not-unique" Info
        "one certificate serves several purposes",
        "they can only be replaced together",
        "use a certificate of its own for each purpose";
    CERTIFICATE_CHAIN_EXPIRED "certificate-chain-expired" Info
        "a certificate further up in the chain has expired",
        "programs that check the chain refuse it",
        "replace it by its successor";
    CERTIFICATE_NOT_JUDGED "certificate-not-judged" Info
        "a certificate cannot be opened from outside: it is in a vault, or the product has sealed its password",
        "nobody can tell from here when it expires",
        "look at it on the host";
    // The file of waivers.
    WAIVER_EXPIRED "waiver-expired" Warning
        "the date of a waiver has passed",
        "what it waived counts again",
        "mend what was waived, or decide anew with a later date";
    WAIVER_UNUSED "waiver-unused" Info
        "a waiver matches nothing",
        "what it was for is mended, or it is misspelt",
        "remove it";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_in_kebab_case() {
        let ids: BTreeSet<&str> = CATALOGUE.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        for rule in CATALOGUE {
            let kebab = rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || b"-1".contains(&byte));
            assert!(kebab, "{}", rule.id);
            for text in [rule.when, rule.why, rule.mend] {
                // A bar would end the cell of the README's table.
                assert!(
                    !text.is_empty() && !text.contains('|') && !text.ends_with('.'),
                    "{}: {text}",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn the_readme_lists_all_of_them() {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("<!-- audit findings -->\n").unwrap_or_default();
        let (table, _) = rest.split_once("<!-- end of audit findings -->").unwrap_or_default();
        let wanted = markdown();
        if table != wanted {
            // The right table is where whoever has to put it into the README finds it.
            let path = std::env::temp_dir().join("paceline-audit-findings.md");
            let _ = std::fs::write(&path, &wanted);
            panic!("the README's table of findings is old; the right one is in {}", path.display());
        }
    }
}
