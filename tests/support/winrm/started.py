"""Starts the peer from Python: for `accept.py` and the benchmark."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from typing import Any

PASSWORD = "Pa55-of-the-Peer:ü"
ACCOUNTS = [
    {"user": "Administrator", "password": PASSWORD},
    {"user": "operator", "password": PASSWORD, "admin": False},
    {"user": "svc-rollout", "password": PASSWORD, "domain": "CORP", "realm": "corp.example"},
]


class Peer:
    """A context manager; `ready` is what the peer answered to its configuration."""

    def __init__(
        self,
        hosts: list[dict[str, Any]],
        environment: dict[str, str] | None = None,
        accounts: list[dict[str, Any]] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self.environment = environment or dict(os.environ)
        self._folder = tempfile.TemporaryDirectory(prefix="winrm-peer-")
        self._process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name("serve.py")), self._folder.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        self.ready = self._ask({"hosts": hosts, "accounts": accounts or ACCOUNTS})

    def _ask(self, line: dict[str, Any]) -> Any:
        assert self._process.stdin and self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["ok"]

    def do(self, what: str, host: str, **more: Any) -> Any:
        return self._ask({"do": what, "host": host, **more})

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        self._folder.cleanup()
