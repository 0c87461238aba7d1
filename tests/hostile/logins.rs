//! Noisy logins, and login shells that are not POSIX.

use super::{FIVE_TASKS, Scene};
use crate::support::environment::Environment;
use crate::support::hosts::Hosts;
use crate::support::sshd::Sshd;

fn behind(config: &str, user: Option<&str>) {
    let (environment, sshd) = (Environment::new(), Sshd::with_config(1, config));
    let hosts = Hosts::of(&environment, &sshd, &["good"]);
    let mut scene = Scene { environment, sshd, hosts };
    if let Some(user) = user {
        scene.hosts.set("good", "ansible_user", user);
        // The folders of the test belong to another user; everyone may write there.
        for folder in ["hosts/good", "hosts/good/work"] {
            open(&scene.environment.path(folder), 0o777);
        }
        open(scene.environment.folder(), 0o755);
    }
    scene.write(FIVE_TASKS);
    let events = scene.apply(0, &[]);
    scene.good_has_all(&events);
}

fn open(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn noise_before_and_after_the_shell_is_passed_over() {
    let noise = r#"ForceCommand echo Welcome; printf "no line end"; echo mail >&2; head -c 100000 /dev/urandom; sh -c "$SSH_ORIGINAL_COMMAND"; r=$?; echo Bye; exit $r"#;
    behind(noise, None);
}

#[test]
fn a_banner_of_the_server_is_passed_over() {
    let banner = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(banner.path(), "Authorized use only.\n".repeat(1000)).unwrap();
    behind(&format!("Banner {}", banner.path().display()), None);
}

#[test]
fn fish_as_the_login_shell_as_root() {
    behind("", Some("pl-fish"));
}

#[test]
fn tcsh_as_the_login_shell_as_root() {
    behind("", Some("pl-tcsh"));
}
