//! Reads a host's ledger: what became of steps whose results were lost. Its lines are described in `posix/ledger.sh`.
//!
//! It comes from the host, so that nothing in it is believed further than a reply would be.

use std::collections::HashMap;

use crate::operation::Reply;

/// What the ledger knows of one program of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// Its reply so far, without output.
    pub reply: Reply,
    /// Whether it is over.
    pub over: bool,
    /// Whether bytes that it reported are not there any more.
    pub blobs: bool,
    /// Outputs of its commands: folder and number.
    pub outputs: Vec<(String, String)>,
}

/// What the ledger knows of one step: its programs in order.
#[derive(Clone, Debug, Default)]
pub(super) struct NotedStep {
    /// The programs.
    pub programs: Vec<Noted>,
    /// Whether it changed something in an attempt that was overtaken by a later one.
    pub changed_before: bool,
    /// Points of such attempts, as they were reported.
    pub points_before: Vec<(String, String)>,
}

/// The ledger of one login.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    steps: HashMap<u64, NotedStep>,
}

impl Ledger {
    /// Reads the lines; what is damaged or cut off at the end is passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
        let mut ledger = Self::default();
        let mut current: Option<(u64, usize)> = None;
        for line in whole.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            if word == "S" {
                current = name(rest);
                if let Some((step, program)) = current {
                    ledger.begin(step, program);
                }
                continue;
            }
            let Some((step, program)) = current else { continue };
            let Some(noted) = ledger.steps.get_mut(&step).and_then(|step| step.programs.get_mut(program - 1))
            else {
                continue;
            };
            match word {
                "V" => noted.value(rest),
                "W" => noted.line(rest),
                "D" => noted.blobs = true,
                "B" => {
                    let output =
                        rest.split_once(' ').filter(|(folder, number)| plain(folder) && plain(number));
                    noted
                        .outputs
                        .extend(output.map(|(folder, number)| (folder.to_owned(), number.to_owned())));
                }
                "C" => {
                    let mut numbers = rest.split(' ').map(|number| number.parse::<i64>().unwrap_or(0));
                    let mut number = || numbers.next().unwrap_or(0);
                    noted.reply.rc = i32::try_from(number()).ok();
                    noted.reply.timed_out |= number() == 1;
                    noted.reply.dropped += u64::try_from(number()).unwrap_or(0);
                }
                "R" => {
                    noted.reply.status =
                        rest.rsplit(' ').next().and_then(|status| status.parse().ok()).unwrap_or(1);
                    noted.over = true;
                    current = None;
                }
                "X" => {
                    // It did not run after all.
                    if let Some(noted) = ledger.steps.get_mut(&step) {
                        noted.programs.truncate(program - 1);
                    }
                    current = None;
                }
                _ => {}
            }
        }
        ledger
    }

    /// Returns what is known of a step; nothing if it never began.
    pub(super) fn step(&self, step: u64) -> Option<&NotedStep> {
        self.steps.get(&step).filter(|noted| !noted.programs.is_empty())
    }

    /// A program begins. One with its number that began before was cut off, and counts only with what it changed.
    fn begin(&mut self, step: u64, program: usize) {
        let noted = self.steps.entry(step).or_default();
        for overtaken in noted.programs.drain((program - 1).min(noted.programs.len())..) {
            noted.changed_before |= overtaken.changed();
            noted.points_before.extend(overtaken.points().cloned());
        }
        noted.programs.resize_with(program, Noted::default);
    }
}

impl Noted {
    fn value(&mut self, rest: &str) {
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        self.reply.values.push((name.to_owned(), text.to_owned()));
    }

    /// A line of a value with several: the lines of one value follow each other.
    fn line(&mut self, rest: &str) {
        let (name, line) = rest.split_once(' ').unwrap_or((rest, ""));
        match self.reply.values.last_mut().filter(|(last, text)| last == name && text.ends_with('\n')) {
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => self.reply.values.push((name.to_owned(), [line, "\n"].concat())),
        }
    }

