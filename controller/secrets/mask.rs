//! Replaces secret values by `********` in texts and in streams that arrive in pieces.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use super::forms;

/// What stands where a secret stood.
pub const MASK: &str = "********";

/// Values shorter than this many bytes are not masked: they would blot out ordinary text.
pub const MIN_LENGTH: usize = 3;

/// A set of secret values. Cheap to clone; empty by default.
///
/// Every value is also found base64-encoded (alone or inside longer base64), percent-encoded,
/// JSON-escaped, XML-escaped and quoted for a shell; values of several lines also line by line.
#[derive(Clone, Default)]
pub struct Masks(Option<Arc<Inner>>);

struct Inner {
    values: BTreeSet<String>,
    patterns: Vec<Vec<u8>>,
    /// Numbers of the patterns that begin with a byte.
    by_first: Vec<Vec<u32>>,
    longest: usize,
    search: AhoCorasick,
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masks({} values)", self.0.as_ref().map_or(0, |inner| inner.values.len()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        for value in std::mem::take(&mut self.values) {
            drop(zeroize::Zeroizing::new(value));
        }
        self.patterns.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Masks {
    /// Makes a set; values shorter than [`MIN_LENGTH`] are left out.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        Self::default().with(values)
    }

    /// This set and more values.
    #[must_use]
    pub fn with<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Self {
        let known = self.0.as_ref().map(|inner| inner.values.clone()).unwrap_or_default();
        let mut values = known.clone();
        values.extend(more.into_iter().filter(|value| value.len() >= MIN_LENGTH).map(str::to_owned));
        if values.len() == known.len() {
            return self.clone();
        }
        let patterns: BTreeSet<Vec<u8>> = values
            .iter()
            .flat_map(|value| forms::of(value))
            .map(String::into_bytes)
            .filter(|form| form.len() >= MIN_LENGTH)
            .collect();
        let patterns: Vec<Vec<u8>> = patterns.into_iter().collect();
        let mut by_first = vec![Vec::new(); 256];
        for (number, pattern) in (0..).zip(&patterns) {
            by_first[usize::from(pattern[0])].push(number);
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .expect("a search for at most gigabytes of patterns can be built");
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        Self(Some(Arc::new(Inner { values, patterns, by_first, longest, search })))
    }

    /// Whether a value is in the set.
    pub(super) fn holds(&self, value: &str) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.values.contains(value))
    }

    /// All values of two sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match &other.0 {
            Some(inner) => self.with(inner.values.iter().map(String::as_str)),
            None => self.clone(),
        }
    }

    /// Whether nothing is masked.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The text without secrets; borrowed where it holds none.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0 {
            Some(inner) if inner.search.is_match(text) => {
                let (mut stream, mut out) = (self.stream(), Vec::with_capacity(text.len()));
                stream.feed(text.as_bytes(), &mut out);
                stream.finish(&mut out);
                Cow::Owned(String::from_utf8_lossy(&out).into_owned())
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Masks every string and key of a JSON value in place.
    pub fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(masked) = self.mask(text) {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.mask_json(field));
                if fields.keys().any(|key| matches!(self.mask(key), Cow::Owned(_))) {
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(key, field)| (self.mask(&key).into_owned(), field))
                        .collect();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A masker for one stream.
    pub fn stream(&self) -> MaskStream {
        MaskStream { masks: self.clone(), held: Vec::new(), covered: 0 }
    }
}

impl Inner {
    /// The first place from which the text could go on to become a secret.
    fn unfinished(&self, text: &[u8]) -> usize {
        let from = text.len().saturating_sub(self.longest - 1);
        let could_grow = |&at: &usize| {
            let tail = &text[at..];
            self.by_first[usize::from(tail[0])].iter().any(|&number| {
                let pattern = &self.patterns[number as usize];
                pattern.len() > tail.len() && pattern.starts_with(tail)
            })
        };
        (from..text.len()).find(could_grow).unwrap_or(text.len())
    }

    /// Adds the stretches of `text` that are secret, overlapping ones joined, after `covered`
    /// leading bytes that are known to be.
    fn stretches(&self, text: &[u8], covered: usize) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> =
            self.search.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        found.sort_unstable();
        let mut joined = if covered > 0 { vec![(0, covered)] } else { Vec::new() };
        for (start, end) in found {
            match joined.last_mut() {
                Some((_, last)) if start < *last => *last = end.max(*last),
                _ => joined.push((start, end)),
            }
        }
        joined
    }
}

/// Masks a stream that arrives in pieces; the split into pieces does not change the result.
///
/// Only an end that could be the start of a secret is held back, so that a prompt without a line
/// end is seen at once. Secrets that overlap each other become one mask.
pub struct MaskStream {
    masks: Masks,
    held: Vec<u8>,
    /// Leading bytes of `held` whose mask is out already.
    covered: usize,
}

