//! `ansible.cfg`: the keys that are honoured, and a warning for every other key that could change what a
//! run does. Which file it is and what wins over it is the command line's business.

mod choice;
mod file;
mod ini;
mod keys;

pub use choice::choose;
pub use file::{BecomeSettings, Gathering, Settings, VaultSettings};
