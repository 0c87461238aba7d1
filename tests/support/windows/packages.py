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
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import ensure, names, programs, registry, words
from .calls import Arguments, Failure, function
from .command import Piece

if TYPE_CHECKING:
    from .host import Host
    from .programs import Call
    from .session import Session

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
    """Installs, all of it or nothing; returns the installer's code."""
    with host.store.together():
        return _install(host, package)


def _install(host: "Host", package: dict[str, Any]) -> int:
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


# The operation


def product_there(host: "Host", a: Arguments, product: str) -> bool:
    """Whether the package is there: what it creates, or its registration."""
    if a.get("creates_service") is not None:
        return host.store.get("services", a.text("creates_service").lower()) is not None
    if a.get("creates_path") is not None:
        return host.files.exists(a.text("creates_path")) and a.get("creates_version") in (None, "1.0")
    for path in (UNINSTALL, UNINSTALL.replace("SOFTWARE", "SOFTWARE\\WOW6432Node")):
        if product and registry.value(host, f"{path}\\{product}", "DisplayName") is not None:
            return True
    return False


@function(
    "package", "path", "product_id", "want", "arguments", "line", "codes", "wait", "log", "creates_path",
    "creates_service", "creates_version", "chdir", "provider", "check",
)  # fmt: skip
def package(session: "Session", a: Arguments) -> int:
    host = session.host
    session.call = a
    path, product = a.get("path"), a.text("product_id")
    provider = a.text("provider", "auto")
    code_like = re.fullmatch(r"(?i)\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", product)
    msi = provider == "msi" if provider != "auto" else (path.lower().endswith(".msi") if path else bool(code_like))
    present = a.need("want") == "present"
    if path is not None and not host.files.is_file(path):
        if not a.flag("check") and (present or not product):
            return session.fail(f"there is no file `{path}`")
    elif msi and not product and path is not None:
        described = description(host, path)
        if described is None or described["package"] != "msi":
            raise Failure("OpenDatabase,DatabasePath,OpenMode")
        product = described["product"]
    if product_there(host, a, product) == present:
        return 0
    session.v("changed", "1")
    if a.flag("check"):
        return 0
    if present and msi:
        key = {"product_id": product}
        ensure.save(session, ensure.known("package"), key, None, {}, ["*"])
    return _run(session, a, msi, present, path, product)


def _run(session: "Session", a: Arguments, msi: bool, present: bool, path: str | None, product: str) -> int:
    host = session.host
    log = a.text("log") or f"{session.shown}\\package.log"
    host.files.make_folder(names.parent(names.canonical(log)))
    more = a.text("line") or " ".join(f'"{word}"' if " " in word else word for word in a.list("arguments"))
    if msi:
        what = product if not present and product else path
        line = f'msiexec.exe {"/i" if present else "/x"} "{what}" /qn /norestart /l*v "{log}" {more}'
    elif path is not None:
        line = f'"{path}" {more}'
    else:
        found = registry.value(host, f"{UNINSTALL}\\{product}", "QuietUninstallString")
        line = f"{found[1][0] if found else ''} {more}"
    deadline = time.monotonic() + a.number("wait")
    while True:
        code = _code(session, line)
        if code != 1618 or time.monotonic() >= deadline:
            break
        with host.store.unlocked():
            time.sleep(0.2)
    session.v("rc", str(code))
    session.v("stdout", "")
    session.v("stderr", "")
    if code in (3010, 1641):
        session.v("reboot", "1")
    if str(code) in a.list("codes"):
        return 0
    if code == 1603:
        session.v("log", "CustomAction FailNow returned actual error code 1603")
    return session.fail(f"unexpected rc {code} from `{words.split(line)[0]}`")


def _code(session: "Session", line: str) -> int:
    deadline = time.monotonic() + session.limit if session.limit else None
    for piece in programs.start(session.host, words.split(line), line=line):
        if isinstance(piece, float):
            with session.host.store.unlocked():
                left = piece if deadline is None else min(piece, deadline - time.monotonic())
                time.sleep(max(0.0, left))
            if deadline is not None and time.monotonic() >= deadline:
                raise Failure("the installer did not end within its time limit (`timeout`) and was stopped")
        elif isinstance(piece, int):
            return piece
    return 0


@ensure.kind
class Package(ensure.Kind):
    """For a rollback: a product that is registered."""

    name = "package"
    keys = ("product_id",)

    def read(self, session: "Session", key: ensure.Key) -> ensure.State | None:
        found = registry.value(session.host, f"{UNINSTALL}\\{key['product_id']}", "DisplayName")
        version = registry.value(session.host, f"{UNINSTALL}\\{key['product_id']}", "DisplayVersion")
        return None if found is None else {".name": found[1], ".version": version[1] if version else [""]}

    def write(
        self, session: "Session", key: ensure.Key, state: ensure.State | None, before: ensure.State | None
    ) -> None:
        if state is not None:
            raise Failure("a package that was removed does not come back")
        code = remove(session.host, key["product_id"])
        if code not in (0, 1605, 1641, 3010):
            raise Failure(f"msiexec.exe failed with {code}")


@function("reboot", "message", "delay", "check")
def reboot(session: "Session", a: Arguments) -> int:
    """Asks for a restart; the step is over before it comes."""
    session.v("changed", "1")
    session.v("boot", session.host.boot_id)
    if not a.flag("check"):
        session.host.ask_reboot(a.number("delay", 2))
    return 0
