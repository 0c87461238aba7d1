//! WinRM: the test peer is accepted by clients that are not ours, and our client gets along with it.

mod accepted;
mod client;
mod endurance;
mod faults;
mod kerberos;
mod login;
mod peer;
mod reach;
mod running;
