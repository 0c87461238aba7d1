"""Access lists: SDDL, inheritance, and what an account may do.

Sources: "Security Descriptor String Format" and "ACE Strings" (learn.microsoft.com/windows/win32/secauthz); "ACE
inheritance rules"; `FileSystemRights` (learn.microsoft.com/dotnet/api/system.security.accesscontrol.filesystemrights);
"How AccessCheck works": explicit deny, explicit allow, inherited deny, inherited allow.

A file keeps its own entries only; what it inherits is worked out from the folders above it when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .calls import Failure

READ, WRITE, EXECUTE, FULL, MODIFY = 0x120089, 0x120116, 0x1200A0, 0x1F01FF, 0x1301BF
READ_EXECUTE = 0x1200A9
DELETE, WRITE_DATA, READ_DATA = 0x10000, 0x2, 0x1
GENERIC = {0x10000000: FULL, 0x80000000: READ, 0x40000000: WRITE, 0x20000000: EXECUTE}

OBJECT_INHERIT, CONTAINER_INHERIT, NO_PROPAGATE, INHERIT_ONLY, INHERITED = 1, 2, 4, 8, 16

_RIGHTS = {
    "GA": 0x10000000, "GR": 0x80000000, "GW": 0x40000000, "GX": 0x20000000, "RC": 0x20000, "SD": 0x10000,
    "WD": 0x40000, "WO": 0x80000, "FA": FULL, "FR": READ, "FW": WRITE, "FX": EXECUTE, "CC": 1, "DC": 2, "LC": 4,
    "SW": 8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80, "CR": 0x100, "KA": 0xF003F, "KR": 0x20019,
    "KW": 0x20006, "KX": 0x20019,
}  # fmt: skip
_FLAGS = {"OI": 1, "CI": 2, "NP": 4, "IO": 8, "ID": 16}
_SIDS = {
    "BA": "S-1-5-32-544", "BU": "S-1-5-32-545", "BG": "S-1-5-32-546", "SY": "S-1-5-18", "LS": "S-1-5-19",
    "NS": "S-1-5-20", "WD": "S-1-1-0", "CO": "S-1-3-0", "AU": "S-1-5-11", "IU": "S-1-5-4", "SU": "S-1-5-6",
    "IS": "S-1-5-32-568", "RM": "S-1-5-32-580", "CG": "S-1-3-1", "OW": "S-1-3-4", "AC": "S-1-15-2-1",
}  # fmt: skip
_SHORT = {sid: short for short, sid in _SIDS.items()}

# The names of .NET, the widest first: how `ToString` takes a value apart.
_NAMED = [
    ("FullControl", 0x1F01FF), ("Modify", 0x301BF), ("ReadAndExecute", 0x200A9), ("Read", 0x20089),
    ("Write", 0x116), ("Synchronize", 0x100000), ("TakeOwnership", 0x80000), ("ChangePermissions", 0x40000),
    ("ReadPermissions", 0x20000), ("Delete", 0x10000), ("WriteAttributes", 0x100), ("ReadAttributes", 0x80),
    ("DeleteSubdirectoriesAndFiles", 0x40), ("ExecuteFile", 0x20), ("WriteExtendedAttributes", 0x10),
    ("ReadExtendedAttributes", 0x8), ("AppendData", 0x4), ("CreateFiles", 0x2), ("ListDirectory", 0x1),
]  # fmt: skip
_NAMED.sort(key=lambda named: -named[1])
_BY_NAME = {name.lower(): value for name, value in _NAMED} | {
    "writedata": 2, "createdirectories": 4, "readdata": 1, "traverse": 0x20,
}  # fmt: skip


@dataclass(frozen=True)
class Ace:
    allow: bool
    flags: int
    rights: int
    sid: str

    @property
    def inherited(self) -> bool:
        return bool(self.flags & INHERITED)

    def record(self) -> list[object]:
        return [self.allow, self.flags, self.rights, self.sid]

    def sddl(self) -> str:
        flags = "".join(name for name, bit in _FLAGS.items() if self.flags & bit)
        short = {FULL: "FA", READ: "FR", WRITE: "FW", EXECUTE: "FX"}.get(self.rights, hex(self.rights))
        return f"({'A' if self.allow else 'D'};{flags};{short};;;{_SHORT.get(self.sid, self.sid)})"


def from_record(record: Iterable[object]) -> Ace:
    allow, flags, rights, sid = record
    return Ace(bool(allow), int(flags), int(rights), str(sid))  # type: ignore[call-overload]


def specific(rights: int) -> int:
    """Generic rights as those of files, as they are when an entry applies."""
    for generic, mapped in GENERIC.items():
        if rights & generic:
            rights = (rights & ~generic) | mapped
    return rights


def rights_text(rights: int) -> str:
    """As `FileSystemRights.ToString()` writes a combination."""
    left, names = rights, []
    for name, value in _NAMED:
        if left & value == value:
            names.append(name)
            left &= ~value
    if left or not names:
        signed = rights - (1 << 32) if rights & 0x80000000 else rights
        return str(signed)
    return ", ".join(reversed(names))


def rights_value(text: str) -> int:
    """Names of `FileSystemRights`, separated by commas, or a number. An allow entry gets Synchronize with it."""
    if re.fullmatch(r"-?[0-9]+", text.strip()):
        return int(text) & 0xFFFFFFFF
    value = 0
    for name in text.split(","):
        if name.strip().lower() not in _BY_NAME:
            raise Failure(f"`{name.strip()}` is no right of a file")
        value |= _BY_NAME[name.strip().lower()]
    return value


def _sid(text: str) -> str:
    if text in _SIDS:
        return _SIDS[text]
    if not re.fullmatch(r"S-1-[0-9]+(-[0-9]+)+", text):
        raise Failure("The SDDL string contains an invalid sid or a sid that cannot be translated.")
    return text


@dataclass
class Descriptor:
    """Owner and access list, with the entries that are inherited."""

    owner: str | None
    group: str | None
    protected: bool
    aces: list[Ace] | None

    def sddl(self, owner: bool = True, group: bool = False) -> str:
        text = ""
        if owner and self.owner:
            text += f"O:{_SHORT.get(self.owner, self.owner)}"
        if group and self.group:
            text += f"G:{_SHORT.get(self.group, self.group)}"
        if self.aces is not None:
            # A list whose entries were inherited automatically says so.
            flags = "PAI" if self.protected else "AI"
            text += f"D:{flags}" + "".join(ace.sddl() for ace in self.aces)
        return text


_PART = re.compile(r"([OGDS]):")
_ACE = re.compile(r"\(([^;()]*);([^;()]*);([^;()]*);([^;()]*);([^;()]*);([^;()]*)\)")


def parse(sddl: str) -> Descriptor:
    """Takes an SDDL text apart; what is not in it stays None."""
    found = Descriptor(None, None, False, None)
    places = list(_PART.finditer(sddl))
    # A letter with a colon never stands inside an entry: SIDs and rights have none.
    if not places or places[0].start() != 0:
        raise Failure("The SDDL form of a security descriptor object is invalid.")
    for number, place in enumerate(places):
        end = places[number + 1].start() if number + 1 < len(places) else len(sddl)
        part = sddl[place.end() : end]
        if place.group(1) == "O":
            found.owner = _sid(part)
        elif place.group(1) == "G":
            found.group = _sid(part)
        elif place.group(1) == "D":
            head, bracket, rest = part.partition("(")
            found.protected = "P" in head.replace("AI", "").replace("AR", "")
            found.aces = []
            body = bracket + rest
            if "".join(match.group(0) for match in _ACE.finditer(body)) != body:
                raise Failure("The SDDL form of a security descriptor object is invalid.")
            found.aces = [_ace(match) for match in _ACE.finditer(body)]
    return found


def _ace(match: "re.Match[str]") -> Ace:
    kind, flags, rights, _, _, sid = match.groups()
    if kind not in ("A", "D"):
        raise Failure("The SDDL form of a security descriptor object is invalid.")
    bits = 0
    for place in range(0, len(flags), 2):
        bits |= _FLAGS[flags[place : place + 2]]
    value = 0
    if rights.startswith("0x"):
        value = int(rights, 16)
    else:
        for place in range(0, len(rights), 2):
            if rights[place : place + 2] not in _RIGHTS:
                raise Failure("The SDDL form of a security descriptor object is invalid.")
            value |= _RIGHTS[rights[place : place + 2]]
    return Ace(kind == "A", bits, value, _sid(sid))


def inherited_by(child_is_folder: bool, above: Iterable[Ace], owner: str) -> list[Ace]:
    """What a child inherits from the full list of its folder."""
    result = []
    for ace in above:
        if child_is_folder:
            if not ace.flags & (OBJECT_INHERIT | CONTAINER_INHERIT):
                continue
            if ace.flags & NO_PROPAGATE:
                if not ace.flags & CONTAINER_INHERIT:
                    continue
                result.append(_own(Ace(ace.allow, INHERITED, ace.rights, ace.sid), owner))
                continue
            flags = (ace.flags & (OBJECT_INHERIT | CONTAINER_INHERIT)) | INHERITED
            if not ace.flags & CONTAINER_INHERIT:
                flags |= INHERIT_ONLY
            if ace.sid == "S-1-3-0" and not flags & INHERIT_ONLY:
                # CREATOR OWNER becomes the owner here, and stays for those below.
                result.append(_own(Ace(ace.allow, INHERITED, ace.rights, ace.sid), owner))
                flags |= INHERIT_ONLY
            elif specific(ace.rights) != ace.rights and not flags & INHERIT_ONLY:
                # Generic rights are mapped for what is here, and stay generic for those below.
                result.append(Ace(ace.allow, INHERITED, specific(ace.rights), ace.sid))
                flags |= INHERIT_ONLY
            result.append(Ace(ace.allow, flags, ace.rights, ace.sid))
        elif ace.flags & OBJECT_INHERIT:
            result.append(_own(Ace(ace.allow, INHERITED, specific(ace.rights), ace.sid), owner))
    return result


def _own(ace: Ace, owner: str) -> Ace:
    return Ace(ace.allow, ace.flags, specific(ace.rights), owner) if ace.sid == "S-1-3-0" else ace


def canonical_order(aces: Iterable[Ace]) -> list[Ace]:
    """Explicit before inherited, deny before allow."""
    return sorted(aces, key=lambda ace: (ace.inherited, ace.allow))


def may(sids: set[str], aces: Iterable[Ace] | None, wanted: int) -> bool:
    """Whether these SIDs get all of the wanted rights."""
    if aces is None:
        return True
    left = wanted
    for ace in aces:
        if ace.flags & INHERIT_ONLY or ace.sid not in sids:
            continue
        rights = specific(ace.rights)
        if not ace.allow and rights & left:
            return False
        if ace.allow:
            left &= ~rights
        if not left:
            return True
    return False
