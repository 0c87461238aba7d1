"""Rules of the Windows firewall: kind `firewall`.

Sources: `INetFwRule` and `INetFwPolicy2` (learn.microsoft.com/windows/win32/api/netfw): names are no keys (several rules may have
one), protocol numbers, profiles as bits, `*` for any; `New-NetFirewallRule` for the words. A rule with ports wants TCP or UDP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .calls import Failure
from .ensure import Key, Kind, State, kind

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

TEXTS = (
    "direction", "action", "protocol", "localport", "remoteport", "localip", "remoteip", "program", "service",
    "description", "group", "icmp_type_code", "interfacetypes",
)  # fmt: skip
WORDS = {"direction": ("in", "out"), "action": ("allow", "block"), "enabled": ("true", "false")}
PLAIN = ("description", "group", "program", "service", "interfacetypes", "icmp_type_code")
PROFILES = ("domain", "private", "public")
PROTOCOLS = {
    "any": "any",
    "tcp": "tcp",
    "udp": "udp",
    "icmpv4": "icmpv4",
    "icmpv6": "icmpv6",
    "6": "tcp",
    "17": "udp",
    "1": "icmpv4",
    "58": "icmpv6",
    "256": "any",
}


def new(name: str) -> dict[str, Any]:
    return {
        "name": name, "group": "", "enabled": False, "direction": "in", "action": "allow", "protocol": "any",
        "localport": "any", "remoteport": "any", "localip": "any", "remoteip": "any", "program": "", "service": "",
        "profiles": list(PROFILES), "description": "", "interfacetypes": "All", "icmp_type_code": "*",
    }  # fmt: skip


def enable(host: "Host", name: str, enabled: bool) -> None:
    """A role enables the rules that came for it, and they go with it."""
    rule = host.store.get("firewall", name.lower())
    if rule is not None:
        host.store.put("firewall", name.lower(), rule | {"enabled": enabled})


def normal(name: str, values: list[str]) -> list[str]:
    """One form for one meaning."""
    found = []
    for value in values:
        text = value.strip().lower()
        if name in ("localport", "remoteport", "localip", "remoteip") and text in ("", "*", "any"):
            text = "any"
        if name == "protocol":
            text = PROTOCOLS.get(text, text)
        if name in ("localip", "remoteip"):
            text = text.replace("/255.255.255.255", "").removesuffix("/32")
        if name == "interfacetypes":
            text = "all" if text in ("", "any") else text
        if name == "icmp_type_code":
            text = "*" if text in ("", "any") else text
        found += [part.strip() for part in text.split(",")] if name not in ("description", "group") else [value]
    return sorted(found) if name in ("profiles", "localport", "remoteport", "localip", "remoteip") else found


def _shown(name: str, text: str) -> str:
    """What the interfaces say: `*` for any port or address."""
    return "*" if name in ("localport", "remoteport", "localip", "remoteip") and text in ("", "any") else text


@kind
class Firewall(Kind):
    name = "firewall"
    attributes = (*TEXTS, "enabled", "profiles")

    def read(self, session: "Session", key: Key) -> State | None:
        rule = session.host.store.get("firewall", key["name"].lower())
        if rule is None:
            return None
        state = {name: [_shown(name, rule[name])] for name in TEXTS}
        return state | {
            "enabled": ["true" if rule["enabled"] else "false"],
            "profiles": list(rule["profiles"]),
        }

    def clean(self, name: str, values: list[str]) -> list[str]:
        return normal(name, values)

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        at = key["name"].lower()
        if state is None:
            session.host.store.drop("firewall", at)
            return
        rule = dict(session.host.store.get("firewall", at) or new(key["name"]))
        for name, values in state.items():
            text = values[0] if values else ""
            if name in WORDS and text not in WORDS[name]:
                raise Failure("Value does not fall within the expected range.")
            if name == "profiles":
                rule[name] = sorted(value.lower() for value in values)
            elif name == "enabled":
                rule[name] = text == "true"
            else:
                rule[name] = text if name in PLAIN else ",".join(normal(name, values))
        ports = [rule[one] for one in ("localport", "remoteport") if rule[one] not in ("", "any")]
        if ports and rule["protocol"] not in ("tcp", "udp"):
            raise Failure("Value does not fall within the expected range.")
        for text in ports:
            if not re.fullmatch(
                r"([0-9]{1,5}(-[0-9]{1,5})?|rpc|rpc-epmap|iphttps)(,([0-9]{1,5}(-[0-9]{1,5})?))*", text
            ):
                raise Failure("Value does not fall within the expected range.")
        session.host.store.put("firewall", at, rule)

    def list(self, session: "Session") -> list[Key]:
        return [{"name": rule["name"]} for _, rule in session.host.store.items("firewall")]
