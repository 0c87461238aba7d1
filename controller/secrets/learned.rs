//! Secrets that become known while a run is at work, such as values that are decrypted when they are used first.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::Masks;
use super::mask::MIN_LENGTH;

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

    /// Adds a value. What is too short to be masked ([`MIN_LENGTH`]) and what is known already changes nothing.
    pub fn add(&self, value: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
