//! A request of `uri` as a call, and its answer. Passwords, headers and the body go along as data of the step.

use super::call::Call;
use crate::operation::answer::said;
use crate::operation::http::Answer;
use crate::operation::uri::Uri;
use crate::operation::{Payload, Program, Reply};

/// Bytes of content that are read.
const READ: usize = (16 << 20) + 1;

/// The arguments of a request.
pub(in crate::operation) fn program(uri: &Uri) -> Program {
    let names = uri.headers.iter().map(|(name, _)| name.as_str());
    let values = uri.headers.iter().map(|(_, value)| value.as_str());
    let login = uri.login.as_ref();
    let call = Call::new("uri")
        .with("url", &uri.url)
        .with("method", &uri.method)
        .list("names", names)
        .list("values", values)
        .maybe("user", login.map(|(user, _)| user.as_str()))
        .maybe("password", login.map(|(_, password)| password.as_str()))
        .flag("force_login", uri.force_login)
        .with("timeout", &uri.timeout.to_string())
        .flag("no_redirect", !uri.follow)
        .flag("no_check", !uri.validate)
        .flag("no_proxy", !uri.proxy && uri.through.is_none())
        .maybe("proxy", uri.through.as_deref())
        .maybe("certificate", uri.files[1].as_deref())
        .maybe("creates", uri.creates.as_deref())
        .maybe("removes", uri.removes.as_deref())
        .flag("changes", !uri.harmless && !matches!(uri.method.as_str(), "GET" | "HEAD" | "OPTIONS"))
        .with("limit", &READ.to_string());
    let payload = (!uri.body.is_empty()).then(|| Payload::Bytes(uri.body.clone().into()));
    Program { text: call.text(), payload, ..Program::default() }
}

/// The answer and the address it came from; else why there is none, or nothing for a step that failed.
pub(in crate::operation) fn answer(reply: &Reply) -> Result<(Answer, String), Option<String>> {
    if reply.status != 0 {
        return Err(None);
    }
    if let Some(reason) = said(reply, "unanswered") {
        return Err(Some(reason));
    }
    let status = reply.value("status").and_then(|status| status.parse().ok());
    let (Some(status), Some(url)) = (status, said(reply, "url")) else {
        return Err(Some("the host's answer makes no sense".to_owned()));
    };
    let headers = reply.values.iter().filter(|(name, _)| name == "header");
    let headers = headers.filter_map(|(_, line)| {
        let line = crate::operation::answer::decode(line);
        let (name, value) = line.split_once(' ')?;
        Some((name.to_lowercase(), value.to_owned()))
    });
    let answer = Answer {
        status,
        reason: said(reply, "reason").unwrap_or_default(),
        headers: headers.collect(),
        body: reply.blob("body").unwrap_or_default().to_vec(),
    };
    Ok((answer, url))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_put_together() {
        let values = [
            ("status", "201"),
            ("reason", "Created"),
            ("url", "https://a.example/b"),
            ("header", "Content-Type application/json"),
            ("header", "broken"),
        ];
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let blobs = vec![("body".to_owned(), b"{}".to_vec())];
        let mut reply = Reply { values, blobs, ..Reply::default() };
        let (answer, url) = super::answer(&reply).unwrap();
        assert_eq!((answer.status, url.as_str()), (201, "https://a.example/b"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        reply.values[0].1 = "x".to_owned();
        assert!(super::answer(&reply).is_err());
        reply.status = 1;
        assert_eq!(super::answer(&reply).unwrap_err(), None);
    }
}
