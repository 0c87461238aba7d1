//! Settings: what is going to be written, and the files that are on the host. Values are looked at, and never shown: any
//! of them may be a secret.
//!
//! The rules are those of the install guide's page on settings files: `@` in front of passwords with an `@`, no slash at
//! the end of `ApplicationUri`, values in place of the `<...>` of the examples, and JSON in which a backslash is doubled.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::super::{Finding, Severity};
use super::question::Hidden;
use super::{Facts, Question};
use crate::document;

/// The settings files of an agent in its folder `Runtime`, in the order of their numbers in answers.
pub(crate) const FILES: [&str; 3] = ["appsettings.json", "appsettings.agent.json", "web.config"];

/// A settings file that is on the host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SettingsFile {
    /// Which one of the three, by its name.
    pub name: String,
    /// Its path, as the host says it.
    pub path: String,
    /// What it holds; nothing where it is too large or cannot be read.
    pub content: Option<Hidden<Vec<u8>>>,
}

/// How many findings of one kind a file gives.
const MOST: usize = 20;

/// Settings that are going to be written.
pub(super) fn planned(question: &Question, _facts: &Facts, findings: &mut Vec<Finding>) {
    for (name, value) in &question.settings.0 {
        let place = format!("{}:settings.{name}", question.host);
        let mut judge = Judge { question, place, severity: Severity::Error, findings: Vec::new() };
        match value {
            Value::Object(tree) => judge.tree(tree),
            // A text is what a template made: it has to be a document by itself.
            Value::String(text) => judge.document(name, text.as_bytes()),
            _ => judge.add(
                "settings-invalid",
                Severity::Error,
                format!("`{name}` is neither a mapping nor a text"),
                "give what the file is to hold",
            ),
        }
        findings.append(&mut judge.findings);
    }
}

/// Settings that the host has. A rollout writes its own keys over them, and leaves the others as they are.
pub(super) fn on_host(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    for file in &facts.settings {
        let place = format!("{}:{}", question.host, file.path);
        let mut judge = Judge { question, place, severity: Severity::Warning, findings: Vec::new() };
        match &file.content {
            Some(content) => judge.document(&file.name, &content.0),
            None => judge.add(
                "settings-unreadable",
                Severity::Warning,
                format!("`{}` of `{}` cannot be read, or is larger than 1 MiB", file.name, question.host),
                "let the login read it, or look at it there",
            ),
        }
        findings.append(&mut judge.findings);
    }
}

struct Judge<'a> {
    question: &'a Question,
    place: String,
    /// Of what a rollout may put right by itself.
    severity: Severity,
    findings: Vec<Finding>,
}

