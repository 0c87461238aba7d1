//! What is wrong with a pattern, and where.

use std::fmt;
use std::path::PathBuf;

/// A pattern that cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct PatternError {
    /// What is wrong.
    pub kind: PatternErrorKind,
    /// The part of the pattern.
    pub part: String,
    /// Where the part starts in the text that was given (1-based, in characters).
    pub column: usize,
}

/// What is wrong with a pattern.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternErrorKind {
    /// Nothing but blanks and separators.
    #[error("the pattern names no host")]
    Empty,
    /// The same in a limit, where Ansible would take every host.
    #[error("the limit is empty")]
    EmptyLimit,
    /// `!` or `&` alone.
    #[error("`{0}` stands alone")]
    OperatorAlone(char),
    /// `[` without `]` or the reverse.
    #[error("a bracket is not closed")]
    Bracket,
    /// `~` with an expression that does not compile.
    #[error("the regular expression cannot be read: {0}")]
    Regex(String),
    /// An expression that takes too long.
    #[error("the regular expression takes too long to match")]
    RegexTooSlow,
    /// `[:n]`.
    #[error("`[:{0}]` has no begin")]
    NoBegin(String),
    /// `[n-m]`.
    #[error("`[{0}-{1}]` is no way to pick hosts from a group")]
    Dash(String, String),
    /// A position that is no number of this machine.
    #[error("`[{0}]` is not a position")]
    Position(String),
    /// A position behind the last host.
    #[error("there is no host at this position; the part has {0}")]
    OutOfRange(usize),
    /// Digits with a colon inside of a host name of a limit.
    #[error("`[{0}]` is no range here")]
    RangeInName(String),
    /// A part of a limit that matches nothing.
    #[error("this part of the limit matches no host and no group")]
    LimitMatchesNothing {
        /// The closest name.
        suggestion: Option<String>,
    },
    /// A limit file that cannot be read.
    #[error("cannot read the limit file `{}`: {source}", path.display())]
    LimitFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl PatternError {
    pub(super) fn new(kind: PatternErrorKind, part: &str, column: usize) -> Self {
        Self { kind, part: part.to_owned(), column }
    }

    /// Says what to do next.
    pub fn hint(&self) -> Option<String> {
        use PatternErrorKind as Kind;
        Some(match &self.kind {
            Kind::Empty => "name hosts or groups; `all` means every host".to_owned(),
            Kind::EmptyLimit => {
                "leave `--limit` out to target every host of the play; is the variable in the command empty?".to_owned()
            }
            Kind::OperatorAlone(_) => "write the name right behind it: `!web`".to_owned(),
            Kind::NoBegin(end) => format!("write `[0:{end}]`; both ends are included"),
            Kind::Dash(begin, end) => format!("write `[{begin}:{end}]`; both ends are included"),
            Kind::OutOfRange(count) => match count {
                0 => "it has no hosts at all".to_owned(),
                count => format!("positions go from 0 to {}", count - 1),
            },
            Kind::RangeInName(_) => {
                "in a pattern this means one of these characters; list the hosts with commas, or write a set: `[1-3]`"
                    .to_owned()
            }
            Kind::LimitMatchesNothing { .. } if self.part.ends_with(']') && self.part.contains(':') => {
                "`[...]` at the end picks hosts from a group by position; to name hosts, list them with commas".to_owned()
            }
            Kind::LimitMatchesNothing { suggestion: Some(name) } => format!("did you mean `{name}`?"),
            Kind::LimitMatchesNothing { suggestion: None } => {
                "`paceline inventory graph` shows the hosts and groups".to_owned()
            }
            Kind::Bracket
            | Kind::Regex(_)
            | Kind::RegexTooSlow
            | Kind::Position(_)
            | Kind::LimitFile { .. } => return None,
        })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "`{}` (column {}): {}", self.part.escape_debug(), self.column, self.kind)
        }
    }
}
