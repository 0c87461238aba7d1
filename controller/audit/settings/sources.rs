//! Which files count, in which order, and what is odd about each of them.
//!
//! The order is that of the product's pages "network configuration" and "agent configuration": `appsettings.json` and
//! `appsettings.agent.json`, each with the file of the environment behind it, then the encrypted file, `CyberArk`, and what was
//! set in the user interface; variables of the environment win over files. Later wins.

use zeroize::Zeroizing;

use super::decode::{Decoded, decode};
use super::path::{join, name};
use super::secret::{is_encrypted, is_placeholder, is_plain};
use super::tree::{Leaf, Tree};
use super::web_config::{WebConfig, web_config};
use super::{HostFile, HostFiles};
use crate::document;

/// Most things that are told of one agent.
const MOST: usize = 200;
/// Longest name that is told, in characters.
pub(super) const LONGEST: usize = 200;

/// What was loaded.
#[derive(Default)]
pub(super) struct Loaded {
    /// All settings that count.
    pub(super) tree: Tree,
    /// Where they come from.
    pub(super) sources: Vec<Source>,
    pub(super) web: WebConfig,
    /// Where `web.config` is.
    pub(super) web_place: String,
    pub(super) told: Told,
}

/// A file or an environment.
pub(super) struct Source {
    /// `HOST:PATH`.
    pub(super) place: String,
    pub(super) layer: Layer,
}

/// Which file it is; in the order in which they are loaded.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Layer {
    Main,
    MainOfEnvironment,
    MainEncrypted,
    Agent,
    AgentOfEnvironment,
    AgentEncrypted,
    CyberArk,
    /// Written by the user interface.
    Connection,
    /// Variables of the machine.
    Machine,
    /// Variables in `web.config`.
    Site,
}

/// What is odd, and secrets in plain text.
#[derive(Default)]
pub(super) struct Told {
    pub(super) oddities: Vec<(String, String)>,
    pub(super) plain: Vec<String>,
}

impl Told {
    /// Notes what is odd at a place.
    pub(super) fn odd(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.oddities.len() < MOST {
            self.oddities.push((place.into(), what.into()));
        }
    }
}

/// The keys of a path as findings write them.
pub(super) fn dotted(path: &[&str]) -> String {
    path.join(".").chars().take(LONGEST).collect()
}

/// The files of an agent, read.
struct Read<'f> {
    file: &'f HostFile,
    decoded: Decoded,
    place: String,
}

/// Loads all that counts.
pub(super) fn load(files: &HostFiles) -> Loaded {
    let mut loaded = Loaded::default();
    let mut read = Vec::new();
    for file in &files.files {
        let place = format!("{}:{}", files.host, file.path);
        let decoded = match &file.content {
            Ok(bytes) => decode(bytes).map_err(str::to_owned),
            Err(reason) => Err(reason.clone()),
        };
        match decoded {
            Ok(decoded) => {
                if let Some(line) = decoded.broken {
                    loaded.told.odd(format!("{place}:{line}"), "there are bytes that are no character");
                }
                read.push(Read { file, decoded, place });
            }
            Err(reason) => loaded.told.odd(place, format!("the file cannot be read: {reason}")),
        }
    }
    loaded.web(files, &read);
    loaded.files(files, &read);
    loaded.variables(files);
    loaded
}

