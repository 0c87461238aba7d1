"""What the peer refuses, and how the two clients see it: passwords, rights, sealing, bindings, certificates, quotas."""

from functools import partial

import requests
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.wsman import WSMan
from winrm.exceptions import InvalidCredentialsError
from winrm.exceptions import WinRMTransportError as PywinrmTransportError
from winrm.exceptions import WSManFaultError as PywinrmFault

from started import Peer

from .clients import HOST, Session, Way
from .register import check, refused, same, while_received


def _open(peer: Peer, way: Way) -> None:
    with Session(peer, way):
        pass


def _one_failed_logon(peer: Peer, way: Way, error: type[BaseException]) -> None:
    before = peer.do("counts", HOST)
    refused(error, lambda: _open(peer, way))
    after = peer.do("counts", HOST)
    same(after.get("logon_failed", 0) - before.get("logon_failed", 0), 1, "failed logons")
    same(after.get("logon", 0) - before.get("logon", 0), 0, "logons")


_WRONG = [
    ("pypsrp", "ntlm", False, AuthenticationError),
    ("pypsrp", "ntlm", True, AuthenticationError),
    ("pypsrp", "basic", True, AuthenticationError),
    ("pywinrm", "ntlm", False, InvalidCredentialsError),
    ("pywinrm", "basic", True, InvalidCredentialsError),
]
for _client, _authentication, _tls, _error in _WRONG:
    _way = Way(_client, _authentication, _tls, password="not the password")
    check(f"{_way}: a wrong password is refused once")(partial(_one_failed_logon, way=_way, error=_error))


@check("pypsrp ntlm over https: refused without channel bindings")
def _no_bindings(peer: Peer) -> None:
    way = Way("pypsrp", "ntlm", True, more={"negotiate_send_cbt": False})
    _one_failed_logon(peer, way, AuthenticationError)
    peer.do("set", HOST, settings={"cbt": "relaxed"})
    try:
        _open(peer, way)
    finally:
        peer.do("set", HOST, settings={"cbt": "strict"})


@check("pywinrm ntlm over https: refused without channel bindings")
def _no_bindings_pywinrm(peer: Peer) -> None:
    _one_failed_logon(peer, Way("pywinrm", "ntlm", True, more={"send_cbt": False}), InvalidCredentialsError)


@check("pypsrp ntlm over https: bindings of a SHA-384 and of an ECDSA certificate")
def _other_bindings(peer: Peer) -> None:
    for kind in ("sha384", "ecdsa"):
        peer.do("set", HOST, settings={"server_certificate": kind})
        try:
            _open(peer, Way("pypsrp", "ntlm", True))
        finally:
            peer.do("set", HOST, settings={"server_certificate": "good"})


@check("pypsrp and pywinrm: certificates of another host, out of time, of strangers are refused by the client")
def _certificates(peer: Peer) -> None:
    for kind in ("wrong_host", "expired", "not_yet", "self_signed", "other_ca"):
        peer.do("set", HOST, settings={"server_certificate": kind})
        try:
            for client in ("pypsrp", "pywinrm"):
                refused(requests.exceptions.SSLError, partial(_open, peer, Way(client, "basic", True)))
        finally:
            peer.do("set", HOST, settings={"server_certificate": "good"})


@check("pypsrp: what is not sealed gets 500 and nothing else over http")
def _unsealed(peer: Peer) -> None:
    error = refused(
        WinRMTransportError, lambda: _open(peer, Way("pypsrp", "ntlm", False, more={"encryption": "never"}))
    )
    same((error.code, error.response_text), (500, ""), "answer")


@check("pywinrm: what is not sealed gets 500 over http")
def _unsealed_pywinrm(peer: Peer) -> None:
    way = Way("pywinrm", "ntlm", False, more={"message_encryption": "never"})
    same(refused(PywinrmTransportError, lambda: _open(peer, way)).code, 500, "answer")


@check("pypsrp: Basic is not offered over http")
def _basic_over_http(peer: Peer) -> None:
    way = Way("pypsrp", "basic", False, more={"encryption": "never"})
    refused(AuthenticationError, lambda: _open(peer, way))


@check("pypsrp and pywinrm: who is no administrator gets access denied (5)")
def _no_administrator(peer: Peer) -> None:
    error = refused(WSManFaultError, lambda: _open(peer, Way("pypsrp", "ntlm", False, user="operator")))
    same(error.code, 5, "fault of pypsrp")
    error = refused(PywinrmFault, lambda: _open(peer, Way("pywinrm", "basic", True, user="operator")))
    same(error.wsman_fault_code, 5, "fault of pywinrm")


@check("pypsrp: accounts of the domain and of the host in all their forms")
def _forms(peer: Peer) -> None:
    for user in (
        "CORP\\svc-rollout",
        "svc-rollout@corp.example",
        "administrator",
        ".\\Administrator",
        "WIN1\\Administrator",
        f"{HOST}\\Administrator",
    ):
        _open(peer, Way("pypsrp", "ntlm", False, user=user))


