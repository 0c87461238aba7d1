r"""Installers and what they leave: MSI and EXE packages, the hosting bundle of ASP.NET Core.

Sources: "MsiExec.exe and InstMsi.exe error messages" (learn.microsoft.com/windows/win32/msi/error-codes): 0, 1602, 1603, 1605 unknown
product, 1618 another installation runs, 1619 the package cannot be opened, 1638 another version is there, 1641 restart begun,
3010 restart needed; "Uninstall registry key"; "The .NET Core Hosting Bundle" (learn.microsoft.com/aspnet/core/host-and-deploy/iis/
hosting-bundle): installed before IIS it leaves out the module, and a repair puts it right; W3SVC and WAS have to be
restarted; options OPT_NO_ANCM, OPT_NO_RUNTIME, OPT_NO_SHAREDFX.

A package is a file that is a JSON document (`{"package": "msi", "product": ..., "version": ..., ...}`): tests make it; and the
bundle is any file whose name begins with `dotnet-hosting-`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import names, programs, registry
from .calls import Failure
from .command import Piece

if TYPE_CHECKING:
    from .host import Host
    from .programs import Call

UNINSTALL = "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
MODULE = "C:\\Program Files\\IIS\\Asp.Net Core Module\\V2\\aspnetcorev2.dll"
SHARED = "C:\\Program Files\\dotnet\\shared"


def description(host: "Host", path: str) -> dict[str, Any] | None:
    """What a package file says of itself."""
    if not host.files.is_file(path):
        return None
    content = host.files.read(path)
    if content.startswith(b'{"package"'):
        found: dict[str, Any] = json.loads(content)
        return found
    leaf = names.leaf(path).lower()
    match = re.match(r"dotnet-hosting-([0-9]+\.[0-9]+\.[0-9]+)", leaf)
    if match:
        product = "{7F1D1F4E-8A0C-4B36-9B3D-" + match.group(1).replace(".", "").ljust(12, "0") + "}"
        title = f"Microsoft .NET {match.group(1)} - Windows Server Hosting"
        return {"package": "bundle", "product": product, "version": match.group(1), "name": title}
    return None


def installed(host: "Host", product: str) -> dict[str, Any] | None:
    return host.store.get("packages", product.lower())


def install(host: "Host", package: dict[str, Any]) -> int:
    """Installs; returns the installer's code."""
    if host.store.get("settings", "installer_busy"):
        left = int(host.setting("installer_busy"))
        host.store.put("settings", "installer_busy", left - 1 or None)
        return 1618
    if package.get("fails"):
        host.event("install_failed", product=package["product"], code=package["fails"])
        return int(package["fails"])
    there = installed(host, package["product"])
    if there is not None and there["version"] != package["version"] and package["package"] == "msi":
        return 1638
    if there is not None and package["package"] == "bundle":
        return 0
    host.store.put("packages", package["product"].lower(), package)
    key = f"{UNINSTALL}\\{package['product']}"
    registry.put_value(host, key, "DisplayName", "string", [str(package.get("name", ""))])
    registry.put_value(host, key, "DisplayVersion", "string", [package["version"]])
    if package["package"] == "msi":
        registry.put_value(host, key, "WindowsInstaller", "dword", ["1"])
    for path, text in package.get("files", {}).items():
        host.files.make_folder(names.parent(names.canonical(path)))
        host.files.write(path, text.encode())
    if package["package"] == "bundle":
        bundle(host, package)
    host.event("install", product=package["product"], version=package["version"])
    return finished(host, int(package.get("code", 0)))


def finished(host: "Host", code: int) -> int:
    if code in (3010, 1641):
        host.store.put("pending", "installer", True)
    if code == 1641:
        host.ask_reboot(1)
    return code


def remove(host: "Host", product: str) -> int:
    package = installed(host, product)
    if package is None:
        return 1605
    if host.store.get("settings", "installer_busy"):
        return 1618
    host.store.drop("packages", product.lower())
    registry.remove(host, f"{UNINSTALL}\\{package['product']}")
    for path in package.get("files", {}):
        if host.files.exists(path):
            host.files.remove(path)
    if package["package"] == "bundle":
        for path in (MODULE, f"{SHARED}\\Microsoft.AspNetCore.App\\{package['version']}"):
            if host.files.exists(path):
                host.files.remove(path, True)
        host.store.drop("modules", "aspnetcoremodulev2")
    host.event("uninstall", product=product)
    return finished(host, int(package.get("remove_code", 0)))


