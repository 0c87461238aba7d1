//! The words of the language: which keywords stand where, which ones Ansible has and we refuse, and
//! why. Everything else in a play or task is a mistake of its own.

/// Where a keyword stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In a play.
    Play,
    /// In an entry of `roles:` or of a role's dependencies.
    Role,
    /// In a block.
    Block,
    /// In a task.
    Task,
    /// In a handler.
    Handler,
    /// Beside `import_tasks` or `import_role`.
    Import,
    /// Beside `import_playbook`.
    ImportPlaybook,
}

/// Keywords of [`super::Directives`], shared by plays, roles, blocks, tasks and imports.
const SHARED: &[&str] = &[
    "any_errors_fatal",
    "become",
    "become_exe",
    "become_flags",
    "become_method",
    "become_user",
    "check_mode",
    "collections",
    "diff",
    "environment",
    "ignore_errors",
    "ignore_unreachable",
    "name",
    "no_log",
    "run_once",
    "tags",
    "timeout",
    "vars",
];

const PLAY: &[&str] = &[
    "connection",
    "force_handlers",
    "gather_facts",
    "handlers",
    "hosts",
    "max_fail_percentage",
    "on_failure",
    "order",
    "port",
    "post_tasks",
    "pre_tasks",
    "remote_user",
    "roles",
    "rollback_scope",
    "serial",
    "strategy",
    "tasks",
    "module_defaults",
    "vars_files",
];

const TASK: &[&str] = &[
    "action",
    "args",
    "async",
    "changed_when",
    "covers",
    "delay",
    "failed_when",
    "loop",
    "local_action",
    "loop_control",
    "module_defaults",
    "notify",
    "poll",
    "register",
    "retries",
    "rollback",
    "until",
    "when",
    "with_items",
];

/// Keywords about who does the work, of everything but a play.
const DELEGATION: &[&str] = &["delegate_facts", "delegate_to"];

/// Lists the keywords that are understood at a place, for "did you mean".
pub(super) fn supported(place: Place) -> Vec<&'static str> {
    let own: &[&[&str]] = match place {
        Place::Play => &[SHARED, PLAY],
        Place::Role => &[SHARED, DELEGATION, &["when", "role"]],
        Place::Block => {
            &[SHARED, DELEGATION, &["when", "block", "rescue", "always", "guard", "module_defaults"]]
        }
        Place::Task => &[SHARED, DELEGATION, TASK, &["block"]],
        Place::Handler => &[SHARED, DELEGATION, TASK, &["listen"]],
        Place::Import => {
            &[SHARED, DELEGATION, &["when", "import_tasks", "import_role", "args", "module_defaults"]]
        }
        Place::ImportPlaybook => &[&["import_playbook", "name", "tags", "vars", "when"]],
    };
    own.concat()
}

/// Keywords that Ansible has and that are refused, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("debugger", "there is no task debugger: use `plan`, `--check --diff` and the host logs"),
    ("fact_path", "not supported yet: leave it out"),
    ("gather_subset", "not supported yet: use `gather_facts: false` and a `setup` task"),
    ("gather_timeout", "not supported yet: leave it out"),
    ("include", "removed from Ansible: use `import_tasks`"),
    ("throttle", "not supported yet: use `serial` for the play, or `--forks`"),
    ("validate_argspec", "not supported yet: leave it out"),
    (
        "vars_prompt",
        "questions in the middle of a rollout are not supported: use `--extra-vars` or `vars_files`",
    ),
];

/// Loops over lookups that are refused, as their lookups are.
const LOOKUP_LOOPS: &[(&str, &str)] = &[
    ("with_file", "write `loop` over the names and read each with `lookup('file', item)`"),
    ("with_filetree", "list the files under `with_fileglob`, one for each folder"),
    ("with_lines", "register the output of a command and loop over its `stdout_lines`"),
    ("with_random_choice", "results have to be the same on every run: choose one in the inventory"),
];

/// Lists the keywords that are refused by name, with what to do instead.
#[cfg(test)]
pub(super) fn refusals() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSED.iter().chain(LOOKUP_LOOPS).copied()
}

/// Tells why a keyword of Ansible is refused, if it is one.
pub(super) fn refused(keyword: &str) -> Option<&'static str> {
    if let Some((_, hint)) = REFUSED.iter().chain(LOOKUP_LOOPS).find(|(name, _)| *name == keyword) {
        return Some(hint);
    }
    keyword.starts_with("with_").then_some("write `loop`, with `query(...)` for a lookup")
}

/// Tells whether a keyword is refused by its name.
pub(super) fn is_known(keyword: &str) -> bool {
    REFUSED.iter().chain(LOOKUP_LOOPS).any(|(name, _)| *name == keyword)
}

/// Keywords of Ansible that exist, but not at the place where they were found.
pub(super) fn misplaced(keyword: &str, place: Place) -> Option<String> {
    let connection = ["connection", "port", "remote_user", "user"].contains(&keyword);
    if connection && place != Place::Play {
        return Some(
            "a host has one connection: set it on the play, or as a variable of the host".to_owned(),
        );
    }
    let homes = [
        (Place::Play, "a play"),
        (Place::Task, "a task"),
        (Place::Block, "a block"),
        (Place::Handler, "a handler"),
        (Place::Role, "an entry of `roles`"),
    ];
    let (_, home) = homes.iter().find(|(home, _)| *home != place && supported(*home).contains(&keyword))?;
    Some(format!("it belongs to {home}"))
}

/// Modules that come with ansible-core and are not supported, so that the message can say so instead
/// of guessing at a typo.
const ANSIBLE_MODULES: &[&str] = &[
    "add_host",
    "apt_key",
    "apt_repository",
    "assemble",
    "async_status",
    "deb822_repository",
    "debconf",
    "dpkg_selections",
    "expect",
    "getent",
    "git",
    "group_by",
    "hostname",
    "iptables",
    "mount_facts",
    "package_facts",
    "pip",
    "reboot",
    "rpm_key",
    "service_facts",
    "set_stats",
    "subversion",
    "sysvinit",
    "wait_for_connection",
    "yum_repository",
];

/// Tells whether a name is a module of Ansible that is known and not supported (yet).
pub(super) fn is_ansible_module(name: &str) -> bool {
    let short = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    ANSIBLE_MODULES.contains(&short)
        || short.starts_with("win_")
        || ["ansible.windows.", "ansible.posix.", "community.", "microsoft.iis."]
            .iter()
            .any(|collection| name.starts_with(collection))
}
