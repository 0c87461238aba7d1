//! The modules that tasks name: options in, operations out. Pure: no module reaches a host.

mod apt;
mod assert;
mod blockinfile;
mod certificate_check;
mod command;
mod connector_move;
mod copy;
mod cron;
mod debug;
mod dnf;
mod fail;
mod fetch;
mod file;
mod find;
mod get_url;
mod group;
mod include;
mod include_vars;
mod keys;
mod lineinfile;
mod meta;
mod options;
mod pause;
mod ping;
mod place;
mod preflight;
mod python;
mod raw;
mod registry;
mod replace;
mod script;
mod service;
mod set_fact;
mod settings_json;
mod settings_xml;
mod setup;
mod shell;
mod slurp;
mod spec;
mod stat;
mod tempfile;
mod template;
mod unarchive;
mod uri;
mod user;
mod validate_argument_spec;
mod wait_for;
mod windows;
mod words;
mod work;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod testing;

pub use options::{OptionValues, check_option, convert, to_bool, to_int};
pub use python::text as to_text;
pub use registry::{Module, lookup, names};
pub use spec::{FreeForm, Limit, ModuleSpec, OptionKind, OptionSpec, Platforms};
pub(crate) use validate_argument_spec::TYPES as ARGUMENT_TYPES;
pub use words::split as split_words;
pub use work::{
    Control, Evaluate, Files, ModuleContext, ModuleError, Options, Reconnect, Render, Restart, Work,
};
