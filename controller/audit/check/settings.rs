//! Settings on hosts: the server's address, and what was left as it was during the installation.

use super::agents::{on_agent, subject};
use super::view::View;
use crate::audit::catalogue as rules;
use crate::preflight::Finding;

/// `ApplicationUri`: without a slash at the end, and the server's own.
pub(super) fn application_uri(view: &View<'_>, findings: &mut Vec<Finding>) {
    let server = view.configuration.and_then(|configuration| configuration.server.application_uri.as_ref());
    if let Some((uri, place)) = server.filter(|(uri, _)| uri.ends_with('/')) {
        let message = format!("the server's `ApplicationUri` `{uri}` ends in a slash");
        findings.push(rules::APPLICATION_URI_SLASH.found("server", &**place, message));
    }
    for (host, one) in view.installations() {
        let Some((uri, place)) = &one.application_uri else { continue };
        if uri.ends_with('/') {
            let message = format!("`ApplicationUri` on `{host}`, `{uri}`, ends in a slash");
            let found = rules::APPLICATION_URI_SLASH.found(subject(host, one), &**place, message);
            findings.push(on_agent(found, host, one));
        }
        let differs = |server: &str| server.trim_end_matches('/') != uri.trim_end_matches('/');
        if let Some((server, at)) = server.filter(|(server, _)| differs(server)) {
            let message =
                format!("`ApplicationUri` on `{host}` is `{uri}`, and the server's is `{server}` ({at})");
            let found = rules::APPLICATION_URI_MISMATCH.found(subject(host, one), &**place, message);
            findings.push(on_agent(found, host, one));
        }
    }
}

/// What was switched on for the acceptance, secrets that anybody can read, files that are odd.
pub(super) fn left_behind(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (host, one) in view.installations() {
        let findings = &mut *findings;
        let mut add = |rule: &rules::Rule, about: String, place: &str, message: String| {
            findings.push(on_agent(rule.found(about, place, message), host, one));
        };
        if let Some((false, place)) = &one.encrypt_file {
            let message =
                format!("the agent on `{host}` does not encrypt its files (`EncryptFile` is false)");
            add(&rules::ENCRYPT_FILE_OFF, subject(host, one), place, message);
        }
        if let Some((true, place)) = &one.stdout_log {
            let message = format!(
                "the agent on `{host}` writes all of its output to a file (`stdoutLogEnabled` is true)"
            );
            add(&rules::STDOUT_LOG_ON, subject(host, one), place, message);
        }
        if let Some(first) = one.plain_secrets.first() {
            let keys: Vec<&str> =
                one.plain_secrets.iter().map(|place| place.rsplit(':').next().unwrap_or(place)).collect();
            let message =
                format!("settings on `{host}` hold secrets in plain text: {}", super::words::names(keys));
            add(&rules::SECRET_PLAIN_TEXT, subject(host, one), first, message);
        }
        for (place, what) in &one.oddities {
            let (what, hint) = what.split_once("\nhint: ").unwrap_or((what, ""));
            // A file may be odd in several ways.
            let about = format!("file {place}: {what}");
            let mut found = rules::SETTINGS_ODD.found(about, &**place, what);
            if !hint.is_empty() {
                hint.clone_into(&mut found.hint);
            }
            findings.push(on_agent(found, host, one));
        }
    }
}
