//! `--limit`: a pattern that has to say something, with `@file` parts.

use std::fs;
use std::path::Path;

use super::parse::{Part, split};
use super::{PatternError, PatternErrorKind as Kind};

/// A limit.
#[derive(Clone, Debug)]
pub struct Limit {
    pub(super) parts: Vec<Part>,
}

impl Limit {
    /// Parses the argument of `--limit`. A part `@FILE` stands for the lines of that file, one pattern a
    /// line, comments left out; relative paths are taken from `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        for (part, column) in split(text)? {
            match part.strip_prefix('@') {
                Some(name) => {
                    let path = folder.join(name);
                    let lines = fs::read_to_string(&path).map_err(|source| {
                        PatternError::new(Kind::LimitFile { path, source }, part, column)
                    })?;
                    for line in lines.lines().map(str::trim).filter(is_pattern) {
                        parts.push(Part::parse(line, column)?);
                    }
                }
                None => parts.push(Part::parse(part, column)?),
            }
        }
        if parts.is_empty() {
            return Err(PatternError::new(Kind::EmptyLimit, "", 1));
        }
        for part in &parts {
            if let Some(range) = part.range_in_name() {
                return Err(PatternError::new(
                    Kind::RangeInName(range.to_owned()),
                    &part.written(),
                    part.column,
                ));
            }
        }
        Ok(Self { parts })
    }
}

/// Tells whether a line says something: it is not empty and no comment.
fn is_pattern(line: &&str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refuses_limits_that_say_nothing() {
        for text in ["", ",", ":", "  ", ",,", " : "] {
            let error = Limit::parse(text, Path::new("")).unwrap_err();
            assert!(matches!(error.kind, Kind::EmptyLimit), "{text:?}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn refuses_ranges_in_names() {
        let error = Limit::parse("db,web0[1:3].example", Path::new("")).unwrap_err();
        assert_eq!(error.to_string(), "`web0[1:3].example` (column 4): `[1:3]` is no range here");
        assert!(Limit::parse("web[0:1],web[a:c]x,web[1-3]x,~web[1:3]x", Path::new("")).is_ok());
    }

    #[test]
    fn reads_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("list"), "web1\n\n# not this one\n  !web2 \n").unwrap();
        fs::write(folder.path().join("empty"), "\n").unwrap();
        let limit = Limit::parse("db,@list", folder.path()).unwrap();
        assert_eq!(limit.parts.iter().map(Part::written).collect::<Vec<_>>(), ["db", "web1", "!web2"]);
        assert!(matches!(Limit::parse("@empty", folder.path()).unwrap_err().kind, Kind::EmptyLimit));
        let error = Limit::parse("@nope", folder.path()).unwrap_err();
        assert!(matches!(error.kind, Kind::LimitFile { .. }) && error.part == "@nope");
    }
}
