//! Requests to the server, made by the host the way the agent will make them: with the agent's proxy, not with that of
//! the login.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::super::Outcome;
use super::super::uri::Uri;
use crate::preflight::host::{Asked, DISCOVERY, Facts, Question, Route, TOKEN, proxy_login, route};
use crate::shell::Platform;

/// What stays as it is in a form, besides letters and digits (RFC 3986, section 2.3).
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The request for the discovery document.
pub(super) fn discovery(question: &Question, facts: &Facts, platform: Platform) -> Option<Uri> {
    request(question, facts, platform, DISCOVERY)
}

/// The request for a token. The `@` in the client's name must not be encoded, says the product's page on its API. The
/// answer of the discovery document has no say in where the secret goes.
pub(super) fn token(question: &Question, facts: &Facts, platform: Platform) -> Option<Uri> {
    let secret = question.client.secret.as_ref()?.expose_secret();
    let server = question.server_name()?;
    let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let body = format!(
        "client_id={}@{server}&client_secret={}&scope=usercube_api&grant_type=client_credentials",
        encoded(question.client.name()),
        encoded(secret)
    );
    let mut uri = request(question, facts, platform, TOKEN)?;
    uri.method = "POST".to_owned();
    uri.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    uri.body = body.into_bytes();
    Some(uri)
}

fn request(question: &Question, facts: &Facts, platform: Platform, path: &str) -> Option<Uri> {
    question.server_name()?;
    let server = question.server.as_deref()?.trim_end_matches('/');
    let through = match route(question, facts) {
        Route::Direct => None,
        Route::Proxy { host, port } => {
            let login = proxy_login(question, facts).map(|login| format!("{login}@")).unwrap_or_default();
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            Some(format!("http://{login}{host}:{port}"))
        }
    };
    Some(Uri {
        platform,
        url: format!("{server}{path}"),
        method: "GET".to_owned(),
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        body: Vec::new(),
        login: None,
        force_login: false,
        // Nobody else is to get the secret, and the agent does not follow either.
        follow: false,
        status: vec![200],
        timeout: question.requirements.connect,
        validate: true,
        content: false,
        proxy: false,
        through,
        harmless: true,
        looks: false,
        netrc: false,
        files: [None, None, None],
        creates: None,
        removes: None,
        visited: Vec::new(),
    })
}

/// What came of a request. What the host says of it may hold what it was sent, so that is looked for.
pub(super) fn asked(question: &Question, facts: &Facts, outcome: &Outcome) -> Asked {
    let said = outcome.result.get("msg").and_then(Value::as_str).unwrap_or_default();
    let said = said.split_once("Request failed: ").map_or(said, |(_, reason)| reason);
    let reason = || quiet(question, facts, said.lines().next().unwrap_or_default());
    match outcome.result.get("status").and_then(Value::as_u64) {
        Some(status) => Asked::Answered { status, json: outcome.result.get("json").map(without_token) },
        None if outcome.result.contains_key("status") => Asked::No(reason()),
        None => Asked::Unknown(reason()),
    }
}

/// The parts of an answer that are judged.
fn without_token(answer: &Value) -> Value {
    let mut kept = json!({});
    for name in ["issuer", "token_endpoint", "error"] {
        if let Some(text) = answer.get(name).and_then(Value::as_str) {
            kept[name] = text.chars().take(1000).collect::<String>().into();
        }
    }
    if answer.get("access_token").is_some_and(Value::is_string) {
        kept["access_token"] = true.into();
    }
    kept
}

fn quiet(question: &Question, facts: &Facts, said: &str) -> String {
    let secret = question.client.secret.as_ref().map(|secret| secret.expose_secret().to_owned());
    let encoded = secret.as_deref().map(|secret| utf8_percent_encode(secret, FORM).to_string());
    let login = proxy_login(question, facts);
    let password = login.as_deref().and_then(|login| Some(login.split_once(':')?.1.to_owned()));
    let hidden = [secret, encoded, password];
    if hidden.iter().flatten().any(|hidden| !hidden.is_empty() && said.contains(hidden.as_str())) {
        return "what the host says of it holds a secret, and is not shown".to_owned();
    }
    said.chars().take(500).collect()
}

