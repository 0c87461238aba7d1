//! The web server: sites that have the agent's port already, and the default site. Only where IIS is there.

use super::super::{Finding, Severity};
use super::question::of_uri;
use super::{Facts, Question};

/// A site of IIS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its folder, variables of the environment expanded.
    pub path: String,
    /// Where it answers.
    pub bindings: Vec<Binding>,
    /// Applications and folders below its root.
    pub parts: Vec<String>,
    /// Files in the default folder of IIS that IIS did not put there, a few of them.
    pub files: Vec<String>,
}

/// Where a site answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Binding {
    /// `http`, `https` ...
    pub protocol: String,
    /// The address; `*` for all of them.
    pub ip: String,
    /// The port; nothing for protocols that have none.
    pub port: Option<u16>,
    /// The name that it is for; empty for all of them.
    pub host: String,
    /// `sslFlags`: 1 is SNI.
    pub flags: u32,
}

impl Binding {
    /// Reads `protocol|ip:port:host|sslFlags|...`.
    #[must_use]
    pub fn read(row: &str) -> Option<Self> {
        let mut parts = row.split('|');
        let (protocol, information) = (parts.next()?, parts.next()?);
        let flags = parts.next().and_then(|flags| flags.parse().ok()).unwrap_or_default();
        let mut words = information.rsplitn(3, ':');
        let (host, port, ip) = (words.next()?, words.next(), words.next());
        Some(Self {
            protocol: protocol.to_ascii_lowercase(),
            ip: ip.unwrap_or_default().to_owned(),
            port: port.and_then(|port| port.parse().ok()),
            host: host.to_owned(),
            flags,
        })
    }

    /// Whether it shares its address and port by the name in the handshake.
    fn by_name(&self) -> bool {
        self.protocol == "https" && self.flags & 1 == 1 && !self.host.is_empty()
    }
}

/// Names of files that IIS puts into its default folder.
const DEFAULT_SITE: &str = "Default Web Site";

/// Sites that have the agent's port and do not share it.
pub(super) fn sites(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(sites) = &facts.sites else { return };
    let host = &question.host;
    for agent in &question.agents {
        let Some((name, port)) = agent.uri.as_deref().and_then(of_uri) else { continue };
        let mut add = |id: &str, severity, site: &Site, message: String, hint: &str| {
            let place = format!("{host}:{}", site.name);
            findings
                .push(Finding::new(id, severity, place, message, hint).on(host).of_agent(&agent.identifier));
        };
        for site in sites {
            let on_port: Vec<&Binding> = site.bindings.iter().filter(|one| one.port == Some(port)).collect();
            if is_own(question, site) {
                // The binding that an earlier rollout made, for another name.
                if !on_port.is_empty() && !on_port.iter().any(|one| one.host.eq_ignore_ascii_case(&name)) {
                    add(
                        "agent-binding-elsewhere",
                        Severity::Warning,
                        site,
                        format!(
                            "the site `{}` of the agent answers on port {port}, and not as `{name}`",
                            site.name
                        ),
                        "install the agent again for this `uri`, or correct the `uri`",
                    );
                }
                continue;
            }
            for binding in on_port {
                if binding.protocol != "https" {
                    add(
                        "port-conflict",
                        Severity::Error,
                        site,
                        format!("the site `{}` has port {port} for {}", site.name, binding.protocol),
                        "give one of them another port",
                    );
                } else if binding.host.eq_ignore_ascii_case(&name) {
                    add(
                        "port-conflict",
                        Severity::Error,
                        site,
                        format!("the site `{}` has the name `{name}` on port {port} already", site.name),
                        "remove that binding, or give the agent another name: only one of them would start",
                    );
                } else if !binding.by_name() {
                    add(
                        "port-not-shared",
                        Severity::Warning,
                        site,
                        format!(
                            "the site `{}` has port {port} of `{}` without a host name and SNI",
                            site.name,
                            if binding.ip.is_empty() { "*" } else { &binding.ip }
                        ),
                        "give its binding a host name and SNI: else the certificate that was bound last is shown for both",
                    );
                }
            }
        }
    }
}

/// The default site goes in a rollout, unless somebody uses it.
pub(super) fn default_site(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let site = facts.sites.iter().flatten().find(|site| site.name == DEFAULT_SITE);
    let Some(why) = site.filter(|site| !is_own(question, site)).and_then(customised) else { return };
    let place = format!("{}:{DEFAULT_SITE}", question.host);
    let message = format!("the default site of `{}` is in use, and stays: {why}", question.host);
    let hint = "the install guide removes it: move what it serves, or leave it there on purpose";
    findings.push(
        Finding::new("default-site-customised", Severity::Info, place, message, hint).on(&question.host),
    );
}

