//! What the loaded settings say, as an audit compares it.

use std::collections::BTreeMap;

use super::sources::{LONGEST, Layer, Loaded, connection_file, dotted};
use super::tree::{Leaf, Tree};
use super::{AgentSettings, HostFiles, certificates, secret};
use crate::audit::{Installation, ObservedConnection, SecretHash};

/// Most connections, clients and folders that are read of one agent.
const MOST: usize = 10_000;

/// Makes the installation.
pub(super) fn of(files: &HostFiles, mut loaded: Loaded) -> AgentSettings {
    styles(&mut loaded);
    let certificates = certificates::of(files, &mut loaded);
    let encrypt_file = boolean(&mut loaded, &["EncryptionCertificate", "EncryptFile"]);
    let stdout_log = stdout_log(&mut loaded);
    let (connections, clients) = (connections(&mut loaded), clients(&loaded));
    let default_client = either(&loaded, "DefaultOpenIdClient").map(|(text, _)| text);
    let file = connection_file(files, &loaded.tree);
    let known = files.files.iter().any(|known| known.path.eq_ignore_ascii_case(&file));
    let elsewhere = (!known && loaded.tree.text(&["WorkFolderPath"]).is_some()).then_some(file);
    let application_uri = plain(&loaded, &["ApplicationUri"]);
    let (agent, sources) = (either(&loaded, "AgentIdentifier"), sources(&loaded));
    let version = version(files, &mut loaded);
    let vault = vault(&loaded).map(|source| loaded.sources[source].place.clone());
    let installation = Installation {
        folder: files.folder.clone(),
        agent,
        application_uri,
        connections,
        clients,
        default_client,
        sources,
        encrypt_file,
        stdout_log,
        plain_secrets: loaded.told.plain,
        oddities: loaded.told.oddities,
        version,
        vault,
        ..Installation::default()
    };
    AgentSettings { installation, certificates, elsewhere }
}

/// The source of a setting that says that others are where nobody but the agent can read them: in Azure Key Vault, in
/// CyberArk without a file that lists them, or an identifier that is encrypted.
fn vault(loaded: &Loaded) -> Option<usize> {
    let listed = loaded.sources.iter().any(|source| source.layer == Layer::CyberArk);
    let used = loaded.tree.leaf(&["CyberArk", "UseCyberArkSetting"]);
    let used = used.filter(|leaf| !listed && truth(&leaf.text) == Some(true));
    let mut found = used.map(|leaf| leaf.source);
    loaded.tree.each(&mut Vec::new(), &mut |path, leaf| {
        let identifier = path.last().is_some_and(|key| key.eq_ignore_ascii_case("AgentIdentifier"));
        if leaf.text.contains(".vault.azure.net") || identifier && secret::is_encrypted(&leaf.text) {
            found = found.or(Some(leaf.source));
        }
    });
    found
}

/// A text and its place; nothing for one that only the host can read.
fn plain(loaded: &Loaded, path: &[&str]) -> Option<(String, String)> {
    let leaf = loaded.tree.leaf(path)?;
    let readable = !secret::is_encrypted(&leaf.text) && leaf.text.chars().count() <= 2000;
    readable.then(|| (leaf.text.as_str().to_owned(), loaded.sources[leaf.source].place.clone()))
}

/// A key of `OpenId`, or one of that name at the root, as one page of the documentation has it.
fn either(loaded: &Loaded, key: &str) -> Option<(String, String)> {
    plain(loaded, &["OpenId", key]).or_else(|| plain(loaded, &[key]))
}

/// One page of the documentation has other places for settings than all others.
fn styles(loaded: &mut Loaded) {
    let mut found = Vec::new();
    for key in ["OpenIdClients", "DefaultOpenIdClient", "AgentIdentifier"] {
        if let Some(source) = loaded.tree.at(&[key]).and_then(first) {
            found.push((
                source,
                format!("`{key}` is at the root of the file\nhint: it belongs into `OpenId`"),
            ));
        }
    }
    for key in ["ApplicationUri", "EncryptionCertificate", "IdentityServer"] {
        let source = loaded.tree.at(&[key]).and_then(first);
        let of_agent = |layer| matches!(layer, Layer::Agent | Layer::AgentOfEnvironment);
        if let Some(source) = source.filter(|source| of_agent(loaded.sources[*source].layer)) {
            found.push((
                source,
                format!("`{key}` is in the agent's file\nhint: it belongs into `appsettings.json`"),
            ));
        }
    }
    let stray = ["EncryptionCertificate", "X509KeyFilePassword"];
    if let Some(leaf) = loaded.tree.leaf(&stray) {
        found.push((leaf.source, format!("`{}` is not read\nhint: the key is `Password`", dotted(&stray))));
    }
    for (source, what) in found {
        let place = loaded.sources[source].place.clone();
        loaded.told.odd(place, what);
    }
}

/// The source of the first value below.
fn first(tree: &Tree) -> Option<usize> {
    let mut found = None;
    tree.each(&mut Vec::new(), &mut |_, leaf| found = found.or(Some(leaf.source)));
    found
}

