//! Colours, with the meanings that Ansible gave them.

/// What a piece of text means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    /// As it should be.
    Ok,
    /// Something changed.
    Changed,
    /// Something failed.
    Failed,
    /// A host did not answer.
    Unreachable,
    /// Something was not run.
    Skipped,
    /// A person should read it.
    Warning,
    /// A heading.
    Strong,
    /// Less important than what is around it.
    Faint,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Ok => "0;32",
            Self::Changed => "0;33",
            Self::Failed => "0;31",
            Self::Unreachable => "1;31",
            Self::Skipped => "0;36",
            Self::Warning => "1;35",
            Self::Strong => "1",
            Self::Faint => "2",
        }
    }
}

/// Paints, or does not.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Whether to paint.
    pub color: bool,
}

impl Palette {
    /// The text in a colour; unchanged without colours or without text.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", tone.code())
        } else {
            text.to_owned()
        }
    }

    /// As [`paint`](Self::paint), if there is a meaning.
    pub fn paint_some(self, tone: Option<Tone>, text: &str) -> String {
        tone.map_or_else(|| text.to_owned(), |tone| self.paint(tone, text))
    }
}
