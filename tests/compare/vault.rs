//! Encrypted files and values: a playbook full of them in both tools, and files that one encrypts and the other reads.

use std::fs;
use std::path::{Path, PathBuf};

use super::Comparison;
use crate::support::ansible;
use crate::support::environment::Environment;

const PASSWORDS: [&str; 4] = ["--vault-password-file", "password", "--vault-id", "prod@prod-password"];

/// What is encrypted in the case, and what is made of it.
const SECRETS: [&str; 10] = [
    "svc-agent",
    "pass-wörd",
    "one-secret",
    "two-secret",
    "inline-hällo",
    "second secret line",
    "inner-secret",
    "vars-file-svc",
    "role-secret-key",
    "file-secret",
];

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_encrypted_is_used_and_shown_nowhere() {
    let comparison = Comparison::new("vault", &PASSWORDS);
    let did = comparison.check();
    assert_eq!(did.hosts.len(), 22, "{:?}", did.hosts.keys());
    let environment = &comparison.environment;
    // The same again as a difference, for people.
    let mut arguments = vec!["plan", "-i", "inventory.yml", "playbook.yml", "-e", r#"{"vault_number": 1}"#];
    arguments.extend(PASSWORDS);
    let plan = environment.run(&arguments);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert!(plan.stdout.contains("diff") || plan.stderr.contains("diff"), "{plan:?}");
    let mut seen = vec![("output".to_owned(), did.output), ("plan".to_owned(), plan.stdout + &plan.stderr)];
    let state = environment.path(".paceline");
    seen.extend(files(&state).into_iter().map(|path| {
        (path.display().to_string(), String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())
    }));
    assert!(seen.iter().any(|(name, text)| name.ends_with(".log") && text.contains("********")));
    for (name, text) in &seen {
        for secret in SECRETS {
            assert!(!text.contains(secret), "`{secret}` stands in {name}:\n{text}");
        }
    }
}

#[test]
fn views_of_the_inventory_are_ansibles_and_show_no_secret() {
    let comparison = Comparison::new("vault", &PASSWORDS);
    let environment = &comparison.environment;
    let mut arguments = vec!["-i", "inventory.yml", "--list"];
    arguments.extend(PASSWORDS);
    let reference = ansible::run(environment, "ansible-inventory", &arguments);
    let mut reference: serde_json::Value = serde_json::from_str(&reference.stdout).unwrap();
    // On purpose: Ansible prints what it decrypted out of whole files.
    for host in ["alpha", "beta"] {
        let variables = &mut reference["_meta"]["hostvars"][host];
        for (name, shown) in [
            ("vault_user", serde_json::json!("<vault>")),
            ("vault_password", serde_json::json!("<vault>")),
            ("vault_number", serde_json::json!("<vault>")),
            ("vault_list", serde_json::json!(["<vault>", { "name": "<vault>" }])),
        ] {
            assert!(variables[name] != shown && !variables[name].is_null(), "{name}");
            variables[name] = shown;
        }
    }
    let ours = environment
        .run(&[&["inventory", "list", "-i", "inventory.yml", "--output", "json"][..], &PASSWORDS].concat());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ours.stdout).unwrap(), reference);
    for view in [
        &["inventory", "explain", "vault_password", "alpha", "-i", "inventory.yml"][..],
        &["inventory", "explain", "inline_value", "alpha", "-i", "inventory.yml", "--output", "json"],
        &["inventory", "graph", "--vars", "-i", "inventory.yml"],
        &["inventory", "host", "alpha", "-i", "inventory.yml"],
    ] {
        let shown = environment.run(&[view, &PASSWORDS].concat());
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.stdout.contains("vault"), "{shown:?}");
        assert!(SECRETS.iter().all(|secret| !shown.stdout.contains(secret)), "{shown:?}");
    }
}

