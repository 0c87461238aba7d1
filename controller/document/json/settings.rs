//! Settings by their paths, for who only reads: keys of any case, `A:B` as well as `{"A": {"B": ...}}`.

use serde_json::Value;

use super::parse::{Kind, Node, parse};
use crate::document::Problem;

/// Levels of keys that are looked at below what is asked for.
const LEVELS: usize = 8;

/// A document of settings.
#[derive(Debug)]
pub struct Settings {
    root: Node,
}

/// A value: the rest of its path, itself, and the byte at which it begins.
pub type Setting<'s> = (Vec<&'s str>, &'s Value, usize);

impl Settings {
    /// Reads a document.
    ///
    /// # Errors
    /// It is not JSON as .NET reads it, or has two values for one path.
    pub fn read(text: &str) -> Result<Self, Problem> {
        if text.len() > crate::document::LARGEST {
            return Err(Problem::at_start(format!(
                "the file has {} bytes, too many for settings",
                text.len()
            )));
        }
        parse(text).map(|document| Self { root: document.root })
    }

    /// Texts, numbers and booleans below a path, in the order of the file, down to eight levels. Lists are passed over.
    pub fn below<'s>(&'s self, path: &[&str]) -> impl Iterator<Item = Setting<'s>> {
        let mut found = Vec::new();
        let mut open = vec![(Vec::<&str>::new(), &self.root)];
        while let Some((at, node)) = open.pop() {
            match &node.kind {
                Kind::Scalar(value) if at.len() >= path.len() => {
                    found.push((at[path.len()..].to_vec(), value, node.span.start));
                }
                Kind::Object(members) => {
                    for member in members.iter().rev() {
                        let mut at = at.clone();
                        at.extend(member.key.split(':').take(path.len() + LEVELS + 1));
                        let fits =
                            at.iter().zip(path).all(|(part, wanted)| part.eq_ignore_ascii_case(wanted));
                        if fits && at.len() <= path.len() + LEVELS {
                            open.push((at, &member.value));
                        }
                    }
                }
                Kind::Scalar(_) | Kind::Array(_) => {}
            }
        }
        found.into_iter()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_whatever_the_way_they_are_written() {
        let text = "\u{feff}{ // settings\n \"agents\": {\"A\": {\"Uri\": \"x\", \"Other\": [1]}},\n \"Agents:B:URI\": \"y\", \"n\": 1, }";
        let settings = Settings::read(text).unwrap();
        let found: Vec<_> = settings
            .below(&["Agents"])
            .map(|(path, value, at)| (path, value.clone(), &text[at..at + 3]))
            .collect();
        assert_eq!(
            found,
            [(vec!["A", "Uri"], Value::from("x"), "\"x\""), (vec!["B", "URI"], Value::from("y"), "\"y\""),]
        );
        assert_eq!(settings.below(&[]).count(), 3);
        assert_eq!(settings.below(&["nosuch"]).count(), 0);
        assert_eq!(
            Settings::read("{\"a\": 1").unwrap_err().to_string(),
            "1:8: `,` or `}` is expected, and the file ends"
        );
    }
}
