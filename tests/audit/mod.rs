//! `paceline audit`: the server's configuration, hosts, fleets with planted faults, and the command.

mod command;
mod configuration;
mod fault;
mod fleet;
mod live;
mod movement;
mod planted;
mod variant;