#[test]
fn without_its_password_a_file_is_an_error_and_a_value_only_where_it_is_used() {
    let comparison = Comparison::new("vault", &[]);
    let environment = &comparison.environment;
    let refused = environment.run(&["apply", "-i", "inventory.yml", "playbook.yml"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    for part in [
        "group_vars/all/vault.yml:1:1",
        "cannot decrypt `group_vars/all/vault.yml`: it is encrypted, and no vault password was given",
        "roles/agent/tasks/main.yml:1:1",
        "hint: `--vault-password-file FILE`, `--vault-id LABEL@FILE` or `-J` gives one",
    ] {
        assert!(refused.stderr.contains(part), "no `{part}` in {}", refused.stderr);
    }
    // The other password alone opens the files that it belongs to, and says so of those that it does not.
    let wrong = environment.run(&[
        "apply",
        "-i",
        "inventory.yml",
        "playbook.yml",
        "--vault-id",
        "prod@prod-password",
    ]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.stderr.contains("none of the vault passwords opens it\n"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("hint: tried: `prod`"), "{}", wrong.stderr);
    assert!(!environment.path(".paceline").exists(), "no run was made");
}

/// A mistake in an encrypted file is told with its place, and without what stands there.
#[test]
fn mistakes_in_encrypted_files_are_told_without_their_text() {
    let environment = Environment::new();
    environment.write("password", "p");
    environment.write("secret.yml", "- token: hunter22x\n- other: 'hunter33x\n");
    let done = environment.run(&["vault", "encrypt", "secret.yml", "--vault-password-file", "password"]);
    assert_eq!(done.code, 0, "{done:?}");
    environment.write("playbook.yml", "- hosts: localhost\n  tasks: []\n");
    let arguments = [
        "apply",
        "-i",
        "localhost,",
        "playbook.yml",
        "-e",
        "@secret.yml",
        "--vault-password-file",
        "password",
    ];
    let refused = environment.run(&arguments);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--> secret.yml:2:"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter"), "{}", refused.stderr);
}

/// Files of each tool in the hands of the other.
#[test]
fn files_go_from_one_tool_to_the_other() {
    let environment = Environment::new();
    environment.write("one", "correct horse\n");
    environment.write("two", "zweites Paßwort\r\n");
    let large: String = (0..40_000).map(|number| format!("line {number} with ümlauts\n")).collect();
    let plain = [
        ("text", "a: 1\n".to_owned()),
        ("crlf", "a: 1\r\nb: ü\r\n".to_owned()),
        ("large", large),
        ("none", String::new()),
        ("block", "0123456789abcdef".to_owned()),
    ];
    let names: Vec<&str> = plain.iter().map(|(name, _)| *name).collect();
    let write = || plain.iter().for_each(|(name, text)| drop(environment.write(name, text)));
    let same = |who: &str| {
        for (name, text) in &plain {
            assert!(fs::read_to_string(environment.path(name)).unwrap() == *text, "{who}: {name}");
        }
    };
    let theirs = |arguments: &[&str]| {
        let ended = ansible::run(&environment, "ansible-vault", &[arguments, &names[..]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    };
    let ours = |arguments: &[&str]| {
        let ended = environment.run(&[&["vault"], arguments, &names[..]].concat());
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    };
    let header = |expected: &str| {
        for name in &names {
            let text = fs::read_to_string(environment.path(name)).unwrap();
            assert!(text.starts_with(expected), "{name}: {}", &text[..40]);
        }
    };
    let both = ["--vault-id", "prod@two", "--vault-password-file", "one"];

    write();
    ours(&["encrypt", "--vault-password-file", "one"]);
    header("$ANSIBLE_VAULT;1.1;AES256\n");
    theirs(&["decrypt", "--vault-password-file", "one"]);
    same("ours, 1.1");

    ours(&[&["encrypt", "--encrypt-vault-id", "prod"], &both[..]].concat());
    header("$ANSIBLE_VAULT;1.2;AES256;prod\n");
    theirs(&[&["decrypt"], &both[..]].concat());
    same("ours, 1.2");

    theirs(&[&["encrypt", "--encrypt-vault-id", "prod"], &both[..]].concat());
    header("$ANSIBLE_VAULT;1.2;AES256;prod\n");
    let wrong = environment.run(&["vault", "decrypt", "text", "large", "--vault-password-file", "one"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert_eq!(
        wrong.stderr,
        "error: cannot decrypt `text`: none of the vault passwords opens it (it was encrypted with the one of `prod`)\nhint: tried: `default`\n"
    );
    ours(&[&["decrypt"], &both[..]].concat());
    same("theirs, 1.2");
}

#[test]
fn files_are_encrypted_and_decrypted_all_or_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = Environment::new();
    environment.write("password", "p\n");
    environment.write("a", "secret a\n");
    environment.write("b", "secret b\n");
    let mode = |name: &str| fs::metadata(environment.path(name)).unwrap().permissions().mode() & 0o7777;
    let vault = |arguments: &[&str]| {
        environment.run(&[&["vault"], arguments, &["--vault-password-file", "password"]].concat())
    };
    let read = |name: &str| fs::read_to_string(environment.path(name)).unwrap();
    fs::set_permissions(environment.path("a"), fs::Permissions::from_mode(0o640)).unwrap();

    let done = vault(&["encrypt", "a"]);
    assert_eq!((done.code, &*done.stdout, &*done.stderr), (0, "", "encrypted `a`\n"));
    assert_eq!(mode("a"), 0o640);
    let again = vault(&["encrypt", "b", "a"]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.starts_with("error: `a` is encrypted already\nhint: "), "{again:?}");
    assert_eq!(read("b"), "secret b\n", "nothing is written when one file is refused");
    let plain = vault(&["decrypt", "a", "b"]);
    assert!(plain.code == 1 && plain.stderr.starts_with("error: `b` is not encrypted\nhint: "), "{plain:?}");
    assert!(read("a").starts_with("$ANSIBLE_VAULT;"));

    let view = vault(&["view", "a"]);
    assert_eq!((view.code, &*view.stdout, &*view.stderr), (0, "secret a\n", ""));
    let out = vault(&["decrypt", "a", "--output", "-"]);
    assert_eq!((out.code, &*out.stdout, &*out.stderr), (0, "secret a\n", ""));
    assert!(read("a").starts_with("$ANSIBLE_VAULT;"), "it was not asked for in the file");
    let other = vault(&["decrypt", "a", "-o", "c"]);
    assert_eq!((other.code, &*other.stderr), (0, "decrypted `a` to `c`\n"));
    assert_eq!((read("c").as_str(), mode("c")), ("secret a\n", 0o600));
    let json = vault(&["decrypt", "a", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["files"][0]["done"], "decrypted");

    for (arguments, what) in [
        (&["encrypt", "b", "c", "--out", "x"][..], "`--out` is for one file"),
        (&["view", "nothing"], "cannot read `nothing`"),
        (&["encrypt", "b", "--encrypt-vault-id", "prod"], "no vault password with the label `prod`"),
        (&["encrypt", "b", "--vault-id", "prod@password"], "several vault passwords that could encrypt"),
        (&["encrypt", "b", "--vault-id", "x y@password"], "`--vault-id`: `x y@password`"),
    ] {
        let refused = vault(arguments);
        assert!(refused.code == 1 && refused.stderr.contains(what), "{arguments:?}: {refused:?}");
    }
    for (word, hint) in
        [("edit", "vault decrypt FILE"), ("rekey", "vault encrypt -"), ("create", "write the file")]
    {
        let refused = environment.run(&["vault", word, "x"]);
        assert!(refused.code == 1 && refused.stderr.contains(hint), "{refused:?}");
    }
    let unasked = environment.run(&["vault", "encrypt", "b"]);
    assert!(unasked.code == 1 && unasked.stderr.contains("there is no terminal"), "{unasked:?}");
    assert_eq!(read("b"), "secret b\n");
}

/// What a run was made of stays encrypted in its folder; the passwords are read again from where they came from.
#[test]
fn runs_go_on_and_back_with_the_passwords_that_they_had() {
    let environment = Environment::new();
    environment.write("password", "p");
    environment.write("group_vars/all.yml", "token: hunter22x\n");
    let done =
        environment.run(&["vault", "encrypt", "group_vars/all.yml", "--vault-password-file", "password"]);
    assert_eq!(done.code, 0, "{done:?}");
    let folder = environment.folder().display();
    environment.write(
        "inventory.yml",
        &format!("all: {{hosts: {{here: {{ansible_connection: local, paceline_base: '{folder}/base', work: '{folder}'}}}}}}\n"),
    );
    environment.write(
        "playbook.yml",
        "- hosts: all
  gather_facts: false
  tasks:
    - command: echo {{ token }}
      register: told
      changed_when: false
    - file: {path: \"{{ work }}/marker\", state: file}
    - copy: {content: \"{{ told.stdout }}\", dest: \"{{ work }}/result\", mode: \"0600\"}
",
    );
    let run = |arguments: &[&str]| environment.run(arguments);
    let failed = run(&["apply", "playbook.yml", "-i", "inventory.yml", "--vault-password-file", "password"]);
    assert_eq!(failed.code, 2, "{failed:?}");
    environment.write("marker", "");
    fs::rename(environment.path("password"), environment.path("moved")).unwrap();
    let gone = run(&["resume", "latest"]);
    assert!(gone.code == 1 && gone.stderr.contains("/password`: No such file"), "{gone:?}");
    let resumed = run(&["resume", "latest", "--vault-password-file", "moved"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert_eq!(environment.read("result"), "hunter22x", "the result of the first task was kept");
    let back = run(&["rollback", "latest"]);
    assert!(back.code == 1 && back.stderr.contains("/password`: No such file"), "{back:?}");
    fs::rename(environment.path("moved"), environment.path("password")).unwrap();
    let back = run(&["rollback", "latest"]);
    assert_eq!(back.code, 0, "{back:?}");
    assert!(!environment.path("result").exists());
    for path in files(&environment.path(".paceline")) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("hunter22x"), "{}", path.display());
        if path.ends_with("run.json") && text.contains("\"apply\"") {
            assert!(text.contains(&format!("\"default@{folder}/password\"")), "{text}");
        }
    }
}