impl MaskStream {
    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.covered == 0
    }

    /// Appends what can be told of `bytes` to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(inner) = self.masks.0.clone() else { return out.extend_from_slice(bytes) };
        if self.held.is_empty() {
            let kept = self.cut(&inner, bytes, 0, inner.unfinished(bytes), out);
            self.held.extend_from_slice(&bytes[kept..]);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(bytes);
            let kept = self.cut(&inner, &joined, self.covered, inner.unfinished(&joined), out);
            joined.drain(..kept);
            self.held = joined;
        }
    }

    /// Appends what was held back; the stream is as new afterwards.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(inner) = self.masks.0.clone() {
            let held = std::mem::take(&mut self.held);
            self.cut(&inner, &held, self.covered, held.len(), out);
            self.covered = 0;
        }
    }

    /// Writes `text` up to `limit` with its secrets masked, remembers how far a mask that is out
    /// reaches beyond it, and returns `limit`.
    fn cut(&mut self, inner: &Inner, text: &[u8], covered: usize, limit: usize, out: &mut Vec<u8>) -> usize {
        self.covered = 0;
        let mut at = 0;
        if covered > 0 || inner.search.is_match(text) {
            for (number, (start, end)) in inner.stretches(text, covered).into_iter().enumerate() {
                if start >= limit && !(covered > 0 && number == 0) {
                    break;
                }
                out.extend_from_slice(&text[at..start]);
                if covered == 0 || number > 0 {
                    out.extend_from_slice(MASK.as_bytes());
                }
                at = end;
            }
        }
        if at > limit {
            self.covered = at - limit;
        } else {
            out.extend_from_slice(&text[at..limit]);
        }
        limit
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_pieces(masks: &Masks, pieces: &[&[u8]]) -> String {
        let (mut stream, mut out) = (masks.stream(), Vec::new());
        for piece in pieces {
            stream.feed(piece, &mut out);
        }
        stream.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn masks_values_and_their_forms() {
        let masks = Masks::new(["hunter2 & co"]);
        assert_eq!(masks.mask("pw=hunter2 & co."), "pw=********.");
        assert_eq!(masks.mask("?p=hunter2%20%26%20co&q"), "?p=********&q");
        assert_eq!(masks.mask("<p>hunter2 &amp; co</p>"), "<p>********</p>");
        assert!(matches!(masks.mask("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn leaves_short_values_alone() {
        let masks = Masks::new(["ab", ""]);
        assert!(masks.is_empty());
        assert_eq!(masks.mask("ab abc"), "ab abc");
        assert_eq!(Masks::new(["abc"]).mask("ab abc"), "ab ********");
    }

    #[test]
    fn finds_a_secret_that_is_cut() {
        let masks = Masks::new(["secret-value"]);
        assert_eq!(in_pieces(&masks, &[b"a sec", b"ret-", b"value b"]), "a ******** b");
        assert_eq!(in_pieces(&masks, &[b"a sec", b"retary"]), "a secretary");
        assert_eq!(in_pieces(&masks, &[b"a secret-valu"]), "a secret-valu");
    }

    #[test]
    fn holds_back_only_what_could_be_a_secret() {
        let (mut stream, mut out) = (Masks::new(["password"]).stream(), Vec::new());
        stream.feed(b"Progress: 10 %", &mut out);
        assert_eq!(out, b"Progress: 10 %");
        stream.feed(b" pass", &mut out);
        assert_eq!(out, b"Progress: 10 % ");
    }

    #[test]
    fn overlapping_secrets_become_one_mask() {
        let masks = Masks::new(["abcdef", "defghi"]);
        assert_eq!(masks.mask("<abcdefghi>"), "<********>");
        assert_eq!(in_pieces(&masks, &[b"<abcdef", b"ghi", b">"]), "<********>");
        assert_eq!(in_pieces(&masks, &[b"<abcdef", b"gh>"]), "<********gh>");
        assert_eq!(masks.mask("abcdefabcdef"), "****************");
    }

    #[test]
    fn a_repeating_secret_does_not_pile_up() {
        let (mut stream, mut out) = (Masks::new(["aaa"]).stream(), Vec::new());
        for _ in 0..1000 {
            stream.feed(&[b'a'; 100], &mut out);
            assert!(stream.held.len() < 3);
        }
        stream.finish(&mut out);
        assert_eq!(out, MASK.as_bytes());
    }

    #[test]
    fn more_values_join_the_set_and_nothing_shows_them() {
        let masks = Masks::new(["first-one"]).with(["second-one"]);
        assert_eq!(masks.mask("first-one second-one"), "******** ********");
        assert_eq!(format!("{masks:?}"), "Masks(2 values)");
    }

    #[test]
    fn masks_json_values_and_keys() {
        let mut value = serde_json::json!({"a": ["x hunter2"], "hunter2": 1});
        Masks::new(["hunter2"]).mask_json(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["x ********"], "********": 1}));
    }

    /// The definition: every byte of every occurrence is covered, overlapping ones by one mask.
    fn by_definition(patterns: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let (mut at, mut until) = (0, 0);
        while at < text.len() {
            let reach = patterns.iter().filter(|p| text[at..].starts_with(p)).map(|p| at + p.len()).max();
            if let Some(end) = reach {
                if at >= until {
                    out.extend_from_slice(MASK.as_bytes());
                }
                until = until.max(end);
            }
            if at >= until {
                out.push(text[at]);
            }
            at += 1;
        }
        out
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(
            values in prop::collection::vec("[ab]{3,6}", 1..4),
            text in "[ab-]{0,60}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let masks = Masks::new(values.iter().map(String::as_str));
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.sort_unstable();
            let (mut stream, mut out, mut from) = (masks.stream(), Vec::new(), 0);
            for to in places.into_iter().chain([text.len()]) {
                stream.feed(&text.as_bytes()[from..to], &mut out);
                from = to;
            }
            stream.finish(&mut out);
            let patterns = &masks.0.as_ref().unwrap().patterns;
            prop_assert_eq!(String::from_utf8(out).unwrap(), String::from_utf8(by_definition(patterns, text.as_bytes())).unwrap());
        }

        #[test]
        fn no_secret_survives(secret in "[!-~]{3,20}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
            let text = format!("{before}{secret}{after}");
            prop_assert!(!Masks::new([secret.as_str()]).mask(&text).replace(MASK, "\n").contains(&secret));
        }
    }
}
