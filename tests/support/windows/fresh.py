r"""A new Windows Server 2022, as a state.

Sources: default folders and their lists as icacls shows them on a fresh system ("Default permissions of the system drive":
Users may read, execute and make folders; Program Files and Windows belong to TrustedInstaller); "Service overview and network
port requirements for Windows" and "Guidance on disabling system services on Windows Server" for services and start modes;
`RSS_USER` numbers 500 and 501 for the accounts Administrator and Guest.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from . import acl, services
from .files import Record
from .host import EPOCH
from .store import Sections, Store

TRUSTED = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
MACHINE = "S-1-5-21-1004336348-1177238915-682003330"

ROOT_LIST = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;CI;LC;;;BU)(A;CIIO;DC;;;BU)(A;OICIIO;GA;;;CO)"
PROGRAM_LIST = (
    f"(A;;FA;;;{TRUSTED})(A;CIIO;GA;;;{TRUSTED})(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)"
    "(A;OICIIO;GA;;;BA)(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)"
)
DATA_LIST = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIIO;GA;;;CO)(A;OICI;0x1200a9;;;BU)(A;CI;DCLCRPCR;;;BU)"

FOLDERS: tuple[tuple[str, str, str], ...] = (
    ("C:\\", TRUSTED, ROOT_LIST),
    ("C:\\Program Files", TRUSTED, PROGRAM_LIST),
    ("C:\\Program Files\\Common Files", TRUSTED, ""),
    ("C:\\Program Files (x86)", TRUSTED, PROGRAM_LIST),
    ("C:\\ProgramData", "S-1-5-18", DATA_LIST),
    ("C:\\ProgramData\\Microsoft", "S-1-5-18", ""),
    ("C:\\ProgramData\\Microsoft\\Crypto", "S-1-5-18", ""),
    ("C:\\ProgramData\\Microsoft\\Crypto\\Keys", "S-1-5-18", ""),
    ("C:\\ProgramData\\Microsoft\\Crypto\\RSA", "S-1-5-18", ""),
    ("C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys", "S-1-5-18", ""),
    ("C:\\Users", "S-1-5-18", "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)(A;OICI;0x1200a9;;;WD)"),
    ("C:\\Users\\Public", "S-1-5-18", ""),
    ("C:\\Windows", TRUSTED, PROGRAM_LIST),
    ("C:\\Windows\\System32", TRUSTED, PROGRAM_LIST),
    ("C:\\Windows\\System32\\drivers", TRUSTED, ""),
    ("C:\\Windows\\System32\\drivers\\etc", TRUSTED, ""),
    ("C:\\Windows\\System32\\WindowsPowerShell", TRUSTED, ""),
    ("C:\\Windows\\System32\\WindowsPowerShell\\v1.0", TRUSTED, ""),
    ("C:\\Windows\\Temp", "S-1-5-18", "(A;CI;0x100006;;;BU)(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)"),
)

FILES: tuple[tuple[str, bytes], ...] = (
    ("C:\\Windows\\System32\\cmd.exe", b"MZ cmd"),
    ("C:\\Windows\\System32\\icacls.exe", b"MZ icacls"),
    ("C:\\Windows\\System32\\hostname.exe", b"MZ hostname"),
    ("C:\\Windows\\System32\\whoami.exe", b"MZ whoami"),
    ("C:\\Windows\\System32\\msiexec.exe", b"MZ msiexec"),
    ("C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe", b"MZ powershell"),
    ("C:\\Windows\\System32\\drivers\\etc\\hosts", b"# Copyright (c) 1993-2009 Microsoft Corp.\r\n"),
    ("C:\\Windows\\win.ini", b"; for 16-bit app support\r\n[fonts]\r\n"),
)

SERVICES: tuple[tuple[str, str, str, list[str]], ...] = (
    ("Winmgmt", "Windows Management Instrumentation", "auto", ["RpcSs"]),
    ("RpcSs", "Remote Procedure Call (RPC)", "auto", []),
    ("EventLog", "Windows Event Log", "auto", []),
    ("Schedule", "Task Scheduler", "auto", ["RpcSs", "EventLog"]),
    ("LanmanServer", "Server", "auto", []),
    ("LanmanWorkstation", "Workstation", "auto", []),
    ("Dnscache", "DNS Client", "auto", []),
    ("W32Time", "Windows Time", "manual", []),
    ("WinRM", "Windows Remote Management (WS-Management)", "auto", ["RpcSs"]),
    ("sshd", "OpenSSH SSH Server", "manual", []),
    ("Spooler", "Print Spooler", "auto", ["RpcSs"]),
    ("mpssvc", "Windows Defender Firewall", "auto", ["RpcSs"]),
    ("CryptSvc", "Cryptographic Services", "auto", ["RpcSs"]),
    ("KeyIso", "CNG Key Isolation", "manual", ["RpcSs"]),
    ("msiserver", "Windows Installer", "manual", ["RpcSs"]),
    ("TrustedInstaller", "Windows Modules Installer", "manual", []),
    ("wuauserv", "Windows Update", "manual", ["RpcSs"]),
    ("BITS", "Background Intelligent Transfer Service", "delayed", ["RpcSs"]),
    ("RemoteRegistry", "Remote Registry", "disabled", ["RpcSs"]),
)

MACHINE_ENVIRONMENT = {
    "ComSpec": ("expandstring", "%SystemRoot%\\system32\\cmd.exe"),
    "NUMBER_OF_PROCESSORS": ("string", "4"),
    "OS": ("string", "Windows_NT"),
    "Path": (
        "expandstring",
        "%SystemRoot%\\system32;%SystemRoot%;%SystemRoot%\\System32\\Wbem;%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\",
    ),
    "PATHEXT": ("string", ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"),
    "PROCESSOR_ARCHITECTURE": ("string", "AMD64"),
    "TEMP": ("expandstring", "%SystemRoot%\\TEMP"),
    "TMP": ("expandstring", "%SystemRoot%\\TEMP"),
    "windir": ("expandstring", "%SystemRoot%"),
}

FIREWALL = (
    ("Windows Remote Management (HTTP-In)", "Windows Remote Management", True, "5985"),
    ("Windows Remote Management (HTTPS-In)", "", True, "5986"),
    ("OpenSSH SSH Server (sshd)", "OpenSSH Server", True, "22"),
    ("Remote Desktop - User Mode (TCP-In)", "Remote Desktop", False, "3389"),
    ("World Wide Web Services (HTTP Traffic-In)", "World Wide Web Services (HTTP)", False, "80"),
    ("World Wide Web Services (HTTPS Traffic-In)", "Secure World Wide Web Services (HTTPS)", False, "443"),
    ("File and Printer Sharing (Echo Request - ICMPv4-In)", "File and Printer Sharing", False, ""),
)


def create(folder: str, computer: str, **settings: Any) -> None:
    """Makes the folder of a new host; `settings` are those that `host.py` lists."""
    now = time.time()
    user = str(settings.get("user", "Administrator"))
    base: dict[str, Any] = {
        "computer": computer.upper()[:15], "dns_name": computer, "domain": "WORKGROUP", "os_version": "10.0.20348",
        "os_name": "Microsoft Windows Server 2022 Standard", "ps_version": "5.1.20348.2849", "user": user,
        "elevated": True, "boot_id": uuid.uuid4().hex, "booted": now - 3600, "clock_skew": 0, "memory_mb": 16384,
        "processors": 4, "arch": "AMD64", "installed": int(now) - 86400 * 30,
        "disks": {"C:": {"size": 128 << 30, "free": 90 << 30}}, "addresses": ["10.0.0.10"],
    }  # fmt: skip
    sections: Sections = {
        "settings": base | settings,
        "files": {},
        "users": _users(user),
        "groups": _groups(user),
        "services": {},
        "features": {},
        "registry": {},
        "firewall": {},
    }
    for name, display, start, needs in SERVICES:
        record = services.new(name, display, f"C:\\Windows\\system32\\svchost.exe -k {name}", start, needs=needs)
        sections["services"][name.lower()] = record
    # What the session itself comes through runs.
    sections["services"]["sshd"] |= {"start": "auto", "state": "running"}
    _features(sections)
    _registry(sections)
    for name, group, enabled, port in FIREWALL:
        sections["firewall"][name.lower()] = {
            "name": name, "group": group, "enabled": enabled, "direction": "in", "action": "allow",
            "protocol": "tcp" if port else "icmpv4", "localport": port or "any", "remoteport": "any", "localip": "any",
            "remoteip": "any", "program": "", "service": "", "profiles": ["domain", "private", "public"],
            "description": "", "interfacetypes": "All", "icmp_type_code": "*", "edge": "0", "secure": "0",
        }  # fmt: skip
    Store.create(folder, sections)
    store = Store(folder)
    with store:
        _files(store, user, int((now - 86400 * 30) * 10_000_000) + EPOCH)
        store._fold()
    store.close()


def _users(user: str) -> dict[str, Any]:
    accounts = [("Administrator", 500, False), ("Guest", 501, True), ("DefaultAccount", 503, True)]
    if user.lower() != "administrator":
        accounts.append((user, 1001, False))
    return {
        name.lower(): {
            "name": name, "sid": f"{MACHINE}-{rid}", "fullname": "", "description": "", "password": "",
            "account_disabled": disabled, "account_locked": False, "password_never_expires": rid < 1000,
            "password_expired": False, "user_cannot_change_password": False, "home_directory": "", "login_script": "",
            "profile": "",
        }
        for name, rid, disabled in accounts
    }  # fmt: skip


def _groups(user: str) -> dict[str, Any]:
    account = next(record["sid"] for record in _users(user).values() if record["name"].lower() == user.lower())
    known = [
        ("Administrators", "S-1-5-32-544", sorted({f"{MACHINE}-500", account})),
        ("Users", "S-1-5-32-545", ["S-1-5-4", "S-1-5-11"]),
        ("Guests", "S-1-5-32-546", [f"{MACHINE}-501"]),
        ("Remote Management Users", "S-1-5-32-580", []),
        ("Remote Desktop Users", "S-1-5-32-555", []),
        ("Event Log Readers", "S-1-5-32-573", []),
    ]
    return {
        name.lower(): {"name": name, "sid": sid, "description": "", "members": members} for name, sid, members in known
    }


def _features(sections: Sections) -> None:
    from .feature_table import FEATURES

    for key, row in FEATURES.items():
        if row.installed:
            sections["features"][key] = True


def _registry(sections: Sections) -> None:
    values: dict[str, dict[str, tuple[str, str]]] = {
        "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment": MACHINE_ENVIRONMENT,
        "HKLM:\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion": {
            "ProductName": ("string", "Windows Server 2022 Standard"),
            "CurrentBuildNumber": ("string", "20348"),
            "InstallationType": ("string", "Server"),
        },
        "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall": {},
        "HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall": {},
        "HKLM:\\SOFTWARE\\Classes": {},
        "HKLM:\\SYSTEM\\CurrentControlSet\\Services": {},
    }
    user = sections["users"][sections["settings"]["user"].lower()]["sid"]
    values[f"HKU:\\{user}\\Environment"] = {
        "TEMP": ("expandstring", "%USERPROFILE%\\AppData\\Local\\Temp"),
        "TMP": ("expandstring", "%USERPROFILE%\\AppData\\Local\\Temp"),
    }
    for path, listed in values.items():
        parts = path.split("\\")
        for count in range(2, len(parts) + 1):
            at = "\\".join(parts[:count])
            sections["registry"].setdefault(at.upper(), {"n": at, "v": {}})
        record = sections["registry"][path.upper()]
        record["v"] = {name.lower(): [name, type_, [text]] for name, (type_, text) in listed.items()}


def _files(store: Store, user: str, now: int) -> None:
    def record(path: str, folder: bool, owner: str, text: str, content: bytes = b"") -> Record:
        entries = acl.parse("D:" + text).aces if text else []
        return {
            "n": path, "d": folder, "c": "" if folder else store.keep(content), "z": len(content),
            "a": ["hidden", "system"] if path == "C:\\" else ([] if folder else ["archive"]),
            "w": now, "t": now, "o": owner, "p": bool(text), "e": [entry.record() for entry in entries or []],
        }  # fmt: skip

    profile = f"C:\\Users\\{user}"
    sid = store.sections["users"][user.lower()]["sid"]
    own = f"(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{sid})"
    folders = [*FOLDERS, (profile, sid, own)]
    folders += [
        (f"{profile}\\{part}", sid, "")
        for part in ("AppData", "AppData\\Local", "AppData\\Local\\Temp", "AppData\\Roaming", "Documents", "Desktop")
    ]
    for path, owner, text in folders:
        store.put("files", path.upper(), record(path, True, owner, text))
    for path, content in FILES:
        store.put("files", path.upper(), record(path, False, TRUSTED, "", content))
