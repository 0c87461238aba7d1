//! Finds a module by the name that a task uses.

use super::{ModuleContext, ModuleError, ModuleSpec, Options, Work, windows};

/// A module.
pub trait Module: Sync {
    /// Returns its names and options.
    fn spec(&self) -> &'static ModuleSpec;

    /// Turns rendered options into work.
    ///
    /// # Errors
    /// Options that contradict each other, a local file that is missing.
    fn plan(&self, options: &Options, context: &ModuleContext<'_>) -> Result<Work, ModuleError>;
}

static MODULES: &[&dyn Module] = &[
    &super::assert::Assert,
    &super::certificate_check::CertificateCheckModule,
    &super::command::CommandModule,
    &super::connector_move::ConnectorMove,
    &super::copy::CopyModule,
    &super::debug::Debug,
    &super::fail::Fail,
    &super::fetch::FetchModule,
    &super::file::FileModule,
    &super::include::IncludeRole,
    &super::include::IncludeTasks,
    &super::include_vars::IncludeVars,
    &super::lineinfile::LineInFile,
    &super::meta::Meta,
    &super::pause::Pause,
    &super::ping::PingModule,
    &super::preflight::PreflightModule,
    &super::raw::RawModule,
    &super::script::Script,
    &super::service::Service,
    &super::service::SystemdService,
    &super::set_fact::SetFact,
    &super::settings_json::SettingsJson,
    &super::settings_xml::SettingsXml,
    &super::setup::Setup,
    &super::shell::Shell,
    &super::uri::Uri,
    &super::validate_argument_spec::ValidateArgumentSpec,
    &super::wait_for::WaitFor,
    &super::slurp::SlurpModule,
    &super::stat::Stat,
    &super::template::TemplateModule,
    &super::blockinfile::BlockInFile,
    &super::replace::Replace,
    &super::find::Find,
    &super::tempfile::TempFile,
    &super::group::Group,
    &super::user::User,
    &super::apt::Apt,
    &super::apt::Package,
    &super::dnf::Dnf,
    &super::cron::Cron,
    &super::get_url::GetUrl,
    &super::unarchive::Unarchive,
    &super::keys::AuthorizedKey,
    &super::keys::KnownHosts,
];

fn all() -> impl Iterator<Item = &'static dyn Module> {
    MODULES.iter().chain(windows::FILES).chain(windows::SERVER).copied()
}

/// Finds a module by its short name, its `ansible.builtin.` name, or another full name.
pub fn lookup(name: &str) -> Option<&'static dyn Module> {
    let short = name
        .strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name);
    all().find(|module| module.spec().name == short || module.spec().aliases.contains(&name))
}

/// Lists the short names, for "did you mean".
pub fn names() -> Vec<&'static str> {
    all().map(|module| module.spec().name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{FreeForm, OptionKind};

    #[test]
    fn names_are_unique_and_every_module_is_found() {
        let mut seen = std::collections::HashSet::new();
        for module in all() {
            let spec = module.spec();
            for name in std::iter::once(spec.name.to_owned())
                .chain([format!("ansible.builtin.{}", spec.name), format!("ansible.legacy.{}", spec.name)])
                .chain(spec.aliases.iter().map(|alias| (*alias).to_owned()))
            {
                assert!(seen.insert(name.clone()), "{name} is there twice");
                let found = lookup(&name).map(|module| module.spec().name);
                assert_eq!(found, Some(spec.name), "{name}");
            }
        }
        assert!(lookup("ansible.windows.debug").is_none());
        assert!(names().contains(&"debug"));
    }

    #[test]
    fn what_only_looks_is_known_by_name() {
        let looking: Vec<&str> =
            all().map(|module| module.spec()).filter(|spec| spec.only_looks).map(|spec| spec.name).collect();
        insta::assert_snapshot!(looking.join(" "), @"assert certificate_check connector_move debug fail fetch include_role include_tasks include_vars meta pause ping preflight set_fact setup validate_argument_spec wait_for slurp stat find win_find win_ping win_wait_for win_whoami win_stat wait_for_connection win_service_info effective_rights event_log iis_worker");
    }

    #[test]
    fn specs_are_consistent() {
        for module in all() {
            let spec = module.spec();
            let mut seen = std::collections::HashSet::new();
            for option in spec.options {
                for name in std::iter::once(&option.name).chain(option.aliases) {
                    assert!(seen.insert(*name), "{}.{name} is there twice", spec.name);
                }
                assert!(!(option.required && option.refused.is_some()), "{}.{}", spec.name, option.name);
                if let OptionKind::Choice(choices) = option.kind {
                    assert!(!choices.is_empty(), "{}.{}", spec.name, option.name);
                }
            }
            for raw in spec.raw_options {
                assert!(spec.option(raw).is_some(), "{}.{raw}", spec.name);
            }
            if let FreeForm::Option(name) | FreeForm::Verbatim(name) = spec.free_form {
                assert!(spec.option(name).is_some(), "{}.{name}", spec.name);
            }
        }
    }
}
