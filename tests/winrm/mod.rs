//! WinRM: the test peer is accepted by clients that are not ours.

mod accepted;
