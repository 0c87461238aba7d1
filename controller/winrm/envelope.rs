//! The requests of the shell protocol ([MS-WSMV] 3.1.4) as SOAP envelopes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::command::{CommandLine, Signal};
use crate::shell::ShellOptions;
use crate::xml::{NotXml, Writer};

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const MANAGEMENT: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
const MICROSOFT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
const SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
const IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";

const COMMAND_SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd";
const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
const CREATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
const DELETE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
const COMMAND: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command";
const SEND: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Send";
const RECEIVE: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive";
const SIGNAL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Signal";

/// Room that everything in a `Send` but its content may take, so that an envelope stays below its limit. The longest parts are
/// the address and the two identifiers.
const AROUND_CONTENT: usize = 4096;

/// Bytes of input that fit into one `Send` of an envelope of this size.
pub(crate) fn input_chunk(envelope_size: usize) -> usize {
    // Three bytes become four characters.
    envelope_size.saturating_sub(AROUND_CONTENT) / 4 * 3
}

/// What all requests have.
pub(crate) struct Common<'a> {
    /// The address of the service, as the host should see it.
    pub(crate) to: &'a str,
    /// One identifier for all requests of a client.
    pub(crate) session: &'a str,
    /// The id of this request.
    pub(crate) message: &'a str,
    /// Largest answer that may come, in bytes.
    pub(crate) envelope_size: usize,
    /// How long the host may take before it answers that it is still at work.
    pub(crate) timeout: Duration,
}

