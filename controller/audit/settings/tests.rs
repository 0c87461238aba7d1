use proptest::prelude::*;

use super::*;
use crate::audit::Usage;

const MAIN: &str = r#"{
  // What the guide sets.
  "ApplicationUri": "https://identity.corp.example",
  "IdentityServer": { "X509KeyFilePath": "../identity.pfx", "X509KeyFilePassword": "@p@ss" },
  "EncryptionCertificate": { "Thumbprint": "6261a70e599642a21a57a605a73b6d2ae7c5c450", "StoreLocation": "LocalMachine", "StoreName": "My", "EncryptFile": true, },
  "Cors": { "AllowAnyHeader": "true" },
}"#;
const AGENT: &str = r#"{
  "OpenId": { "AgentIdentifier": "ParisAD", "OpenIdClients": { "Job": "secret" }, "DefaultOpenIdClient": "Job" },
  "Connections": {
    "ADExport": { "Servers": [ { "Server": "dc1.corp.example" } ], "Login": "CORP\\svc", "Password": "hush-hush" },
    "HRPeople": { "Path": "C:/IdentityAgent/Sources/hr.csv" },
    "Empty": {}
  },
  "Databases": { "Corp": "data source=sql1;Integrated Security=SSPI" },
  "SourcesRootPaths": [ "C:/IdentityAgent/Sources", "D:/More" ],
  "PasswordResetSettings": { "EncryptionCertificate": { "File": "../reset.pfx", "Password": "AAAABBBB@CCCCDDDD@EEEEFFFF" } }
}"#;
const WEB: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<configuration><location path="."><system.webServer>
  <aspNetCore processPath="dotnet" arguments="./Usercube-Agent.dll" stdoutLogEnabled="false">
    <environmentVariables><environmentVariable name="HTTPS_PROXY" value="proxy.example:3128" /></environmentVariables>
  </aspNetCore>
</system.webServer></location></configuration>"#;

/// The documented hash of `secret` (the product's page of `New-OpenIDSecret`).
const HASH_OF_SECRET: &str = "K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=";
/// Encrypted as the product's tool does it.
const SEALED: &str = "kxABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn host(files: &[(&str, &[u8])]) -> HostFiles {
    let at = |name: &str| match name.contains('\\') {
        true => format!(r"C:\IdentityAgent\{name}"),
        false => format!(r"C:\IdentityAgent\Runtime\{name}"),
    };
    let file = |(name, bytes): &(&str, &[u8])| HostFile {
        path: at(name),
        content: Ok(Zeroizing::new(bytes.to_vec())),
    };
    HostFiles {
        host: "win-1".to_owned(),
        folder: r"C:\IdentityAgent".to_owned(),
        windows: true,
        files: files.iter().map(file).collect(),
        environment: Vec::new(),
        programs: vec![("Usercube-Agent.dll".to_owned(), Some("6.2.1.0".to_owned()))],
    }
}

fn whole() -> HostFiles {
    host(&[
        ("web.config", WEB.as_bytes()),
        ("appsettings.agent.json", AGENT.as_bytes()),
        ("appsettings.json", MAIN.as_bytes()),
    ])
}

fn with(more: &[(&str, &str)]) -> AgentSettings {
    let mut files = whole();
    let more: Vec<(&str, &[u8])> = more.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    files.files.extend(host(&more).files);
    read(&files)
}

fn odd(settings: &AgentSettings) -> Vec<String> {
    settings.installation.oddities.iter().map(|(place, what)| format!("{place}: {what}")).collect()
}

#[track_caller]
fn is_odd(settings: &AgentSettings, expected: &str) {
    let odd = odd(settings);
    assert!(odd.len() == 1 && odd[0].contains(expected), "{odd:#?}");
}

