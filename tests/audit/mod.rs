//! Audit: the server's configuration, findings, matrix, drift.

mod configuration;
mod movement;
