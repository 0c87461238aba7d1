"""Asks Ansible's own programs about a batch."""

import json
import re
import subprocess
from pathlib import Path

from .batch import Batch

Answer = dict[str, object]


def ask(batch: Batch, folder: Path, programs: Path) -> Answer:
    """Returns what `ansible-inventory` and `ansible-playbook --list-hosts` say about the files of a batch in a folder."""
    (folder / "ansible.cfg").write_text("")  # So that none from elsewhere counts.
    sources = [word for source in batch.sources for word in ("-i", source)]
    beside = [*sources, "--playbook-dir", "play"]
    hosts = ["ansible-playbook", *sources, "play/site.yml", "--list-hosts"]
    return {
        "batch": batch.number,
        "digest": batch.digest(),
        "list": json.loads(_run(["ansible-inventory", *beside, "--list"], folder, programs)),
        "graph": _run(["ansible-inventory", *beside, "--graph", "--vars"], folder, programs),
        "selected": _plays(_run(hosts, folder, programs)),
        "limited": _plays(_run([*hosts, "--limit", batch.limit], folder, programs)),
    }


def _run(command: list[str], folder: Path, programs: Path) -> str:
    environment = {
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / ".ansible-tmp"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
    }
    program = programs / command[0]
    ended = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} in {folder} ended with {ended.returncode}: {ended.stderr}{ended.stdout}")
    if "Unable to parse" in ended.stderr or "Failed to parse" in ended.stderr:
        raise RuntimeError(f"{' '.join(command)} in {folder} did not read everything: {ended.stderr}")
    return ended.stdout


def _plays(output: str) -> dict[str, list[str]]:
    """Reads the hosts of each play, sorted: in 2.19 they are printed in the order of a set."""
    plays: dict[str, list[str]] = {}
    hosts: list[str] | None = None
    for line in output.splitlines():
        if play := re.match(r"  play #\d+ \(.*\): (\S+)\t", line):
            hosts = plays.setdefault(play[1], [])
        elif hosts is not None and line.startswith("      "):
            hosts.append(line.strip())
    return {name: sorted(hosts) for name, hosts in plays.items()}
