//! Lines for files, pipes and CI: stable, one fact a line, in the order in which things happened.

use std::io::{self, Write};

use super::lines::{Line, Lines};
use super::{Options, Reporter};
use crate::executor::event::Event;

/// The reporter without a terminal.
pub struct Plain<O, E> {
    lines: Lines,
    out: O,
    err: E,
}

impl<O: Write + Send, E: Write + Send> Plain<O, E> {
    /// Results go to `out`, warnings to `err`; `out` may be buffered.
    pub fn new(options: Options, out: O, err: E) -> Self {
        Self { lines: Lines::new(options, 0), out, err }
    }
}

impl<O: Write + Send, E: Write + Send> Reporter for Plain<O, E> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        for line in self.lines.event(event) {
            match line {
                Line::Data(text) => writeln!(self.out, "{text}")?,
                Line::Warning(text) => {
                    // Both may be the same file: the order of lines is the order of events.
                    self.out.flush()?;
                    writeln!(self.err, "{text}")?;
                }
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.err.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::executor::event::Status;

    #[test]
    fn results_and_warnings_go_apart() {
        let (out, err) = (Paper::default(), Paper::default());
        let mut plain = Plain::new(Options::default(), out.clone(), err.clone());
        for event in [
            finished("a", "t", Status::Changed, true),
            warning("look"),
            finished("a", "u", Status::Ok, false),
        ] {
            plain.event(&event).unwrap();
        }
        plain.finish().unwrap();
        assert_eq!(out.text(), "changed: [a] t\n");
        assert_eq!(err.text(), "[WARNING]: look\n");
    }
}
