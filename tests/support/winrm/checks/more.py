"""What goes beyond single programs: command lines, PowerShell, Ansible as a client, files by `pypsrp`, idle shells."""

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from pypsrp.client import Client
from pypsrp.exceptions import WinRMError, WSManFaultError
from pypsrp.shell import Process, SignalCode, WinRS

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


@contextlib.contextmanager
def false_pwsh() -> Iterator[dict[str, str]]:
    """An environment whose PATH leads to a program `pwsh` that is none: it shows what reaches a real one."""
    with tempfile.TemporaryDirectory(prefix="winrm-pwsh-") as folder:
        program = pathlib.Path(folder, "pwsh")
        program.write_text('#!/bin/sh\necho $$ >"$0.pid"\necho "$*"\ncat\necho to stderr >&2\nexit 9\n')
        program.chmod(0o755)
        yield {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PEER_PWSH": str(program)}


@check("pypsrp: a pwsh on PATH gets arguments and input, and is ended when it is told to")
def _pwsh(peer: Peer) -> None:
    peer.do("set", HOST, settings={"powershell": "pwsh"})
    try:
        with Session(peer, Way("pypsrp", "ntlm", False)) as client:
            code, out, err = client.run("powershell.exe", "-NoProfile", "-Command", "-", stdin=b"bytes \xff\r\n")
            same((code, out, err), (9, b"-NoProfile -Command -\nbytes \xff\r\n", b"to stderr\n"), "what it does")
            process = client.start("powershell.exe", [])
            process.poll_invoke()
            pid = int(pathlib.Path(f"{peer.environment['PEER_PWSH']}.pid").read_text())
            process.signal(SignalCode.CTRL_C)
            process.end_invoke()
            same(process.rc, 0xC000013A, "exit code")
            limit = time.monotonic() + 10
            while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < limit:
                time.sleep(0.02)
            same(pathlib.Path(f"/proc/{pid}").exists(), False, "the process lives on")
    finally:
        peer.do("set", HOST, settings={"powershell": "stand-in"})


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
        # In a file, so that the password is in no argument.
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
