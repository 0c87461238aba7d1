//! What installs along with something else, parts of XML files, and resources of Desired State Configuration, through a whole
//! run on the model: done once, not again, and back but for what nothing can undo.

use super::rollout::Scene;
use super::server::difference;

const CONFIG: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<configuration>\r\n  <appSettings>\r\n    \
                      <add key=\"a\" value=\"1\" />\r\n  </appSettings>\r\n</configuration>\r\n";

const TASKS: &str = r#"
- hosts: web
  gather_facts: false
  tasks:
    - chocolatey.chocolatey.win_chocolatey: { name: [git, restarts], pinned: true }
      register: packages
    - assert: { that: packages is not changed or (packages.reboot_required and packages.rc == 3010) }
      when: not ansible_check_mode
    - win_chocolatey: { name: 7zip, state: latest }
    - community.windows.win_psmodule: { name: Az.Storage, repository: PSGallery, username: me, password: geheim-für-tests }
      register: module
    - assert: { that: "module.output in ['Module Az.Storage installed', 'Module Az.Storage already present']" }
    - community.windows.win_xml:
        path: C:\web.config
        xpath: /configuration/appSettings
        fragment: <add key="b" value="{{ inventory_hostname }}"/>
        count: true
      register: element
    - assert: { that: "element.count == 1 and element.msg in ['element changed', 'not changed']" }
    - win_xml: { path: C:\web.config, xpath: "//add[@key='a']", type: attribute, attribute: value, fragment: 2 }
    - ansible.windows.win_dsc:
        resource_name: xModel
        Key: one
        Members: [a, b]
        Count: 7
        Pairs: { k: v }
        Login_username: me
        Login_password: geheim-für-tests
      register: resource
    - assert: { that: "resource.module_version == '1.2.0' and not resource.reboot_required" }
"#;

/// The state without what resources made.
fn but_resources(snapshot: &str) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(snapshot).unwrap();
    value.as_object_mut().unwrap().remove("dsc");
    value
}

#[test]
fn packages_modules_xml_and_resources() {
    let scene = Scene::new(TASKS);
    let put = |words: &[&str]| scene.model.control(&["put"], words);
    put(&["settings", "choco", "\"2.2.2\""]);
    put(&["settings", "nuget", "true"]);
    put(&["choco", "7zip", r#"{"version": "19.0.0", "pinned": false}"#]);
    let config = scene.environment.write("web.config", CONFIG);
    scene.model.write(r"C:\web.config", &config);
    let before = scene.model.control(&["snapshot"], &[]);
    let checked = scene.apply(0, &["--check", "--diff"]);
    assert_eq!(scene.model.control(&["snapshot"], &[]), before, "check mode changed something");
    assert_eq!(checked.of("h01").changed, 6, "in check mode");
    let differences = format!("{:?}", checked.0);
    assert!(differences.contains("<add key=\\\"b\\\" value=\\\"h01\\\" />"), "no difference: {differences}");
    let first = scene.apply(0, &[]);
    assert_eq!(first.of("h01").changed, 6);
    assert!(!format!("{:?}", first.0).contains("geheim"), "a secret is told");
    let second = scene.apply(0, &[]);
    assert_eq!(second.of("h01").changed, 0, "the second run");
    let after = scene.model.control(&["snapshot"], &[]);
    for made in ["git.install", "Az.Accounts|2.15.0", "xModel|one", "22.1.0"] {
        assert!(after.contains(made), "no {made} in {after}");
    }
    let runs = std::fs::read_dir(scene.environment.path(".paceline/runs")).unwrap();
    let mut runs: Vec<String> = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
    runs.sort();
    let said = scene.environment.run(&["rollback", &runs[1]]);
    let text = format!("{said:?}");
    said.expect(0);
    assert!(text.contains("win_dsc"), "what cannot be undone is not named: {text}");
    let back = scene.model.control(&["snapshot"], &[]);
    assert!(back.contains("xModel|one"));
    let (before, back) = (but_resources(&before), but_resources(&back));
    // As values: the order of sections says nothing.
    assert!(before == back, "{}", difference(&before.to_string(), &back.to_string()));
}

#[test]
fn what_is_missing_on_the_host_is_named() {
    let scene = Scene::new(
        r#"
- hosts: web
  gather_facts: false
  tasks:
    - win_chocolatey: { name: git }
      register: choco
      failed_when: "'no Chocolatey' not in choco.msg"
    - win_psmodule: { name: Pester }
      register: module
      failed_when: "'NuGet' not in module.msg"
    - win_dsc: { resource_name: Nothing, Name: x }
      register: resource
      failed_when: "'no resource' not in resource.msg"
    - win_xml: { path: C:\none.xml, xpath: /a, state: absent }
      register: file
      failed_when: "'not there' not in file.msg"
"#,
    );
    scene.apply(0, &[]);
}
