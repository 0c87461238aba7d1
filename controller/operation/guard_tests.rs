//! The script of a guard in the shells that hosts have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::guard::{functions, guard_script};
use super::testing::SHELLS;
use crate::shell::quote;

/// A guard that was armed, in a folder of its own.
struct Scene {
    folder: tempfile::TempDir,
    shell: &'static str,
}

impl Scene {
    fn new(shell: &'static str) -> Self {
        let scene = Self { folder: tempfile::tempdir().expect("a folder"), shell };
        fs::create_dir_all(scene.point("")).expect("the points");
        fs::create_dir_all(scene.guard()).expect("the guard");
        let script = guard_script(scene.folder.path().to_str(), "run", "host");
        fs::write(scene.guard().join("script"), script).expect("the script");
        fs::write(scene.guard().join("how"), "process unit\n").expect("how");
        let env = format!(
            "HOME=/ PATH={}\nexport HOME PATH\npf_g_cwd=/ pf_g_session=/nothing pl_uid={} pl_u=022\n\
             pf_g_mark=1 pf_g_pid=0 pf_g_start=0\n",
            quote(&std::env::var("PATH").expect("PATH")),
            rustix::process::getuid().as_raw(),
        );
        fs::write(scene.guard().join("env"), env).expect("the environment");
        scene
    }

    fn host(&self) -> PathBuf {
        self.folder.path().join("runs/run/host")
    }

    fn point(&self, name: &str) -> PathBuf {
        self.host().join("points").join(name)
    }

    fn guard(&self) -> PathBuf {
        self.host().join("guards/1")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that the block made, with its point.
    fn made(&self, number: u64, name: &str) -> PathBuf {
        let file = self.file(name);
        fs::write(&file, "after").expect("a file");
        let path = quote(file.to_str().expect("text"));
        let manifest = format!(
            "pf_kind=absent pf_path={path} pf_made='' pf_temporary=''\npf_undo_absent {path}\n#END\n"
        );
        fs::write(self.point(&number.to_string()), manifest).expect("a point");
        file
    }

    fn start(&self, script: &Path, arguments: &[&str]) -> Child {
        let mut command = match self.shell {
            "busybox" => {
                let mut command = Command::new("busybox");
                command.arg("sh");
                command
            }
            "bash" => {
                let mut command = Command::new("bash");
                command.arg("--posix");
                command
            }
            shell => Command::new(shell),
        };
        command
            .arg(script)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("{} has to be installed: {error}", self.shell))
    }

    fn fire(&self) -> Child {
        self.start(&self.guard().join("script"), &[self.guard().to_str().expect("text"), "now"])
    }

    /// The session of a controller that confirms, and prints what it hears.
    fn confirm(&self) -> Child {
        let guard = quote(self.guard().to_str().expect("text"));
        let text = ["pl_v() { echo \"$1=$2\"; }\n", functions(), &format!("pf_guard_confirm {guard}\n")];
        let script = self.file("session");
        fs::write(&script, text.concat()).expect("the session");
        self.start(&script, &[])
    }
}

fn ended(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn only_what_came_behind_the_mark_is_restored_and_activations_are_repeated() {
    for shell in SHELLS {
        let scene = Scene::new(shell);
        let older = scene.made(1, "older");
        let odd = scene.made(2, "it's\nodd $(name)");
        let newest = scene.made(4, "newest");
        let service = scene.file("service");
        let again = format!(
            "[ -n \"$pf_listing\" ] || pl_run 0 /bin/sh -c {}",
            quote(&format!(
                "ls {} >>{}",
                quote(&scene.folder.path().display().to_string()),
                quote(&service.display().to_string())
            ))
        );
        let manifest = format!("pf_kind=activation pf_path='agent'\n{again}\n#END\n");
        fs::write(scene.point("3"), manifest).expect("a point");
        // A point that was cut off covers a change that never happened.
        fs::write(scene.point("5"), "pf_kind=absent pf_path='/etc'").expect("a point");
        assert_eq!(ended(scene.fire()), "", "{shell}");
        assert!(older.exists() && !odd.exists() && !newest.exists(), "{shell}");
        let seen = fs::read_to_string(&service).expect("the service was started again");
        assert!(!seen.contains("newest") && seen.contains("older"), "{shell}: {seen}");
        let read = |name: &str| fs::read_to_string(scene.guard().join(name)).unwrap_or_default();
        assert_eq!((read("verdict"), read("rc")), ("fired\n".to_owned(), "0\n".to_owned()), "{shell}");
        assert_eq!(read("told").lines().count(), 3, "{shell}: {}", read("told"));
    }
}

#[test]
fn what_is_in_the_way_of_a_point_is_told_and_the_rest_restored() {
    for shell in SHELLS {
        let scene = Scene::new(shell);
        let other = scene.made(2, "other");
        let folder = scene.file("folder");
        fs::create_dir(&folder).expect("a folder");
        let outer = quote(folder.to_str().expect("text"));
        let inner = quote(folder.join("inner").to_str().expect("text"));
        let manifest = |kind: &str, path: &str, undo: &str| {
            format!("pf_kind={kind} pf_path={path} pf_made='' pf_temporary=''\n{undo}\n#END\n")
        };
        let absent = manifest("absent", &outer, &format!("pf_undo_absent {outer}"));
        let gone = manifest("file", &inner, &format!("pf_undo_kept move {inner} /nothing/kept"));
        fs::write(scene.point("3"), absent).expect("a point");
        fs::write(scene.point("4"), gone).expect("a point");
        ended(scene.fire());
        assert!(!other.exists() && folder.exists(), "{shell}");
        let told = fs::read_to_string(scene.guard().join("told")).expect("it tells");
        assert!(told.contains("guard_point failed 4 file") && told.contains("guard_why"), "{shell}: {told}");
        assert!(!told.contains(" 3 absent"), "an older point was restored over it: {shell}: {told}");
        assert_eq!(fs::read_to_string(scene.guard().join("rc")).expect("its end"), "1\n");
    }
}

#[test]
fn who_confirms_and_who_fires_are_never_both_right() {
    let mut verdicts = [0, 0];
    for round in 0..60 {
        let shell = SHELLS[round % SHELLS.len()];
        let scene = Scene::new(shell);
        let file = scene.made(2, "file");
        // The session has less to read before it comes to the point, so it is given a late start.
        let fire = scene.fire();
        std::thread::sleep(std::time::Duration::from_millis(round as u64 / 3));
        let heard = ended(scene.confirm());
        // A confirmed guard loses its script, at times before the shell has opened it.
        let _ = fire.wait_with_output().expect("it ends");
        let verdict = fs::read_to_string(scene.guard().join("verdict")).expect("a verdict");
        let confirmed = verdict == "confirmed\n";
        assert!(
            heard.contains(&format!("guard={verdict}")) || (heard.contains("guard=armed") && !confirmed),
            "{shell}: {heard}"
        );
        assert_eq!(file.exists(), confirmed, "{shell}: {verdict}");
        verdicts[usize::from(confirmed)] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 0), "one of them always won: {verdicts:?}");
}