impl Judge<'_> {
    fn add(&mut self, id: &str, severity: Severity, message: String, hint: &str) {
        if self.findings.iter().filter(|finding| finding.id == id).count() < MOST {
            let finding = Finding::new(id, severity, &*self.place, message, hint);
            self.findings.push(finding.on(&self.question.host));
        }
    }

    fn document(&mut self, name: &str, bytes: &[u8]) {
        let read = match name.rsplit('.').next() {
            Some("config" | "xml") => document::text_of(bytes).and_then(document::xml::read).map(|_| None),
            _ => document::json::tree(bytes).map(Some),
        };
        match read {
            Ok(Some(Value::Object(tree))) => self.tree(&tree),
            Ok(_) => {}
            Err(problem) => {
                let message = problem.message.lines().next().unwrap_or_default().to_owned();
                let message = format!(
                    "`{name}` cannot be read, line {} column {}: {message}",
                    problem.line, problem.column
                );
                let hint = match message.contains("escape") || message.contains('\\') {
                    true => "write each backslash twice: in JSON it begins an escape",
                    false => {
                        "correct the file: the agent does not start with it, and its keys cannot be edited"
                    }
                };
                self.add("settings-invalid", Severity::Error, message, hint);
            }
        }
    }

    fn tree(&mut self, tree: &Map<String, Value>) {
        let mut leaves = Vec::new();
        collect(&mut Vec::new(), tree, &mut leaves);
        for (path, value) in &leaves {
            self.leaf(path, value);
        }
        self.client(tree);
        self.mail(&leaves);
        self.misplaced(tree);
        self.identifier(&leaves);
    }

    fn leaf(&mut self, path: &str, value: &str) {
        let severity = self.severity;
        if has_placeholder(path, value) {
            self.add(
                "settings-placeholder",
                severity,
                format!("`{path}` still has a `<...>` of the documentation in it"),
                "put the value in its place, without the angle brackets",
            );
        }
        if lost_backslash(value) {
            self.add(
                "settings-backslash",
                severity,
                format!("`{path}` has a control character where a backslash was meant"),
                "write each backslash twice: in JSON and in quotes of YAML `\\t` and `\\n` are something else",
            );
        }
        let lower = path.to_ascii_lowercase();
        if lower.rsplit('.').next() == Some("applicationuri") && value.ends_with('/') {
            self.add(
                "settings-uri",
                severity,
                format!("`{path}` ends in a slash"),
                "leave the slash out: it has to equal the server's own `ApplicationUri`",
            );
        }
        let password = matches!(
            lower.as_str(),
            "identityserver.x509keyfilepassword"
                | "encryptioncertificate.password"
                | "passwordresetsettings.encryptioncertificate.password"
        );
        if password && value.contains('@') && !value.starts_with('@') && !is_protected(value) {
            self.add(
                "settings-password",
                severity,
                format!("`{path}` has an `@` in it and none in front: the product takes it for a protected password"),
                "put one `@` in front of it, or protect it with the product's `Protect-CertificatePassword`",
            );
        }
    }

    /// The default client has a secret.
    fn client(&mut self, tree: &Map<String, Value>) {
        let Some(open_id) = get(tree, "OpenId").and_then(Value::as_object) else { return };
        let Some(name) = get(open_id, "DefaultOpenIdClient").and_then(Value::as_str) else { return };
        let Some(clients) = get(open_id, "OpenIdClients").and_then(Value::as_object) else { return };
        if get(clients, name).is_none() {
            self.add(
                "settings-client",
                self.severity,
                "`OpenId.DefaultOpenIdClient` names a client that `OpenId.OpenIdClients` does not have"
                    .to_owned(),
                "add the secret of that client, or name another one",
            );
        }
    }

    /// A pickup folder counts together with its flag only, which the guide's example leaves out.
    fn mail(&mut self, leaves: &[(String, Cow<'_, str>)]) {
        const MAIL: &str = "passwordresetsettings.mailsettings.";
        let value = |key: &str| {
            let wanted = format!("{MAIL}{key}");
            leaves
                .iter()
                .find(|(path, _)| path.eq_ignore_ascii_case(&wanted))
                .map(|(_, value)| value.as_ref())
        };
        let flag = value("usespecifiedpickupdirectory").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        if value("pickupdirectory").is_some() && !flag {
            self.add(
                "settings-mail",
                Severity::Warning,
                "`PickupDirectory` of `MailSettings` is set, and `UseSpecifiedPickupDirectory` is not"
                    .to_owned(),
                "set `UseSpecifiedPickupDirectory` to true, or no mail gets there",
            );
        }
    }

    /// A second page of the documentation puts keys where the agent does not look for them.
    fn misplaced(&mut self, tree: &Map<String, Value>) {
        for (name, place) in
            [("OpenIdClients", "OpenId.OpenIdClients"), ("DefaultOpenIdClient", "OpenId.DefaultOpenIdClient")]
        {
            if get(tree, name).is_some() {
                let message = format!("`{name}` stands at the top, where the agent does not look for it");
                self.add(
                    "settings-misplaced",
                    Severity::Warning,
                    message,
                    &format!("it belongs to `{place}`"),
                );
            }
        }
    }

    /// Whether the host's agent is the one that the inventory says.
    fn identifier(&mut self, leaves: &[(String, Cow<'_, str>)]) {
        let found = leaves.iter().find(|(path, _)| path.eq_ignore_ascii_case("OpenId.AgentIdentifier"));
        let Some((_, found)) = found.filter(|(_, found)| !found.is_empty()) else { return };
        let agents = &self.question.agents;
        if found == "Local" {
            let message = "`OpenId.AgentIdentifier` is `Local`, which is the agent in the server".to_owned();
            self.add(
                "agent-name-reserved",
                Severity::Error,
                message,
                "give the agent an identifier of its own",
            );
        } else if !agents.is_empty() && agents.iter().all(|agent| agent.identifier != found.as_ref()) {
            let message = format!("the settings are those of the agent `{}`", short(found));
            self.add(
                "agent-identifier-differs",
                Severity::Warning,
                message,
                "the inventory assigns another agent: correct it, unless the host is to change",
            );
        }
    }
}

/// A value of a document that stands for itself, with its path. Only so many levels: the reader takes no more.
fn collect<'v>(
    path: &mut Vec<&'v str>,
    tree: &'v Map<String, Value>,
    leaves: &mut Vec<(String, Cow<'v, str>)>,
) {
    for (key, value) in tree {
        path.push(key);
        one(path, value, leaves);
        path.pop();
    }
}

fn one<'v>(path: &mut Vec<&'v str>, value: &'v Value, leaves: &mut Vec<(String, Cow<'v, str>)>) {
    if path.len() > 64 {
        return;
    }
    match value {
        Value::Object(tree) => collect(path, tree, leaves),
        Value::Array(items) => items.iter().for_each(|item| one(path, item, leaves)),
        Value::String(text) => leaves.push((path.join("."), Cow::Borrowed(text))),
        Value::Null => {}
        other => leaves.push((path.join("."), Cow::Owned(other.to_string()))),
    }
}

/// A member, whatever the case of its key, as .NET finds it.
fn get<'v>(tree: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    tree.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether a value has `<organization>` and the like in it. What connectors and secrets hold may look alike, so there only
/// a value counts that is nothing else.
fn has_placeholder(path: &str, value: &str) -> bool {
    let trimmed = value.trim();
    let inner = trimmed.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    if inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(['<', '>', '/'])) {
        return true;
    }
    let lower = path.to_ascii_lowercase();
    let foreign = ["connections.", "databases.", "openid.openidclients.", "license"];
    if foreign.iter().any(|start| lower.starts_with(start)) || lower.contains("password") {
        return false;
    }
    let mut rest = value;
    while let Some((_, behind)) = rest.split_once('<') {
        let word = behind.split('>').next().unwrap_or_default();
        let named = word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.chars().all(|char| char.is_alphanumeric() || " -_.".contains(char));
        if named && word.len() < behind.len() {
            return true;
        }
        rest = behind;
    }
    false
}

