//! Names, ports and addresses: how the agent is called, and what it has to reach.

use std::net::IpAddr;

use super::super::{Finding, Severity};
use super::question::{of_address, of_uri};
use super::{Facts, Question, Reached, Role, proxy, web};

/// The name by which browsers call the agent: in lower case, known, and the host's own.
pub(super) fn names(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    for agent in &question.agents {
        let Some(uri) = &agent.uri else { continue };
        let mut add = |id: &str, severity, message: String, hint: &str| {
            let finding = Finding::new(id, severity, &*question.agents_place, message, hint);
            findings.push(finding.on(&question.host).of_agent(&agent.identifier));
        };
        if let Some((message, hint)) = odd_uri(uri) {
            add("agent-uri", Severity::Error, message, hint);
        }
        let Some((name, _)) = of_uri(uri) else { continue };
        let Some(found) = facts.names.get(&name) else { continue };
        if found.is_empty() {
            add(
                "agent-name-unresolvable",
                Severity::Warning,
                format!("`{}` does not know an address of `{name}`", question.host),
                "add the name to the DNS: browsers of administrators have to find it",
            );
            continue;
        }
        let own = facts.addresses.as_deref().unwrap_or_default();
        // Many systems write their own name beside an address of loopback into `/etc/hosts`.
        let is_own = |address: &String| {
            own.contains(address) || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        if !own.is_empty() && !found.iter().any(is_own) {
            add(
                "agent-name-elsewhere",
                Severity::Warning,
                format!(
                    "`{name}` is at {}, and `{}` has none of these addresses",
                    found.join(", "),
                    question.host
                ),
                "correct the DNS or the `uri` of the agent; behind a load balancer or proxy this is as it should be",
            );
        }
    }
}

/// What is wrong with the address at which browsers find an agent, and what to do about it.
pub(crate) fn odd_uri(uri: &str) -> Option<(String, &'static str)> {
    match of_uri(uri) {
        None => Some((
            format!("`{uri}` is no address of an agent"),
            "write `https://NAME`, with a port if it is not 443",
        )),
        Some((name, _)) if name.chars().any(char::is_uppercase) => Some((
            format!("the name in `{uri}` is not in lower case"),
            "write it in lower case: browsers send it so, and the product compares it letter by letter",
        )),
        Some(_) => None,
    }
}

/// The port that the agent is going to listen on.
pub(super) fn ports(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(listening) = &facts.listening else { return };
    let mut told = Vec::new();
    for agent in &question.agents {
        let Some((_, port)) = agent.uri.as_deref().and_then(of_uri) else { continue };
        if listening.contains(&port) && !told.contains(&port) && !web::has_port(facts, port) {
            told.push(port);
            findings.push(
                Finding::new(
                    "port-in-use",
                    Severity::Info,
                    format!("{}:port {port}", question.host),
                    format!("something listens on port {port} of `{}` already", question.host),
                    "fine if it is this agent, or a web server that shares the port by name; else free it",
                )
                .on(&question.host)
                .of_agent(&agent.identifier),
            );
        }
    }
}

/// The server, and every managed system that the host's agents serve.
pub(super) fn reachable(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    addresses(question, findings);
    for (endpoint, reached) in question.endpoints(&proxy::route(question, facts)).iter().zip(&facts.reached) {
        let (severity, reason) = match reached {
            Reached::Yes => continue,
            Reached::No(reason) => (Severity::Error, format!("cannot reach {endpoint}: {reason}")),
            Reached::Unknown(reason) => {
                (Severity::Info, format!("cannot tell whether it reaches {endpoint}: {reason}"))
            }
        };
        let host = &question.host;
        findings.push(match &endpoint.role {
            Role::Server => Finding::new(
                "server-unreachable",
                severity,
                format!("{host}:{endpoint}"),
                format!("`{host}` {reason}"),
                "open the way from the agent's host to the server, or correct `server`; behind a proxy the agent needs `HTTPS_PROXY`",
            )
            .on(host),
            Role::Proxy => Finding::new(
                "proxy-unreachable",
                severity,
                format!("{host}:{endpoint}"),
                format!("`{host}` {reason}, the proxy in front of the server"),
                "open the way from the agent's host to the proxy, or correct `https_proxy`",
            )
            .on(host),
            Role::ManagedSystem { agent, connector, name } => Finding::new(
                "managed-system-unreachable",
                severity,
                &*question.agents_place,
                format!("`{host}` {reason} (`{name}`, connector `{connector}`)"),
                "open the way from the agent's host to the managed system, or correct its `address`",
            )
            .on(host)
            .of_agent(agent)
            .of_connector(connector),
        });
    }
}

/// Addresses that nobody can connect to as they are written.
fn addresses(question: &Question, findings: &mut Vec<Finding>) {
    if let Some(server) = &question.server {
        let place = format!("{}:server", question.host);
        let mut add = |message: String, hint: &str| {
            findings
                .push(Finding::new("server-uri", Severity::Error, &*place, message, hint).on(&question.host));
        };
        if server.contains(['<', '>']) {
            add(
                format!("the address of the server `{server}` has a `<...>` of the documentation in it"),
                "put the name of the server in its place",
            );
        } else if of_uri(server).is_none() {
            add(format!("`{server}` is no address of a server"), "write `https://NAME`");
        } else if server.ends_with('/') {
            add(
                format!("the address of the server `{server}` ends in a slash"),
                "leave the slash out: it has to equal the server's own `ApplicationUri`",
            );
        }
    }
    for agent in &question.agents {
        for connector in &agent.connectors {
            let address = connector.managed_system.as_ref().and_then(|system| system.address.as_deref());
            let Some(address) = address.filter(|address| of_address(address).is_none()) else { continue };
            findings.push(
                Finding::new(
                    "managed-system-address",
                    Severity::Warning,
                    &*question.agents_place,
                    format!("`{address}` is no address that `{}` could connect to", question.host),
                    "write `HOST:PORT`",
                )
                .on(&question.host)
                .of_agent(&agent.identifier)
                .of_connector(&connector.identifier),
            );
        }
    }
}
