//! Random words that a peer cannot guess.

use std::fmt;

/// 128 random bits in lower-case hexadecimal.
#[derive(Clone, Eq, PartialEq)]
pub struct Nonce(String);

impl Nonce {
    /// Draws from the system's generator.
    pub fn new() -> Self {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).expect("the system's random generator answers");
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Nonce {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonces_differ_and_are_hexadecimal() {
        let (one, two) = (Nonce::new(), Nonce::new());
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 32);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
