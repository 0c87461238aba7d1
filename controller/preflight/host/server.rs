//! What the server answers to the host: its discovery document, a token for the agent's client, and its clock.

use serde_json::Value;

use super::super::{Finding, Severity};
use super::{Facts, Question, Reached, Route};

/// What a host was told by the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerAnswers {
    /// The answer to `/.well-known/openid-configuration`.
    pub discovery: Option<Asked>,
    /// The answer to `/connect/token`.
    pub token: Option<Asked>,
    /// How many seconds the server's clock is ahead of ours, and how exactly that is known.
    pub clock: Option<(i64, u64)>,
}

/// An answer to a request that a host made.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The server, or a proxy, answered.
    Answered {
        /// Its status.
        status: u64,
        /// Its content, if that is JSON. It is data of the server: what may be a token is left out.
        json: Option<Value>,
    },
    /// There was no answer, for this reason.
    No(String),
    /// The host has nothing to ask with.
    Unknown(String),
}

/// Where the server describes itself (OpenID Connect Discovery 1.0, section 4).
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where it gives tokens.
pub(crate) const TOKEN: &str = "/connect/token";

/// Errors of RFC 6749, section 5.2. Other words of the server are not shown: a hostile one might send the secret back.
const ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// The server is the one that it should be.
pub(super) fn discovery(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(asked), Some(server)) = (&facts.server.discovery, &question.server) else { return };
    let host = &question.host;
    let place = format!("{host}:{server}{DISCOVERY}");
    let mut add = |severity, message: String, hint: &str| {
        findings.push(Finding::new("server-discovery", severity, &*place, message, hint).on(host));
    };
    let way = match super::proxy::route(question, facts) {
        Route::Direct => String::new(),
        Route::Proxy { host, port } => format!(" through the proxy {host}:{port}"),
    };
    match asked {
        // That no connection is made was told already.
        Asked::No(_) if matches!(facts.reached.first(), Some(Reached::No(_))) => {}
        Asked::No(reason) => add(
            Severity::Error,
            format!("`{host}` gets no answer of the server{way}: {reason}"),
            "if it is the certificate, let the host trust its issuer; if it is the name, correct `server` or the proxy",
        ),
        Asked::Unknown(reason) => add(
            Severity::Info,
            format!("`{host}` cannot ask the server{way}: {reason}"),
            "install `curl` there to have it asked, or try it by hand",
        ),
        Asked::Answered { status: 407, .. } => add(
            Severity::Error,
            format!("the proxy wants `{host}` to log in"),
            "let the proxy know the host: the agent has no login for it",
        ),
        Asked::Answered { status: 200, json: Some(json) } => document(json, server, &mut add),
        Asked::Answered { status: 200, json: None } => add(
            Severity::Error,
            format!("what answers `{host}`{way} sends no discovery document"),
            "`server` is the address of the identity server, as its own `ApplicationUri` has it",
        ),
        Asked::Answered { status, .. } => add(
            Severity::Error,
            format!("the server answers `{host}`{way} with status {status}"),
            "`server` is the address of the identity server, as its own `ApplicationUri` has it",
        ),
    }
}

fn document(json: &Value, server: &str, add: &mut dyn FnMut(Severity, String, &str)) {
    let text = |name: &str| json.get(name).and_then(Value::as_str);
    let Some(issuer) = text("issuer").filter(|_| text("token_endpoint").is_some()) else {
        add(
            Severity::Error,
            format!(
                "what answers at `{server}` is no identity server: its document names no issuer or no tokens"
            ),
            "`server` is the address of the identity server, as its own `ApplicationUri` has it",
        );
        return;
    };
    let same =
        |one: &str, other: &str| one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'));
    if !same(issuer, server) {
        let issuer: String = issuer.chars().take(200).collect();
        add(
            Severity::Warning,
            format!("the server at `{server}` calls itself `{issuer}`"),
            "`server` has to equal the server's own `ApplicationUri`, letter by letter",
        );
    }
}

/// The server gives the agent's client a token.
pub(super) fn token(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(asked), Some(server)) = (&facts.server.token, &question.server) else { return };
    let (host, client) = (&question.host, question.client.name());
    let place = format!("{host}:{server}{TOKEN}");
    let mut add = |severity, message: String, hint: &str| {
        findings.push(Finding::new("server-token", severity, &*place, message, hint).on(host));
    };
    match asked {
        Asked::Answered { status: 200, json: Some(json) } if json.get("access_token").is_some() => {}
        Asked::Answered { status, json } => {
            let error = json.as_ref().and_then(|json| json.get("error")).and_then(Value::as_str);
            let known = error.and_then(|error| ERRORS.iter().find(|known| **known == error));
            let why = match known {
                Some(known) => format!("`{known}`"),
                None => format!("status {status} and no token"),
            };
            let hint = match known.copied() {
                Some("invalid_client") => {
                    "the client is unknown, has ended, or its secret is another one: compare it with the server's `OpenIdClient`"
                }
                Some("invalid_scope" | "unauthorized_client") => {
                    "let the server's `OpenIdClient` have the scope `usercube_api`"
                }
                _ => "look into the log of the server",
            };
            add(
                Severity::Error,
                format!("the server gives the client `{client}` on `{host}` no token: {why}"),
                hint,
            );
        }
        Asked::No(reason) => add(
            Severity::Error,
            format!("`{host}` gets no answer when it asks for a token: {reason}"),
            "look into the log of the server",
        ),
        Asked::Unknown(reason) => add(
            Severity::Info,
            format!("`{host}` cannot ask for a token: {reason}"),
            "install `curl` there to have it asked, or try it by hand",
        ),
    }
}

