"""What goes beyond single programs: command lines, PowerShell, Ansible as a client, files by `pypsrp`, idle shells."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from pypsrp.client import Client
from pypsrp.exceptions import WinRMError, WSManFaultError
from pypsrp.shell import Process, WinRS

from peer import commandline
from started import PASSWORD, Peer

from .clients import HOST, Session, Way
from .register import check, refused, same

# Microsoft, "Parsing C command-line arguments", the table of results.
_EXAMPLES = [
    (r'"a b c" d e', ["a b c", "d", "e"]),
    (r'"ab\"c" "\\" d', ['ab"c', "\\", "d"]),
    (r'a\\\b d"e f"g h', [r"a\\\b", "de fg", "h"]),
    (r"a\\\"b c d", [r"a\"b", "c", "d"]),
    (r'a\\\\"b c" d e', [r"a\\b c", "d", "e"]),
    (r'a"b"" c d', ['ab" c d']),
]


@check("peer: command lines are read as Microsoft's examples say")
def _lines(_: Peer) -> None:
    for line, wanted in _EXAMPLES:
        same(commandline.split(f"program {line}")[1:], wanted, line)
    same(
        commandline.split(r'"C:\Program Files\x.exe" a ""')[:3],
        [r"C:\Program Files\x.exe", "a", ""],
        "program in quotes",
    )
    same(commandline.through_cmd('args "%Name%" ^& %other%', {"NAME": "a&b"}), 'args "a&b" & %other%', "cmd.exe")
    refused(commandline.NotModelled, lambda: commandline.through_cmd("args a & del b", {}))


def _encoded(script: str) -> list[str]:
    return ["-NoProfile", "-EncodedCommand", base64.b64encode(script.encode("utf-16-le")).decode()]


@check("pypsrp: the stand-in for PowerShell")
def _powershell(peer: Peer) -> None:
    peer.do("set", HOST, settings={"powershell": "stand-in"})
    try:
        with Session(peer, Way("pypsrp", "ntlm", False)) as client:

            def run(script: str) -> Any:
                return client.run("powershell.exe", *_encoded(script), skip_cmd=True)

            same(
                run("Write-Output 'it''s ü'; $env:PEER_CHECK\nexit 3"),
                (3, "it's ü\r\ngrüße & <more>\r\n".encode(), b""),
                "output",
            )
            same(run("hostname"), (0, f"{HOST}\r\n".encode(), b""), "hostname")
            same(run("[Console]::Error.WriteLine('no')"), (0, b"", b"no\r\n"), "stderr")
            same(run("throw 'why'"), (1, b"", b"why\r\n"), "throw")
            same(run("Get-Process | Remove-Item")[0], 1, "what it does not know")
    finally:
        peer.do("set", HOST, settings={"powershell": "auto"})


@check("ansible: raw over its winrm connection")
def _ansible(peer: Peer) -> None:
    host = peer.ready["hosts"][HOST]
    variables = {
        "ansible_connection": "winrm",
        "ansible_port": host["http"],
        "ansible_winrm_scheme": "http",
        "ansible_winrm_transport": "ntlm",
        "ansible_user": "Administrator",
        "ansible_password": PASSWORD,
    }
    before = peer.do("counts", HOST)
    with tempfile.TemporaryDirectory() as folder:
        # On a terminal only this user sees the file that holds the password.
        file = pathlib.Path(folder, "variables.json")
        file.touch(0o600)
        file.write_text(json.dumps(variables))
        program = str(pathlib.Path(sys.executable).with_name("ansible"))
        done = subprocess.run(
            [
                sys.executable,
                program,
                "all",
                "-i",
                f"{host['address']},",
                "-e",
                f"@{file}",
                "-m",
                "raw",
                "-a",
                "Write-Output 'seen'; exit 4",
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8", "HOME": folder},
            timeout=120,
        )
    if "rc=4" not in done.stdout or "seen" not in done.stdout:
        raise AssertionError(f"{done.stdout}\n{done.stderr}")
    after = peer.do("counts", HOST)
    same(after["execute"] - before.get("execute", 0), 1, "executions")
    same(peer.do("shells", HOST), [], "shells left behind")


@check("pypsrp: files are copied over PSRP, byte by byte, empty ones too")
def _copy(peer: Peer) -> None:
    host = peer.ready["hosts"][HOST]
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "source")
        for size in (0, 1, 3_000_001):
            data = os.urandom(size)
            source.write_bytes(data)
            client = Client(
                host["address"],
                port=host["http"],
                ssl=False,
                auth="ntlm",
                username="Administrator",
                password=PASSWORD,
                no_proxy=True,
            )
            same(client.copy(str(source), r"C:\Peer Folder\target.bin"), r"C:\Peer Folder\target.bin", "path")
            client.close()
            same(
                pathlib.Path(host["files"], "C", "Peer Folder", "target.bin").read_bytes() == data,
                True,
                f"{size} bytes",
            )
        client = Client(
            host["address"], port=host["http"], ssl=False, auth="ntlm", username="Administrator", password=PASSWORD
        )
        refused(WinRMError, lambda: client.copy(str(source), r"\\elsewhere\share\x"))
        client.close()
    same(peer.do("shells", HOST), [], "shells left behind")


@check("pypsrp: a shell that is not used for its idle timeout is gone")
def _idle(peer: Peer) -> None:
    with Session(peer, Way("pypsrp", "ntlm", False)) as client:
        shell = WinRS(client.wsman, idle_time_out=1)
        shell.open()
        busy = Process(shell, "sleep", ["2"])
        busy.invoke()
        same(busy.rc, 0, "a Receive that waits keeps the shell")
        time.sleep(2)
        same(refused(WSManFaultError, Process(shell, "exit", ["0"]).invoke).code, 2150858843, "fault")
        same(len(peer.do("log", HOST, kind="shell_expired")), 1, "expired shells")


@check("pypsrp: PSRP scripts that the peer does not know fail")
def _unknown(peer: Peer) -> None:
    host = peer.ready["hosts"][HOST]
    client = Client(
        host["address"], port=host["http"], ssl=False, auth="ntlm", username="Administrator", password=PASSWORD
    )
    same(client.execute_ps("Get-Date")[2], True, "had_errors")
    client.close()
