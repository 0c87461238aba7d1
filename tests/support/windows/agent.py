"""The tools of the agent that stand in its folder, and the server that they ask.

Source: the install guide and its reference of executables: `Invoke-Job` with a job that does not exist answers
`Job: NAME is not found` where server and secret are right. The server is the section `settings`, name `server`: url, clients
(identifier -> secret), jobs (names that exist, with the exit status of each).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import programs
from .command import Piece

if TYPE_CHECKING:
    from .programs import Call


def options(call: "Call") -> dict[str, str]:
    found, words = {}, call.argv[1:]
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            found[word.lstrip("-").lower()] = words.pop(0) if words and not words[0].startswith("-") else ""
    return found


def reach(call: "Call", given: dict[str, str]) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with the server or the login, if something is."""
    server = call.host.setting("server", {})
    url = given.get("api-url", "").rstrip("/")
    if not server or url != server.get("url", "").rstrip("/"):
        return f"No such host is known. ({url.partition('//')[2]})", server
    secret = server.get("clients", {}).get(given.get("api-client-id", "").split("@")[0])
    if secret is None or secret != given.get("api-secret", ""):
        return "invalid_client", server
    return None, server


def invoke_job(call: "Call") -> Iterator[Piece]:
    given = options(call)
    wrong, server = reach(call, given)
    job = given.get("j", given.get("job-identifier", ""))
    call.host.event("job", job=job)
    if wrong:
        yield programs.err(f"Unhandled exception. System.Net.Http.HttpRequestException: {wrong}")
        yield 1
        return
    jobs = server.get("jobs", {})
    if job not in jobs:
        yield programs.out(f"Job: {job} is not found")
        yield 1
        return
    yield 0.05
    yield programs.out(f"Job {job} finished")
    yield int(jobs[job])


def job_steps(call: "Call") -> Iterator[Piece]:
    given = options(call)
    wrong, server = reach(call, given)
    if wrong:
        yield programs.err(wrong)
        yield 1
        return
    job = given.get("job-identifier", "")
    if job not in server.get("jobs", {}):
        yield programs.out(f"Job: {job} is not found")
        yield 1
        return
    yield programs.out(f"1 {job}-Export\r\n2 {job}-Prepare\r\n3 {job}-Synchronize")
    yield 0


def new_secret(call: "Call") -> Iterator[Piece]:
    secret = options(call).get("client-secret", "")
    yield programs.out(base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode())
    yield 0


def protect_password(call: "Call") -> Iterator[Piece]:
    secret = options(call).get("pfx-password", "")
    pieces = [
        base64.b64encode(hashlib.sha256(f"{number}{secret}".encode()).digest()[:12]).decode() for number in range(3)
    ]
    yield programs.out("@".join(pieces))
    yield 0


programs.SUFFIXES += [
    (r"-invoke-job$", invoke_job),
    (r"-get-jobsteps$", job_steps),
    (r"-new-openidsecret$", new_secret),
    (r"-protect-certificatepassword$", protect_password),
]
