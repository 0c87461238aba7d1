//! The license: JSON within a text, whose `ValidTo` is a day written `yyyymmdd`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::{Finding, Severity};
use super::client::{DAY, SOON};
use super::settings::license_of_host;
use super::{Facts, Question};

/// The license that is going to be written, else the one that the host has.
pub(super) fn license(question: &Question, facts: &Facts, findings: &mut Vec<Finding>) {
    let host = &question.host;
    let (text, place) = match &question.license.0 {
        Some(text) => (text.clone(), format!("{host}:license")),
        None => match license_of_host(facts) {
            Some((text, path)) => (text, format!("{host}:{path}")),
            None => return,
        },
    };
    let mut add = |id: &str, severity, message: String, hint: &str| {
        findings.push(Finding::new(id, severity, &*place, message, hint).on(host));
    };
    let Some(end) = valid_to(&text) else {
        add(
            "license-invalid",
            Severity::Error,
            format!("the license for `{host}` has no day `ValidTo`"),
            "paste it as it was delivered: a text with JSON in it, `{\"LicensedTo\":...,\"ValidTo\":\"yyyymmdd\",...}`",
        );
        return;
    };
    let Some(now) = facts.now else { return };
    // It is valid until the end of its day.
    let midnight = end.tomorrow().ok().and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
    let Some(midnight) = midnight else { return };
    let left = midnight.as_second() - now;
    if left <= 0 {
        let message = format!("the license for `{host}` was valid until {end}");
        add("license-expired", Severity::Error, message, "ask for a new license before the rollout");
    } else if left < SOON * DAY {
        let message = format!("the license for `{host}` is valid until {end}, {} more days", left / DAY);
        add("license-expires-soon", Severity::Warning, message, "ask for a new license");
    }
}

fn valid_to(text: &str) -> Option<Date> {
    let license: Value = serde_json::from_str(text.trim()).ok()?;
    let day = license.get("ValidTo")?.as_str().filter(|day| day.len() == 8)?;
    if !day.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Date::new(day[..4].parse().ok()?, day[4..6].parse().ok()?, day[6..].parse().ok()?).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_license_ends_with_its_day() {
        let facts = |now: &str| Facts {
            now: Some(now.parse::<Timestamp>().unwrap().as_second()),
            ..Facts::default()
        };
        let of = |valid: &str| {
            format!(r#"{{"LicensedTo":"Corp","ValidTo":"{valid}","IdentityQuota":"5","Signature":"c2ln"}}"#)
        };
        for (text, now, expected) in [
            (of("20271231"), "2026-06-15T12:00:00Z", None),
            (of("20260615"), "2026-06-15T23:00:00Z", Some("warning license-expires-soon")),
            (of("20260615"), "2026-06-16T00:00:00Z", Some("error license-expired")),
            (of("20260710"), "2026-06-15T12:00:00Z", Some("warning license-expires-soon")),
            (of("2026-06-15"), "2026-06-15T12:00:00Z", Some("error license-invalid")),
            (of("20261350"), "2026-06-15T12:00:00Z", Some("error license-invalid")),
            ("LicensedTo".to_owned(), "2026-06-15T12:00:00Z", Some("error license-invalid")),
            ("{}".to_owned(), "2026-06-15T12:00:00Z", Some("error license-invalid")),
        ] {
            let options = json!({"license": text});
            let question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
            let mut findings = Vec::new();
            license(&question, &facts(now), &mut findings);
            let found: Vec<String> =
                findings.iter().map(|finding| format!("{} {}", finding.severity, finding.id)).collect();
            assert_eq!(found.first().map(String::as_str), expected, "{text}");
            assert!(!format!("{findings:?}").contains("c2ln"));
        }
        // A mapping is what the text holds.
        let options = json!({"license": {"ValidTo": "20200101"}});
        let question = Question::read("h1", Vec::new(), options.as_object().unwrap()).unwrap();
        let mut findings = Vec::new();
        license(&question, &facts("2026-06-15T12:00:00Z"), &mut findings);
        assert_eq!(findings[0].id, "license-expired");
    }
}
