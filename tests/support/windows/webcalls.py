"""Calls that ask other machines: uri, get_url, wait_port, wait_path, wait_text, wait_time.

Sources: `HttpWebRequest`, `WebException` (learn.microsoft.com/dotnet/api/system.net): an answer with a status of 400 and more is an
exception that has the answer; messages of NameResolutionFailure, ConnectFailure, TrustFailure, Timeout. What other machines
answer stands in the section `network` (URL -> status, body, headers); sites of this host answer as `site.py` says; an
address of this machine's loopback that the model does not know is asked for real.
"""

from __future__ import annotations

import hashlib
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from . import filepoints, site
from .calls import Arguments, Failure, function
from .commandcalls import begin, skips
from .pathcalls import backup, digest, expand, parents, place

if TYPE_CHECKING:
    from .session import Session

HTTP = (
    "url", "method", "names", "values", "user", "password", "force_login", "timeout", "no_redirect", "redirects",
    "no_check", "no_proxy", "proxy", "default_login", "certificate", "agent", "payload",
)  # fmt: skip


class Answer:
    def __init__(self, status: int, body: bytes, headers: dict[str, str], url: str) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        self.url = url


REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 304: "Not Modified", 401: "Unauthorized",
           403: "Forbidden", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class Unanswered(Exception):
    """No answer came; the text is the exception's."""


def ask(session: "Session", a: Arguments) -> Answer:
    """Sends the request."""
    url = a.need("url")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure("Invalid URI: The format of the URI could not be determined.")
    session.host.event("request", url=url, method=a.text("method", "GET"))
    header = dict(zip([name.lower() for name in a.list("names")], a.list("values"), strict=True))
    for known, answer in session.host.store.items("network"):
        if url.lower().split("?")[0].rstrip("/") == known.rstrip("/"):
            if answer.get("fails"):
                raise Unanswered(answer["fails"])
            return Answer(answer["status"], answer.get("body", "").encode(), answer.get("headers", {}), url)
    found = site.answer(session.host, parts.scheme, parts.hostname, parts.port, parts.path or "/", header.get("host"))
    if isinstance(found, str):
        raise Unanswered(found)
    if found is not None:
        if parts.scheme == "https" and not found.trusted and not a.flag("no_check"):
            raise Unanswered(
                "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure "
                "channel.: The remote certificate is invalid according to the validation procedure."
            )
        return Answer(found.status, found.body, found.headers, url)
    if parts.hostname.startswith("127.") or parts.hostname == "localhost":
        return _real(url, a, session.payload)
    raise Unanswered(f"The remote name could not be resolved: '{parts.hostname}'")


def _real(url: str, a: Arguments, body: bytes | None) -> Answer:
    import http.client

    parts = urllib.parse.urlsplit(url)
    limit = a.number("timeout", 30) or 30
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=limit)
    try:
        headers = dict(zip(a.list("names"), a.list("values"), strict=True))
        connection.request(a.text("method", "GET"), parts.path or "/", body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), dict(answer.getheaders()), url)
    except TimeoutError:
        raise Unanswered("The operation has timed out") from None
    except OSError:
        raise Unanswered(f"Unable to connect to the remote server: {parts.hostname}:{parts.port}") from None
    finally:
        connection.close()


def _tell(session: "Session", answer: Answer) -> None:
    session.v("status", str(answer.status))
    session.v("reason", REASONS.get(answer.status, ""))
    session.v("url", answer.url)
    for name, value in answer.headers.items():
        session.v("header", f"{name} {value}")


@function("uri", *HTTP, "creates", "removes", "content", "limit", "changes")
def uri(session: "Session", a: Arguments) -> int:
    if skips(session, a):
        return 0
    if a.flag("changes"):
        begin(session)
    try:
        answer = ask(session, a)
    except Unanswered as error:
        session.v("unanswered", str(error))
        return 0
    _tell(session, answer)
    limit = a.number("limit", 1 << 24)
    if len(answer.body) > limit:
        session.v("cut", "1")
    session.b("body", answer.body[:limit])
    return 0