/// Tokens are refused when the clocks of host and server differ, whatever the controller's says.
pub(super) fn clock(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some((ours, unsure)), Some((theirs, also))) = (facts.clock, facts.server.clock) else { return };
    let (apart, wanted) = (ours.saturating_sub(theirs), question.requirements.clock);
    if apart.unsigned_abs() <= wanted.saturating_add(unsure).saturating_add(also) {
        return;
    }
    let host = &question.host;
    let side = if apart > 0 { "ahead of" } else { "behind" };
    let off = apart.unsigned_abs();
    let message =
        format!("the clock of `{host}` is {off} s {side} that of the server; allowed are {wanted} s");
    let place = format!("{host}:clock of the server");
    let hint = "let both take their time from the same source (NTP)";
    findings.push(Finding::new("time-skew", Severity::Error, place, message, hint).on(host));
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(server: ServerAnswers, host: Facts) -> Vec<String> {
        let options = json!({"server": "https://identity.example", "secret": "zebra"});
        let question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
        let facts = Facts { server, ..host };
        let mut findings = Vec::new();
        for check in [discovery, token, clock] {
            check(&question, &facts, &mut findings);
        }
        assert!(!format!("{findings:?}").contains("zebra"), "{findings:?}");
        findings.iter().map(|finding| format!("{} {}", finding.severity, finding.id)).collect()
    }

    fn answered(status: u64, json: Value) -> Asked {
        Asked::Answered { status, json: Some(json) }
    }

    #[test]
    fn the_document_is_that_of_the_server() {
        let of = |asked: Asked| {
            found(ServerAnswers { discovery: Some(asked), ..ServerAnswers::default() }, Facts::default())
        };
        let document = |issuer: &str| json!({"issuer": issuer, "token_endpoint": "https://evil.example/t"});
        assert_eq!(of(answered(200, document("https://identity.example"))), [""; 0]);
        assert_eq!(of(answered(200, document("https://Identity.example/"))), [""; 0]);
        assert_eq!(of(answered(200, document("https://other.example"))), ["warning server-discovery"]);
        for asked in [
            answered(200, json!({"issuer": "https://identity.example"})),
            answered(200, json!([1])),
            Asked::Answered { status: 200, json: None },
            answered(404, document("https://identity.example")),
            answered(407, Value::Null),
            Asked::No("certificate verify failed".to_owned()),
        ] {
            assert_eq!(of(asked.clone()), ["error server-discovery"], "{asked:?}");
        }
        assert_eq!(of(Asked::Unknown("no curl".to_owned())), ["info server-discovery"]);
        // It is told once that there is no connection.
        let facts = Facts { reached: vec![Reached::No("refused".to_owned())], ..Facts::default() };
        let asked =
            ServerAnswers { discovery: Some(Asked::No("refused".to_owned())), ..ServerAnswers::default() };
        assert_eq!(found(asked, facts), [""; 0]);
    }

    #[test]
    fn a_token_is_given_or_not() {
        let of = |asked: Asked| {
            found(ServerAnswers { token: Some(asked), ..ServerAnswers::default() }, Facts::default())
        };
        assert_eq!(of(answered(200, json!({"access_token": true}))), [""; 0]);
        for asked in [
            answered(400, json!({"error": "invalid_client"})),
            // A hostile server sends back what it got.
            answered(400, json!({"error": "zebra"})),
            answered(200, json!({"zebra": 1})),
            Asked::Answered { status: 500, json: None },
            Asked::No("timed out".to_owned()),
        ] {
            assert_eq!(of(asked.clone()), ["error server-token"], "{asked:?}");
        }
        assert_eq!(of(Asked::Unknown("no curl".to_owned())), ["info server-token"]);
    }

    #[test]
    fn clocks_of_host_and_server_are_compared() {
        let of = |host: i64, server: i64| {
            let answers = ServerAnswers { clock: Some((server, 1)), ..ServerAnswers::default() };
            found(answers, Facts { clock: Some((host, 1)), ..Facts::default() })
        };
        assert_eq!(of(100, -200), [""; 0]);
        assert_eq!(of(200, -200), ["error time-skew"]);
        assert_eq!(of(i64::MIN, i64::MAX), ["error time-skew"]);
    }
}
