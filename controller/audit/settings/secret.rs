//! Which values are secret, and in which form they stand in a file. A secret is never compared or shown but by its hash.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::document::{holds_secret, is_secret_name};

/// What the server's configuration has of a client's secret: base64 of the SHA-256 of its UTF-8.
pub(super) fn hash(secret: &str) -> String {
    STANDARD.encode(Sha256::digest(secret.as_bytes()))
}

/// Whether a value is one that the product's tool encrypted for the host's certificate: base64 that begins with `kxAB`.
pub(super) fn is_encrypted(text: &str) -> bool {
    text.len() >= 40 && text.starts_with("kxAB") && is_base64(text)
}

/// Whether the password of a PFX file is what the product's tool made of it: three words in base64 with `@` between them.
pub(super) fn is_protected(text: &str) -> bool {
    let words: Vec<&str> = text.split('@').collect();
    words.len() == 3 && words.iter().all(|word| word.len() >= 8 && is_base64(word))
}

/// Whether a value is one of the documentation's that nobody replaced, such as `<password>`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let inner = text.trim().strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|inner| !inner.is_empty() && inner.len() <= 100 && !inner.contains(['<', '>', '\n']))
}

/// Whether a setting is secret, by the keys on the way to it and its value.
pub(super) fn is_secret(path: &[&str], text: &str) -> bool {
    if text.is_empty() || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return false;
    }
    if holds_secret(text) || is_encrypted(text) {
        return true;
    }
    // Elements of a list are called what the list is called.
    let name = path.iter().rev().find(|key| !key.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map(|name| name.to_lowercase()).unwrap_or_default();
    // The text of a connection is secret where it has a password, which was looked at.
    let only_named = name.contains("connectionstring") || name.contains("hashedsecret");
    let client = path.iter().rev().skip(1).any(|key| key.eq_ignore_ascii_case("OpenIdClients"));
    (client && path.len() > 1) || (!only_named && is_secret_name(&name))
}

/// Whether a secret stands in the file as it is.
pub(super) fn is_plain(path: &[&str], text: &str) -> bool {
    is_secret(path, text) && !is_encrypted(text) && !is_protected(text) && !is_placeholder(text)
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}