    /// Ends values of several lines as the shell reports them: without a line end.
    pub(super) fn finished(mut self) -> Reply {
        for (_, text) in &mut self.reply.values {
            if text.ends_with('\n') {
                text.pop();
            }
        }
        self.reply
    }

    /// Whether it said that it changed something: `changed` of file operations, `did` of services.
    pub(super) fn changed(&self) -> bool {
        self.reply.values.iter().any(|(name, _)| name == "changed" || name == "did")
    }

    pub(super) fn points(&self) -> impl Iterator<Item = &(String, String)> {
        self.reply.values.iter().filter(|(name, _)| name == "point")
    }
}

/// Reads `STEP.PROGRAM`. A step has few programs.
fn name(text: &str) -> Option<(u64, usize)> {
    let (step, program) = text.split_once('.')?;
    let program = program.parse().ok().filter(|program| (1..=1000).contains(program))?;
    Some((step.parse().ok()?, program))
}

/// Tells whether a word may be part of the name of an output.
fn plain(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 80
        && !word.starts_with('.')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_tells_what_became_of_a_step() {
        let text = "S 1.1\nV changed content\nR 1.1 75\nS 1.2\nD old\nV changed content\nV point 1 absent /a\nR 1.2 0\n\
                    S 2.1\nB out-x 3\nC 4 0 0\nR 2.1 4\nS 3.1\nB out-x 4\nS 4.1\nX 4.1\nS 5.1\nR 5.1";
        let ledger = Ledger::parse(text.as_bytes());
        let first = ledger.step(1).map(|step| step.programs.clone()).unwrap_or_default();
        assert_eq!(first.len(), 2);
        assert!(first[0].over && first[0].reply.status == 75 && !first[0].blobs);
        assert!(first[1].over && first[1].reply.status == 0 && first[1].blobs && first[1].changed());
        assert_eq!(first[1].points().count(), 1);
        let second = &ledger.step(2).map(|step| step.programs.clone()).unwrap_or_default()[0];
        assert_eq!((second.reply.rc, second.outputs.clone()), (Some(4), vec![("out-x".into(), "3".into())]));
        assert!(!ledger.step(3).is_some_and(|step| step.programs[0].over));
        assert!(ledger.step(4).is_none(), "it was fenced and never ran");
        assert!(ledger.step(5).is_some_and(|step| !step.programs[0].over), "its last line is torn");
        assert!(ledger.step(6).is_none());
    }

    #[test]
    fn a_program_that_began_twice_counts_once_but_its_changes_stay() {
        let ledger =
            Ledger::parse(b"S 1.1\nV changed content\nV point 1 file /a\nS 1.1\nV same 1\nR 1.1 0\n");
        let step = ledger.step(1).cloned().unwrap_or_default();
        assert_eq!((step.programs.len(), step.changed_before, step.points_before.len()), (1, true, 1));
        assert!(!step.programs[0].changed());
    }

    #[test]
    fn values_of_several_lines_come_back_whole() {
        let ledger = Ledger::parse(b"S 1.1\nW text one\nW text \nW text three\nV next 1\nR 1.1 0\n");
        let noted = ledger.step(1).map(|step| step.programs[0].clone()).unwrap_or_default();
        let reply = noted.finished();
        assert_eq!(reply.value("text"), Some("one\n\nthree"));
        assert_eq!(reply.value("next"), Some("1"));
    }

    #[test]
    fn what_a_host_makes_up_does_no_harm() {
        for text in [
            "S 1.0\nV a b\n",
            "S 1.99999999999\nR x\n",
            "V a\nR\nC\nB ../x y\n",
            "S 1.1\nB ../x y\nC a b\nR\n",
        ] {
            let ledger = Ledger::parse(text.as_bytes());
            assert!(
                ledger.step(1).is_none_or(|step| step.programs.iter().all(|noted| noted.outputs.is_empty()))
            );
        }
    }
}
