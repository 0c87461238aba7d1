//! `winrm_store`: one transfer for `tests/bench/winrm.py --with 'paceline=target/release/examples/winrm_store'`.
//!
//! Reads one JSON object from standard input, sends the file into the standard input of the peer's program `store`, and
//! prints how many seconds that took, from the first connection to the deleted shell.

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use paceline_winrm::{Client, CommandLine, Credentials, Endpoint, Limits, ShellOptions, Trust};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Value = serde_json::from_reader(std::io::stdin())?;
    let text = |name: &str| wanted[name].as_str().ok_or(format!("`{name}` is missing"));
    let began = Instant::now();
    let port = u16::try_from(wanted["port"].as_u64().ok_or("`port` is missing")?)?;
    let endpoint = if wanted["tls"] == true {
        let extra_pem = std::fs::read(text("authority")?)?;
        Endpoint::https(text("address")?, port).with_trust(Trust::Authorities { system: false, extra_pem })
    } else {
        Endpoint::http(text("address")?, port)
    };
    let credentials =
        Credentials::Ntlm { account: text("user")?.parse()?, password: text("password")?.into() };
    let client = Client::connect(endpoint, credentials, Limits::default()).await?;
    let shell = client.open_shell(ShellOptions::default()).await?;
    let line = CommandLine {
        program: "store".into(),
        arguments: vec![text("target")?.to_owned()],
        skip_cmd_shell: true,
        ..CommandLine::default()
    };
    let mut process = shell.run(line).await?;
    let mut source = tokio::fs::File::open(text("source")?).await?;
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let length = source.read(&mut buffer).await?;
        if length == 0 {
            break;
        }
        process.stdin.write_all(&buffer[..length]).await?;
    }
    process.stdin.shutdown().await?;
    let code = process.wait().await?;
    if code != 0 {
        return Err(format!("the program ended with {code}").into());
    }
    shell.close().await?;
    let seconds = began.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{seconds}")?;
    Ok(())
}
