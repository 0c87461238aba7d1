//! The way to the server: what .NET makes of `HTTPS_PROXY` and `NO_PROXY`.
//!
//! The agent takes no proxy from the system's own settings, only from these variables. The product's page on proxies: the
//! value is `host:port` or `http://host:port`, and with `https://`, a slash or a path it is ignored without a word; names in
//! `NO_PROXY` have commas between them, and a point in front stands for everything below a domain.

use super::super::{Finding, Severity};
use super::question::{of_address, of_uri};
use super::settings::web_variables;
use super::{Facts, Question};

/// How the agent gets to an address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Route {
    /// Straight.
    #[default]
    Direct,
    /// Through a proxy.
    Proxy {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Where a variable comes from, and its value.
struct Variable {
    place: String,
    value: String,
}

/// What .NET makes of a value.
#[derive(Debug, Eq, PartialEq)]
enum Form {
    Proxy { host: String, port: u16, login: bool, port_said: bool },
    Ignored(&'static str),
}

fn form(value: &str) -> Form {
    let rest = match value.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return Form::Ignored("it begins with something else than `http://`"),
        None => value,
    };
    if rest.contains(['/', '\\', '?', '#']) {
        return Form::Ignored("a slash or a path follows the port");
    }
    let (login, address) = match rest.rsplit_once('@') {
        Some((_, address)) => (true, address),
        None => (false, rest),
    };
    if let Some((host, port)) = of_address(address) {
        return Form::Proxy { host, port, login, port_said: true };
    }
    match of_uri(&format!("http://{address}")) {
        Some((host, port)) if !address.contains(':') => Form::Proxy { host, port, login, port_said: false },
        _ => Form::Ignored("it is not `host:port`"),
    }
}

/// The variable that counts: of the options, else of the agent's `web.config`, else of the machine.
fn variable(question: &Question, facts: &Facts, name: &str) -> Option<Variable> {
    let (option, wanted, machine) = match name {
        "HTTPS_PROXY" => ("https_proxy", &question.https_proxy.0, &facts.https_proxy.0),
        _ => ("no_proxy", &question.no_proxy.0, &facts.no_proxy.0),
    };
    let said = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
    if let Some(value) = said(wanted) {
        return Some(Variable { place: format!("{}:{option}", question.host), value });
    }
    if let Some((path, variables)) = web_variables(facts) {
        let found = variables.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some(value) = found.and_then(|(_, value)| said(&Some(value))) {
            return Some(Variable { place: format!("{}:{path}", question.host), value });
        }
    }
    said(machine).map(|value| Variable { place: format!("{}:{name}", question.host), value })
}

/// Whether `NO_PROXY` names a host: the name itself, or a domain with a point in front.
fn bypassed(names: &str, host: &str) -> bool {
    names.split(',').map(str::trim).any(|name| match name.strip_prefix('.') {
        Some(domain) if !domain.is_empty() => {
            let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
            host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
        }
        _ => name.eq_ignore_ascii_case(host),
    })
}

/// How the agent gets to its server with the variables that it has.
#[must_use]
pub fn route(question: &Question, facts: &Facts) -> Route {
    let server = question.server.as_deref().and_then(of_uri);
    let Some((server, _)) = server else { return Route::Direct };
    let Some(proxy) = variable(question, facts, "HTTPS_PROXY") else { return Route::Direct };
    // The variable is for https only.
    if !question.server.as_deref().is_some_and(|server| server.to_ascii_lowercase().starts_with("https:")) {
        return Route::Direct;
    }
    if variable(question, facts, "NO_PROXY").is_some_and(|names| bypassed(&names.value, &server)) {
        return Route::Direct;
    }
    match form(proxy.value.trim()) {
        Form::Proxy { host, port, .. } => Route::Proxy { host, port },
        Form::Ignored(_) => Route::Direct,
    }
}

/// User and password that `HTTPS_PROXY` has in it, as they are written there.
pub(crate) fn login(question: &Question, facts: &Facts) -> Option<String> {
    let proxy = variable(question, facts, "HTTPS_PROXY")?;
    let value = proxy.value.trim();
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    rest.rsplit_once('@').map(|(login, _)| login.to_owned())
}

/// Forms that are ignored without a word.
pub(super) fn variables(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let mut add = |severity, place: &str, message: String, hint: &str| {
        findings.push(Finding::new("proxy-variable", severity, place, message, hint).on(&question.host));
    };
    let host = &question.host;
    if let Some(Variable { place, value }) = variable(question, facts, "HTTPS_PROXY") {
        // The value may hold a password, so it is never shown.
        match form(value.trim()) {
            Form::Ignored(why) => add(
                Severity::Error,
                &place,
                format!("the agent on `{host}` ignores `HTTPS_PROXY`, without a word: {why}"),
                "write it as `host:port`",
            ),
            Form::Proxy { login, port_said, host: proxy, port } => {
                if !port_said {
                    add(
                        Severity::Warning,
                        &place,
                        format!(
                            "`HTTPS_PROXY` of `{host}` has no port, so that `{proxy}` is asked at {port}"
                        ),
                        "write it as `host:port`",
                    );
                }
                if login {
                    add(
                        Severity::Warning,
                        &place,
                        format!("`HTTPS_PROXY` of `{host}` has a user and a password in it"),
                        "all processes of the agent, and whoever reads its settings, see them: let the proxy know the host instead",
                    );
                }
            }
        }
    }
    let Some(Variable { place, value }) = variable(question, facts, "NO_PROXY") else { return };
    if let Some(why) = no_proxy_problem(&value) {
        add(
            Severity::Warning,
            &place,
            format!("`NO_PROXY` of `{host}` has {why}, which matches nothing"),
            "write names with commas between them; a point in front (`.corp.example`) stands for all names of a domain",
        );
    }
}

fn no_proxy_problem(value: &str) -> Option<&'static str> {
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name.contains('*') {
            return Some("a `*`");
        }
        if name.contains("://") {
            return Some("an address with a scheme");
        }
        if name.contains([';', ' ', '|']) {
            return Some("names with something else than a comma between them");
        }
        if name.contains('/') {
            return Some("a range of addresses");
        }
        if name
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.contains(':') && port.parse::<u16>().is_ok())
        {
            return Some("a name with a port");
        }
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(https: &str, none: &str) -> Question {
        let options =
            json!({"server": "https://identity.corp.example", "https_proxy": https, "no_proxy": none});
        Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap()
    }

    #[test]
    fn forms_are_taken_or_ignored_as_the_product_does() {
        for (value, expected) in [
            ("proxy.example:3128", Some(("proxy.example", 3128))),
            ("http://proxy.example:3128", Some(("proxy.example", 3128))),
            ("HTTP://10.0.0.1:80", Some(("10.0.0.1", 80))),
            ("user:zebra@proxy.example:3128", Some(("proxy.example", 3128))),
            ("proxy.example", Some(("proxy.example", 80))),
            ("[fd00::1]:3128", Some(("fd00::1", 3128))),
            ("https://proxy.example:3128", None),
            ("socks5://proxy.example:3128", None),
            ("http://proxy.example:3128/", None),
            ("proxy.example:3128/path", None),
            ("proxy.example:port", None),
            ("a b:3128", None),
        ] {
            let found = match route(&question(value, ""), &Facts::default()) {
                Route::Proxy { host, port } => Some((host, port)),
                Route::Direct => None,
            };
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{value}");
            let mut findings = Vec::new();
            variables(&question(value, ""), &Facts::default(), &mut findings);
            let error = findings.iter().any(|finding| finding.severity == Severity::Error);
            assert_eq!(error, expected.is_none(), "{value}: {findings:?}");
            assert!(!format!("{findings:?}{:?}", question(value, "")).contains("zebra"), "{findings:?}");
        }
    }

    #[test]
    fn names_without_a_proxy_are_compared_as_dotnet_does() {
        for (names, direct) in [
            ("identity.corp.example", true),
            ("IDENTITY.corp.example", true),
            (".corp.example", true),
            ("other.example, .example", true),
            ("corp.example", false),
            ("*.corp.example", false),
            (".orp.example", false),
            ("", false),
            (".", false),
        ] {
            let found = route(&question("proxy.example:1", names), &Facts::default());
            assert_eq!(found == Route::Direct, direct, "{names}");
        }
        for names in
            ["*.corp.example", "a.example;b.example", "http://a.example", "10.0.0.0/8", "a.example:443"]
        {
            let mut findings = Vec::new();
            variables(&question("", names), &Facts::default(), &mut findings);
            assert_eq!(findings.len(), 1, "{names}");
        }
    }
}
