"""Calls that look at how an agent does: effective_rights, event_log, iis_worker.

Sources: "How DACLs control access to an object" (learn.microsoft.com/windows/win32/secauthz): entries count in their order, and
only those for SIDs of the token; "Application pool identities" (learn.microsoft.com/iis/manage/configuring-security);
`EventLog.Entries` and `WorkerProcess` (learn.microsoft.com/dotnet/api).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import accounts, acl
from .aclcalls import account, descriptor, there, whole
from .calls import Arguments, Failure, elements, function
from .host import EPOCH

if TYPE_CHECKING:
    from .session import Session

LOGS = ("application", "system", "security")


@function("effective_rights", "path", "user", "check")
def effective_rights(session: "Session", a: Arguments) -> int:
    sids = accounts.token(session.host, account(session, a.need("user")))
    for text in a.list("path"):
        path = whole(session, text)
        if not there(session, path):
            session.v("rights", f"- {path}")
            continue
        aces = descriptor(session, path).aces
        given = sum(1 << bit for bit in range(21) if acl.may(sids, aces, 1 << bit))
        session.v("rights", f"{given} {path}")
    return 0


@function("event_log", "log", "sources", "since", "check")
def event_log(session: "Session", a: Arguments) -> int:
    if a.need("log").lower() not in LOGS:
        raise Failure(f"the host has no event log `{a.need('log')}`")
    wanted = [source.lower() for source in a.list("sources")]
    for at, entry in sorted(session.host.store.items("event_log"), reverse=True)[:50]:
        seconds = (int(at) - EPOCH) // 10_000_000
        if seconds < a.number("since") or (wanted and entry["source"].lower() not in wanted):
            continue
        shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
        session.v("event", elements([entry["source"], str(entry.get("id", 1000)), shown, entry["text"]]))
    return 0


@function("iis_worker", "pool", "module", "check")
def iis_worker(session: "Session", a: Arguments) -> int:
    host = session.host
    name = a.get("module")
    if name is not None:
        host.iis.need_server()
        session.v("module", "0" if host.store.get("modules", name.lower()) is None else "1")
    pool = host.iis.pool(a.need("pool")) if host.iis.there else None
    if pool is None:
        return 0
    session.v("state", pool["state"])
    since = host.store.get("workers", pool["name"].lower())
    if since is not None:
        session.v("worker", f"4242 {int(since + host.now() - time.time())}")
    return 0
