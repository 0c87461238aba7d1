"""One connection: HTTP in, logon, unsealing, the service, sealing, HTTP out, and the injected faults on the way."""

import base64
import http.server
import socket
import ssl
import time
from http import HTTPStatus
from typing import Any

from . import envelope, faults, sealing, service
from .accounts import Account, Accounts
from .authentication import Logon, Refused
from .faults import Fault
from .host import Host
from .injection import Injection

PATH = "/wsman"
SOAP_TYPE = "application/soap+xml;charset=UTF-8"
# What a request may need besides its envelope: boundaries and signature.
SEAL_OVERHEAD = 4096

# A page that is no XML, as http.sys sends one.
BUSY = (
    b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">\r\n<HTML><HEAD><TITLE>Service Unavailable</TITLE>\r\n'
    b'<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
    b"<BODY><h2>Service Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p></BODY></HTML>\r\n"
)


class Hangup(Exception):
    """Close the connection without an answer."""


class Connection(http.server.BaseHTTPRequestHandler):
    """Runs until the client hangs up; `server` is not used, what it needs comes in `setup_for`."""

    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    # A client that says nothing for this long is gone.
    timeout = 300

    host: Host
    accounts: Accounts
    number: int
    logon: Logon

    @classmethod
    def serve(cls, host: Host, accounts: Accounts, number: int, stream: socket.socket, certificate: bytes) -> None:
        handler = cls.__new__(cls)
        handler.host, handler.accounts, handler.number = host, accounts, number
        tls = stream if isinstance(stream, ssl.SSLSocket) else None
        handler.logon = Logon(host, accounts, number, tls, certificate)
        handler.__init__(stream, stream.getpeername(), None)  # type: ignore[misc]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (named by the standard library)
        """The record is the log."""

    @property
    def encrypted(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket)

    def do_GET(self) -> None:
        self._respond(405)

    def do_POST(self) -> None:
        try:
            self._post()
        except Hangup:
            self.close_connection = True
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _post(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") is not None or not length.isdigit():
            self.close_connection = True
            return self._respond(411)
        # http.sys takes more than the service, and refuses without a look at it what is far too large.
        if int(length) > 64 * 1024 * 1024:
            self.close_connection = True
            return self._respond(413)
        body = self.rfile.read(int(length))
        if self.path != PATH:
            return self._respond(404)
        authorization = self.headers.get("Authorization")
        if authorization is not None and self.logon.continues(authorization):
            self.host.record.add("handshake", connection=self.number)
            injection = self.host.injections.due("handshake")
            if injection is not None and self._hit_early(injection):
                return
            if injection is not None and injection.do == "slow":
                time.sleep(injection.seconds)
        try:
            account = self._enter(authorization)
        except Refused as refused:
            return self._refuse(refused)
        headers = []
        if self.logon.reply is not None:
            headers.append(_token(self.logon.reply))
        if not body:
            # A client that wants to seal logs on with an empty message first.
            return self._respond(200, headers)
        self._message(account, body, headers)

    def _enter(self, authorization: str | None) -> Account:
        if authorization is None and self.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated":
            return Account("", "", admin=False)
        return self.logon.enter(authorization)

    def _refuse(self, refused: Refused) -> None:
        if refused.token is not None:
            return self._respond(401, [_token(refused.token)])
        self.host.record.add("unauthorized", connection=self.number)
        self._respond(401, [("WWW-Authenticate", offer) for offer in self.logon.offers()])

    def _message(self, account: Account, body: bytes, headers: list[tuple[str, str]]) -> None:
        try:
            protocol = sealing.protocol_of(self.headers.get("Content-Type", ""))
            if protocol is not None:
                if self.logon.context is None:
                    raise sealing.Unreadable("no context on this connection")
                body = sealing.unseal(self.logon.context, body)
        except sealing.Unreadable as why:
            self.host.record.add("unreadable", connection=self.number, why=str(why))
            self.close_connection = True
            return self._respond(400, headers)
        unsealed_is_fine = self.encrypted or self.host.settings.allow_unencrypted or not account.user
        if protocol is None and not unsealed_is_fine:
            # Unverified beyond what users report (pywinrm issues 129 and 208): 500, and nothing in it.
            self.host.record.add("unencrypted", connection=self.number)
            self.close_connection = True
            return self._respond(500, headers)
        if len(body) > self.host.settings.max_envelope_size_kb * 1024:
            self.host.record.add("too_large", connection=self.number, size=len(body))
            return self._respond(413, headers)
        self._serve(account, body, protocol, headers)

    def _serve(self, account: Account, body: bytes, protocol: str | None, headers: list[tuple[str, str]]) -> None:
        relates_to = ""
        injection = None
        began = time.monotonic()
        code = 0
        try:
            request = envelope.read(body)
            relates_to = request.message
            if not account.user and request.action != "Identify":
                return self._refuse(Refused())
            self.host.record.add(
                "request",
                connection=self.number,
                action=request.action,
                size=len(body),
                sealed=protocol is not None,
                shell=request.shell,
            )
            injection = self.host.injections.due("any", request.action)
            if injection is not None:
                if self._hit_early(injection):
                    return
                if injection.do == "lost_shell":
                    self.host.drop(request.shell or "", "shell_lost")
                    raise faults.no_shell(request.shell or "")
                if injection.do == "fault":
                    raise Fault(injection.code, "An injected fault.")
            answer = service.answer(self.host, account, request)
            status = 200
        except Fault as fault:
            code = fault.code
            self.host.record.add(
                "fault", connection=self.number, code=fault.code, after=round(time.monotonic() - began, 3)
            )
            answer = envelope.refusal(relates_to, fault, self.host.name)
            status = 500
        self._answer(status, answer, protocol, headers, injection if code == 0 else None)

    def _hit_early(self, injection: Injection) -> bool:
        """What is done instead of looking at the request; false for what happens later."""
        if injection.do not in ("drop", "unauthorized", "busy", "empty"):
            return False
        # First into the record, so that who got the answer finds it there.
        self.host.record.add("injected", connection=self.number, do=injection.do)
        match injection.do:
            case "drop":
                raise Hangup()
            case "unauthorized":
                self.logon.forget()
                self._refuse(Refused())
            case "busy":
                self._respond(503, [("Content-Type", "text/html; charset=us-ascii")], BUSY)
            case "empty":
                self._respond(500)
        return True

    def _answer(
        self,
        status: int,
        answer: bytes,
        protocol: str | None,
        headers: list[tuple[str, str]],
        injection: Injection | None,
    ) -> None:
        do = injection.do if injection else ""
        if injection is not None:
            self.host.record.add("injected", connection=self.number, do=do)
        match do:
            case "garbage":
                answer = b"<s:Envelope><unclosed attribute=\xff\xfe&nothing;"
            case "unrelated":
                answer = answer.replace(b"<a:RelatesTo>", b"<a:RelatesTo>uuid:00000000-0000-0000-0000-000000000000-", 1)
            case "slow" if injection:
                time.sleep(injection.seconds)
        content = SOAP_TYPE
        if protocol is not None and do != "unsealed":
            answer = sealing.seal(self.logon.context, answer, protocol)
            content = sealing.content_type(protocol)
        if do == "broken_seal":
            # Near the end, so that it is in the data and not in what frames it.
            at = len(answer) - 64
            answer = answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
        headers = [*headers, ("Content-Type", content)]
        match do:
            case "drop_after":
                raise Hangup()
            case "silent":
                self._wait_for_hangup()
            case "truncate":
                self._raw(
                    self._head(status, [*headers, ("Content-Length", str(len(answer)))]) + answer[: len(answer) // 2]
                )
                raise Hangup()
            case "huge":
                self._raw(self._head(status, [*headers, ("Content-Length", str(1 << 62))]) + answer)
                self._wait_for_hangup()
            case "endless":
                self._raw(self._head(status, [*headers, ("Transfer-Encoding", "chunked")]))
                while True:
                    self._raw(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            case "trickle":
                head = self._head(status, [*headers, ("Content-Length", str(len(answer)))])
                for byte in head + answer:
                    self._raw(bytes([byte]))
                    time.sleep(0.0005)
            case _:
                self._respond(status, headers, answer)

    def _wait_for_hangup(self) -> None:
        while self.connection.recv(65536):
            pass
        raise Hangup()

    def _head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Server: {self.server_version}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _respond(self, status: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> None:
        head = self._head(status, [*(headers or []), ("Content-Length", str(len(body)))])
        self._raw(head + body)


def _token(token: tuple[str, bytes]) -> tuple[str, str]:
    scheme, data = token
    return ("WWW-Authenticate", f"{scheme} {base64.b64encode(data).decode()}")
