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
    "description", "group", "icmp_type_code", "interfacetypes", "edge", "secure",
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
        "edge": "0", "secure": "0",
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


def rules(host: "Host", name: str) -> list[dict[str, Any]]:
    """All rules of a name, in their order: the record of the first one holds the others."""
    record = host.store.get("firewall", name.lower())
    if record is None:
        return []
    return [{name: value for name, value in record.items() if name != "more"}, *record.get("more", [])]


def put(host: "Host", all_rules: list[dict[str, Any]]) -> None:
    first, *more = all_rules
    host.store.put("firewall", first["name"].lower(), first | ({"more": more} if more else {}))


def _state(rule: dict[str, Any]) -> State:
    state = {name: [_shown(name, rule.get(name, "0"))] for name in TEXTS}
    return state | {
        "enabled": ["true" if rule["enabled"] else "false"],
        "profiles": list(rule["profiles"]),
    }


def _several(values: list[str]) -> bool:
    return len(values) > 1 and values[0].startswith("rule 1: ")


def _own(values: list[str], number: int) -> list[str]:
    """The values of one rule, counted from 0."""
    return values[number].partition(": ")[2].split(",") if _several(values) else values


def _written(rule: dict[str, Any], state: State) -> dict[str, Any]:
    rule = dict(rule)
    for name, values in state.items():
        text = ",".join(values)
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
    return rule


@kind
class Firewall(Kind):
    name = "firewall"
    attributes = (*TEXTS, "enabled", "profiles", "rules")

    def read(self, session: "Session", key: Key) -> State | None:
        states = [_state(rule) for rule in rules(session.host, key["name"])]
        if len(states) < 2:
            return states[0] if states else None
        # Several rules of one name: what they have alike is told once.
        found: State = {}
        for name, first in states[0].items():
            rows = [f"rule {number}: {','.join(state[name])}" for number, state in enumerate(states, 1)]
            found[name] = first if all(state[name] == first for state in states) else rows
        return found | {"rules": [str(len(states))]}

    def clean(self, name: str, values: list[str]) -> list[str]:
        return values if _several(values) else normal(name, values)

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        if state is None:
            session.host.store.drop("firewall", key["name"].lower())
            return
        there = rules(session.host, key["name"])
        if before is None:
            there = [new(key["name"]) for _ in range(int(state.get("rules", ["1"])[0]))]
        made = []
        for number, rule in enumerate(there):
            own = {name: _own(values, number) for name, values in state.items() if name != "rules"}
            made.append(_written(rule, own))
        put(session.host, made)

    def list(self, session: "Session") -> list[Key]:
        return [{"name": rule["name"]} for _, rule in session.host.store.items("firewall")]