/// A request to ask who answers; needs no shell ([DMTF DSP0226] 11).
pub(crate) fn identify() -> Result<String, NotXml> {
    let mut xml = Writer::default();
    xml.open("s:Envelope", &[("xmlns:s", SOAP), ("xmlns:id", IDENTITY)])?;
    xml.empty("s:Header", &[])?;
    xml.open("s:Body", &[])?;
    xml.empty("id:Identify", &[])?;
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.5.2: makes a shell.
pub(crate) fn create(common: &Common<'_>, options: &ShellOptions) -> Result<String, NotXml> {
    let code_page = options.code_page.to_string();
    let switches = [
        ("WINRS_NOPROFILE", if options.load_profile { "FALSE" } else { "TRUE" }),
        ("WINRS_CODEPAGE", &code_page),
    ];
    let mut xml = head(common, CREATE, None, &switches)?;
    // The elements come in the order of the schema ([MS-WSMV] 2.2.4.37).
    xml.open("rsp:Shell", &[])?;
    if !options.environment.is_empty() {
        xml.open("rsp:Environment", &[])?;
        for (name, value) in &options.environment {
            xml.leaf("rsp:Variable", &[("Name", name)], value)?;
        }
        xml.close();
    }
    if let Some(folder) = &options.working_directory {
        xml.leaf("rsp:WorkingDirectory", &[], folder)?;
    }
    if let Some(lifetime) = options.lifetime {
        xml.leaf("rsp:Lifetime", &[], &seconds(lifetime))?;
    }
    if let Some(idle) = options.idle_timeout {
        xml.leaf("rsp:IdleTimeOut", &[], &seconds(idle))?;
    }
    xml.leaf("rsp:InputStreams", &[], "stdin")?;
    xml.leaf("rsp:OutputStreams", &[], "stdout stderr")?;
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.11: starts a command.
pub(crate) fn command(common: &Common<'_>, shell: &str, line: &CommandLine) -> Result<String, NotXml> {
    let word = |is: bool| if is { "TRUE" } else { "FALSE" };
    let switches = [
        ("WINRS_CONSOLEMODE_STDIN", word(line.console_mode_stdin)),
        ("WINRS_SKIP_CMD_SHELL", word(line.skip_cmd_shell)),
    ];
    let mut xml = head(common, COMMAND, Some(shell), &switches)?;
    xml.open("rsp:CommandLine", &[])?;
    xml.leaf("rsp:Command", &[], &line.program)?;
    for argument in &line.arguments {
        xml.leaf("rsp:Arguments", &[], argument)?;
    }
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.12: hands input to a command; the last chunk says so.
pub(crate) fn send(
    common: &Common<'_>,
    shell: &str,
    command: &str,
    bytes: &[u8],
    is_last: bool,
) -> Result<String, NotXml> {
    let mut xml = head(common, SEND, Some(shell), &[])?;
    xml.open("rsp:Send", &[])?;
    let mut attributes = vec![("Name", "stdin"), ("CommandId", command)];
    if is_last {
        attributes.push(("End", "TRUE"));
    }
    xml.leaf("rsp:Stream", &attributes, &STANDARD.encode(bytes))?;
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.14: asks for output, which may take until the operation times out.
pub(crate) fn receive(common: &Common<'_>, shell: &str, command: &str) -> Result<String, NotXml> {
    let mut xml = head(common, RECEIVE, Some(shell), &[("WSMAN_CMDSHELL_OPTION_KEEPALIVE", "TRUE")])?;
    xml.open("rsp:Receive", &[])?;
    xml.leaf("rsp:DesiredStream", &[("CommandId", command)], "stdout stderr")?;
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.13: signals a command.
pub(crate) fn signal(
    common: &Common<'_>,
    shell: &str,
    command: &str,
    signal: Signal,
) -> Result<String, NotXml> {
    let mut xml = head(common, SIGNAL, Some(shell), &[])?;
    xml.open("rsp:Signal", &[("CommandId", command)])?;
    xml.leaf("rsp:Code", &[], signal.address())?;
    Ok(xml.finish())
}

/// [MS-WSMV] 3.1.4.4: ends a shell and everything in it.
pub(crate) fn delete(common: &Common<'_>, shell: &str) -> Result<String, NotXml> {
    Ok(head(common, DELETE, Some(shell), &[])?.finish())
}

/// The header ([DMTF DSP0226] 5 and 6), with the body opened behind it.
fn head(
    common: &Common<'_>,
    action: &str,
    shell: Option<&str>,
    switches: &[(&str, &str)],
) -> Result<Writer, NotXml> {
    let must = ("s:mustUnderstand", "true");
    let may = ("s:mustUnderstand", "false");
    let english = ("xml:lang", "en-US");
    let mut xml = Writer::default();
    xml.open(
        "s:Envelope",
        &[
            ("xmlns:s", SOAP),
            ("xmlns:a", ADDRESSING),
            ("xmlns:w", MANAGEMENT),
            ("xmlns:p", MICROSOFT),
            ("xmlns:rsp", SHELL),
        ],
    )?;
    xml.open("s:Header", &[])?;
    xml.leaf("a:To", &[], common.to)?;
    xml.open("a:ReplyTo", &[])?;
    xml.leaf("a:Address", &[must], ANONYMOUS)?;
    xml.close();
    xml.leaf("a:Action", &[must], action)?;
    xml.leaf("a:MessageID", &[], common.message)?;
    xml.leaf("w:MaxEnvelopeSize", &[must], &common.envelope_size.to_string())?;
    // Fault messages are for people here, not in the host's language; nothing is decided by them.
    xml.empty("w:Locale", &[may, english])?;
    xml.empty("p:DataLocale", &[may, english])?;
    xml.leaf("p:SessionId", &[may], common.session)?;
    xml.leaf("w:OperationTimeout", &[], &seconds(common.timeout))?;
    xml.leaf("w:ResourceURI", &[must], COMMAND_SHELL)?;
    if let Some(shell) = shell {
        xml.open("w:SelectorSet", &[])?;
        xml.leaf("w:Selector", &[("Name", "ShellId")], shell)?;
        xml.close();
    }
    if !switches.is_empty() {
        xml.open("w:OptionSet", &[must])?;
        for (name, value) in switches {
            xml.leaf("w:Option", &[("Name", name)], value)?;
        }
        xml.close();
    }
    xml.close();
    xml.open("s:Body", &[])?;
    Ok(xml)
}

/// A duration of XML Schema, in seconds with three digits behind the point.
fn seconds(duration: Duration) -> String {
    format!("PT{}.{:03}S", duration.as_secs(), duration.subsec_millis())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn common() -> Common<'static> {
        Common {
            to: "http://h.example:5985/wsman",
            session: "uuid:S",
            message: "uuid:M",
            envelope_size: 153_600,
            timeout: Duration::from_secs(20),
        }
    }

    #[test]
    fn a_create_says_what_the_shell_is() {
        let options = ShellOptions {
            idle_timeout: Some(Duration::from_millis(900_500)),
            working_directory: Some("C:\\a & b".into()),
            environment: vec![("A<".into(), "\"1\"".into())],
            ..ShellOptions::default()
        };
        let xml = create(&common(), &options).unwrap();
        for part in [
            "<w:Option Name=\"WINRS_CODEPAGE\">65001</w:Option>",
            "<rsp:IdleTimeOut>PT900.500S</rsp:IdleTimeOut>",
            "<rsp:WorkingDirectory>C:\\a &amp; b</rsp:WorkingDirectory>",
            "<rsp:Variable Name=\"A&lt;\">&quot;1&quot;</rsp:Variable>",
            "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell></s:Body></s:Envelope>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }

    #[test]
    fn a_full_chunk_stays_below_the_envelope() {
        let mut common = common();
        let to = format!("https://{}:5986/wsman", "h".repeat(255));
        common.to = &to;
        let id = "0".repeat(64);
        for size in [153_600, 512_000] {
            let chunk = vec![0; input_chunk(size)];
            let sealed = send(&common, &id, &id, &chunk, true).unwrap().len() + 512;
            assert!(sealed <= size && sealed + 4096 > size, "{sealed} of {size}");
        }
    }
}
