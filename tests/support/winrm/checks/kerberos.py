"""Kerberos with a KDC of its own: sealed over http, with channel bindings over https, by ticket and by password."""

from functools import partial
from typing import Any

from pypsrp.exceptions import AuthenticationError

from started import Peer

from .clients import HOST, Session, Way
from .register import check, refused, same
from .running import _everything

USER = "svc-rollout"
REALM = "CORP.EXAMPLE"


def _logon(peer: Peer) -> Any:
    return peer.do("log", HOST, kind="logon")[-1]


_WAYS = [
    Way("pypsrp", "kerberos", False, user=f"{USER}@{REALM}"),
    Way("pypsrp", "kerberos", True, user=f"{USER}@{REALM}"),
    Way("pypsrp", "negotiate", False, user=f"{USER}@{REALM}", more={"negotiate_hostname_override": HOST}),
    Way("pywinrm", "kerberos", False, user=f"{USER}@{REALM}"),
    Way("pywinrm", "kerberos", True, user=f"{USER}@{REALM}"),
]


def _by_kerberos(peer: Peer, way: Way) -> None:
    _everything(peer, way)
    seen = _logon(peer)
    same((seen["protocol"], seen["principal"]), ("kerberos", f"{USER}@{REALM}"), "logon")
    same(seen["cbt"], way.tls, "channel bindings")
    sealed = {request["sealed"] for request in peer.do("log", HOST, kind="request", since=seen["seq"])}
    same(sealed, {not way.tls}, "sealed requests")


for _way in _WAYS:
    check(f"kerberos: {_way}: programs, codes, 10 MiB out, 2 MiB in")(partial(_by_kerberos, way=_way))


@check("kerberos: pypsrp over https is refused without channel bindings")
def _no_bindings(peer: Peer) -> None:
    way = Way("pypsrp", "kerberos", True, user=f"{USER}@{REALM}", more={"negotiate_send_cbt": False})
    refused(AuthenticationError, lambda: Session(peer, way).__enter__())
    same(peer.do("log", HOST, kind="logon_failed")[-1]["why"], "no channel bindings", "reason")


@check("kerberos: WSMAN/ is a service name as good as HTTP/")
def _service(peer: Peer) -> None:
    way = Way("pypsrp", "kerberos", False, user=f"{USER}@{REALM}", more={"negotiate_service": "WSMAN"})
    with Session(peer, way) as client:
        same(client.run("exit", "0")[0], 0, "exit code")


@check("kerberos: NTLM goes on where Kerberos is offered too")
def _fallback(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        same(client.run("exit", "0")[0], 0, "exit code")
    same(_logon(peer)["protocol"], "ntlm", "protocol")
