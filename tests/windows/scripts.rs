//! Every PowerShell file parses and keeps the rules for what nobody can run here.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python of the tests' virtual environment, with what `tests/support/windows/requirements.txt` names.
pub(crate) fn python() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv");
    assert!(
        venv.join("windows-requirements.txt").exists(),
        "the packages of the Windows tests are missing; `tests/run` installs them"
    );
    venv.join("bin/python")
}

fn check(files: &[&Path]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows/scripts.py");
    let output = Command::new(python()).arg("-B").arg(script).args(files).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_powershell_file_keeps_the_rules() {
    let (passed, said) = check(&[]);
    assert!(passed, "{said}");
    let files = said.lines().last().and_then(|line| line.split(' ').next()?.parse().ok());
    assert!(files.is_some_and(|files: u32| files >= 20), "too few files were found:\n{said}");
}

#[test]
fn what_breaks_a_rule_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let bad = [
        ("Get-Content x", "the command `Get-Content`"),
        ("iex $a", "the command `iex`"),
        ("Add-Type -TypeDefinition $a", "the command `Add-Type`"),
        ("$b = $never", "reads `$never`, which it never sets"),
        ("[IO.Directory]::CreateDirectory($a)", "cast it to void"),
        ("$b = [ScriptBlock]::Create($a)", "text is compiled"),
        ("$b = [Management.Automation.PowerShell]::Create().AddScript($a)", "text is compiled"),
        ("pw_x 1 2", "takes 1 arguments, and is given 2"),
        ("pw_none", "there is no function `pw_none`"),
        ("$b = $a ?? 1", "does not parse"),
        ("pw_x 1 && pw_x 2", "needs PowerShell 7"),
        ("$b = 'h\u{e9}'", "not printable ASCII"),
        ("if ($a {", "does not parse"),
        ("$b = @{ c = 1 }; $d = $b.e", "asks the hashtable `$b` for `e`"),
        ("$b = pw_x($a)", "is called like a method"),
    ];
    for (number, (line, finding)) in bad.iter().enumerate() {
        let file = folder.path().join(format!("{number}.ps1"));
        std::fs::write(&file, format!("function pw_x($a) {{\n    {line}\n}}\n")).unwrap();
        let (passed, said) = check(&[&file]);
        assert!(!passed && said.contains(".ps1:2: ") && said.contains(finding), "{line}: {said}");
    }
    let good = folder.path().join("good.ps1");
    let text = "function pw_x($a) {\n    foreach ($b in @($a)) { [void]$b.Append((1).ToString()) }\n    return $a.Name\n}\n";
    std::fs::write(&good, text).unwrap();
    assert_eq!(check(&[&good]), (true, "1 files, 1 functions, 0 findings\n".to_owned()));
}