/// What somebody made of the default site, if anybody did.
fn customised(site: &Site) -> Option<String> {
    let path = site.path.trim_end_matches('\\').to_ascii_lowercase();
    let drive = path.get(1..) == Some(r":\inetpub\wwwroot");
    if !drive && path != r"%systemdrive%\inetpub\wwwroot" {
        return Some(format!("its folder is `{}`", site.path));
    }
    let plain = |one: &Binding| {
        one.protocol == "http" && one.port == Some(80) && one.host.is_empty() && one.ip == "*"
    };
    if site.bindings.len() != 1 || !site.bindings.iter().all(plain) {
        return Some("its bindings are not just port 80".to_owned());
    }
    if let Some(part) = site.parts.first() {
        return Some(format!("it has `{part}` below it"));
    }
    site.files.first().map(|file| format!("`{file}` is not of IIS"))
}

/// Whether it is the agent's: by its name, or by its folder.
fn is_own(question: &Question, site: &Site) -> bool {
    if question.site.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&site.name)) {
        return true;
    }
    let clean = |path: &str| path.replace('/', "\\").trim_end_matches('\\').to_ascii_lowercase();
    question.folder.as_ref().is_some_and(|folder| clean(&site.path) == clean(&format!("{folder}\\Runtime")))
}

/// Whether a site of IIS has a port, so that more can be said than that something listens there.
pub(super) fn has_port(facts: &Facts, port: u16) -> bool {
    facts.sites.iter().flatten().any(|site| site.bindings.iter().any(|one| one.port == Some(port)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inventory::Agent;

    fn site(name: &str, path: &str, bindings: &[&str]) -> Site {
        let bindings = bindings.iter().filter_map(|row| Binding::read(row)).collect();
        Site { name: name.to_owned(), path: path.to_owned(), bindings, ..Site::default() }
    }

    fn found(sites_there: Vec<Site>) -> Vec<String> {
        let agents = Agent::read(&json!({"identifier": "A", "uri": "https://agent.example"})).unwrap();
        let options = json!({"folder": r"C:\IdentityAgent", "site": "UsercubeCorp"});
        let question = Question::read("h1", agents, options.as_object().unwrap()).unwrap();
        let facts = Facts { sites: Some(sites_there), ..Facts::default() };
        let mut findings = Vec::new();
        sites(&question, &facts, &mut findings);
        default_site(&question, &facts, &mut findings);
        findings
            .iter()
            .map(|finding| format!("{} {} {}", finding.severity, finding.id, finding.place))
            .collect()
    }

    #[test]
    fn bindings_are_taken_apart() {
        let binding = Binding::read("https|*:443:a.example|1|AB|My").unwrap();
        assert_eq!((binding.ip.as_str(), binding.port, binding.host.as_str()), ("*", Some(443), "a.example"));
        assert!(binding.by_name());
        let six = Binding::read("https|[fd00::1]:8443:|0||").unwrap();
        assert_eq!((six.ip.as_str(), six.port, six.host.as_str()), ("[fd00::1]", Some(8443), ""));
        assert_eq!(Binding::read("net.pipe|*|0||").unwrap().port, None);
        assert_eq!(Binding::read(""), None);
        assert_eq!(Binding::read("https|x:99999:|z").unwrap().port, None);
    }

    #[test]
    fn other_sites_share_the_port_by_name() {
        let other = |row: &str| found(vec![site("Other", r"D:\Other", &[row])]);
        assert_eq!(other("https|*:443:other.example|1|AB|My"), [""; 0]);
        assert_eq!(other("https|*:8443:|0|AB|My"), [""; 0]);
        assert_eq!(other("https|*:443:|0|AB|My"), ["warning port-not-shared h1:Other"]);
        assert_eq!(other("https|10.0.0.1:443:other.example|0|AB|My"), ["warning port-not-shared h1:Other"]);
        assert_eq!(other("https|*:443:Agent.example|1|AB|My"), ["error port-conflict h1:Other"]);
        assert_eq!(other("http|*:443:|0||"), ["error port-conflict h1:Other"]);
        // The agent's own site, by its name and by its folder.
        for own in [site("usercubecorp", "", &[]), site("X", r"c:\identityagent\Runtime\", &[])] {
            let with = |row: &str| Site { bindings: vec![Binding::read(row).unwrap()], ..own.clone() };
            assert_eq!(found(vec![with("https|*:443:agent.example|1|AB|My")]), [""; 0]);
            let elsewhere = found(vec![with("https|*:443:old.example|1|AB|My")]);
            assert!(elsewhere[0].starts_with("warning agent-binding-elsewhere"), "{elsewhere:?}");
        }
    }

    #[test]
    fn a_default_site_that_is_used_stays() {
        let default = || site(DEFAULT_SITE, r"C:\inetpub\wwwroot", &["http|*:80:|0||"]);
        let info = ["info default-site-customised h1:Default Web Site"];
        assert_eq!(found(vec![default()]), [""; 0]);
        for changed in [
            Site { path: r"D:\shop".to_owned(), ..default() },
            Site { bindings: Vec::new(), ..default() },
            site(DEFAULT_SITE, r"C:\inetpub\wwwroot", &["http|*:80:|0||", "http|*:8080:|0||"]),
            Site { parts: vec!["/shop".to_owned()], ..default() },
            Site { files: vec![r"C:\inetpub\wwwroot\index.html".to_owned()], ..default() },
        ] {
            assert_eq!(found(vec![changed]), info);
        }
    }
}