#[test]
fn a_good_agent_is_read_and_nothing_is_odd() {
    let settings = read(&whole());
    let installation = &settings.installation;
    assert_eq!(odd(&settings), [""; 0]);
    let agent_file = r"win-1:C:\IdentityAgent\Runtime\appsettings.agent.json".to_owned();
    assert_eq!(installation.agent, Some(("ParisAD".to_owned(), agent_file.clone())));
    let main = r"win-1:C:\IdentityAgent\Runtime\appsettings.json".to_owned();
    assert_eq!(
        installation.application_uri,
        Some(("https://identity.corp.example".to_owned(), main.clone()))
    );
    assert_eq!(installation.clients["Job"].hash.as_deref(), Some(HASH_OF_SECRET));
    assert_eq!(installation.default_client.as_deref(), Some("Job"));
    assert_eq!(installation.connections.keys().collect::<Vec<_>>(), ["ADExport", "HRPeople"]);
    let ad = &installation.connections["ADExport"];
    assert!(ad.secret && ad.path.is_none() && ad.place == agent_file);
    let hr = &installation.connections["HRPeople"];
    assert!(!hr.secret && hr.path.as_deref() == Some("C:/IdentityAgent/Sources/hr.csv"));
    assert_eq!(installation.encrypt_file, Some((true, main)));
    let web = r"win-1:C:\IdentityAgent\Runtime\web.config".to_owned();
    assert_eq!(installation.stdout_log, Some((false, web)));
    let sources = installation.sources.as_ref().map(|(folders, _)| folders.clone());
    assert_eq!(sources.unwrap(), ["C:/IdentityAgent/Sources", "D:/More"]);
    assert_eq!(installation.version.as_deref(), Some("6.2.1.0"));
    assert_eq!(
        installation.plain_secrets,
        [
            r"win-1:C:\IdentityAgent\Runtime\appsettings.json:IdentityServer.X509KeyFilePassword".to_owned(),
            format!("{agent_file}:OpenId.OpenIdClients.Job"),
            format!("{agent_file}:Connections.ADExport.Password"),
        ]
    );
}

