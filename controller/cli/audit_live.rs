//! `paceline audit --live`: asks hosts which agents they have, and what they reach. Nothing is changed on them, and no run is
//! made.

use serde_json::Value;

use super::CommandError;
use super::asking::Asking;
use crate::audit::{Observed, ObservedHost};
use crate::executor::Examined;
use crate::inventory::HostName;
use crate::operation::audit::{AuditAnswer, AuditQuestion, HostAudit};
use crate::preflight::certificate::Policy;
use crate::preflight::host::{Endpoint, Reached};

/// Asks hosts; `addresses` says what each of them is asked to reach (`HOST:PORT`), which stands as it is given in
/// [`ObservedHost::reached`]. A host that does not answer says so in its place.
///
/// # Errors
/// A variable of the inventory is wrong. Nobody was asked then.
pub(super) fn ask(
    asking: &Asking<'_>,
    hosts: &[HostName],
    addresses: &dyn Fn(&HostName) -> Vec<String>,
    policy: &Policy,
    forks: Option<u32>,
) -> Result<Observed, CommandError> {
    let (mut asked, mut answers) = (Vec::new(), Vec::new());
    for host in hosts {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for address in addresses(host) {
            match Endpoint::of_system(&address) {
                Some(at) => known.push((address, at)),
                None => unknown.push(address),
            }
        }
        let question = question(asking, host, known)?;
        let (operation, answer) = HostAudit::new(question, policy.clone());
        asked.push(asking.host(host, Box::new(operation)));
        answers.push((answer, unknown));
    }
    let mut observed = Observed::default();
    for (examined, (answer, unknown)) in asking.all(asked, forks)?.into_iter().zip(answers) {
        let name = examined.name.0.to_string();
        let mut host = answered(examined, &answer);
        for address in unknown {
            let reason = "it has no port: an address is `HOST:PORT`".to_owned();
            host.reached.insert(address, Reached::Unknown(reason));
        }
        observed.hosts.insert(name, host);
    }
    Ok(observed)
}

/// What a host answered, or why it did not.
fn answered(examined: Examined, answer: &AuditAnswer) -> ObservedHost {
    let why = match examined.outcome {
        Ok(outcome) => match answer.get() {
            Some(answer) if !outcome.failed => return answer.clone(),
            _ => {
                let said = outcome.result.get("msg").and_then(Value::as_str).unwrap_or("it said nothing");
                format!("it could not look: {said}")
            }
        },
        Err(no) => match no.hint {
            Some(hint) => format!("{}\nhint: {hint}", no.message),
            None => no.message,
        },
    };
    ObservedHost { no_answer: Some(why), ..ObservedHost::default() }
}

/// What a host is asked: the variables of the shipped playbooks say where its agents are.
fn question(
    asking: &Asking<'_>,
    host: &HostName,
    addresses: Vec<(String, Endpoint)>,
) -> Result<AuditQuestion, CommandError> {
    let variable = |name: &str| asking.variable(host, name).map_err(CommandError::failed);
    let text = |name: &str| match variable(name)? {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong(host, name, "is no text")),
    };
    let folders = match variable("agent_roots")? {
        None | Some(Value::Null) => text("agent_root")?.into_iter().collect(),
        Some(Value::Array(items)) => {
            let folder = |item: Value| match item {
                Value::String(folder) if !folder.is_empty() && !folder.contains('\0') => Ok(folder),
                _ => Err(wrong(host, "agent_roots", "is no list of folders")),
            };
            items.into_iter().map(folder).collect::<Result<Vec<_>, _>>()?
        }
        Some(_) => return Err(wrong(host, "agent_roots", "is no list of folders")),
    };
    Ok(AuditQuestion {
        host: host.0.to_string(),
        agents: true,
        folders,
        site: text("agent_site")?,
        pool: text("agent_pool")?,
        addresses,
    })
}

fn wrong(host: &HostName, name: &str, what: &str) -> CommandError {
    CommandError::user(format!("the variable `{name}` of `{}` {what}", host.0))
        .hint("`agent_root` is the folder of the agent; `agent_roots` lists them where a host has several")
}
