//! Peers that are reached by SSH.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use paceline::lab::LabHost;
use paceline::transport::ssh::connect;
use paceline::transport::{Authentication, HostKeyPolicy, Target, Via};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::peer::Peer;
use crate::transport::sshd::{Sshd, keygen};

/// A host of the lab, in this process.
pub(crate) fn lab(shell: &'static str) -> Peer {
    peer(shell, || async {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &key.display().to_string()]);
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let host =
            LabHost::start("lab-01", &folder.path().join("host"), 0, public.parse().unwrap()).await.unwrap();
        let target = Target {
            host: "lab-01".to_owned(),
            platform: paceline::shell::Platform::Posix,
            via: Via::Ssh {
                address: "127.0.0.1".to_owned(),
                port: host.address().port(),
                user: "lab".to_owned(),
                authentication: Authentication {
                    keys: vec![key],
                    keys_named: true,
                    ..Authentication::default()
                },
                host_key: HostKeyPolicy { pins: vec![host.fingerprint()], ..HostKeyPolicy::default() },
                jumps: Vec::new(),
                timeout: std::time::Duration::from_secs(20),
                keepalive: std::time::Duration::from_secs(15),
            },
        };
        (target, Server::Lab { _host: host, _folder: folder })
    })
}

/// OpenSSH's server.
pub(crate) fn openssh(shell: &'static str) -> Peer {
    peer(shell, || async {
        let server = Sshd::start("");
        (server.target(), Server::OpenSsh { _server: server })
    })
}

/// Keeps a server until the check is over.
enum Server {
    Lab { _host: LabHost, _folder: TempDir },
    OpenSsh { _server: Sshd },
}

/// A peer whose server starts with its first command. Every command has a connection of its own, which lives in the
/// runtime that opened it, as a controller's does.
fn peer<Starting>(shell: &'static str, start: impl Fn() -> Starting + Send + Sync + 'static) -> Peer
where
    Starting: Future<Output = (Target, Server)> + Send + 'static,
{
    let started: Arc<OnceCell<(Target, Server)>> = Arc::default();
    let start = Arc::new(start);
    Peer {
        shell,
        exec: Box::new(move |command| {
            let (started, start) = (Arc::clone(&started), Arc::clone(&start));
            Box::pin(async move {
                let (target, _) = started.get_or_init(|| start()).await;
                connect(target, &|_| {}).await.unwrap().exec(&command).await.unwrap()
            }) as Pin<Box<dyn Future<Output = _> + Send>>
        }),
    }
}
