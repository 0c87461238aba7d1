r"""Accounts and their SIDs.

Sources: "Well-known SIDs" (learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers);
"Application Pool Identities" (learn.microsoft.com/iis/manage/configuring-security/application-pool-identities): a pool
has the account `IIS AppPool\NAME` as soon as it exists; its SID is S-1-5-82 and the SHA-1 of the lower-case name
in UTF-16, five words; S-1-5-80 and the upper-case name for services.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .host import Host

WELL_KNOWN = {
    "everyone": ("S-1-1-0", "Everyone"),
    "creator owner": ("S-1-3-0", "CREATOR OWNER"),
    "nt authority\\system": ("S-1-5-18", "NT AUTHORITY\\SYSTEM"),
    "nt authority\\local service": ("S-1-5-19", "NT AUTHORITY\\LOCAL SERVICE"),
    "nt authority\\network service": ("S-1-5-20", "NT AUTHORITY\\NETWORK SERVICE"),
    "nt authority\\authenticated users": ("S-1-5-11", "NT AUTHORITY\\Authenticated Users"),
    "nt authority\\interactive": ("S-1-5-4", "NT AUTHORITY\\INTERACTIVE"),
    "nt authority\\service": ("S-1-5-6", "NT AUTHORITY\\SERVICE"),
    "builtin\\administrators": ("S-1-5-32-544", "BUILTIN\\Administrators"),
    "builtin\\users": ("S-1-5-32-545", "BUILTIN\\Users"),
    "builtin\\guests": ("S-1-5-32-546", "BUILTIN\\Guests"),
    "builtin\\remote management users": ("S-1-5-32-580", "BUILTIN\\Remote Management Users"),
    "builtin\\iis_iusrs": ("S-1-5-32-568", "BUILTIN\\IIS_IUSRS"),
    "nt service\\trustedinstaller": (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
        "NT SERVICE\\TrustedInstaller",
    ),
}
_BY_SID = {sid: shown for sid, shown in WELL_KNOWN.values()}


def hashed(authority: int, name: str) -> str:
    digest = hashlib.sha1(name.encode("utf-16-le")).digest()
    return f"S-1-5-{authority}-" + "-".join(str(word) for word in struct.unpack("<5I", digest))


def pool_sid(pool: str) -> str:
    return hashed(82, pool.lower())


def service_sid(service: str) -> str:
    return hashed(80, service.upper())


def sid_of(host: "Host", name: str) -> str | None:
    r"""The SID of an account, or None where no such account exists. `/` is no separator for Windows."""
    if name.upper().startswith("S-1-"):
        return name.upper()
    lower = name.lower()
    computer = str(host.setting("computer", "")).lower()
    if lower.startswith(".\\"):
        lower = lower[2:]
    elif computer and lower.startswith(computer + "\\"):
        lower = lower[len(computer) + 1 :]
    if lower in WELL_KNOWN:
        return WELL_KNOWN[lower][0] if _exists(host, lower) else None
    if lower.startswith("iis apppool\\"):
        pool = host.store.get("pools", lower[12:])
        return pool_sid(pool["name"]) if pool else None
    if lower.startswith("nt service\\"):
        service = host.store.get("services", lower[11:])
        return service_sid(service["name"]) if service else None
    for prefix in ("nt authority\\", "builtin\\"):
        if prefix + lower in WELL_KNOWN and _exists(host, prefix + lower):
            return WELL_KNOWN[prefix + lower][0]
    for section in ("users", "groups"):
        found = host.store.get(section, lower)
        if found:
            return str(found["sid"])
    domain = host.store.get("domain_accounts", lower)
    return str(domain["sid"]) if domain else None


def _exists(host: "Host", lower: str) -> bool:
    # The group comes with the web server.
    return lower != "builtin\\iis_iusrs" or host.store.get("groups", "iis_iusrs") is not None


def name_of(host: "Host", sid: str) -> str:
    r"""The account as Windows shows it, or the SID where it knows none."""
    if sid in _BY_SID:
        return _BY_SID[sid]
    for _, pool in host.store.items("pools"):
        if pool_sid(pool["name"]) == sid:
            return f"IIS APPPOOL\\{pool['name']}"
    for _, service in host.store.items("services"):
        if service_sid(service["name"]) == sid:
            return f"NT SERVICE\\{service['name']}"
    for section in ("users", "groups"):
        for _, account in host.store.items(section):
            if account["sid"] == sid:
                return f"{host.setting('computer', 'HOST')}\\{account['name']}"
    for _, account in host.store.items("domain_accounts"):
        if account["sid"] == sid:
            return str(account["name"])
    return sid


def token(host: "Host", sid: str) -> set[str]:
    """The SIDs that a process of this account has: what an access list is compared with."""
    sids = {sid, "S-1-1-0", "S-1-5-11"}
    if sid.startswith("S-1-5-82-"):
        # A pool's process is a service; local pool identities are users of the host, and IIS adds its own group.
        sids |= {"S-1-5-6", "S-1-5-32-545", "S-1-5-32-568"}
    elif sid in ("S-1-5-18",):
        sids |= {"S-1-5-32-544"}
    else:
        sids |= {"S-1-5-32-545"}
    for _, group in host.store.items("groups"):
        if sid in group["members"]:
            sids.add(group["sid"])
    return sids
