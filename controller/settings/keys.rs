//! The keys of `ansible.cfg`: those that are honoured, and those that change nothing here.

/// Keys that are honoured, by section.
pub(super) const HONOURED: &[(&str, &[&str])] = &[
    (
        "defaults",
        &[
            "ask_vault_pass",
            "force_handlers",
            "forks",
            "gathering",
            "host_key_checking",
            "inventory",
            "private_key_file",
            "remote_user",
            "roles_path",
            "timeout",
            "vault_encrypt_identity",
            "vault_id_match",
            "vault_identity",
            "vault_identity_list",
            "vault_password_file",
        ],
    ),
    (
        "privilege_escalation",
        &["become", "become_ask_pass", "become_exe", "become_flags", "become_method", "become_user"],
    ),
];

/// Keys that choose how Ansible itself works or looks; nothing that a run does depends on them.
const HARMLESS: &[(&str, &[&str])] = &[
    (
        "defaults",
        &[
            "action_warnings",
            "bin_ansible_callbacks",
            "callback_enabled",
            "callback_format_pretty",
            "callback_result_format",
            "callback_whitelist",
            "callbacks_enabled",
            "check_mode_markers",
            "collections_on_ansible_version_mismatch",
            "collections_path",
            "collections_paths",
            "collections_scan_sys_path",
            "command_warnings",
            "cow_selection",
            "cowpath",
            "cowsay_enabled_stencils",
            "debug",
            "deprecation_warnings",
            "devel_warning",
            "display_args_to_stdout",
            "display_failed_stderr",
            "display_ok_hosts",
            "display_skipped_hosts",
            "display_traceback",
            "docsite_root_url",
            "editor",
            "force_color",
            "home",
            "internal_poll_interval",
            "interpreter_python",
            "jinja2_native",
            "keep_remote_files",
            "local_tmp",
            "localhost_warning",
            "log_filter",
            "log_path",
            "log_verbosity",
            "max_diff_size",
            "module_compression",
            "nocolor",
            "nocows",
            "no_target_syslog",
            "pager",
            "pipelining",
            "poll_interval",
            "python_module_rlimit_nofile",
            "remote_tmp",
            "retry_files_enabled",
            "retry_files_save_path",
            "show_custom_stats",
            "show_per_host_start",
            "show_task_path_on_failure",
            "stdout_callback",
            "syslog_facility",
            "system_warnings",
            "target_log_info",
            "verbose_to_stderr",
            "verbosity",
        ],
    ),
    ("connection", &["pipelining"]),
    ("inventory", &["inventory_unparsed_warning", "enable_plugins", "export"]),
    (
        "ssh_connection",
        &[
            "control_path",
            "control_path_dir",
            "pipelining",
            "scp_executable",
            "scp_extra_args",
            "scp_if_ssh",
            "sftp_batch_mode",
            "sftp_executable",
            "sftp_extra_args",
            "ssh_executable",
            "transfer_method",
            "usetty",
            "verbosity",
        ],
    ),
];

/// Sections for parts that do not exist here.
const FOREIGN: &[&str] =
    &["colors", "galaxy", "netconf_connection", "paramiko_connection", "persistent_connection"];

fn listed(table: &[(&str, &[&str])], section: &str, key: &str) -> bool {
    table.iter().any(|(name, keys)| *name == section && keys.contains(&key))
}

/// Tells whether a key changes nothing that a run does.
pub(super) fn is_harmless(section: &str, key: &str) -> bool {
    listed(HARMLESS, section, key)
        || FOREIGN.contains(&section)
        || ["galaxy_server.", "callback_"].iter().any(|prefix| section.starts_with(prefix))
}

/// Finds the section in which a key is honoured.
pub(super) fn home(key: &str) -> Option<&'static str> {
    HONOURED.iter().find(|(_, keys)| keys.contains(&key)).map(|(section, _)| *section)
}

/// Lists the keys that are honoured in a section.
pub(super) fn honoured(section: &str) -> &'static [&'static str] {
    HONOURED.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| *keys)
}
