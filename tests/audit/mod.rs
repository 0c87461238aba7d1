//! Audit: the server's configuration, hosts, findings, matrix, drift.

mod configuration;
mod live;
