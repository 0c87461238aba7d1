//! The model's own tests, in Python: a scripted controller speaks the frames. And the real functions, where there is an engine.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::scripts::python;

fn run(arguments: &[&str]) -> (bool, String) {
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
    let output = Command::new(python()).args(arguments).current_dir(support).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_model_passes_its_own_tests() {
    let (passed, said) = run(&["-m", "unittest", "discover", "-s", "windows/tests", "-t", "."]);
    assert!(passed, "{said}");
    let count = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok());
    assert!(count.is_some_and(|count: u32| count >= 50), "too few tests ran:\n{said}");
}

/// Says how many functions were not run where there is no PowerShell: the README lists what has ever run where.
#[test]
fn the_real_functions_agree_with_the_model_where_there_is_an_engine() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows/real.py");
    let (passed, said) = run(&[script.to_str().unwrap()]);
    // Past the capture of the test's output, so that everybody sees what was not run.
    writeln!(std::io::stderr(), "{}", said.trim_end()).unwrap();
    assert!(passed, "{said}");
}

#[test]
fn the_readme_lists_what_has_run_on_windows() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows/real.py");
    let (right, said) = run(&[script.to_str().unwrap(), "--check"]);
    assert!(right, "{said}");
}
