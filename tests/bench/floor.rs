//! The floor of the benchmark: one hand-written script in one exec per host, over Paceline's own SSH.
//!
//! `floor FLOOR.json first|second FORKS` reads hosts, credentials and templates from a file that
//! `tests/bench/bench.py` writes. The first run sends the files on standard input, the second their digests only.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use paceline::shell::quote;
use paceline::transport::{self, Authentication, ExitStatus, HostKeyPolicy, Target, Via};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Deserialize)]
struct Bench {
    hosts: Vec<Host>,
    user: String,
    port: u16,
    key: PathBuf,
    known_hosts: PathBuf,
    templates: Vec<PathBuf>,
    payload: PathBuf,
    first: PathBuf,
    second: PathBuf,
}

#[derive(Deserialize)]
struct Host {
    name: String,
    address: String,
    home: String,
    points: String,
    variables: Map<String, Value>,
}

/// What is the same for all hosts.
struct Shared {
    user: String,
    port: u16,
    key: PathBuf,
    known_hosts: PathBuf,
    templates: Vec<String>,
    payload: Vec<u8>,
    payload_digest: String,
    script: String,
    sends: bool,
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces `{{ name }}`; the templates hold nothing else.
fn rendered(template: &str, variables: &Map<String, Value>) -> Result<String, Failure> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{ ") {
        let (name, behind) = behind.split_once(" }}").ok_or("a template has no end of an expression")?;
        text.push_str(before);
        match variables.get(name) {
            Some(Value::String(value)) => text.push_str(value),
            Some(value) => text.push_str(&value.to_string()),
            None => return Err(format!("there is no variable `{name}`").into()),
        }
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

async fn host(shared: Arc<Shared>, host: Host) -> Result<(), Failure> {
    let mut arguments = vec![host.home, host.points];
    let mut content = Vec::new();
    for template in &shared.templates {
        let text = rendered(template, &host.variables)?;
        arguments.extend([text.len().to_string(), digest(text.as_bytes())]);
        content.extend_from_slice(text.as_bytes());
    }
    arguments.extend([shared.payload.len().to_string(), shared.payload_digest.clone()]);
    let mut command = format!("exec /bin/sh -c {} sh", quote(&shared.script));
    for argument in &arguments {
        command.push(' ');
        command.push_str(&quote(argument));
    }
    let target = Target {
        host: host.name.clone(),
        platform: paceline::shell::Platform::Posix,
        via: Via::Ssh {
            address: host.address,
            port: shared.port,
            user: shared.user.clone(),
            authentication: Authentication {
                keys: vec![shared.key.clone()],
                keys_named: true,
                ..Authentication::default()
            },
            host_key: HostKeyPolicy {
                known_hosts: vec![shared.known_hosts.clone()],
                ..HostKeyPolicy::default()
            },
            jumps: Vec::new(),
            timeout: Duration::from_secs(30),
            keepalive: Duration::from_secs(15),
        },
    };
    let connection = transport::connect(&target, &|_| {}).await?;
    let mut process = connection.exec(&command).await?;
    let mut stdin = process.stdin;
    let sending = async {
        if shared.sends {
            stdin.write_all(&content).await?;
            stdin.write_all(&shared.payload).await?;
        }
        stdin.shutdown().await
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (sent, read, also_read) =
        tokio::join!(sending, process.stdout.read_to_end(&mut out), process.stderr.read_to_end(&mut err));
    let status = process.exit.await?;
    connection.close().await;
    if !matches!(status, ExitStatus::Code(0)) {
        return Err(format!("{}: {status:?}: {}", host.name, String::from_utf8_lossy(&err)).into());
    }
    sent?;
    read?;
    also_read?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, run, forks] = &arguments[..] else {
        return Err("usage: floor FLOOR.json first|second FORKS".into());
    };
    let bench: Bench = serde_json::from_slice(&std::fs::read(file)?)?;
    let sends = run == "first";
    let payload = std::fs::read(&bench.payload)?;
    let shared = Arc::new(Shared {
        user: bench.user,
        port: bench.port,
        key: bench.key,
        known_hosts: bench.known_hosts,
        templates: bench.templates.iter().map(std::fs::read_to_string).collect::<Result<_, _>>()?,
        payload_digest: digest(&payload),
        payload,
        script: std::fs::read_to_string(if sends { &bench.first } else { &bench.second })?,
        sends,
    });
    let permits = Arc::new(Semaphore::new(forks.parse()?));
    let mut hosts = JoinSet::new();
    for each in bench.hosts {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let shared = Arc::clone(&shared);
        hosts.spawn(async move {
            let _permit = permit;
            host(shared, each).await
        });
    }
    while let Some(result) = hosts.join_next().await {
        result??;
    }
    Ok(())
}
