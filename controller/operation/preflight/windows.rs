//! The questions to Windows hosts, and how their answers are read: see `windows/preflight.ps1`.

use super::super::Reply;
use super::super::answer::decode;
use super::super::windows::Call;
use super::{ahead, all};
use crate::preflight::host::{Binding, Endpoint, Facts, Hidden, Question, Site};

/// Asks for the machine.
pub(super) fn machine(question: &Question) -> String {
    let names = question.names();
    let folder = question.folder.as_deref().unwrap_or("C:\\");
    Call::new("preflight_machine")
        .with("folder", folder)
        .list("names", names.iter().map(String::as_str))
        .text()
}

/// Asks whether these can be reached, each within so many seconds.
pub(super) fn reach(endpoints: &[Endpoint], limit: u64) -> String {
    let ports: Vec<String> = endpoints.iter().map(|endpoint| endpoint.port.to_string()).collect();
    Call::new("preflight_reach")
        .with("limit", &limit.to_string())
        .list("hosts", endpoints.iter().map(|endpoint| endpoint.host.as_str()))
        .list("ports", ports.iter().map(String::as_str))
        .text()
}

/// Reads what `preflight_machine` said; the answer came at `now`, in seconds since 1970.
pub(super) fn facts(question: &Question, reply: &Reply, now: i64) -> Facts {
    let number = |name: &str| reply.value(name).and_then(|text| text.trim().parse::<u64>().ok());
    let drive = reply.value("drive").and_then(|text| {
        let (size, free) = text.split_once(' ')?;
        Some((size.parse().ok()?, free.parse().ok()?))
    });
    let listening = reply
        .value("ports")
        .map(|ports| ports.split_whitespace().filter_map(|port| port.parse().ok()).collect());
    let addresses: Vec<String> = all(reply, "address")
        .into_iter()
        .filter(|address| address.parse::<std::net::IpAddr>().is_ok_and(|address| !address.is_loopback()))
        .collect();
    let names = question.names();
    let known = all(reply, "name").into_iter().filter_map(|line| {
        let mut words = line.split(' ');
        let number: usize = words.next()?.parse().ok()?;
        let name = names.get(number.checked_sub(1)?)?.clone();
        Some((name, words.map(str::to_owned).collect()))
    });
    Facts {
        privileged: reply.value("elevated").map(|elevated| elevated == "1"),
        processors: number("processors"),
        memory: number("memory").map(|kibibytes| kibibytes.saturating_mul(1024)),
        disk: drive,
        clock: ahead(number("now"), reply, now),
        listening,
        addresses: (!addresses.is_empty()).then_some(addresses),
        names: known.collect(),
        leftovers: all(reply, "leftover"),
        windows: reply.value("windows").and_then(version),
        powershell: reply.value("powershell").and_then(version),
        reboot_pending: reply.value("fact.reboot_pending").map(|pending| pending == "True"),
        environment: all(reply, "environment"),
        jobs: all(reply, "job"),
        lock: reply.text("lock"),
        sites: reply.value("iis").map(|_| sites(reply)),
        https_proxy: Hidden(reply.text("https_proxy")),
        no_proxy: Hidden(reply.text("no_proxy")),
        ..Facts::default()
    }
}

/// Sites of IIS: `site` with number and name, and with the number in front `site_path`, `site_binding`, `site_part` and
/// `site_file`.
fn sites(reply: &Reply) -> Vec<Site> {
    let split = |line: String| {
        let (number, rest) = line.split_once(' ')?;
        Some((number.to_owned(), rest.to_owned()))
    };
    let named = |name: &str| -> Vec<(String, String)> {
        let of_name = reply.values.iter().filter(|(key, _)| key == name);
        of_name.take(1000).filter_map(|(_, text)| split(decode(text))).collect()
    };
    let (paths, bindings) = (named("site_path"), named("site_binding"));
    let (parts, files) = (named("site_part"), named("site_file"));
    let of = |all: &[(String, String)], number: &str| -> Vec<String> {
        all.iter().filter(|(of, _)| of == number).map(|(_, rest)| rest.clone()).collect()
    };
    let site = |(number, name): (String, String)| Site {
        name,
        path: of(&paths, &number).pop().unwrap_or_default(),
        bindings: of(&bindings, &number).iter().filter_map(|row| Binding::read(row)).collect(),
        parts: of(&parts, &number),
        files: of(&files, &number),
    };
    named("site").into_iter().map(site).collect()
}

