//! Answers as Windows writes them ([MS-WSMV] 4), and what it would never write.

use proptest::prelude::*;

use super::*;
use crate::fault::FaultKind;

fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:rsp=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\" xmlns:w=\"urn:w\" xmlns:f=\"urn:f\">\
         <s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn read(header: &str, body: &str) -> Answer {
    Answer::parse(envelope(header, body).as_bytes()).unwrap()
}

#[test]
fn a_new_shell_has_an_id() {
    let answer = read(
        "<a:RelatesTo xmlns:a=\"urn:a\">uuid:1</a:RelatesTo>",
        "<x:ResourceCreated xmlns:x=\"urn:x\"><a:Address xmlns:a=\"urn:a\">http://h</a:Address><w:SelectorSet>\
         <w:Selector Name=\"ShellId\">11AA-22</w:Selector></w:SelectorSet></x:ResourceCreated>",
    );
    assert_eq!(answer.relates_to.as_deref(), Some("uuid:1"));
    assert_eq!(answer.shell.as_deref(), Some("11AA-22"));
    let answer = read("", "<rsp:Shell><rsp:ShellId>33</rsp:ShellId></rsp:Shell>");
    assert_eq!(answer.shell.as_deref(), Some("33"));
}

#[test]
fn output_comes_in_order_with_the_state_behind_it() {
    let answer = read(
        "",
        "<rsp:ReceiveResponse><rsp:Stream Name=\"stdout\" CommandId=\"C\">b25l</rsp:Stream>\
         <rsp:Stream Name=\"stderr\" CommandId=\"C\">dHdv\r\n</rsp:Stream>\
         <rsp:Stream Name=\"stdout\" CommandId=\"C\" End=\"true\"/>\
         <rsp:CommandState CommandId=\"C\" State=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done\">\
         <rsp:ExitCode>-1073741510</rsp:ExitCode></rsp:CommandState></rsp:ReceiveResponse>",
    );
    assert_eq!(
        answer.pieces,
        [
            Piece { stream: Stream::Output, bytes: Bytes::from_static(b"one") },
            Piece { stream: Stream::Error, bytes: Bytes::from_static(b"two") },
        ]
    );
    assert!(answer.is_done);
    assert_eq!(answer.exit_code, Some(-1_073_741_510));
    assert_eq!(answer.of_command.as_deref(), Some("C"));
}

#[test]
fn a_fault_has_its_number_and_the_innermost_message() {
    let answer = read(
        "",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:SchemaValidationError</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text xml:lang=\"en-US\">general</s:Text></s:Reason><s:Detail>\
         <f:WSManFault Code=\"2147942402\" Machine=\"h\"><f:Message><f:ProviderFault provider=\"p\" path=\"x\">\
         <f:WSManFault Code=\"7\"><f:Message>The system cannot\r\n find &lt;it&gt;.\u{7f}</f:Message></f:WSManFault>\
         </f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault>",
    );
    let fault = answer.fault.unwrap();
    assert_eq!(fault.code, Some(2));
    assert_eq!(fault.kind(), FaultKind::NotFound);
    assert_eq!(fault.subcode, "SchemaValidationError");
    assert_eq!(fault.reason, "The system cannot find <it>.");
}

#[test]
fn a_quota_fault_of_wmi_has_a_number_too() {
    let answer = read(
        "",
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:InternalError</s:Value></s:Subcode></s:Code>\
         <s:Reason><s:Text>limit</s:Text></s:Reason><s:Detail><p:MSFT_WmiError xmlns:p=\"urn:p\">\
         <p:error_Code>2150859174</p:error_Code></p:MSFT_WmiError></s:Detail></s:Fault>",
    );
    assert_eq!(answer.fault.unwrap().kind(), FaultKind::OtherQuota);
}

#[test]
fn an_empty_fault_is_a_fault() {
    assert_eq!(read("", "<s:Fault/>").fault, Some(Fault::default()));
}

#[test]
fn what_windows_never_writes_is_refused() {
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    for (document, what) in [
        (envelope("", &deep), "nested too deeply"),
        (format!("<!DOCTYPE x [<!ENTITY e \"e\">]>{}", envelope("", "")), "document type"),
        (
            envelope("", "<rsp:CommandResponse><rsp:CommandId>&e;</rsp:CommandId></rsp:CommandResponse>"),
            "entity",
        ),
        (envelope("", "<rsp:ReceiveResponse><rsp:Stream Name=\"x\"/></rsp:ReceiveResponse>"), "stream"),
        (
            envelope(
                "",
                "<rsp:ReceiveResponse><rsp:Stream Name=\"stdout\">%</rsp:Stream></rsp:ReceiveResponse>",
            ),
            "base64",
        ),
        (envelope("", "<a>").replace("</s:", "</"), "not XML"),
        ("<html>Not found</html>".into(), "not a SOAP envelope"),
        (String::new(), "not a SOAP envelope"),
        (format!("<s:Envelope>{}", "x"), "cut off"),
        (envelope(&format!("<RelatesTo>{}</RelatesTo>", "x".repeat(300)), ""), "too long"),
    ] {
        let error = Answer::parse(document.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

proptest! {
    #[test]
    fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Answer::parse(&bytes);
    }

    #[test]
    fn takes_any_markup(text in "[<>/!&;\"=a-c\\[\\]\\-? s:Fault]{0,80}") {
        let _ = Answer::parse(envelope("", &text).as_bytes());
    }

    #[test]
    fn takes_any_cut_and_change(at in 0usize..400, value: u8, cut in 0usize..400) {
        let mut document = envelope(
            "<RelatesTo>uuid:1</RelatesTo>",
            "<rsp:ReceiveResponse><rsp:Stream Name=\"stdout\" CommandId=\"C\">b25l</rsp:Stream></rsp:ReceiveResponse>",
        ).into_bytes();
        if let Some(byte) = document.get_mut(at) { *byte = value; }
        document.truncate(document.len() - cut.min(document.len()));
        let _ = Answer::parse(&document);
    }
}
