"""The model behind the WinRM peer, reached by an independent client: one session, many steps, a restart."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from .. import calls
from .controller import command_line

SUPPORT = Path(__file__).resolve().parents[2]


class Peer:
    """The peer with one host, and a shell on it by pypsrp."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "winrm/serve.py"), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.host = self.ask({"hosts": [{"name": "win1.example"}], "accounts": [{"user": "admin", "password": "pw"}]})[
            "hosts"
        ]["win1.example"]

    def ask(self, request: dict[str, Any]) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer["ok"]

    def model(self, what: str, *arguments: str) -> Any:
        return self.ask({"do": "model", "host": "win1.example", "request": {"do": what, "arguments": list(arguments)}})

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class WinRM(unittest.TestCase):
    def test_a_session_over_sealed_messages(self) -> None:
        from pypsrp.shell import CommandState, Process, SignalCode, WinRS
        from pypsrp.wsman import WSMan

        with tempfile.TemporaryDirectory(prefix="windows-winrm-") as folder:
            peer = Peer(folder)
            try:
                wsman = WSMan(
                    peer.host["address"],
                    port=peer.host["http"],
                    ssl=False,
                    auth="ntlm",
                    username="admin",
                    password="pw",
                )
                with wsman, WinRS(wsman) as shell:
                    nonce, token = secrets.token_hex(16), secrets.token_hex(16)
                    words = command_line(nonce).split(" ")
                    process = Process(shell, words[0], words[1:], no_shell=True)
                    process.begin_invoke()
                    opening = calls.write("open_points", base="", run="r", host="win1")
                    program = f"x\n# calls\n{opening}\n# end of calls\n#{token}".encode()
                    head = f"plr {token} {len(program)} 65536 1048576 {secrets.token_hex(16)}\n".encode()
                    text = base64.b64encode(calls.write("file", path="C:\\Made", state="directory").encode()).decode()
                    step = f"step 1 1 a 0 0 - {text} #{token}\n".encode()
                    process.send(head + program + step, end=False)
                    while b"R 1 " not in process.stdout:
                        self.assertNotEqual(process.state, CommandState.DONE, process.stdout + process.stderr)
                        process.poll_invoke()
                    self.assertIn(b"R 1 0\n", process.stdout)
                    self.assertIn(b"V 1 changed 1\n", process.stdout)
                    self.assertIn(f"@{nonce}@\n".encode(), process.stdout)
                    process.send(f"bye #{token}\n".encode(), end=True)
                    process.end_invoke()
                    self.assertEqual(process.rc, 0)
                    process.signal(SignalCode.TERMINATE)
                made = peer.model("get", "files", "C:\\MADE")
                self.assertTrue(made["d"])
                self.assertIn("win1.example", os.listdir(os.path.join(folder, "windows")))
            finally:
                peer.close()
