//! `paceline audit`: the server's configuration, fleets with planted faults, and the command.

mod command;
mod configuration;
mod fault;
mod fleet;
mod planted;
