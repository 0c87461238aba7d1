//! How long is waited, and how much is taken.

use std::time::Duration;

/// Limits of a client. Every wait on the host and every length that it sends has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// For TCP, and again for TLS.
    pub connect: Duration,
    /// `OperationTimeout`: how long a host may take before it says that it is still at work. Hosts allow a minute.
    pub operation: Duration,
    /// What is waited for an answer on top of `operation`; 10 to 30 s, more on slow networks.
    pub grace: Duration,
    /// A connection that was not used for so long is replaced instead of used: Windows closes idle ones after 2
    /// minutes, and a request that meets the closing would have an unknown outcome.
    pub idle: Duration,
    /// For ending a shell when nobody waits for it any more.
    pub cleanup: Duration,
    /// Longest answer, in bytes, sealing included.
    pub answer: usize,
    /// `MaxEnvelopeSize` to begin with, in bytes. A host that refuses it is asked with 153600, the smallest that is
    /// in use.
    pub envelope: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Bytes of each output stream that wait for their reader before the host is asked for more.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            operation: Duration::from_secs(20),
            grace: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            cleanup: Duration::from_secs(10),
            answer: 4 * 1024 * 1024,
            envelope: 512_000,
            connections: 4,
            output: 256 * 1024,
        }
    }
}

impl Limits {
    /// How long an answer may take.
    pub(crate) fn answer_time(&self) -> Duration {
        self.operation + self.grace
    }
}