fn boolean(loaded: &mut Loaded, path: &[&str]) -> Option<(bool, String)> {
    let leaf = loaded.tree.leaf(path)?;
    let place = loaded.sources[leaf.source].place.clone();
    let said = truth(&leaf.text);
    if said.is_none() {
        loaded.told.odd(place, format!("`{}` is neither true nor false", dotted(path)));
        return None;
    }
    said.map(|said| (said, place))
}

fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn stdout_log(loaded: &mut Loaded) -> Option<(bool, String)> {
    let text = loaded.web.stdout_log.as_deref()?;
    let place = loaded.web_place.clone();
    let said = truth(text);
    if said.is_none() {
        loaded.told.odd(place, "`stdoutLogEnabled` is neither true nor false");
        return None;
    }
    said.map(|said| (said, place))
}

/// `Connections` by name. `Databases` may stand among them, as the documentation says in one place.
fn connections(loaded: &mut Loaded) -> BTreeMap<String, ObservedConnection> {
    let mut found = BTreeMap::new();
    let mut odd = Vec::new();
    let listed = loaded.tree.at(&["Connections"]).into_iter().flat_map(Tree::children);
    for connection in listed.filter(|connection| !connection.name.eq_ignore_ascii_case("Databases")) {
        let (mut source, mut is_secret) = (None, false);
        connection.each(&mut vec![&connection.name], &mut |path, leaf| {
            source = source.or(Some(leaf.source));
            let vault = loaded.sources[leaf.source].layer == Layer::CyberArk;
            is_secret |= vault || secret::is_secret(path, &leaf.text);
        });
        let Some(source) = source else { continue };
        let place = &loaded.sources[source].place;
        if connection.name.chars().count() > LONGEST || found.len() >= MOST {
            odd.push((place.clone(), "there are more connections, or longer names, than are read"));
            continue;
        }
        let path = connection.text(&["Path"]).filter(|path| !secret::is_encrypted(path));
        let path = path.map(|path| path.chars().take(2000).collect());
        found.insert(
            connection.name.clone(),
            ObservedConnection { place: place.clone(), secret: is_secret, path },
        );
    }
    odd.dedup();
    for (place, what) in odd {
        loaded.told.odd(place, what);
    }
    found
}

/// The clients with what their secrets' hashes are.
fn clients(loaded: &Loaded) -> BTreeMap<String, SecretHash> {
    let nested = loaded.tree.at(&["OpenId", "OpenIdClients"]);
    let root = loaded.tree.at(&["OpenIdClients"]);
    let listed = [nested, root].into_iter().flatten().flat_map(Tree::children);
    let mut found = BTreeMap::new();
    for client in listed.filter(|client| client.name.chars().count() <= LONGEST).take(MOST) {
        let Some(leaf) = client.leaf.as_ref().filter(|leaf| !leaf.text.is_empty()) else { continue };
        let hash = client_hash(loaded, leaf);
        let place = loaded.sources[leaf.source].place.clone();
        found.entry(client.name.clone()).or_insert(SecretHash { hash, place });
    }
    found
}

fn client_hash(loaded: &Loaded, leaf: &Leaf) -> Option<String> {
    let vault = loaded.sources[leaf.source].layer == Layer::CyberArk;
    (!vault && !secret::is_encrypted(&leaf.text)).then(|| secret::hash(&leaf.text))
}

/// `SourcesRootPaths`, in its order.
fn sources(loaded: &Loaded) -> Option<(Vec<String>, String)> {
    let tree = loaded.tree.at(&["SourcesRootPaths"])?;
    let mut listed: Vec<(usize, &Leaf)> = tree
        .children()
        .filter_map(|child| Some((child.name.parse().ok()?, child.leaf.as_ref()?)))
        .filter(|(_, leaf)| !secret::is_encrypted(&leaf.text))
        .take(MOST)
        .collect();
    listed.sort_by_key(|(number, _)| *number);
    let place = loaded.sources[listed.last()?.1.source].place.clone();
    Some((listed.into_iter().map(|(_, leaf)| leaf.text.as_str().to_owned()).collect(), place))
}

/// The version of the program that `web.config` starts; without one, of the only program that is there.
fn version(files: &HostFiles, loaded: &mut Loaded) -> Option<String> {
    let named = loaded.web.arguments.as_deref().and_then(|arguments| {
        let program = arguments.split_whitespace().next()?.trim_matches('"');
        program.rsplit(['/', '\\']).next().map(str::to_owned)
    });
    let known = |name: &str| files.programs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    match (named, files.programs.as_slice()) {
        (Some(named), _) if known(&named).is_some() => known(&named).and_then(|(_, version)| version.clone()),
        (Some(named), _) => {
            let what = format!("`arguments` names `{}`, which is not there", dotted(&[&named]));
            // Where nobody looked for programs, nothing is missing.
            if files.windows {
                loaded.told.odd(loaded.web_place.clone(), what);
            }
            None
        }
        (None, [(_, version)]) => version.clone(),
        (None, _) => None,
    }
}