/// How far the clock of a server is ahead whose answer came at `now` and took so many milliseconds, and how exactly that is
/// known. An answer out of a cache tells nothing.
pub(super) fn clock(outcome: &Outcome, took_ms: u64, now: Timestamp) -> Option<(i64, u64)> {
    if outcome.result.contains_key("age") {
        return None;
    }
    let date = outcome.result.get("date").and_then(Value::as_str)?;
    let theirs = rfc2822::parse(date).ok()?.timestamp().as_second();
    let took = took_ms / 1000;
    let asked = now.as_second().saturating_sub(i64::try_from(took).unwrap_or_default());
    Some((theirs.saturating_sub(asked), took + 1))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn question(options: Value) -> Question {
        Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap()
    }

    #[test]
    fn requests_are_those_of_the_agent() {
        let asked = question(json!({
            "server": "https://identity.example:5000/", "secret": "z&bra=@", "client": "Job 2",
            "https_proxy": "user:word@proxy.example:3128", "no_proxy": ".other.example",
        }));
        let facts = Facts::default();
        let one = discovery(&asked, &facts, Platform::Posix).unwrap();
        assert_eq!(one.url, "https://identity.example:5000/.well-known/openid-configuration");
        assert_eq!(one.through.as_deref(), Some("http://user:word@proxy.example:3128"));
        let token = token(&asked, &facts, Platform::Posix).unwrap();
        let body = String::from_utf8(token.body.clone()).unwrap();
        let expected = "client_id=Job%202@identity.example&client_secret=z%26bra%3D%40&scope=usercube_api";
        assert_eq!(body, format!("{expected}&grant_type=client_credentials"));
        assert!(!token.follow && token.harmless && !format!("{token:?}").contains("bra"));
        let direct = question(
            json!({"server": "https://identity.example", "https_proxy": "a:1", "no_proxy": ".example"}),
        );
        assert_eq!(discovery(&direct, &facts, Platform::Posix).unwrap().through, None);
        assert!(super::token(&direct, &facts, Platform::Posix).is_none());
        assert!(discovery(&question(json!({"server": "identity"})), &facts, Platform::Posix).is_none());
    }

    #[test]
    fn what_comes_back_shows_no_secret() {
        let asked_with = question(json!({"server": "https://identity.example", "secret": "z/bra"}));
        let of = |result: Value| {
            let outcome = Outcome { result: result.as_object().unwrap().clone(), ..Outcome::default() };
            asked(&asked_with, &Facts::default(), &outcome)
        };
        let unanswered = of(
            json!({"status": -1, "msg": "Status code was -1 and not [200]: Request failed: refused\nmore"}),
        );
        assert_eq!(unanswered, Asked::No("refused".to_owned()));
        for said in ["z/bra", "z%2Fbra", "x z/bra y"] {
            let Asked::No(reason) = of(json!({"status": -1, "msg": said})) else { panic!("an answer") };
            assert!(!reason.contains("bra"), "{reason}");
        }
        let unknown = of(json!({"msg": "https cannot be spoken: the host has neither\nhint: x"}));
        assert_eq!(unknown, Asked::Unknown("https cannot be spoken: the host has neither".to_owned()));
        let answer =
            of(json!({"status": 200, "json": {"access_token": "token", "more": "z/bra", "error": 5}}));
        assert_eq!(answer, Asked::Answered { status: 200, json: Some(json!({"access_token": true})) });
    }

    #[test]
    fn the_date_of_an_answer_tells_the_clock() {
        let now: Timestamp = "2026-06-15T12:00:10Z".parse().unwrap();
        let of = |result: Value| {
            let outcome = Outcome { result: result.as_object().unwrap().clone(), ..Outcome::default() };
            clock(&outcome, 10_000, now)
        };
        assert_eq!(of(json!({"date": "Mon, 15 Jun 2026 12:05:00 GMT"})), Some((300, 11)));
        assert_eq!(of(json!({"date": "Mon, 15 Jun 2026 12:05:00 GMT", "age": "5"})), None);
        assert_eq!(of(json!({"date": "yesterday"})), None);
        assert_eq!(of(json!({})), None);
    }
}
