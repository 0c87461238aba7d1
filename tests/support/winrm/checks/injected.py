"""Injected faults do what they say, once, where they say; what was executed and what was not is in the record."""

import base64
import http.client
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
from pypsrp.shell import SignalCode

from started import PASSWORD, Peer

from .clients import HOST, Session, Way
from .register import check, refused, same, while_received

SEALED = Way("pypsrp", "ntlm", False)
BROKEN = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)


def _hit(
    peer: Peer, fault: dict[str, object], error: type[BaseException] | tuple[type[BaseException], ...], executions: int
) -> Any:
    """Injects, runs one command, and compares what it raised and how often it was executed."""
    before = peer.do("counts", HOST)
    session = Session(peer, SEALED)
    client = session.__enter__()
    peer.do("inject", HOST, fault=fault)
    raised = refused(error, lambda: client.run("count", "hit"))  # type: ignore[arg-type]
    after = peer.do("counts", HOST)
    same(after.get("execute", 0) - before.get("execute", 0), executions, "executions")
    same(
        after.get("injected", 0) - before.get("injected", 0),
        0 if fault["do"] in ("fault", "lost_shell") else 1,
        "injections",
    )
    with Session(peer, SEALED) as other:
        same(other.run("exit", "0")[0], 0, "a new connection")
    for shell in peer.do("shells", HOST):
        peer.do("drop", HOST, shell=shell)
    return raised


_TABLE: list[tuple[str, str, type[BaseException] | tuple[type[BaseException], ...], int]] = [
    ("Command", "drop", BROKEN, 0),
    ("Command", "drop_after", BROKEN, 1),
    ("Command", "truncate", BROKEN, 1),
    ("Receive", "drop", BROKEN, 1),
    ("Receive", "drop_after", BROKEN, 1),
    ("Receive", "truncate", BROKEN, 1),
    ("Command", "busy", WinRMTransportError, 0),
    ("Command", "empty", WinRMTransportError, 0),
    ("Command", "unrelated", WinRMError, 1),
    ("Command", "garbage", (ET.ParseError, UnicodeDecodeError), 1),
    ("Receive", "broken_seal", Exception, 1),
]
for _on, _do, _error, _executions in _TABLE:
    check(f"injected: `{_do}` on {_on}")(
        partial(_hit, fault={"on": _on, "do": _do}, error=_error, executions=_executions)
    )


@check("injected: a fault with its number")
def _fault(peer: Peer) -> None:
    error = _hit(peer, {"on": "Command", "do": "fault", "code": 2150859174}, WSManFaultError, 0)
    same(error.code, 2150859174, "code")


@check("injected: 401 after the third request is the end of the logon, not of the password")
def _unauthorized(peer: Peer) -> None:
    with Session(peer, SEALED) as client:
        peer.do("inject", HOST, fault={"on": "any", "do": "unauthorized", "nth": 3})
        before = peer.do("counts", HOST)
        # pypsrp logs on anew and sends the old sealed bytes, which belong to no context any more: 400.
        refused((WinRMTransportError, AuthenticationError), lambda: [client.run("exit", "0") for _ in range(3)])  # type: ignore[arg-type]
        after = peer.do("counts", HOST)
        same(after["unreadable"] - before.get("unreadable", 0), 1, "sealed bytes sent twice")
        same(after.get("logon_failed", 0), before.get("logon_failed", 0), "failed logons")
        client.shell.opened = False
    for shell in peer.do("shells", HOST):
        peer.do("drop", HOST, shell=shell)


@check("injected: 503 and a closed connection in the middle of a logon")
def _handshake(peer: Peer) -> None:
    peer.do("inject", HOST, fault={"on": "handshake", "do": "busy", "nth": 2})
    same(refused(WinRMTransportError, lambda: Session(peer, SEALED).__enter__()).code, 503, "status")
    peer.do("inject", HOST, fault={"on": "handshake", "do": "drop"})
    refused(requests.exceptions.ConnectionError, lambda: Session(peer, SEALED).__enter__())
    peer.do("inject", HOST, fault={"on": "connect", "do": "drop"})
    refused(requests.exceptions.ConnectionError, lambda: Session(peer, SEALED).__enter__())