@function("get_url", *HTTP, "path", "name", "force", "checksum", "algorithm", "backup", "check", "diff")
def get_url(session: "Session", a: Arguments) -> int:
    path = place(session, a)
    session.v("path", path)
    kind = filepoints.kind_of(session, path)
    session.v("was", kind)
    if kind == "directory":
        raise Failure(f"`{path}` is a directory, not a file")
    checksum, algorithm = a.get("checksum"), a.text("algorithm", "sha1")
    if kind == "file" and checksum is not None:
        if digest(session, path, algorithm).lower() == checksum.lower():
            session.v("same", "1")
            return 0
    elif kind == "file" and not a.flag("force"):
        session.v("same", "1")
        return 0
    parents(session, path, False, a.flag("check"))
    try:
        answer = ask(session, a)
    except Unanswered as error:
        session.v("unanswered", str(error))
        return 1
    session.v("status", str(answer.status))
    session.v("reason", REASONS.get(answer.status, ""))
    if answer.status >= 300:
        return session.fail(f"the server answered with status {answer.status}")
    if checksum is not None:
        seen = hashlib.new(algorithm, answer.body).hexdigest()
        if seen.lower() != checksum.lower():
            raise Failure(f"the {algorithm} of what the server sent is {seen}, not {checksum}")
    sha = hashlib.sha256(answer.body).hexdigest()
    if kind == "file" and digest(session, path) == sha:
        session.v("same", "1")
        return 0
    session.v("changed", "1")
    session.v("size", str(len(answer.body)))
    session.v("sha256", sha)
    if a.flag("check"):
        return 0
    if kind == "file" and a.flag("backup"):
        backup(session, path)
    filepoints.write(session, path, answer.body)
    return 0


def _pause(session: "Session", a: Arguments, name: str = "pause") -> None:
    seconds = a.number(name)
    if seconds:
        with session.host.store.unlocked():
            time.sleep(seconds)


@function("wait_path", "path", "want", "pause")
def wait_path(session: "Session", a: Arguments) -> int:
    _pause(session, a)
    absent = not session.host.files.exists(expand(session, a.need("path")))
    return 0 if absent == (a.text("want") == "absent") else 75


@function("wait_text", "path", "pause")
def wait_text(session: "Session", a: Arguments) -> int:
    _pause(session, a)
    path = expand(session, a.need("path"))
    if session.host.files.is_file(path):
        session.b("text", session.host.files.read(path))
    return 75


@function("wait_port", "host", "port", "want", "pause", "limit")
def wait_port(session: "Session", a: Arguments) -> int:
    _pause(session, a)
    opened = is_open(session, a.need("host"), a.number("port"))
    if not opened:
        session.v("why", "No connection could be made because the target machine actively refused it")
        return 0 if a.text("want") == "closed" else 75
    if a.text("want") == "text":
        session.b("text", b"")
    return 0 if a.text("want") == "open" else 75


def is_open(session: "Session", name: str, port: int) -> bool:
    host = session.host
    local = name.lower() in (
        "localhost",
        "127.0.0.1",
        str(host.setting("computer")).lower(),
        str(host.setting("dns_name")),
    )
    if local:
        if port in site.ports(host):
            return True
        return {22: "sshd", 5985: "WinRM", 135: "RpcSs", 445: "LanmanServer"}.get(port, "") in _running(host)
    ports: list[Any] = (host.store.get("endpoints", name.lower()) or {}).get("ports", [])
    return port in ports


def _running(host: Any) -> set[str]:
    return {record["name"] for _, record in host.store.items("services") if record["state"] == "running"}


@function("wait_time", "seconds")
def wait_time(session: "Session", a: Arguments) -> int:
    _pause(session, a, "seconds")
    return 0