impl Loaded {
    fn web(&mut self, files: &HostFiles, read: &[Read<'_>]) {
        let is_web = |read: &&Read<'_>| same(files, name(&read.file.path, files.windows), "web.config");
        let Some(found) = read.iter().find(is_web) else { return };
        self.web_place.clone_from(&found.place);
        match web_config(&found.decoded) {
            Ok(web) => {
                if web.several {
                    self.told
                        .odd(&*found.place, "it has several elements `aspNetCore`; the first one was read");
                }
                self.web = web;
            }
            Err(problem) => self.told.odd(&*found.place, format!("it is no settings file: {problem}")),
        }
    }

    /// `Production`, unless a variable says otherwise.
    fn environment(&self, files: &HostFiles) -> String {
        let said = |variables: &[(String, Zeroizing<String>)], name: &str| {
            let found =
                variables.iter().rev().find(|(given, value)| same(files, given, name) && !value.is_empty());
            found.map(|(_, value)| value.as_str().to_owned())
        };
        said(&self.web.variables, "ASPNETCORE_ENVIRONMENT")
            .or_else(|| said(&files.environment, "ASPNETCORE_ENVIRONMENT"))
            .or_else(|| said(&self.web.variables, "DOTNET_ENVIRONMENT"))
            .or_else(|| said(&files.environment, "DOTNET_ENVIRONMENT"))
            .unwrap_or_else(|| "Production".to_owned())
    }

    fn files(&mut self, files: &HostFiles, read: &[Read<'_>]) {
        let environment = self.environment(files);
        let mut found: Vec<(Option<Layer>, &Read<'_>)> = read
            .iter()
            .filter(|read| read.file.path.to_lowercase().ends_with(".json"))
            .map(|read| (layer(files, name(&read.file.path, files.windows), &environment), read))
            .collect();
        found.sort_by_key(|(layer, _)| layer.map_or(0, |layer| layer as u8 + 1));
        for (layer, read) in found {
            self.file(layer, read);
        }
    }

    /// Adds one file; one that is not loaded is only looked through for secrets.
    fn file(&mut self, layer: Option<Layer>, read: &Read<'_>) {
        let Read { decoded, place, .. } = read;
        let skipped = match layer {
            None => Some("the product does not load it"),
            Some(Layer::MainEncrypted | Layer::AgentEncrypted) => {
                let used = self.tree.text(&["EncryptionCertificate", "UseEncryptedAppsettings"]);
                let off = used.is_some_and(|used| used.eq_ignore_ascii_case("false"));
                off.then_some("`EncryptionCertificate.UseEncryptedAppsettings` is false")
            }
            Some(Layer::CyberArk) => {
                let used = self.tree.text(&["CyberArk", "UseCyberArkSetting"]);
                let on = used.is_some_and(|used| used.eq_ignore_ascii_case("true"));
                (!on).then_some("`CyberArk.UseCyberArkSetting` is not true")
            }
            Some(_) => None,
        };
        let number = self.sources.len();
        let (mut values, mut encrypted, mut deep) = (0, 0, false);
        let Self { tree, told, .. } = self;
        let mut take = |path: &[&str], value: Option<Zeroizing<String>>| {
            let path: Vec<&str> = path.iter().flat_map(|key| key.split(':')).collect();
            if let Some(text) = &value {
                values += usize::from(!text.is_empty());
                encrypted += usize::from(is_encrypted(text));
                if layer != Some(Layer::CyberArk) {
                    note(told, place, &path, text);
                }
            }
            if skipped.is_none() {
                deep |= !tree.set(&path, value.map(|text| Leaf { text, source: number }));
            }
        };
        if let Err(problem) = document::json::read(&decoded.text, &mut take) {
            let (line, column) = (problem.line, problem.column);
            let what = format!("it is no settings file, so the agent does not start: {}", problem.message);
            self.told.odd(format!("{place}:{line}:{column}"), what);
        }
        if deep {
            self.told.odd(&**place, "keys are nested deeper than .NET reads; those were left out");
        }
        match (layer, skipped) {
            (Some(Layer::MainEncrypted | Layer::AgentEncrypted), Some(why)) if encrypted > 0 => {
                self.told.odd(&**place, format!("it has encrypted settings, and they do not count: {why}"));
            }
            (Some(Layer::MainOfEnvironment | Layer::AgentOfEnvironment), None) if values > 0 => {
                let what = "it wins over the settings that are installed, without a word\nhint: carry its values over and remove it";
                self.told.odd(&**place, what);
            }
            _ => {}
        }
        if let Some(layer) = layer {
            self.sources.push(Source { place: place.clone(), layer });
        }
    }

    fn variables(&mut self, files: &HostFiles) {
        let machine = format!("{}:environment", files.host);
        let of_site = std::mem::take(&mut self.web.variables);
        for (layer, place, variables) in
            [(Layer::Machine, machine, &files.environment), (Layer::Site, self.web_place.clone(), &of_site)]
        {
            for (name, value) in variables {
                self.proxy(&place, name, value);
                let path: Vec<&str> = name.split("__").flat_map(|part| part.split(':')).collect();
                note(&mut self.told, &place, &path, value);
                let source = self.sources.len();
                if self.tree.set(&path, Some(Leaf { text: value.clone(), source })) {
                    self.sources.push(Source { place: format!("{place}:{}", dotted(&[name])), layer });
                }
            }
        }
        self.web.variables = of_site;
    }

    /// .NET ignores a proxy that it cannot read, without a word (the product's page "proxy").
    fn proxy(&mut self, place: &str, name: &str, value: &str) {
        let place = || format!("{place}:{}", dotted(&[name]));
        if name.eq_ignore_ascii_case("HTTPS_PROXY") && !value.is_empty() {
            let address = value.strip_prefix("http://").unwrap_or(value);
            let port = address.rsplit_once(':').filter(|(host, port)| {
                !host.is_empty() && !host.contains("://") && port.parse::<u16>().is_ok()
            });
            if port.is_none() {
                let what = "the proxy is ignored without a word\nhint: write it as `HOST:PORT`, without https:// and path";
                self.told.odd(place(), what);
            }
        }
        if name.eq_ignore_ascii_case("NO_PROXY") && value.contains('*') {
            let what = "`*` has no meaning here\nhint: a name with a dot in front, `.corp.example`, stands for all below it";
            self.told.odd(place(), what);
        }
    }
}

/// Notes a secret in plain text, and a value of the documentation that nobody replaced.
fn note(told: &mut Told, place: &str, path: &[&str], text: &str) {
    if is_plain(path, text) && told.plain.len() < MOST {
        told.plain.push(format!("{place}:{}", dotted(path)));
    }
    if is_placeholder(text) {
        let what = format!("`{}` is still what the documentation has in its place", dotted(path));
        told.odd(place, what);
    }
}

fn same(files: &HostFiles, one: &str, other: &str) -> bool {
    if files.windows { one.eq_ignore_ascii_case(other) } else { one == other }
}

/// Which layer a file is; nothing for what is not loaded, such as the file of another environment.
fn layer(files: &HostFiles, name: &str, environment: &str) -> Option<Layer> {
    let known = [
        ("appsettings.json".to_owned(), Layer::Main),
        ("appsettings.encrypted.json".to_owned(), Layer::MainEncrypted),
        ("appsettings.agent.json".to_owned(), Layer::Agent),
        ("appsettings.encrypted.agent.json".to_owned(), Layer::AgentEncrypted),
        ("appsettings.cyberArk.agent.json".to_owned(), Layer::CyberArk),
        ("appsettings.connection.json".to_owned(), Layer::Connection),
        (format!("appsettings.{environment}.json"), Layer::MainOfEnvironment),
        (format!("appsettings.agent.{environment}.json"), Layer::AgentOfEnvironment),
    ];
    known.into_iter().find(|(known, _)| same(files, name, known)).map(|(_, layer)| layer)
}

/// Where the settings of the user interface are: below `WorkFolderPath`, which is `../Work` unless it is set.
pub(super) fn connection_file(files: &HostFiles, tree: &Tree) -> String {
    let runtime = join(&files.folder, "Runtime", files.windows);
    let work = tree.text(&["WorkFolderPath"]).unwrap_or("../Work");
    let work = join(&runtime, work, files.windows);
    join(&work, "appsettings.connection.json", files.windows)
}
