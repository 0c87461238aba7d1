//! WinRM: the test peer is accepted by clients that are not ours, and does what tests ask of it.

mod accepted;
mod peer;
