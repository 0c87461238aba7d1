//! Documents as a difference may show them: secret values are not in it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::parse::{Document, parse};
use crate::document::secret::{MASK, NEW, comment, holds_secret, is_secret_name, is_secret_section};

/// Attributes that tell entries of one list apart (`<add key="Password" value="..." />`).
const NAMES: &[&str] = &["name", "key", "path"];

/// Values that are secret: a digest of the name of each, and where it is.
type Secrets = Vec<(u64, Range<usize>)>;

/// Old and new text, with secret values masked; those that differ get another mask in the new text.
pub(super) fn shown(before: &str, after: &str) -> (String, String) {
    let old = secrets_of(before);
    let known: HashMap<u64, &str> =
        old.iter().flat_map(|(_, secrets)| secrets).map(|(id, span)| (*id, &before[span.clone()])).collect();
    let new = secrets_of(after);
    let mask = |id: &u64, value: &str| if known.get(id) == Some(&value) { MASK } else { NEW };
    (masked(before, old.as_ref(), |_, _| MASK), masked(after, new.as_ref(), mask))
}

/// What is secret in a text, with a digest of its name; none if the text cannot be read.
fn secrets_of(text: &str) -> Option<(Document, Secrets)> {
    let document = parse(text).ok()?;
    let (mut secrets, mut ids, mut below) = (Vec::new(), Vec::new(), Vec::new());
    for element in &document.elements {
        let named = NAMES.iter().filter_map(|name| element.attribute(name)).collect::<Vec<_>>();
        let parent = element.parent.map_or((0, false), |parent| (ids[parent], below[parent]));
        let id = digest((parent.0, &element.name, &named));
        let section = parent.1 || is_secret_section(element.local());
        let entry =
            section || is_secret_name(element.local()) || named.iter().any(|name| is_secret_name(name));
        for attribute in &element.attributes {
            let own = is_secret_name(&attribute.name) && !NAMES.contains(&attribute.name.as_str());
            let value = entry && !NAMES.contains(&attribute.name.as_str());
            if (own || value || holds_secret(&attribute.value)) && !attribute.value.is_empty() {
                secrets.push((digest((id, &attribute.name)), attribute.raw.clone()));
            }
        }
        if let Some(close) = &element.close
            && element.children.is_empty()
            && (entry || holds_secret(&element.text))
            && !element.text.trim().is_empty()
        {
            secrets.push((digest((id, "text")), element.open.end..close.start));
        }
        ids.push(id);
        below.push(section);
    }
    Some((document, secrets))
}

fn digest(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn masked(
    text: &str,
    found: Option<&(Document, Secrets)>,
    mask: impl Fn(&u64, &str) -> &'static str,
) -> String {
    let Some((document, secrets)) = found else {
        return if text.trim().is_empty() { text.to_owned() } else { format!("{MASK}\n") };
    };
    let mut pieces: Vec<(Range<usize>, String)> = secrets
        .iter()
        .map(|(id, span)| (span.clone(), mask(id, &text[span.clone()]).to_owned()))
        .chain(
            document.comments.iter().filter_map(|span| Some((span.clone(), comment(&text[span.clone()])?))),
        )
        .collect();
    pieces.sort_by_key(|(span, _)| span.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, piece) in pieces {
        // A comment within a text that is masked whole goes with it.
        if span.start < at {
            continue;
        }
        out.push_str(&text[at..span.start]);
        out.push_str(&piece);
        at = span.end;
    }
    out.push_str(&text[at..]);
    out
}
