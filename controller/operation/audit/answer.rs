//! What a host answered to `pf_audit` (`posix/audit.sh`) or `pw_audit` (`windows/audit.ps1`). All of it is the host's.

use zeroize::{Zeroize as _, Zeroizing};

use super::super::Reply;
use super::super::answer::{decode, said};
use crate::audit::settings::{HostFile, HostFiles};
use crate::audit::{Installation, RunState};

/// Longest name or row that is taken, in bytes.
const LONGEST: usize = 2000;
/// Most files, programs, variables or bindings that are taken.
const MOST: usize = 500;

/// Site and pool of an agent.
#[derive(Debug, Default)]
pub(super) struct Site {
    site: Option<RunState>,
    pool: Option<RunState>,
    /// `protocol|ip:port:host|flags|thumbprint|store`.
    bindings: Vec<String>,
    /// The account that has to read private keys.
    pub(super) identity: Option<String>,
    /// What could not be looked at, and why.
    missing: Vec<String>,
}

/// The files of an agent; nothing where no agent is. Their bytes are taken out of the answer.
pub(super) fn files(host: &str, windows: bool, reply: &mut Reply) -> Option<HostFiles> {
    if reply.value("state") != Some("directory") {
        forget(reply);
        return None;
    }
    let folder = said(reply, "path").filter(|path| path.len() <= LONGEST).unwrap_or_default();
    let unread = numbered(reply, "unread");
    let listed = numbered(reply, "file");
    let mut blobs: Vec<(String, Zeroizing<Vec<u8>>)> = std::mem::take(&mut reply.blobs)
        .into_iter()
        .map(|(name, bytes)| (name, Zeroizing::new(bytes)))
        .collect();
    let mut take = |name: &str| {
        let at = blobs.iter().position(|(given, _)| given == name)?;
        Some(blobs.swap_remove(at).1)
    };
    let files = listed.into_iter().map(|(number, path)| {
        let content = take(&format!("file.{number}")).ok_or_else(|| {
            let reason = unread.iter().find(|(of, _)| *of == number).map(|(_, reason)| reason.clone());
            reason.unwrap_or_else(|| "the host sent no content".to_owned())
        });
        HostFile { path, content }
    });
    let files = files.collect();
    let environment = numbered(reply, "variable").into_iter().filter_map(|(number, name)| {
        let bytes = take(&format!("variable.{number}"))?;
        let text = std::str::from_utf8(&bytes).ok()?.to_owned();
        Some((name, Zeroizing::new(text)))
    });
    let environment = environment.collect();
    let versions = numbered(reply, "version");
    let programs = numbered(reply, "program").into_iter().map(|(number, name)| {
        let version = versions.iter().find(|(of, _)| *of == number).map(|(_, version)| version.clone());
        (name, version)
    });
    let programs = programs.collect();
    Some(HostFiles { host: host.to_owned(), folder, windows, files, environment, programs })
}

/// The file that was asked for by its path; nothing if it is not there.
pub(super) fn elsewhere(path: String, reply: &mut Reply) -> Option<HostFile> {
    let bytes =
        reply.blobs.iter().position(|(name, _)| name == "content").map(|at| reply.blobs.swap_remove(at).1);
    let content = match bytes.filter(|_| reply.status == 0) {
        Some(bytes) => Ok(Zeroizing::new(bytes)),
        None if reply.value("state") == Some("absent") => return None,
        None => Err(said(reply, "msg").unwrap_or_else(|| "the host sent no content".to_owned())),
    };
    Some(HostFile { path, content })
}

/// Overwrites what a host sent.
pub(super) fn forget(reply: &mut Reply) {
    reply.blobs.iter_mut().for_each(|(_, bytes)| bytes.zeroize());
}

/// Texts that were reported as `NUMBER TEXT`.
fn numbered(reply: &Reply, name: &str) -> Vec<(usize, String)> {
    let named = reply.values.iter().filter(|(given, text)| given == name && text.len() <= LONGEST);
    let parse = |(_, text): &(String, String)| {
        let (number, text) = text.split_once(' ')?;
        Some((number.parse().ok()?, decode(text)))
    };
    named.filter_map(parse).take(MOST).collect()
}

impl Site {
    /// Reads what the answer says about them.
    pub(super) fn read(reply: &Reply) -> Self {
        let short = |name: &str| said(reply, name).filter(|text| text.len() <= LONGEST);
        let state =
            |name: &str, state: &str| Some(RunState { name: short(name)?, state: titled(&short(state)?) });
        let all = |name: &str| {
            let named = reply.values.iter().filter(|(given, text)| given == name && text.len() <= LONGEST);
            named.map(|(_, text)| decode(text)).take(MOST).collect()
        };
        Self {
            site: state("site", "site_state"),
            pool: state("pool", "pool_state"),
            bindings: all("binding"),
            identity: short("identity"),
            missing: all("missing"),
        }
    }

    /// Thumbprint and store of the certificates of its bindings, each once.
    pub(super) fn certificates(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for binding in &self.bindings {
            let parts: Vec<&str> = binding.split('|').collect();
            let ["https", _, _, thumbprint, store] = parts.as_slice() else { continue };
            let store = if store.is_empty() { "My" } else { store };
            let one = ((*thumbprint).to_owned(), store.to_owned());
            if !thumbprint.is_empty() && !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }

    /// Puts it into an installation.
    pub(super) fn tell(self, installation: &mut Installation, host: &str) {
        for binding in &self.bindings {
            // `ip:port:host`; an address of version 6 has colons, too.
            let name = binding.split('|').nth(1).and_then(|info| info.rsplit(':').next()).unwrap_or_default();
            if !name.is_empty() && !installation.host_names.iter().any(|known| known == name) {
                installation.host_names.push(name.to_owned());
            }
        }
        let place = format!("{host}:{}", installation.folder);
        for missing in self.missing {
            let (part, reason) = missing.split_once(' ').unwrap_or((&missing, ""));
            installation.oddities.push((place.clone(), format!("its {part} cannot be looked at: {reason}")));
        }
        (installation.site, installation.pool) = (self.site, self.pool);
    }
}

/// A state as IIS writes it, `Started`; `missing` is ours.
fn titled(state: &str) -> String {
    match state {
        "missing" => state.to_owned(),
        state => state.get(..1).unwrap_or_default().to_uppercase() + state.get(1..).unwrap_or_default(),
    }
}
