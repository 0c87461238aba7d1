//! Runs operations in the real shells of this machine, with stand-ins for what the session gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Mode, Operation, Outcome, Program, Progress, Reply, library};
use crate::shell::quote;

/// The shells that every text has to work in.
pub(crate) const SHELLS: &[&str] = &["dash", "bash", "busybox"];

/// What the session gives, in its simplest form.
const SESSION: &str = r#"
pl_i=1 pl_limit=0 pl_stdin='' pl_cwd=''
pl_payload=$pl_d/payload
umask >"$pl_d/umask"; read -r pl_u <"$pl_d/umask"; umask 077
pl_v() { plr_n=$1; shift; printf '%s\t%s\n' "$plr_n" "$*" >>"$pl_d/values"; }
pl_b() { plr_blobs=$((${plr_blobs:-0} + 1)); cat "$2" >"$pl_d/blob.$plr_blobs.$1"; }
pl_run() {
shift
( umask "$pl_u"; [ -z "$pl_cwd" ] || cd "$pl_cwd" || exit 126
eval "${pl_env-}"; exec setsid "$@" ) <"${pl_stdin:-/dev/null}" >"$pl_d/stdout" 2>"$pl_d/stderr"
pl_rc=$?
echo "$pl_rc" >"$pl_d/rc"
pl_stdin='' pl_cwd='' pl_env=''
return "$pl_rc"
}
"#;

/// A host that is only a shell of this machine.
pub(crate) struct Rehearsal {
    shell: &'static str,
    /// `export` statements of the task's environment.
    pub(crate) environment: String,
    /// The folders of `PATH`.
    pub(crate) path: Vec<PathBuf>,
    /// Text that the session has run before.
    pub(crate) prelude: String,
}

impl Rehearsal {
    pub(crate) fn new(shell: &'static str) -> Self {
        let path = match shell {
            "busybox" => vec![applets().to_owned()],
            _ => std::env::split_paths(&std::env::var_os("PATH").expect("PATH")).collect(),
        };
        Self { shell, environment: String::new(), path, prelude: String::new() }
    }

    /// Runs an operation to its end. Connections that it asks for are refused.
    pub(crate) fn run(&self, operation: &mut dyn Operation, mode: Mode) -> Outcome {
        // A session has one private folder, where the programs of a step leave things for each other.
        let folder = TempDir::new().expect("a temporary folder");
        let mut program = operation.first(mode);
        for _ in 0..20 {
            let reply = self.program_in(&program, folder.path());
            match operation.next(reply, mode) {
                Progress::Again(next) => program = next,
                Progress::Done(outcome) => return outcome,
            }
        }
        panic!("the operation does not end: {program:?}");
    }

    /// Runs an operation until its shell is killed, which is what the host does by itself; tells whether it was.
    pub(crate) fn run_killed(&self, operation: &mut dyn Operation) -> bool {
        let mode = Mode::default();
        let mut program = operation.first(mode);
        for _ in 0..20 {
            let folder = TempDir::new().expect("a temporary folder");
            let output = self.output(&program, folder.path());
            if output.status.code().is_none() {
                return true;
            }
            match operation.next(reply(&output, folder.path()), mode) {
                Progress::Again(next) => program = next,
                Progress::Done(_) => return false,
            }
        }
        panic!("the operation does not end: {program:?}");
    }

    /// Runs one program.
    pub(crate) fn program(&self, program: &Program) -> Reply {
        let folder = TempDir::new().expect("a temporary folder");
        self.program_in(program, folder.path())
    }

    /// Runs one program in a folder in which others may have run before.
    fn program_in(&self, program: &Program, home: &Path) -> Reply {
        if program.tcp.is_some() {
            return Reply { status: 1, ..Reply::default() };
        }
        for entry in fs::read_dir(home).expect("the folder").filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if ["values", "rc", "stdout", "stderr"].contains(&name.as_str()) || name.starts_with("blob.") {
                fs::remove_file(entry.path()).expect("a file of an earlier program");
            }
        }
        let output = self.output(program, home);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty(), "{}: {errors}\n{}", self.shell, program.text);
        assert!(output.stdout.is_empty(), "{} wrote to the frames: {output:?}", self.shell);
        reply(&output, home)
    }

    /// Runs one program in `home`.
    fn output(&self, program: &Program, home: &Path) -> Output {
        if let Some(payload) = &program.payload {
            fs::write(home.join("payload"), payload.bytes()).expect("the payload");
        }
        let directory = home.to_str().expect("a path in UTF-8");
        let script = [
            format!("pl_d={}\npl_env={}\n", quote(directory), quote(&self.environment)),
            SESSION.to_owned(),
            library().to_owned(),
            format!("{}\n", self.prelude),
            program.text.clone(),
            "\npl_status=$?\n[ \"$(pwd)\" = \"$PWD\" ] || exit 99\nexit $pl_status\n".to_owned(),
        ]
        .concat();
        fs::write(home.join("script"), script).expect("the script");
        let mut command = match self.shell {
            "busybox" => {
                let mut command = Command::new(find("busybox"));
                command.arg("sh");
                command
            }
            "bash" => {
                let mut command = Command::new(find("bash"));
                command.arg("--posix");
                command
            }
            shell => Command::new(find(shell)),
        };
        command
            .arg(home.join("script"))
            .env("PATH", std::env::join_paths(&self.path).expect("folders without a colon"))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{} has to be installed for this test: {error}", self.shell))
    }
}

/// What a program left in its folder.
fn reply(output: &Output, home: &Path) -> Reply {
    let read = |name: &str| fs::read(home.join(name)).unwrap_or_default();
    let values = String::from_utf8(read("values")).expect("values in UTF-8");
    Reply {
        status: output.status.code().expect("the shell was not killed"),
        values: values
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        blobs: blobs(home),
        rc: String::from_utf8_lossy(&read("rc")).trim().parse().ok(),
        stdout: read("stdout"),
        stderr: read("stderr"),
        duration_ms: 1500,
        ..Reply::default()
    }
}

fn blobs(home: &Path) -> Vec<(String, Vec<u8>)> {
    (1..)
        .map_while(|number| {
            let prefix = format!("blob.{number}.");
            let entry = fs::read_dir(home)
                .ok()?
                .filter_map(Result::ok)
                .find(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))?;
            let name = entry.file_name().to_string_lossy()[prefix.len()..].to_owned();
            Some((name, fs::read(entry.path()).ok()?))
        })
        .collect()
}

/// A host that has the applets of busybox and, if named, one program of this machine.
pub(crate) fn bare(program: Option<&str>) -> (Rehearsal, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    // Not busybox's own shell: it takes its applets instead of what is in `PATH`.
    let mut host = Rehearsal::new("dash");
    if let Some(program) = program {
        std::os::unix::fs::symlink(find(program), folder.path().join(program)).expect("a link");
    }
    host.path = vec![folder.path().to_owned(), applets().to_owned()];
    (host, folder)
}

fn find(program: &str) -> PathBuf {
    std::env::split_paths(&std::env::var_os("PATH").expect("PATH"))
        .map(|path| path.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} has to be installed for this test"))
}

/// A folder with every applet of busybox and nothing else.
fn applets() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = TempDir::new().expect("a temporary folder");
            let output = Command::new("busybox")
                .arg("--list")
                .output()
                .expect("busybox has to be installed for this test");
            let program = find("busybox");
            for applet in String::from_utf8_lossy(&output.stdout).lines() {
                std::os::unix::fs::symlink(&program, folder.path().join(applet)).expect("a link");
            }
            folder
        })
        .path()
}