#[test]
fn certificates_are_found_with_what_opens_them() {
    let settings = read(&whole());
    let [identity, encryption, reset] = settings.certificates.as_slice() else { panic!("three") };
    assert_eq!(
        (identity.usage, encryption.usage, reset.usage),
        (Usage::Identity, Usage::Encryption, Usage::Reset)
    );
    assert_eq!(format!("{:?}", identity.at), r"Here(C:\IdentityAgent\identity.pfx)");
    let CertificateWhere::Here(_, Some(password)) = &identity.at else { panic!("it has a password") };
    assert_eq!(secrecy::ExposeSecret::expose_secret(password), "p@ss");
    assert_eq!(
        format!("{:?}", encryption.at),
        r"Here(LocalMachine\My\6261A70E599642A21A57A605A73B6D2AE7C5C450)"
    );
    let closed = format!("{:?}", reset.at);
    assert!(
        closed.starts_with(r"Closed(win-1:C:\IdentityAgent\reset.pfx: its password is encrypted"),
        "{closed}"
    );
    for (text, expected) in [
        (
            r#"{"EncryptionCertificate": {"CertificateAzureKeyVault": "x", "Thumbprint": ""}}"#,
            "Azure Key Vault",
        ),
        (r#"{"EncryptionCertificate": {"StoreLocation": "CurrentUser"}}"#, "own account"),
    ] {
        let settings = with(&[("appsettings.Production.json", text)]);
        let at = format!("{:?}", settings.certificates[1].at);
        assert!(at.starts_with("Closed(") && at.contains(expected), "{at}");
    }
    let short =
        with(&[(r"Work\appsettings.connection.json", r#"{"EncryptionCertificate": {"Thumbprint": "12"}}"#)]);
    is_odd(&short, "`EncryptionCertificate` names no certificate: `thumbprint` is 40 hexadecimal digits");
    let bare =
        with(&[(r"Work\appsettings.connection.json", r#"{"IdentityServer:X509KeyFilePassword": "p@ss"}"#)]);
    is_odd(&bare, "write one more `@` in front of it");
}

#[test]
fn what_is_loaded_later_wins() {
    let agent = |settings: &AgentSettings| settings.installation.agent.clone().unwrap().0;
    let set = |name: &str| format!(r#"{{"openid": {{"agentIDENTIFIER": "{name}"}}}}"#);
    let file = |name, text: &str| with(&[(name, text)]);
    assert_eq!(agent(&file("appsettings.Production.json", &set("no"))), "ParisAD");
    assert_eq!(agent(&file("appsettings.agent.Staging.json", &set("no"))), "ParisAD");
    for name in [
        "appsettings.agent.production.json",
        "appsettings.encrypted.agent.json",
        r"Work\appsettings.connection.json",
    ] {
        assert_eq!(agent(&file(name, &set("yes"))), "yes", "{name}");
    }
    is_odd(
        &file("appsettings.agent.Production.json", &set("yes")),
        "it wins over the settings that are installed",
    );
    let off = r#"{"EncryptionCertificate": {"UseEncryptedAppsettings": false}}"#;
    let unused = with(&[
        (r"appsettings.Production.json", off),
        (
            "appsettings.encrypted.agent.json",
            &format!(r#"{{"Connections": {{"X": {{"Password": "{SEALED}"}}}}}}"#),
        ),
    ]);
    assert!(!unused.installation.connections.contains_key("X"));
    assert!(odd(&unused).iter().any(|odd| odd.contains("they do not count")), "{:?}", odd(&unused));
    let vault = [
        (
            "appsettings.cyberArk.agent.json",
            r#"{"OpenId": {"OpenIdClients": {"Job": "account"}}, "Connections": {"X": {"Password": "account"}}}"#,
        ),
        ("appsettings.agent.Production.json", r#"{"CyberArk": {"UseCyberArkSetting": true}}"#),
    ];
    assert_eq!(with(&vault[..1]).installation.clients["Job"].hash.as_deref(), Some(HASH_OF_SECRET));
    let used = with(&vault).installation;
    assert_eq!((used.clients["Job"].hash.clone(), used.connections["X"].secret), (None, true));
    assert!(!used.plain_secrets.iter().any(|place| place.contains("cyberArk")), "{:?}", used.plain_secrets);
    assert_eq!(used.vault, None);
    let place = r"win-1:C:\IdentityAgent\Runtime\appsettings.agent.Production.json";
    assert_eq!(with(&vault[1..]).installation.vault.as_deref(), Some(place));
    let azure = r#"{"KeyVault": {"Vault": "https://corp.vault.azure.net/"}}"#;
    assert_eq!(
        with(&[("appsettings.agent.Production.json", azure)]).installation.vault.as_deref(),
        Some(place)
    );
}

#[test]
fn variables_win_over_files_and_name_the_environment() {
    let variable = |name: &str, value: &str| (name.to_owned(), Zeroizing::new(value.to_owned()));
    let mut files = whole();
    files.environment = vec![
        variable("OpenId__AgentIdentifier", "FromMachine"),
        variable("SourcesRootPaths__1", "E:/Other"),
        variable("ConnectionS__ADExport__Password", "hush"),
        variable("aspnetcore_environment", "Staging"),
    ];
    files.files.extend(
        host(&[("appsettings.Staging.json", br#"{"ApplicationUri": "https://other.example/"}"#)]).files,
    );
    let found = read(&files).installation;
    let place = "win-1:environment:OpenId__AgentIdentifier".to_owned();
    assert_eq!(found.agent, Some(("FromMachine".to_owned(), place)));
    assert_eq!(found.sources.unwrap().0, ["C:/IdentityAgent/Sources", "E:/Other"]);
    assert_eq!(found.application_uri.unwrap().0, "https://other.example/");
    assert_eq!(found.plain_secrets.last().unwrap(), "win-1:environment:ConnectionS.ADExport.Password");
    let web = WEB.replace("HTTPS_PROXY", "OpenId__AgentIdentifier");
    files.files[0].content = Ok(Zeroizing::new(web.into_bytes()));
    assert_eq!(read(&files).installation.agent.unwrap().0, "proxy.example:3128");
}

#[test]
fn other_forms_of_secrets_have_no_hash() {
    let text = format!(
        r#"{{"OpenId": {{"OpenIdClients": {{"Job": "{SEALED}", "Other": ""}}}}, "Connections": {{"New": {{"Anything": "{SEALED}"}}}}}}"#
    );
    let found = with(&[("appsettings.encrypted.agent.json", &text)]).installation;
    assert_eq!(found.clients["Job"].hash, None);
    assert!(!found.clients.contains_key("Other") && found.connections["New"].secret);
    assert!(!found.plain_secrets.iter().any(|place| place.contains("encrypted")));
    // What was not encrypted there, or lies in a file of another environment, is plain all the same.
    let plain = with(&[
        ("appsettings.encrypted.agent.json", r#"{"Connections": {"X": {"ClientSecret": "abc"}}}"#),
        ("appsettings.agent.Old.json", r#"{"Databases": {"A": "Server=s;User=u;Password=p"}}"#),
    ]);
    let places = plain.installation.plain_secrets.join("\n");
    assert!(places.contains("encrypted.agent.json:Connections.X.ClientSecret"), "{places}");
    assert!(places.contains("agent.Old.json:Databases.A"), "{places}");
}

#[test]
fn the_other_style_of_the_guide_is_read_and_told() {
    let text = r#"{"ApplicationUri": "https://identity.corp.example", "OpenIdClients": {"Job": "secret"}, "DefaultOpenIdClient": "Job", "AgentIdentifier": "Lyon",
        "EncryptionCertificate": {"File": "./a.pfx", "X509KeyFilePassword": "x"}}"#;
    let settings = read(&host(&[("appsettings.agent.json", text.as_bytes())]));
    assert_eq!(settings.installation.agent.as_ref().unwrap().0, "Lyon");
    assert_eq!(settings.installation.clients["Job"].hash.as_deref(), Some(HASH_OF_SECRET));
    let odd = odd(&settings);
    for expected in [
        "`OpenIdClients` is at the root",
        "`DefaultOpenIdClient` is at the root",
        "`AgentIdentifier` is at the root",
        "`ApplicationUri` is in the agent's file",
        "`EncryptionCertificate` is in the agent's file",
        "`EncryptionCertificate.X509KeyFilePassword` is not read",
    ] {
        assert!(odd.iter().any(|odd| odd.contains(expected)), "{expected}: {odd:#?}");
    }
    assert_eq!(odd.len(), 6);
}

#[test]
fn encodings_are_read_as_dotnet_does() {
    let wide = |text: &str, big: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    let utf16 = WEB.replace("utf-8", "utf-16");
    for big in [false, true] {
        let files = [
            ("web.config", wide(&utf16, big)),
            ("appsettings.agent.json", wide(AGENT, big)),
            ("appsettings.json", ["\u{feff}", MAIN].concat().into_bytes()),
        ];
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let settings = read(&host(&files));
        assert_eq!(odd(&settings), [""; 0]);
        assert!(!settings.installation.stdout_log.unwrap().0);
        assert_eq!(settings.installation.agent.unwrap().0, "ParisAD");
    }
    let mut odd_bytes = wide("{\n\"A\": \"x\"}", false);
    odd_bytes.push(0x20);
    is_odd(
        &read(&host(&[("appsettings.Old.json", b"{\n\"A\": \"\xff\"}")])),
        "appsettings.Old.json:2: there are bytes",
    );
    assert!(!odd(&read(&host(&[("appsettings.json", &odd_bytes)]))).is_empty());
    is_odd(&read(&host(&[("appsettings.json", &[0xff, 0xfe, 0, 0, 1])])), "it is UTF-32");
    is_odd(&read(&host(&[("appsettings.json", &[b' '; LARGEST + 1])])), "more than 1 MiB");
}

#[test]
fn what_is_broken_is_told_with_its_place_and_without_values() {
    let broken = with(&[("appsettings.Production.json", "{\n \"OpenId\": { \"Password\": \"hush-hush\"")]);
    is_odd(&broken, r"Runtime\appsettings.Production.json:2:");
    assert!(!odd(&broken)[0].contains("hush"), "{:?}", odd(&broken));
    let agent = |text: &str| read(&host(&[("appsettings.agent.json", text.as_bytes())]));
    is_odd(&agent("[]"), "settings are an object");
    is_odd(&agent(&"{\"a\":".repeat(70)), "nested deeper");
    is_odd(&agent(&format!("{{\"{}\": 1}}", "a:".repeat(100_000))), "nested deeper");
    is_odd(&agent(r#"{"a": 1, "A": 2}"#), "`A` is there already");
    is_odd(
        &agent(r#"{"OpenId": {"AgentIdentifier": "<your agent>"}}"#),
        "is still what the documentation has",
    );
    let main = read(&host(&[("appsettings.json", br#"{"EncryptionCertificate:EncryptFile": "perhaps"}"#)]));
    is_odd(&main, "neither true nor false");
    let web = |from: &str, to: &str| {
        let text = WEB.replace(from, to);
        read(&host(&[("web.config", text.as_bytes())]))
    };
    is_odd(&web("</configuration>", ""), "it is no settings file: 2:1: `configuration` has no end tag");
    is_odd(&web("?>", "?><!DOCTYPE a [<!ENTITY b \"c\">]>"), "document type");
    is_odd(
        &web("Usercube-Agent.dll", "identitymanager-Agent.dll"),
        "names `identitymanager-Agent.dll`, which is not there",
    );
    is_odd(&web("proxy.example:3128", "https://proxy.example/"), "ignored without a word");
    is_odd(&web("\"false\"", "\"perhaps\""), "`stdoutLogEnabled` is neither");
    let unread = HostFile { path: "x".to_owned(), content: Err("access is denied".to_owned()) };
    let files = HostFiles { files: vec![unread], ..host(&[]) };
    is_odd(&read(&files), "win-1:x: the file cannot be read: access is denied");
}

#[test]
fn settings_of_the_user_interface_may_lie_elsewhere() {
    assert_eq!(read(&whole()).elsewhere, None);
    for (set, expected) in [
        ("../Work", None),
        (r"..\\State", Some(r"C:\IdentityAgent\State\appsettings.connection.json")),
        ("D:/Work/", Some(r"D:\Work\appsettings.connection.json")),
        (r"\\\\server\\share", Some(r"\\server\share\appsettings.connection.json")),
    ] {
        let text = format!(r#"{{"WorkFolderPath": "{set}"}}"#);
        let files =
            host(&[("appsettings.json", text.as_bytes()), (r"Work\appsettings.connection.json", b"{}")]);
        let found = read(&files).elsewhere;
        assert_eq!(found.as_deref(), expected, "{set}");
    }
    let posix = |path| path::join("/opt/agent/Runtime", path, false);
    assert_eq!(
        (posix("../a/./b.pfx"), posix("/x"), posix("../../../../y")),
        ("/opt/agent/a/b.pfx".into(), "/x".into(), "/y".into())
    );
}

#[test]
fn nothing_shows_a_secret() {
    let settings = read(&whole());
    let shown = format!("{settings:?} {:?}", whole());
    for secret in ["hush-hush", "p@ss", "\"secret\""] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_file_full_of_connections_is_read_in_time_and_bounds() {
    let all: Vec<String> = (0..45_000).map(|number| format!("\"C{number}\":{{\"A\":1}}")).collect();
    let text = format!("{{\"Connections\":{{{}}}}}", all.join(","));
    assert!(text.len() < LARGEST, "{}", text.len());
    let started = std::time::Instant::now();
    let settings = read(&host(&[("appsettings.agent.json", text.as_bytes())]));
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert_eq!(settings.installation.connections.len(), 10_000);
    is_odd(&settings, "more connections");
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in 0..4_usize) {
        let name = ["appsettings.json", "appsettings.agent.json", "web.config", "appsettings.encrypted.agent.json"][name];
        let _ = read(&host(&[(name, &bytes)]));
    }

    #[test]
    fn no_damage_does_harm(at in 0..700_usize, byte in any::<u8>(), cut in any::<bool>()) {
        for text in [MAIN, AGENT, WEB] {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            let _ = read(&host(&[("appsettings.agent.json", &bytes), ("web.config", &bytes)]));
        }
    }
}
