//! Fifty modelled Windows hosts behind the WinRM peer, over sealed NTLM: rolled out, rolled out again, rolled back.

use serde_json::{Value, json};

use crate::support::environment::Environment;
use crate::support::winrm::{ADMINISTRATOR, PASSWORD, Peer};

const HOSTS: usize = 50;

/// Of each family of things one or two, so that all ways to keep and restore them are gone.
const PLAYBOOK: &str = r"
- hosts: all
  gather_facts: false
  tasks:
    - win_ping:
    - win_feature: { name: [Web-Server, Web-AppInit], include_management_tools: true }
    - win_file: { path: 'C:\App\{{ item }}', state: directory }
      loop: [Runtime, Temp, Work]
    - win_copy: { content: '{{ inventory_hostname }}', dest: 'C:\App\Runtime\name.txt' }
    - win_iis_webapppool:
        name: App
        state: started
        attributes: { managedRuntimeVersion: '', startMode: AlwaysRunning, processModel.idleTimeout: '00:00:00' }
      notify: Recycle
    - win_acl: { path: 'C:\App\Temp', user: 'IIS AppPool\App', rights: FullControl, type: allow, state: present }
    - win_regedit: { path: 'HKLM:\SOFTWARE\App', name: Version, data: 3, type: dword }
    - win_environment: { name: APP_HOME, value: 'C:\App', level: machine, state: present }
    - win_service: { name: Spooler, start_mode: disabled, state: stopped }
    - win_command: cmd /c echo {{ inventory_hostname }}> C:\App\made.txt
      args: { creates: 'C:\App\made.txt' }
  handlers:
    - name: Recycle
      win_iis_webapppool: { name: App, state: restarted }
";

fn inventory(peer: &Peer) -> Value {
    let host = |number: usize| {
        let host = peer.host(number);
        (host.name().to_owned(), json!({"ansible_host": host.address(), "ansible_port": host.http()}))
    };
    let hosts: serde_json::Map<String, Value> = (1..=HOSTS).map(host).collect();
    let vars = json!({
        "ansible_connection": "winrm", "ansible_winrm_transport": "ntlm", "ansible_winrm_scheme": "http",
        "ansible_user": ADMINISTRATOR, "ansible_password": PASSWORD,
    });
    json!({"all": {"hosts": hosts, "vars": vars}})
}

fn states(peer: &Peer) -> Vec<Value> {
    (1..=HOSTS).map(|number| peer.host(number).model("hash", &["--times"], "")).collect()
}

#[test]
fn fifty_hosts_are_rolled_out_again_and_back() {
    let peer = Peer::start(HOSTS, &json!({}));
    let environment = Environment::new();
    environment.write("inventory.yml", &inventory(&peer).to_string());
    environment.write("playbook.yml", PLAYBOOK);
    let before = states(&peer);
    let arguments = ["apply", "-i", "inventory.yml", "playbook.yml"];

    let first = environment.events(0, &arguments);
    assert!(first.recap().values().all(|host| host.changed >= 9 && host.failed == 0), "{:?}", first.recap());
    let after = states(&peer);
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
    assert_eq!(peer.host(7).model("read", &["C:\\App\\Runtime\\name.txt"], ""), json!("win7.example"));
    let recycled = peer.host(7).model("events", &["recycle"], "").as_array().unwrap().len();

    let second = environment.events(0, &arguments);
    assert!(second.recap().values().all(|host| host.changed == 0), "{:?}", second.recap());
    assert_eq!(states(&peer), after, "a run that changes nothing leaves everything as it was");
    let again = peer.host(7).model("events", &["recycle"], "").as_array().unwrap().len();
    assert_eq!(recycled, again, "a run that changes nothing recycles nothing");

    let runs = std::fs::read_dir(environment.path(".paceline/runs")).unwrap();
    let run = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).min().unwrap();
    environment.run(&["rollback", &run]).expect(0);
    assert_eq!(states(&peer), before);
}
