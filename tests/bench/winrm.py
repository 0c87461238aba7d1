"""Files over WinRM, side by side: `tests/bench/winrm.py [--sizes 1,10,100] [--reps 3] [--tls] [--with NAME=PROGRAM]`.

Prints a table in Markdown. All tools send the same file to the same test peer (`tests/support/winrm`), which does by
Python what PowerShell does on Windows: so only client and protocol are compared. Run it with the Python of
`target/test-venv`, which `tests/run` makes.

Tools: `pypsrp copy` is `Client.copy` (PSRP), `pypsrp store` the same bytes by `pypsrp` into the standard input of the
peer's program `store` (plain WinRS). `--with`, which may be repeated, adds a program of one's own. It gets one JSON
object on standard input (`address`, `port`, `tls`, `authority`, `user`, `password`, `source`, `target`), does the whole
transfer, from the first connection to the deleted shell, and prints how many seconds that took. Client CPU is that of
the whole process, the start of Python included.
"""

import argparse
import json
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support" / "winrm"))

from started import PASSWORD, Peer  # noqa: E402 (its folder has to be known first)

HOST = "win1.example"
TARGET = r"C:\Temp\bench.bin"
MIB = 1024 * 1024


def by_copy(wanted: dict[str, Any]) -> None:
    from pypsrp.client import Client

    with Client(wanted["address"], **_options(wanted)) as client:
        client.copy(wanted["source"], wanted["target"])


def by_store(wanted: dict[str, Any]) -> None:
    from pypsrp.shell import Process, WinRS
    from pypsrp.wsman import WSMan

    with WSMan(wanted["address"], max_envelope_size=512000, **_options(wanted)) as wsman, WinRS(wsman) as shell:
        process = Process(shell, "store", [wanted["target"]], no_shell=True)
        process.begin_invoke()
        left = os.path.getsize(wanted["source"])
        with open(wanted["source"], "rb") as file:
            while data := file.read(wsman.max_payload_size):
                left -= len(data)
                process.send(data, end=left == 0)
        process.end_invoke()
        if process.rc != 0:
            raise RuntimeError(process.stderr.decode())


def _options(wanted: dict[str, Any]) -> dict[str, Any]:
    return {
        "port": wanted["port"],
        "ssl": wanted["tls"],
        "auth": "ntlm",
        "username": wanted["user"],
        "password": wanted["password"],
        "cert_validation": wanted["authority"],
        "no_proxy": True,
    }


OWN = {"pypsrp copy": by_copy, "pypsrp store": by_store}


def client(name: str) -> None:
    """This file as one of its tools; imports are not in the time, as a compiled program has none."""
    import pypsrp.client  # noqa: F401

    wanted = json.load(sys.stdin)
    began = time.monotonic()
    OWN[name](wanted)
    print(time.monotonic() - began)


def measure(peer: Peer, command: list[str], wanted: dict[str, Any]) -> dict[str, float]:
    host = peer.ready["hosts"][HOST]
    before, used = peer.do("counts", HOST), _used()
    done = subprocess.run(command, input=json.dumps(wanted), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed: {done.stderr}")
    seconds = float(done.stdout)
    cpu = _used() - used
    after = peer.do("counts", HOST)
    arrived = pathlib.Path(host["files"], "C", "Temp", "bench.bin")
    if arrived.read_bytes() != pathlib.Path(wanted["source"]).read_bytes():
        raise SystemExit(f"{command}: what arrived is something else")
    arrived.unlink()
    if peer.do("shells", HOST):
        raise SystemExit(f"{command} left a shell behind")
    requests = after["request"] - before.get("request", 0)
    logons = after["logon"] - before.get("logon", 0)
    return {"seconds": seconds, "cpu": cpu, "requests": requests, "logons": logons}


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1,10,100", help="in MiB")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--tls", action="store_true", help="https with channel bindings, else sealed over http")
    parser.add_argument("--with", dest="added", action="append", default=[], metavar="NAME=PROGRAM")
    arguments = parser.parse_args()
    tools = {name: [sys.executable, "-B", __file__, "--client", name] for name in OWN}
    for added in arguments.added:
        name, _, program = added.partition("=")
        tools[name] = shlex.split(program)
    print("| MiB | tool | seconds (median) | MiB/s | client CPU s | requests | logons |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, Peer([{"name": HOST}]) as peer:
        for size in [float(size) for size in arguments.sizes.split(",")]:
            source = pathlib.Path(folder, "source")
            source.write_bytes(os.urandom(int(size * MIB)))
            host = peer.ready["hosts"][HOST]
            wanted = {
                "address": host["address"],
                "port": host["https" if arguments.tls else "http"],
                "tls": arguments.tls,
                "authority": peer.ready["ca"],
                "user": "Administrator",
                "password": PASSWORD,
                "source": str(source),
                "target": TARGET,
            }
            # In turns, so that a busy moment of the machine hits all of them.
            runs: dict[str, list[dict[str, float]]] = {name: [] for name in tools}
            for _ in range(arguments.reps):
                for name, command in tools.items():
                    runs[name].append(measure(peer, command, wanted))
            for name, measured in runs.items():
                seconds = statistics.median(run["seconds"] for run in measured)
                cpu = statistics.median(run["cpu"] for run in measured)
                last = measured[-1]
                print(
                    f"| {size:g} | {name} | {seconds:.2f} | {size / seconds:.1f} | {cpu:.2f} "
                    f"| {last['requests']:.0f} | {last['logons']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--client":
        client(sys.argv[2])
    else:
        main()