/// The numbers of a version; nothing for what has others in it.
fn version(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::super::super::{Mode, Operation, Outcome, Progress};
    use super::super::HostPreflight;
    use super::*;
    use crate::inventory::Agent;
    use crate::preflight::Severity;
    use crate::preflight::certificate::Policy;
    use crate::preflight::host::Route;
    use crate::shell::Platform;

    const ON_WINDOWS: Mode = Mode { check: false, diff: false, eager: false, platform: Platform::Windows };

    fn question(options: serde_json::Value) -> Question {
        let agent = json!({"identifier": "A", "uri": "https://a.example", "connectors": [
            {"identifier": "C", "managed_system": {"name": "s", "address": "dc1.example:636"}},
        ]});
        Question::read("win-1", Agent::read(&agent).unwrap(), options.as_object().unwrap()).unwrap()
    }

    fn reply(values: &[(&str, &str)]) -> Reply {
        let values = values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Reply { values, ..Reply::default() }
    }

    fn ids(outcome: &Outcome) -> Vec<String> {
        let findings = outcome.result["findings"].as_array().unwrap().iter();
        findings
            .map(|finding| {
                format!("{} {}", finding["id"].as_str().unwrap(), finding["place"].as_str().unwrap())
            })
            .collect()
    }

    fn good(now: i64) -> Vec<(&'static str, String)> {
        vec![
            ("now", now.to_string()),
            ("processors", "4".to_owned()),
            ("powershell", "5.1.17763.1".to_owned()),
            ("windows", "10.0.17763.0".to_owned()),
            ("elevated", "1".to_owned()),
            ("memory", "8388608".to_owned()),
            ("fact.reboot_pending", "False".to_owned()),
            ("drive", "100000000000 50000000000".to_owned()),
            ("ports", "135 445".to_owned()),
            ("address", "10.0.0.1".to_owned()),
            ("name", "1 10.0.0.1".to_owned()),
        ]
    }

    fn judged(change: &[(&str, &str)], reach: &[(&str, &str)]) -> Vec<String> {
        let mut operation = HostPreflight::new(
            question(json!({"folder": "D:\\Agent"})),
            Policy::default(),
            Some(Severity::Error),
        );
        operation.first(ON_WINDOWS);
        let mut values = good(jiff::Timestamp::now().as_second());
        for (name, text) in change {
            values.retain(|(known, _)| known != name);
            values.push((name, (*text).to_owned()));
        }
        let values: Vec<(&str, &str)> = values.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let Progress::Again(_) = operation.next(reply(&values), ON_WINDOWS) else { panic!("it is over") };
        let Progress::Done(outcome) = operation.next(reply(reach), ON_WINDOWS) else { panic!("not over") };
        ids(&outcome)
    }

    #[test]
    fn the_questions_are_calls() {
        let question = question(json!({"folder": "D:\\Agent"}));
        assert_eq!(machine(&question), "preflight_machine folder:RDpcQWdlbnQ= names:YS5leGFtcGxl");
        assert_eq!(
            reach(&question.endpoints(&Route::Direct), 5),
            "preflight_reach limit:NQ== hosts:ZGMxLmV4YW1wbGU= ports:NjM2"
        );
    }

    #[test]
    fn answers_of_windows_are_judged_alike() {
        let open = [("reach", "1 0")];
        assert_eq!(judged(&[], &open), [""; 0]);
        for (change, expected) in [
            (("elevated", "0"), "requirement-privilege win-1:login"),
            (("windows", "6.3.9600"), "requirement-platform win-1:Windows"),
            (("powershell", "5.0.10586"), "requirement-platform win-1:PowerShell"),
            (("memory", "4194304"), "requirement-memory win-1:memory"),
            (("drive", "100000000000 5000000000"), "requirement-disk win-1:D:\\Agent"),
            (("now", "1000"), "time-skew win-1:clock"),
            (("fact.reboot_pending", "True"), "reboot-pending win-1:restart"),
            (("ports", "135 443"), "port-in-use win-1:port 443"),
            (("name", "1"), "agent-name-unresolvable win-1:agent"),
            (("name", "1 10.0.0.7"), "agent-name-elsewhere win-1:agent"),
            (
                ("environment", "OpenId__AgentIdentifier"),
                "environment-override win-1:OpenId__AgentIdentifier",
            ),
            (("job", "Usercube-Invoke-Job"), "jobs-running win-1:jobs"),
            (("leftover", "D:\\Agent\\RuntimeOld"), "leftover-file win-1:D:\\Agent\\RuntimeOld"),
        ] {
            assert_eq!(judged(&[change], &open), [expected]);
        }
        let refused = [("reach", "1 1"), ("why", "1 No connection could be made: refused")];
        assert_eq!(judged(&[], &refused), ["managed-system-unreachable win-1:agent"]);
        assert_eq!(judged(&[], &[("reach", "1 124")]), ["managed-system-unreachable win-1:agent"]);
    }

    #[test]
    fn nonsense_is_no_fact() {
        let values = [("drive", "x"), ("name", "9 10.0.0.1"), ("windows", "ten"), ("ports", "x 70000 80")];
        let facts = facts(&question(json!({})), &reply(&values), 0);
        assert_eq!(facts, Facts { listening: Some(vec![80]), ..Facts::default() });
    }
}