def bundle(host: "Host", package: dict[str, Any]) -> None:
    """Runtime and framework always; the module of IIS only where IIS is."""
    version = package["version"]
    host.files.make_folder("C:\\Program Files\\dotnet")
    host.files.write("C:\\Program Files\\dotnet\\dotnet.exe", b"MZ dotnet")
    for framework in ("Microsoft.NETCore.App", "Microsoft.AspNetCore.App"):
        host.files.make_folder(f"{SHARED}\\{framework}\\{version}")
        host.files.write(f"{SHARED}\\{framework}\\{version}\\{framework}.deps.json", b"{}")
    found = registry.value(host, "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment", "Path")
    path = found[1][0] if found else ""
    if "\\dotnet\\" not in path:
        target = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment"
        registry.put_value(host, target, "Path", "expandstring", [path.rstrip(";") + ";C:\\Program Files\\dotnet\\"])
    if host.iis.there:
        module(host)


def module(host: "Host") -> None:
    """Registers the module; workers that run load it after W3SVC was restarted."""
    host.files.make_folder(names.parent(MODULE))
    host.files.write(MODULE, b"MZ aspnetcorev2")
    image = "%ProgramFiles%\\IIS\\Asp.Net Core Module\\V2\\aspnetcorev2.dll"
    host.store.put("modules", "aspnetcoremodulev2", {"name": "AspNetCoreModuleV2", "image": image})
    host.event("module", name="AspNetCoreModuleV2")


@programs.program("msiexec")
def msiexec(call: "Call") -> Iterator[Piece]:
    line = call.line
    action = re.search(r'(?i)\s[/-](i|package|x|uninstall|fa?[a-z]*)\s*("[^"]+"|\S+)', line)
    log = re.search(r'(?i)\s[/-](?:l\S*|log)\s+("[^"]+"|\S+)', line)
    if action is None:
        yield 1639
        return
    target = action.group(2).strip('"')
    host = call.host
    if action.group(1).lower() in ("x", "uninstall"):
        product = target
        if not target.startswith("{"):
            described = description(host, call.path(target))
            product = described["product"] if described else ""
        code = remove(host, product)
    else:
        described = None if target.startswith("{") else description(host, call.path(target))
        if described is None or described["package"] != "msi":
            code = 1619 if not host.files.is_file(_path(call, target)) else 1620
        else:
            code = install(host, described)
    if log:
        text = f"=== Logging started ===\r\nMainEngineThread is returning {code}\r\n"
        if code == 1603:
            text = "Action start: InstallFinalize.\r\nCustomAction FailNow returned actual error code 1603\r\n" + text
        try:
            host.files.write(call.path(log.group(1)), text.encode("utf-16"))
        except Failure:
            code = 1622
    yield code


def _path(call: "Call", text: str) -> str:
    try:
        return call.path(text)
    except Failure:
        return "C:\\"


def installer(call: "Call") -> Iterator[Piece]:
    """An EXE package: the words that it understands are those of its kind."""
    package = description(call.host, call.path(call.argv[0]))
    if package is None:
        yield programs.err("This program cannot be run in DOS mode.")
        yield 1
        return
    words = [word.lower() for word in call.argv[1:]]
    if package["package"] == "bundle":
        if not {"/quiet", "/q", "-quiet", "/passive", "/s"} & set(words):
            yield 1602
            return
        if "/uninstall" in words:
            yield remove(call.host, package["product"])
        elif "/repair" in words:
            if installed(call.host, package["product"]) is None:
                yield 1605
                return
            if call.host.iis.there and "opt_no_ancm=1" not in words:
                module(call.host)
            call.host.event("repair", product=package["product"])
            yield 0
        else:
            yield install(call.host, package)
        return
    silent = str(package.get("silent", "")).lower()
    if silent and silent not in words:
        # A set-up program with a window waits for somebody.
        yield 3600.0
        yield 1602
        return
    yield remove(call.host, package["product"]) if "/uninstall" in words else install(call.host, package)


programs.SUFFIXES.append((r"^dotnet-hosting-|setup|install(er)?([-_.0-9]|$)", installer))


@programs.program("dotnet")
def dotnet(call: "Call") -> Iterator[Piece]:
    if "--list-runtimes" in call.argv:
        for framework in ("Microsoft.AspNetCore.App", "Microsoft.NETCore.App"):
            for version in runtimes(call.host, framework):
                yield programs.out(f"{framework} {version} [{SHARED}\\{framework}]")
        yield 0
        return
    yield programs.err("The command could not be loaded, possibly because:")
    yield 1


def runtimes(host: "Host", framework: str) -> list[str]:
    folder = f"{SHARED}\\{framework}"
    if not host.files.is_folder(folder):
        return []
    return [names.leaf(record["n"]) for record in host.files.children(folder) if record["d"]]
