//! `paceline audit`: fleets with planted faults, and the command.

mod command;
mod fault;
mod fleet;
mod planted;
