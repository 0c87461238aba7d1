"""SOAP envelopes: what a request says, and the text of answers. [MS-WSMV] 2.2.4 and 3.1.4, DSP0226 for the header."""

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from . import faults
from .faults import Fault

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"

CMD = f"{SHELL}/cmd"
CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"
POWERSHELL = "http://schemas.microsoft.com/powershell/"

ACTIONS = {
    f"{TRANSFER}/Create": "Create",
    f"{TRANSFER}/Delete": "Delete",
    f"{TRANSFER}/Get": "Get",
    f"{SHELL}/Command": "Command",
    f"{SHELL}/Send": "Send",
    f"{SHELL}/Receive": "Receive",
    f"{SHELL}/Signal": "Signal",
}

# What an answer needs besides the text that it carries; more than enough, so that a full one stays below the limit.
OVERHEAD = 2048


@dataclass
class Request:
    """One request; sizes in bytes, times in seconds."""

    action: str
    action_uri: str = ""
    resource: str = ""
    message: str = ""
    shell: str | None = None
    operation_timeout: float = 60.0
    max_envelope: int = 153600
    options: dict[str, str] = field(default_factory=dict)
    body: ET.Element | None = None

    def child(self, name: str) -> ET.Element | None:
        """The element of the shell's namespace in the body."""
        return None if self.body is None else self.body.find(f"{{{SHELL}}}{name}")


def seconds(duration: str) -> float:
    """An `xs:duration` without years and months."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", duration.strip())
    if not match or not any(match.groups()):
        raise Fault(faults.INVALID_PARAMETER, f"The duration {duration} is not valid.")
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def read(data: bytes) -> Request:
    """Takes a request apart, or raises a fault as Windows does for what is not one."""
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise Fault(faults.INVALID_XML, f"The SOAP XML in the message is not well-formed: {error}") from error
    body = root.find(f"{{{SOAP}}}Body")
    if root.tag != f"{{{SOAP}}}Envelope" or body is None:
        raise Fault(
            faults.INVALID_XML, "The SOAP XML in the message does not match the corresponding XML schema definition."
        )
    if body.find(f"{{{IDENTITY}}}Identify") is not None:
        return Request("Identify", body=body)
    header = root.find(f"{{{SOAP}}}Header")
    if header is None:
        raise Fault(faults.INVALID_XML, "The SOAP header is missing.")

    def text(namespace: str, name: str) -> str | None:
        found = header.find(f"{{{namespace}}}{name}")
        return None if found is None or found.text is None else found.text.strip()

    message = text(ADDRESSING, "MessageID")
    uri = text(ADDRESSING, "Action")
    if message is None or uri is None or text(ADDRESSING, "To") is None:
        raise Fault(faults.INVALID_XML, "A required header for WS-Addressing is missing.")
    request = Request("unknown", uri, text(WSMAN, "ResourceURI") or "", message, body=body)
    request.action = ACTIONS.get(uri, "unknown")
    for option in header.iterfind(f"{{{WSMAN}}}OptionSet/{{{WSMAN}}}Option"):
        request.options[option.get("Name", "").upper()] = option.text or ""
    for selector in header.iterfind(f"{{{WSMAN}}}SelectorSet/{{{WSMAN}}}Selector"):
        if selector.get("Name") == "ShellId":
            request.shell = (selector.text or "").strip()
    if (timeout := text(WSMAN, "OperationTimeout")) is not None:
        request.operation_timeout = seconds(timeout)
    if (size := text(WSMAN, "MaxEnvelopeSize")) is not None:
        if not size.isdigit():
            raise Fault(faults.INVALID_PARAMETER, "MaxEnvelopeSize is not a number.")
        request.max_envelope = int(size)
    return request


def _envelope(relates_to: str, action: str, body: str) -> bytes:
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:x="{TRANSFER}" xmlns:w="{WSMAN}" '
        f'xmlns:rsp="{SHELL}" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header>'
        f"<a:Action>{action}</a:Action><a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{ANONYMOUS}</a:To><a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def answer(request: Request, body: str) -> bytes:
    """The envelope around `body`, which is XML text."""
    return _envelope(request.message, f"{request.action_uri}Response", body)


def refusal(relates_to: str, fault: Fault, machine: str) -> bytes:
    """The envelope of a fault, with the number where Windows puts it: `s:Detail/f:WSManFault/@Code`."""
    code, subcode = fault.soap()
    text = escape(fault.text)
    return _envelope(
        relates_to,
        FAULT_ACTION,
        f"<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>'
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{fault.code}" '
        f"Machine={quoteattr(machine)}><f:Message>{text}</f:Message></f:WSManFault></s:Detail></s:Fault>",
    )


def identified() -> bytes:
    """The answer to Identify, [MS-WSMV] 3.1.4.2 and DSP0226 11."""
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}"><s:Header/><s:Body>'
        f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
        f"<wsmid:ProtocolVersion>{WSMAN}</wsmid:ProtocolVersion>"
        "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
        "<wsmid:ProductVersion>OS: 10.0.20348 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
        "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    ).encode()