/// Whether `\t`, `\n` and the like were read as what they mean: they stand for nothing in names of files and accounts.
fn lost_backslash(value: &str) -> bool {
    let drive = value.as_bytes().get(1) == Some(&b':')
        && value.starts_with(|first: char| first.is_ascii_alphabetic());
    let path = drive || value.starts_with(r"\\") || value.starts_with("..");
    value.chars().any(|char| match char {
        '\u{8}' | '\u{c}' => true,
        '\t' | '\n' | '\r' => path,
        _ => false,
    })
}

/// Whether it is what the product's tool makes of a password: three words in base64 with `@` between them.
fn is_protected(value: &str) -> bool {
    let words: Vec<&str> = value.split('@').collect();
    let base64 = |word: &&str| {
        let digits = word.trim_end_matches('=');
        !digits.is_empty()
            && word.len().is_multiple_of(4)
            && word.len() - digits.len() <= 2
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
    };
    words.len() == 3 && words.iter().all(base64)
}

/// The start of a text of a host.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A settings file of the host that can be read as JSON.
fn json(facts: &Facts, name: &str) -> Option<(Map<String, Value>, String)> {
    let file = facts.settings.iter().find(|file| file.name == name)?;
    match document::json::tree(&file.content.as_ref()?.0).ok()? {
        Value::Object(tree) => Some((tree, file.path.clone())),
        _ => None,
    }
}

/// The clear secret of a client in the host's settings, and the path of the file.
pub(super) fn client_secret(facts: &Facts, client: &str) -> Option<(String, String)> {
    let (tree, path) = json(facts, FILES[1])?;
    let clients = get(get(&tree, "OpenId")?.as_object()?, "OpenIdClients")?.as_object()?;
    Some((get(clients, client)?.as_str()?.to_owned(), path))
}

/// The license in the host's settings, and the path of the file.
pub(super) fn license_of_host(facts: &Facts) -> Option<(String, String)> {
    let (tree, path) = json(facts, FILES[0])?;
    // What the documentation says instead of a license is told as that.
    let given = |text: &&str| !text.trim().is_empty() && !has_placeholder("License", text);
    let license = get(&tree, "License")?.as_str().filter(given)?;
    Some((license.to_owned(), path))
}

/// The variables that `web.config` of the host gives the agent, and the path of the file.
pub(super) fn web_variables(facts: &Facts) -> Option<(String, Vec<(String, String)>)> {
    let file = facts.settings.iter().find(|file| file.name == FILES[2])?;
    let elements = document::xml::read(document::text_of(&file.content.as_ref()?.0).ok()?).ok()?;
    let variables =
        elements.iter().filter(|element| element.name == "environmentVariable").filter_map(|element| {
            Some((element.attribute("name")?.to_owned(), element.attribute("value")?.to_owned()))
        });
    Some((file.path.clone(), variables.collect()))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
