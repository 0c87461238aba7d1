"""Files to a Windows host over WinRM by whole tools: `tests/bench/win_copy.py [--reps 3] [--paceline PROGRAM] [--tls]`.

One file of 20 MiB, and 50 files of 4 KiB, each by `paceline apply` with `win_copy` and by `pypsrp`'s `Client.copy`, to the same
test peer (`tests/support/winrm`). Prints a table in Markdown with medians and what lies between least and most.

What is in the seconds: for `paceline` all of it, from the start of the program to its end: reading the playbook, logging in,
opening the session, digests, rollback points, journal, host log. For `pypsrp` the copies, the login with the first one included;
not the start of Python and its imports. Neither side's host is Windows: what PowerShell does there is done by Python here, in
another way for each (the model of a host here, a stand-in for `Client.copy`'s script there). Run it with the Python of `target/test-venv`.
"""

import argparse
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support/winrm"))

from started import PASSWORD, Peer  # noqa: E402 (its folder has to be known first)

HOST = "win1.example"
CASES = {"1 file of 20 MiB": (1, 20 << 20), "50 files of 4 KiB": (50, 4096)}


def client() -> None:
    """This file as the other tool: copies a folder's files through one `Client`, and prints how long it took."""
    from pypsrp.client import Client

    wanted = json.load(sys.stdin)
    began = time.monotonic()
    with Client(wanted["address"], **wanted["options"]) as client:
        for name in sorted(os.listdir(wanted["source"])):
            client.copy(os.path.join(wanted["source"], name), f"{wanted['target']}\\{name}")
    print(time.monotonic() - began)


class Bench:
    """The peer with one host, a folder for what is sent, and one for the state of runs."""

    def __init__(self, peer: Peer, folder: pathlib.Path, program: str, tls: bool) -> None:
        self.peer, self.folder, self.program, self.tls = peer, folder, program, tls
        self.host = peer.ready["hosts"][HOST]
        self.runs = 0

    def port(self) -> int:
        return int(self.host["https" if self.tls else "http"])

    def pypsrp(self, source: pathlib.Path) -> float:
        options = {
            "port": self.port(), "ssl": self.tls, "auth": "ntlm", "username": "Administrator", "password": PASSWORD,
            "cert_validation": self.peer.ready["ca"], "no_proxy": True,
        }  # fmt: skip
        wanted = {"address": self.host["address"], "options": options, "source": str(source), "target": "C:\\Temp"}
        done = subprocess.run(
            [sys.executable, "-B", __file__, "--client"], input=json.dumps(wanted), capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SystemExit(f"pypsrp failed: {done.stderr}")
        arrived = pathlib.Path(self.host["files"], "C", "Temp")
        for file in source.iterdir():
            if (arrived / file.name).read_bytes() != file.read_bytes():
                raise SystemExit(f"pypsrp: `{file.name}` arrived as something else")
            (arrived / file.name).unlink()
        return float(done.stdout)

    def paceline(self, source: pathlib.Path) -> float:
        self.runs += 1
        target = f"C:\\Copied\\{self.runs}"
        inventory: dict[str, Any] = {
            "ansible_host": self.host["address"], "ansible_port": self.port(), "ansible_connection": "winrm",
            "ansible_winrm_transport": "ntlm", "ansible_winrm_scheme": "https" if self.tls else "http",
            "ansible_winrm_ca_trust_path": self.peer.ready["ca"], "ansible_user": "Administrator",
            "ansible_password": PASSWORD,
        }  # fmt: skip
        if not self.tls:
            del inventory["ansible_winrm_ca_trust_path"]
        (self.folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": {HOST: inventory}}}))
        task = {"win_copy": {"src": f"{source}/", "dest": target + "\\"}}
        play = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
        (self.folder / "playbook.yml").write_text(json.dumps(play))
        command = [self.program, "apply", "-i", "inventory.yml", "playbook.yml", "--yes"]
        began = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        seconds = time.monotonic() - began
        if done.returncode != 0:
            raise SystemExit(f"paceline failed: {done.stdout}{done.stderr}")
        for file in source.iterdir():
            request = {"do": "get", "arguments": ["files", f"{target}\\{file.name}".upper()], "input": ""}
            record = self.peer.do("model", HOST, request=request)
            if not record or record["c"] != hashlib.sha256(file.read_bytes()).hexdigest():
                raise SystemExit(f"paceline: `{file.name}` arrived as something else")
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--paceline", default=str(ROOT / "target/release/paceline"), help="the program to measure")
    parser.add_argument("--tls", action="store_true", help="https with channel bindings, else sealed over http")
    arguments = parser.parse_args()
    if not os.access(arguments.paceline, os.X_OK):
        raise SystemExit(f"there is no `{arguments.paceline}`: run `cargo build --release`, or give `--paceline`")
    print("| what | tool | seconds (least-most) | MiB/s | times pypsrp |")
    print("| --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, Peer([{"name": HOST}]) as peer:
        bench = Bench(peer, pathlib.Path(folder), os.path.abspath(arguments.paceline), arguments.tls)
        for what, (count, size) in CASES.items():
            source = pathlib.Path(folder, f"source-{count}")
            source.mkdir()
            runs: dict[str, list[float]] = {"pypsrp copy": [], "paceline apply": []}
            # In turns, so that a busy moment of the machine hits both; new content each time.
            for _ in range(arguments.reps):
                for number in range(count):
                    (source / f"{number:02}.bin").write_bytes(os.urandom(size))
                runs["pypsrp copy"].append(bench.pypsrp(source))
                runs["paceline apply"].append(bench.paceline(source))
            base = statistics.median(runs["pypsrp copy"])
            for name, measured in runs.items():
                middle = statistics.median(measured)
                spread = f"{min(measured):.2f}-{max(measured):.2f}"
                rate = count * size / (1 << 20) / middle
                print(f"| {what} | {name} | {middle:.2f} ({spread}) | {rate:.1f} | {middle / base:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--client"]:
        client()
    else:
        main()
