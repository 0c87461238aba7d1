//! The modules for what a Windows server offers: services, features, IIS, certificates, packages, accounts.

use crate::module::Module;

/// All of them.
pub(in crate::module) static MODULES: &[&dyn Module] = &[];
