//! Documents as a difference may show them: secret values are not in it.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::parse::{Document, Kind, Node, parse};
use crate::document::secret::{MASK, NEW, comment, holds_secret, is_secret_name, is_secret_section};

/// A value that is secret.
struct Secret {
    /// A digest of its path: paths themselves could be made very long by a host.
    path: u64,
    span: Range<usize>,
}

/// Old and new text, with secret values masked; those that differ get another mask in the new text.
pub(super) fn shown(before: &str, after: &str) -> (String, String) {
    let old = secrets_of(before);
    let known: HashMap<u64, &str> = old
        .as_ref()
        .map(|(_, secrets)| {
            secrets.iter().map(|secret| (secret.path, &before[secret.span.clone()])).collect()
        })
        .unwrap_or_default();
    let new = secrets_of(after);
    let changed: HashSet<u64> = new
        .as_ref()
        .map(|(_, secrets)| secrets.iter())
        .into_iter()
        .flatten()
        .filter(|secret| known.get(&secret.path) != Some(&&after[secret.span.clone()]))
        .map(|secret| secret.path)
        .collect();
    (masked(before, old.as_ref(), &HashSet::new()), masked(after, new.as_ref(), &changed))
}

/// What is secret in a text; none if it cannot be read.
fn secrets_of(text: &str) -> Option<(Document, Vec<Secret>)> {
    let document = parse(text).ok()?;
    let mut secrets = Vec::new();
    collect(&document.root, 0, false, &mut secrets);
    Some((document, secrets))
}

fn collect(node: &Node, path: u64, secret: bool, out: &mut Vec<Secret>) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                let section = is_secret_section(&member.key);
                let own = is_secret_name(&member.key) && !matches!(member.value.kind, Kind::Object(_));
                collect(&member.value, below_path(path, &member.key), secret || section || own, out);
            }
        }
        Kind::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, below_path(path, &number), secret, out);
            }
        }
        Kind::Scalar(value) => {
            let inside = value.as_str().is_some_and(|text| holds_secret(text) || holds_json_secret(text));
            if (secret || inside) && !value.is_null() && !value.is_boolean() {
                out.push(Secret { path, span: node.span.clone() });
            }
        }
    }
}

fn below_path(path: u64, key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    key.hash(&mut hasher);
    hasher.finish()
}

/// Whether a text is a document of its own with secrets in it.
fn holds_json_secret(text: &str) -> bool {
    text.trim_start().starts_with('{') && secrets_of(text).is_some_and(|(_, secrets)| !secrets.is_empty())
}

fn masked(text: &str, found: Option<&(Document, Vec<Secret>)>, changed: &HashSet<u64>) -> String {
    let Some((document, secrets)) = found else {
        // What cannot be read (a file that is not there is empty) is not shown.
        return if text.trim().is_empty() { text.to_owned() } else { format!("{MASK}\n") };
    };
    let mut pieces: Vec<(Range<usize>, String)> = secrets
        .iter()
        .map(|secret| {
            let mask = if changed.contains(&secret.path) { NEW } else { MASK };
            (secret.span.clone(), format!("\"{mask}\""))
        })
        .chain(
            document.comments.iter().filter_map(|span| Some((span.clone(), comment(&text[span.clone()])?))),
        )
        .collect();
    pieces.sort_by_key(|(span, _)| span.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, piece) in pieces {
        out.push_str(&text[at..span.start]);
        out.push_str(&piece);
        at = span.end;
    }
    out.push_str(&text[at..]);
    out
}
