"""The WS-Management service of a host: a request in, an answer's envelope out. [MS-WSMV] 3.1.4."""

import base64
import binascii
import threading
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from . import commandline, envelope, faults, psrp, runner
from .accounts import Account
from .command import CONTROL_C_EXIT, Received
from .envelope import CONFIG, OVERHEAD, SHELL, Request
from .faults import Fault
from .host import Host
from .job import Job
from .shell import Shell

_STATE = f"{SHELL}/CommandState"


def answer(host: Host, account: Account, request: Request) -> bytes:
    """Does what the request asks; raises the fault that Windows would answer."""
    if request.action == "Identify":
        return envelope.identified()
    if not account.admin:
        raise Fault(faults.ACCESS_DENIED, "Access is denied.")
    if request.action == "unknown":
        raise Fault(faults.INVALID_ACTION, f"The action {request.action_uri} is not supported by the service.")
    limit = host.settings.max_envelope_size_kb * 1024
    if request.max_envelope > limit:
        raise Fault(
            faults.MAX_ENVELOPE_SIZE,
            "The maximum envelope size in the request is too large. "
            "Change the maximum envelope size and try the request again.",
        )
    if request.max_envelope < 8192:
        raise Fault(faults.MIN_ENVELOPE_SIZE, "The maximum envelope size in the request is too small.")
    request.operation_timeout = min(request.operation_timeout, host.settings.max_timeout)
    if request.action == "Get":
        return _config(host, request)
    if request.resource != envelope.CMD and not request.resource.startswith(envelope.POWERSHELL):
        raise Fault(faults.RESOURCE_NOT_FOUND, f"The service cannot find the resource {request.resource}.")
    if request.action == "Create":
        return _create(host, account, request)
    with host.operation(account.user):
        return _in_shell(host, host.shell(request.shell, account.user), request)


def _in_shell(host: Host, shell: Shell, request: Request) -> bytes:
    if request.action == "Delete":
        host.drop(shell.identifier, "shell_deleted")
        return envelope.answer(request, "")
    shell.enter()
    try:
        return _ACTIONS[request.action](host, shell, request)
    finally:
        shell.leave()


def _config(host: Host, request: Request) -> bytes:
    if request.resource != CONFIG:
        raise Fault(faults.RESOURCE_NOT_FOUND, f"The service cannot find the resource {request.resource}.")
    size = host.settings.max_envelope_size_kb
    return envelope.answer(
        request,
        f'<cfg:Config xmlns:cfg="{CONFIG}"><cfg:MaxEnvelopeSizekb>{size}</cfg:MaxEnvelopeSizekb>'
        f"<cfg:MaxTimeoutms>{int(host.settings.max_timeout * 1000)}</cfg:MaxTimeoutms></cfg:Config>",
    )


def _create(host: Host, account: Account, request: Request) -> bytes:
    """[MS-WSMV] 3.1.4.5.2, the text-based command shell."""
    element = request.child("Shell")
    if element is None:
        raise Fault(faults.INVALID_XML, "The body holds no Shell.")
    shell = Shell(account.user, resource=request.resource)
    if (name := element.get("ShellId")) is not None:
        shell.identifier = name
    for variable in element.iterfind(f"{{{SHELL}}}Environment/{{{SHELL}}}Variable"):
        shell.environment[variable.get("Name", "")] = variable.text or ""
    shell.folder = element.findtext(f"{{{SHELL}}}WorkingDirectory") or f"C:\\Users\\{account.user}"
    if (idle := element.findtext(f"{{{SHELL}}}IdleTimeOut")) is not None:
        shell.idle_timeout = envelope.seconds(idle)
    if (codepage := request.options.get("WINRS_CODEPAGE")) is not None:
        shell.codepage = int(codepage)
    shell.no_profile = request.options.get("WINRS_NOPROFILE", "").upper() in ("TRUE", "1")
    if request.resource != envelope.CMD:
        shell.pool = _pool(element)
    host.add(shell)
    return envelope.answer(
        request,
        f"<x:ResourceCreated><a:Address>{escape(f'http://{host.name}:5985/wsman')}</a:Address><a:ReferenceParameters>"
        f"<w:ResourceURI>{escape(shell.resource)}</w:ResourceURI><w:SelectorSet>"
        f'<w:Selector Name="ShellId">{escape(shell.identifier)}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
        f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{escape(shell.identifier)}</rsp:ShellId>"
        f"<rsp:ResourceUri>{escape(shell.resource)}</rsp:ResourceUri><rsp:Owner>{escape(account.user)}</rsp:Owner>"
        f"<rsp:IdleTimeOut>PT{shell.idle_timeout:.3f}S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>"
        "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>",
    )


def _pool(element: ET.Element) -> psrp.Pool:
    """[MS-WSMV] 3.1.4.5.3, the custom remote shell: PSRP's first messages are within the creation."""
    text = element.findtext("{http://schemas.microsoft.com/powershell}creationXml") or ""
    try:
        return psrp.Pool(base64.b64decode(text))
    except (binascii.Error, ValueError) as error:
        raise Fault(faults.INVALID_PARAMETER, "The parameter is incorrect.") from error


def _pipeline(host: Host, shell: Shell, pool: psrp.Pool, element: ET.Element, request: Request) -> bytes:
    command = shell.add(element.get("CommandId"), host.settings.max_processes_per_shell)
    first = base64.b64decode(element.findtext(f"{{{SHELL}}}Arguments") or "")
    host.record.add(
        "execute", shell=shell.identifier, command=command.identifier, line="a pipeline of PSRP", skip_cmd=True
    )
    threading.Thread(target=psrp.run, args=(pool, command, first, host.files), daemon=True).start()
    return _commanded(request, command.identifier)