@check("injected: slow answers, and answers byte by byte")
def _slow(peer: Peer) -> None:
    with Session(peer, SEALED) as client:
        peer.do("inject", HOST, fault={"on": "Command", "do": "slow", "seconds": 0.7})
        began = time.monotonic()
        same(client.run("exit", "3")[0], 3, "exit code")
        if time.monotonic() - began < 0.7:
            raise AssertionError("the answer was not slow")
        peer.do("inject", HOST, fault={"on": "Receive", "do": "trickle"})
        same(client.run("exit", "4")[0], 4, "exit code")


def _raw(peer: Peer, do: str, look: Callable[[http.client.HTTPResponse], None]) -> None:
    """One Identify with Basic, in plain, so that nothing is between the answer and the look at it."""
    peer.do("set", HOST, settings={"allow_unencrypted": True})
    host = peer.ready["hosts"][HOST]
    connection = http.client.HTTPConnection(host["address"], host["http"], timeout=10)
    try:
        peer.do("inject", HOST, fault={"on": "Identify", "do": do})
        logon = base64.b64encode(f"Administrator:{PASSWORD}".encode()).decode()
        body = (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
            '<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/></s:Body></s:Envelope>'
        )
        headers = {"Authorization": f"Basic {logon}", "Content-Type": "application/soap+xml;charset=UTF-8"}
        connection.request("POST", "/wsman", body, headers)
        look(connection.getresponse())
    finally:
        connection.close()
        peer.do("set", HOST, settings={"allow_unencrypted": False})


def _length(response: http.client.HTTPResponse) -> None:
    same(response.getheader("Content-Length"), str(1 << 62), "Content-Length")


def _endless(response: http.client.HTTPResponse) -> None:
    same(len(response.read(5_000_000)), 5_000_000, "what is read of an answer without end")


def _identity(response: http.client.HTTPResponse) -> None:
    same((response.status, b"Microsoft Corporation" in response.read()), (200, True), "answer to Identify")


check("injected: a length that nobody has memory for")(lambda peer: _raw(peer, "huge", _length))
check("injected: an answer without end")(lambda peer: _raw(peer, "endless", _endless))
check("injected: Identify answers byte by byte")(lambda peer: _raw(peer, "trickle", _identity))


@check("injected: a host that says nothing, hangs up, goes down and comes back")
def _away(peer: Peer) -> None:
    with Session(peer, SEALED) as client:
        process = client.start("sleep", ["60"])
        peer.do("inject", HOST, fault={"on": "Signal", "do": "silent"})
        client.wsman.transport.read_timeout = 1
        refused(requests.exceptions.ReadTimeout, lambda: process.signal(SignalCode.CTRL_C))
        client.wsman.transport.read_timeout = 30
        # What was not answered was done all the same; the next connection finds the program ended.
        client.wsman.transport.encryption = None
        process.end_invoke()
        same(process.rc, 0xC000013A, "exit code")
        peer.do("hangup", HOST)
        client.wsman.transport.encryption = None
        same(client.run("exit", "5")[0], 5, "the shell outlives its connections")
        waiting = client.start("sleep", ["60"])
        away = while_received(peer, HOST, lambda: peer.do("down", HOST))
        refused(requests.exceptions.ConnectionError, waiting.poll_invoke)
        away.join()
        refused(requests.exceptions.ConnectionError, lambda: Session(peer, SEALED).__enter__())
        same(peer.do("shells", HOST), [], "shells of a host that is down")
        client.shell.opened = False
    peer.do("up", HOST)
    with Session(peer, SEALED) as client:
        same(client.run("exit", "6")[0], 6, "exit code after it came back")


@check("injected: a sealed request is answered in plain")
def _unsealed(peer: Peer) -> None:
    with Session(peer, SEALED) as client:
        seen: list[str] = []
        transport = client.wsman.transport
        transport.session.hooks["response"].append(lambda response, **_: seen.append(response.headers["Content-Type"]))
        peer.do("inject", HOST, fault={"on": "Command", "do": "unsealed"})
        client.run("exit", "0")
        same(
            [kind for kind in seen if kind.startswith("application/soap")],
            ["application/soap+xml;charset=UTF-8"],
            "in plain",
        )
