//! The modules for what every Windows host has: files, commands, the registry, the environment.

use crate::module::Module;

/// All of them.
pub(in crate::module) static MODULES: &[&dyn Module] = &[];
