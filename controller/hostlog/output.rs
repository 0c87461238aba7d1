//! One output stream of one step on its way into the host log.

use sha2::{Digest, Sha256};

use super::Sanitizer;
use crate::secrets::{MaskStream, Masks};

/// Which output of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutputStream {
    /// Standard output: lines marked `| `.
    Stdout,
    /// Standard error: lines marked `! `.
    Stderr,
}

impl OutputStream {
    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    pub(super) fn mark(self) -> &'static [u8] {
        match self {
            Self::Stdout => b"| ",
            Self::Stderr => b"! ",
        }
    }
}

/// What reached the host log of one stream of one step, for its `step_output` event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutputPiece {
    /// Which stream.
    pub stream: OutputStream,
    /// Offset of the first byte within the stream of the step.
    pub offset: u64,
    /// Bytes that reached the log.
    pub length: u64,
    /// SHA-256 of these bytes, hexadecimal: as the host sent them, but with secrets masked, so that
    /// the digest of a short secret cannot be used to guess it.
    pub sha256: String,
    /// Bytes after these that were over a limit: drained, counted, not kept.
    pub dropped: u64,
}

/// The state of one stream of one step.
pub(super) struct StreamState {
    stream: OutputStream,
    mask: MaskStream,
    sanitizer: Sanitizer,
    digest: Sha256,
    length: u64,
    dropped: u64,
    masked: Vec<u8>,
}

impl StreamState {
    pub(super) fn new(stream: OutputStream, masks: &Masks) -> Self {
        Self {
            stream,
            mask: masks.stream(),
            sanitizer: Sanitizer::default(),
            digest: Sha256::new(),
            length: 0,
            dropped: 0,
            masked: Vec::new(),
        }
    }

    /// Takes raw bytes, of which `room` more may be kept; appends their readable form to `clean` and
    /// returns how many were kept.
    pub(super) fn take(&mut self, bytes: &[u8], room: u64, clean: &mut Vec<u8>) -> u64 {
        self.masked.clear();
        self.mask.feed(bytes, &mut self.masked);
        self.keep(room, clean)
    }

    /// Ends the stream: appends what was held back to `clean`.
    pub(super) fn finish(&mut self, room: u64, clean: &mut Vec<u8>) -> u64 {
        self.masked.clear();
        self.mask.finish(&mut self.masked);
        let kept = self.keep(room, clean);
        self.sanitizer.finish(clean);
        kept
    }

    /// Whether nothing came yet.
    pub(super) fn is_unused(&self) -> bool {
        self.length + self.dropped == 0 && self.mask.is_empty()
    }

    /// Whether something was over a limit.
    pub(super) fn overflowed(&self) -> bool {
        self.dropped > 0
    }

    /// What is to be told of the stream, if it held anything.
    pub(super) fn piece(self) -> Option<OutputPiece> {
        (self.length + self.dropped > 0).then(|| OutputPiece {
            stream: self.stream,
            offset: 0,
            length: self.length,
            sha256: self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            dropped: self.dropped,
        })
    }

    fn keep(&mut self, room: u64, clean: &mut Vec<u8>) -> u64 {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let kept = &self.masked[..self.masked.len().min(room)];
        self.digest.update(kept);
        self.sanitizer.feed(kept, clean);
        self.length += kept.len() as u64;
        self.dropped += (self.masked.len() - kept.len()) as u64;
        kept.len() as u64
    }
}
