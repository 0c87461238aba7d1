//! Values of attributes: names, booleans, choices, dates. What cannot be read is said, and counts as not given.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::drafts::Notes;
use super::xml::{Attribute, Tag, short};
use crate::source::{Diagnostic, suggestion};

/// The longest value that is read, in bytes: identifiers end at 442 characters (page "Connection"), names are no novels.
const LONGEST: usize = 16 << 10;

/// A value; nothing if it is not given or empty.
pub(super) fn text(tag: &Tag<'_>, name: &str, notes: &mut Notes) -> Option<String> {
    let attribute = tag.attribute(name).filter(|attribute| !attribute.value.is_empty())?;
    if attribute.value.len() > LONGEST {
        let what = format!(
            "the value of `{name}` has {} bytes; more than {LONGEST} are not read",
            attribute.value.len()
        );
        notes.push(
            Diagnostic::error(&tag.name_span(attribute), what)
                .hint("is the closing quote where it should be?"),
        );
        return None;
    }
    Some(attribute.value.clone().into_owned())
}

/// A value that has to be there.
pub(super) fn required(tag: &Tag<'_>, name: &str, notes: &mut Notes) -> Option<String> {
    match tag.attribute(name) {
        Some(attribute) if attribute.value.is_empty() => {
            let what = format!("`{name}` of this `{}` is empty", short(tag.name));
            notes.push(Diagnostic::error(&tag.name_span(attribute), what));
            None
        }
        Some(_) => text(tag, name, notes),
        None => {
            let what = format!("this `{}` has no `{name}`", short(tag.name));
            let similar = tag.attributes().iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
            let hint = similar.map(|similar| {
                format!("write `{name}`, not `{}`: names are told apart by case", similar.name)
            });
            notes.push(Diagnostic::error(&tag.span(), what).maybe_hint(hint));
            None
        }
    }
}

/// `true`, `1`, `false` or `0` (XML Schema's boolean); no value is false.
pub(super) fn boolean(tag: &Tag<'_>, name: &str, notes: &mut Notes) -> bool {
    let Some(attribute) = tag.attribute(name) else { return false };
    match attribute.value.trim() {
        "true" | "1" => true,
        "false" | "0" => false,
        other => {
            let hint = match other.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => "write `true`",
                "false" | "no" | "off" => "write `false`",
                _ => "write `true` or `false`",
            };
            let what = format!("`{name}` is `true` or `false`, and this is `{}`", short(other));
            notes.push(Diagnostic::error(&value_span(tag, attribute), what).hint(hint));
            false
        }
    }
}

/// One of some words, or the number of one; returns the number.
pub(super) fn choice(tag: &Tag<'_>, name: &str, words: &[&str], notes: &mut Notes) -> Option<usize> {
    let attribute = tag.attribute(name)?;
    let value = attribute.value.trim();
    if let Some(number) = words.iter().position(|word| *word == value) {
        return Some(number);
    }
    if let Some(number) = value.parse().ok().filter(|number: &usize| *number < words.len()) {
        return Some(number);
    }
    let what = format!("`{name}` does not know `{}`", short(value));
    let all = || format!("write one of `{}`, or its number from 0 on", words.join("`, `"));
    let hint = suggestion(value, words.iter().copied()).unwrap_or_else(all);
    notes.push(Diagnostic::error(&value_span(tag, attribute), what).hint(hint));
    None
}

/// A date with or without a time of day and a zone (XML Schema's `dateTime`). Without a zone it is UTC, without a time its first moment.
pub(super) fn date(tag: &Tag<'_>, name: &str, notes: &mut Notes) -> Option<Timestamp> {
    let attribute = tag.attribute(name).filter(|attribute| !attribute.value.is_empty())?;
    let value = attribute.value.trim();
    let utc = |time: DateTime| TimeZone::UTC.to_timestamp(time);
    let read = match (value.len(), value.contains('T')) {
        (30.., true) if value.len() > 64 => None,
        (_, true) => value.parse::<Timestamp>().or_else(|_| value.parse::<DateTime>().and_then(utc)).ok(),
        (10, false) => value.parse::<Date>().and_then(|date| utc(date.at(0, 0, 0, 0))).ok(),
        _ => None,
    };
    if read.is_none() {
        let what = format!("`{name}` is a date, and this is `{}`", short(value));
        notes.push(
            Diagnostic::error(&value_span(tag, attribute), what)
                .hint("write it as `2027-12-31` or `2027-12-31T23:59:59Z`"),
        );
    }
    read
}

fn value_span(tag: &Tag<'_>, attribute: &Attribute<'_>) -> crate::source::Span {
    if attribute.value.is_empty() { tag.name_span(attribute) } else { tag.value_span(attribute) }
}