def _commanded(request: Request, identifier: str) -> bytes:
    return envelope.answer(
        request, f"<rsp:CommandResponse><rsp:CommandId>{escape(identifier)}</rsp:CommandId></rsp:CommandResponse>"
    )


def _command(host: Host, shell: Shell, request: Request) -> bytes:
    """[MS-WSMV] 3.1.4.11."""
    element = request.child("CommandLine")
    if element is not None and shell.pool is not None:
        return _pipeline(host, shell, shell.pool, element, request)
    program = None if element is None else element.findtext(f"{{{SHELL}}}Command")
    if element is None or not program:
        raise Fault(faults.INVALID_PARAMETER, "The parameter is incorrect.")
    line = commandline.join(program, [found.text or "" for found in element.iterfind(f"{{{SHELL}}}Arguments")])
    skip = request.options.get("WINRS_SKIP_CMD_SHELL", "").upper() in ("TRUE", "1")
    if skip and len(line) > commandline.PROCESS_LIMIT:
        raise Fault(faults.FILE_NAME_TOO_LONG, "The filename or extension is too long.")
    command = shell.add(element.get("CommandId"), host.settings.max_processes_per_shell)
    console = request.options.get("WINRS_CONSOLEMODE_STDIN", "").upper() in ("TRUE", "1")
    job = Job(
        command,
        line,
        host.name,
        shell.user,
        host.count,
        environment={"COMPUTERNAME": host.name.upper(), "USERNAME": shell.user, **shell.environment},
        codepage=shell.codepage,
        folder=shell.folder,
        no_profile=shell.no_profile,
        skip_cmd=skip,
        powershell=host.settings.powershell,
        files=host.files,
    )
    host.record.add(
        "execute",
        shell=shell.identifier,
        command=command.identifier,
        line=line[:200],
        skip_cmd=skip,
        console_stdin=console,
    )
    threading.Thread(target=runner.run, args=(job,), daemon=True).start()
    return _commanded(request, command.identifier)


def _send(_: Host, shell: Shell, request: Request) -> bytes:
    """[MS-WSMV] 3.1.4.13."""
    streams = [] if request.body is None else list(request.body.iterfind(f"{{{SHELL}}}Send/{{{SHELL}}}Stream"))
    if not streams:
        raise Fault(faults.INVALID_XML, "The body holds no Stream.")
    for stream in streams:
        if stream.get("Name") != "stdin":
            raise Fault(faults.INVALID_PARAMETER, "The parameter is incorrect.")
        try:
            data = base64.b64decode("".join((stream.text or "").split()), validate=True)
        except binascii.Error as error:
            raise Fault(faults.INVALID_XML, "The stream is not base64.") from error
        end = stream.get("End", "").lower() in ("true", "1")
        shell.command(stream.get("CommandId")).send(data, end, request.operation_timeout)
    return envelope.answer(request, "<rsp:SendResponse/>")


def _receive(_: Host, shell: Shell, request: Request) -> bytes:
    """[MS-WSMV] 3.1.4.14: waits for output, at most for OperationTimeout."""
    element = request.child("Receive")
    desired = None if element is None else element.find(f"{{{SHELL}}}DesiredStream")
    if desired is None:
        raise Fault(faults.INVALID_XML, "The body holds no DesiredStream.")
    names = (desired.text or "").split()
    command = shell.command(desired.get("CommandId"))
    size = (request.max_envelope - OVERHEAD) // 4 * 3
    received = command.receive(names, size, request.operation_timeout)
    return envelope.answer(request, _output(command.identifier, names, received))


def _output(identifier: str, names: list[str], received: Received) -> str:
    name = escape(identifier)
    parts = ["<rsp:ReceiveResponse>"]
    for stream, data in received.pieces:
        parts += [f'<rsp:Stream Name="{stream}" CommandId="{name}">', base64.b64encode(data).decode(), "</rsp:Stream>"]
    if received.exit_code is None:
        parts.append(f'<rsp:CommandState CommandId="{name}" State="{_STATE}/Running"/>')
    else:
        parts += [f'<rsp:Stream Name="{stream}" CommandId="{name}" End="true"></rsp:Stream>' for stream in names]
        parts.append(
            f'<rsp:CommandState CommandId="{name}" State="{_STATE}/Done">'
            f"<rsp:ExitCode>{received.exit_code}</rsp:ExitCode></rsp:CommandState>"
        )
    parts.append("</rsp:ReceiveResponse>")
    return "".join(parts)


def _signal(host: Host, shell: Shell, request: Request) -> bytes:
    """[MS-WSMV] 3.1.4.12: Ctrl-C reaches the program, terminate ends the command and forgets it."""
    element = request.child("Signal")
    code = "" if element is None else element.findtext(f"{{{SHELL}}}Code") or ""
    command = shell.command(None if element is None else element.get("CommandId"))
    kind = code.rpartition("/")[2].lower()
    host.record.add("signal", shell=shell.identifier, command=command.identifier, code=kind, running=command.running)
    if kind in ("ctrl_c", "ctrl_break"):
        command.stop(CONTROL_C_EXIT)
    elif kind == "terminate":
        shell.forget(command.identifier)
        command.stop(1)
    else:
        raise Fault(faults.INVALID_PARAMETER, f"The signal {code} is not known.")
    return envelope.answer(request, "<rsp:SignalResponse/>")


_ACTIONS = {"Command": _command, "Send": _send, "Receive": _receive, "Signal": _signal}
