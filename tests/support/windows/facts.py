"""Calls that tell about the host: facts, whoami, ping.

Sources: the WMI classes Win32_OperatingSystem, Win32_ComputerSystem, Win32_Processor, Win32_BIOS
(learn.microsoft.com/windows/win32/cimwin32prov) for units and spellings; `[bool]` and `[Version]` as PowerShell writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import accounts, environment, registry
from .calls import Arguments, elements, function
from .pathcalls import TICKS

if TYPE_CHECKING:
    from .session import Session

PARTS = ("platform", "user", "env", "time", "hardware", "network", "domain", "reboot")


@function("ping")
def ping(session: "Session", a: Arguments) -> int:
    session.v("ping", "pong")
    return 0


@function("facts", "subsets")
def facts(session: "Session", a: Arguments) -> int:
    wanted = a.list("subsets")
    for part in PARTS:
        if not wanted or part in wanted:
            globals()[f"_{part}"](session)
    return 0


def _fact(session: "Session", name: str, value: object) -> None:
    session.v(f"fact.{name}", "True" if value is True else "False" if value is False else str(value))


def _platform(session: "Session") -> None:
    host = session.host
    version = str(host.setting("os_version"))
    product = registry.value(host, "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", "ProductName")
    for name, value in {
        "version": f"{version}.0", "product": product[1][0] if product else "", "edition": "ServerStandard",
        "installation": "Server", "build": version.split(".")[2], "revision": "2849",
        "machine_guid": "6f4e2c52-0000-4000-8000-" + str(host.setting("computer")).encode().hex()[:12].ljust(12, "0"),
        "architecture": host.setting("arch"), "bits64": True, "powershell": host.setting("ps_version"),
        "dotnet": "4.0.30319.42000", "hostname": str(host.setting("computer")), "machine": host.setting("computer"),
        "dns_domain": "" if host.setting("domain") == "WORKGROUP" else host.setting("domain"),
        "system_root": "C:\\Windows",
    }.items():  # fmt: skip
        _fact(session, name, value)


def _user(session: "Session") -> None:
    host = session.host
    sid = registry.user_sid(host)
    _fact(session, "user", host.user)
    _fact(session, "user_domain", host.setting("computer"))
    _fact(session, "user_dir", host.profile)
    _fact(session, "user_sid", sid)
    _fact(session, "elevated", host.elevated)
    _fact(session, "groups", elements(sorted(accounts.token(host, sid) - {sid})))


def _env(session: "Session") -> None:
    for name, value in environment.variables(session.host).values():
        session.v("env", elements([name, value]))


def _time(session: "Session") -> None:
    _fact(session, "now", session.host.filetime() + TICKS)
    _fact(session, "offset", 0)
    _fact(session, "zone", "UTC")


def _hardware(session: "Session") -> None:
    host = session.host
    memory = int(host.setting("memory_mb")) * 1024
    for name, value in {
        "memory_kb": memory, "memory_free_kb": memory // 2, "swap_kb": memory // 4,
        "install_date": "20260101000000.000000+000", "boot_time": "20260601000000.500000+000", "product_type": 3,
        "processors": 1, "logical": host.setting("processors"), "vendor": "Model", "model": "Virtual Machine",
        "owner_name": "Windows User", "bios_version": "1.0", "bios_date": "20240101000000.000000+000", "serial": "0000",
    }.items():  # fmt: skip
        _fact(session, name, value)
    cores = str(host.setting("processors"))
    session.v("processor", elements(["GenuineIntel", "Model Processor", cores, cores]))
    for name, disk in host.setting("disks", {}).items():
        session.v("drive", elements([f"{name}\\", "NTFS", str(disk["size"]), str(disk["free"])]))


def _network(session: "Session") -> None:
    addresses = [f"{address}/24" for address in session.host.setting("addresses", [])]
    identity = "{00000000-0000-4000-8000-000000000001}"
    words = [
        identity,
        "Ethernet",
        "Model Ethernet Adapter",
        "00155D000001",
        "",
        *addresses,
        "gateway/10.0.0.1",
        "dns/10.0.0.2",
    ]
    session.v("interface", elements(words))


def _domain(session: "Session") -> None:
    domain = str(session.host.setting("domain"))
    member = domain != "WORKGROUP"
    _fact(session, "domain", domain)
    _fact(session, "domain_member", member)
    _fact(session, "workgroup", "" if member else domain)
    _fact(session, "domain_role", 3 if member else 2)


def _reboot(session: "Session") -> None:
    _fact(session, "reboot_pending", bool(session.host.pending()))


@function("whoami")
def whoami(session: "Session", a: Arguments) -> int:
    _user(session)
    sid = registry.user_sid(session.host)
    _fact(session, "authentication", "NTLM")
    _fact(session, "impersonation", "None")
    for group in sorted(accounts.token(session.host, sid) - {sid}):
        session.v("group", elements([group, accounts.name_of(session.host, group)]))
    _fact(session, "label", "S-1-16-12288" if session.host.elevated else "S-1-16-8192")
    return 0