@check("pypsrp and pywinrm: the quota of shells")
def _shells(peer: Peer) -> None:
    peer.do("set", HOST, settings={"max_shells_per_user": 1})
    try:
        with Session(peer, Way("pypsrp", "ntlm", False)):
            error = refused(WSManFaultError, lambda: _open(peer, Way("pypsrp", "ntlm", False)))
            same(error.code, 2150859173, "fault of pypsrp")
            error = refused(PywinrmFault, lambda: _open(peer, Way("pywinrm", "ntlm", False)))
            same((error.wsman_fault_code, error.fault_subcode), (2150859173, "w:QuotaLimit"), "fault of pywinrm")
        _open(peer, Way("pypsrp", "ntlm", False))
    finally:
        peer.do("set", HOST, settings={"max_shells_per_user": 30})


@check("pypsrp: the quota of commands in a shell")
def _commands(peer: Peer) -> None:
    peer.do("set", HOST, settings={"max_processes_per_shell": 2})
    try:
        with Session(peer, Way("pypsrp", "ntlm", False)) as client:
            first = [client.start("sleep", ["60"]) for _ in range(2)]
            same(refused(WSManFaultError, lambda: client.start("sleep", ["60"])).code, 2150859241, "fault")
            first[0].signal("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/Terminate")
            client.start("exit", ["0"])
    finally:
        peer.do("set", HOST, settings={"max_processes_per_shell": 25})


@check("pypsrp: the quota of operations at once")
def _operations(peer: Peer) -> None:
    peer.do("set", HOST, settings={"max_concurrent_operations_per_user": 1})
    try:
        with (
            Session(peer, Way("pypsrp", "ntlm", False)) as client,
            Session(peer, Way("pypsrp", "ntlm", False)) as other,
        ):
            waiting = client.start("lines", ["2", "2"])
            waiting.poll_invoke()
            seen: list[int] = []
            meanwhile = while_received(
                peer, HOST, lambda: seen.append(refused(WSManFaultError, lambda: other.start("exit", ["0"])).code)
            )
            waiting.end_invoke()
            meanwhile.join()
            same((seen, waiting.rc, other.run("exit", "4")[0]), ([2150859174], 0, 4), "fault and exit codes")
    finally:
        peer.do("set", HOST, settings={"max_concurrent_operations_per_user": 1500})


@check("pypsrp: a Receive that waits is aborted (995) when the shell is deleted")
def _aborted(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        waiting = client.start("sleep", ["60"])
        with Session(peer, Way("pypsrp", "ntlm", False)) as other:
            mine, other.shell._selector_set = other.shell._selector_set, client.shell._selector_set
            delete = while_received(peer, HOST, other.shell.close)
            same(refused(WSManFaultError, waiting.poll_invoke).code, 995, "fault")
            delete.join()
            other.shell._selector_set, other.shell.opened = mine, True
        client.shell.opened = False


@check("pypsrp and pywinrm: TLS 1.2, all that older servers have")
def _older_tls(peer: Peer) -> None:
    peer.do("set", HOST, settings={"tls_maximum": "1.2"})
    try:
        for client in ("pypsrp", "pywinrm"):
            for authentication in ("ntlm", "basic", "certificate"):
                _open(peer, Way(client, authentication, True))
    finally:
        peer.do("set", HOST, settings={"tls_maximum": "1.3"})


@check("pypsrp: MaxEnvelopeSize is asked for, kept, and its excess refused")
def _envelopes(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        wsman: WSMan = client.wsman
        wsman.update_max_payload_size()
        same(wsman.max_envelope_size, 500 * 1024, "size of the host")
        process = client.start("digest", [])
        process.send(b"x" * wsman.max_payload_size, end=False)
        error = refused(WinRMTransportError, lambda: process.send(b"x" * 500_000, end=True))
        same(error.code, 413, "an envelope that is too large")
        wsman.max_envelope_size = 500 * 1024 + 1
        same(refused(WSManFaultError, lambda: client.start("exit", ["0"])).code, 2150858823, "asking for more")
        wsman.max_envelope_size = 153600


@check("pypsrp: command lines that are too long for cmd.exe and for CreateProcess")
def _long_lines(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        long = "x" * 9000
        same(client.run("args", long), (1, b"", b"The command line is too long.\r\n"), "through cmd.exe")
        same(client.run("args", long, skip_cmd=True)[0], 0, "without cmd.exe")
        same(
            refused(WSManFaultError, lambda: client.run("args", "x" * 32767, skip_cmd=True)).code, 206, "CreateProcess"
        )


@check("pypsrp: another user's shell, a lost shell and an idle one are not found")
def _lost(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        with Session(peer, Way("pypsrp", "ntlm", False, user="CORP\\svc-rollout")) as other:
            other.shell._selector_set, mine = client.shell._selector_set, other.shell._selector_set
            same(refused(WSManFaultError, lambda: other.run("exit", "0")).code, 2150858843, "somebody else's")
            other.shell._selector_set = mine
        peer.do("inject", HOST, fault={"on": "Command", "do": "lost_shell"})
        same(refused(WSManFaultError, lambda: client.run("exit", "0")).code, 2150858843, "lost")
        same(refused(WSManFaultError, lambda: client.run("exit", "0")).code, 2150858843, "still lost")
        client.shell.opened = False
    same(peer.do("shells", HOST), [], "open shells")
