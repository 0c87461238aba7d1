//! Secrets that become known while a run is at work, such as values that are decrypted when they are used first.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::Masks;
use super::mask::MIN_LENGTH;

/// Longest value that is hidden as a whole, in bytes.
const WHOLE: usize = 1024;
/// Pieces of longer ones, in bytes.
const PIECE: usize = 256;
/// Shorter lines of longer ones are no secrets by themselves.
const MIN_LINE: usize = 12;
/// How much of a value is hidden at most.
const MOST: usize = 16 * 1024;

/// A growing set of secret values, shared by all hosts of a run.
///
/// A value is added before anything that was made of it can be written, so whoever writes looks at
/// [`Learned::count`] first and takes [`Learned::masks`] again when it has grown.
#[derive(Default)]
pub struct Learned {
    count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    masks: Masks,
    /// What the masks do not hold yet: they are made anew only when somebody asks for them.
    waiting: Vec<Zeroizing<String>>,
}

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Learned({} values)", self.count())
    }
}

impl Learned {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value. What is too short to be masked ([`MIN_LENGTH`]) and what is known already changes nothing. Of a long
    /// one its lines are hidden, in pieces: a search for pieces costs little whatever they hold.
    pub fn add(&self, value: &str) {
        if value.len() <= WHOLE {
            return self.add_piece(value);
        }
        let mut room = MOST;
        for line in value.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE) {
            let mut rest = line;
            while !rest.is_empty() && room > 0 {
                let (piece, behind) = cut(rest);
                self.add_piece(piece);
                room = room.saturating_sub(piece.len());
                rest = behind;
            }
        }
    }

    fn add_piece(&self, value: &str) {
        let mut state = self.state();
        let new = value.len() >= MIN_LENGTH
            && !state.masks.holds(value)
            && !state.waiting.iter().any(|known| **known == value);
        if new {
            state.waiting.push(Zeroizing::new(value.to_owned()));
            self.count.fetch_add(1, Ordering::Release);
        }
    }

    /// How many values there are; it only grows.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// What hides all of them.
    pub fn masks(&self) -> Masks {
        let mut state = self.state();
        if !state.waiting.is_empty() {
            let waiting = std::mem::take(&mut state.waiting);
            state.masks = state.masks.with(waiting.iter().map(|value| value.as_str()));
        }
        state.masks.clone()
    }
}

/// Splits the first piece off a line; the last one is never a short rest.
fn cut(line: &str) -> (&str, &str) {
    if line.len() < PIECE + MIN_LINE {
        return (line, "");
    }
    let at = (0..=PIECE).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    line.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that repeats itself is the slowest to search for.
    #[test]
    fn long_values_are_hidden_in_pieces() {
        let learned = Learned::default();
        let (same, other) = ("z".repeat(5000), "0123456789abcdef é ".repeat(100));
        learned.add(&format!("{same}\n\n  {other}\nend\n"));
        let masks = learned.masks();
        for text in [&same, &other] {
            let shown = masks.mask(text);
            assert!(!shown.contains("zzzzzzzzz") && !shown.contains("0123456789"), "{shown}");
        }
        assert_eq!(masks.mask("end"), "end");
        let many = (0..10_000).map(|number| format!("line number {number}\n")).collect::<String>();
        learned.add(&many);
        assert!(learned.count() < 2_000, "{}", learned.count());
    }

    #[test]
    fn the_masks_grow_with_what_is_learned() {
        let learned = Learned::default();
        assert!(learned.masks().is_empty());
        for value in ["hunter22", "hunter22", "x", "other-one"] {
            learned.add(value);
        }
        assert_eq!(learned.count(), 2);
        assert_eq!(learned.masks().mask("a hunter22 b other-one x"), "a ******** b ******** x");
        learned.add("hunter22");
        assert_eq!(learned.count(), 2);
        assert!(!format!("{learned:?}").contains("hunter"));
    }
}
