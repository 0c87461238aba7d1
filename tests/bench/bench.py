"""Measures P10 on many hosts of one OpenSSH server: Paceline, its floor, pyinfra and ansible-core, side by side.

Started by `tests/bench/run`, which builds and installs what is measured. Nothing here asserts a time: the table
is for people, with the spread of the repetitions as the machine's noise.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

import sshd

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target/bench/venv"
TEMPLATES = ["agent.json.j2", "queue.xml.j2", "labels.json.j2"]
SITES = ["par", "lon", "muc", "waw"]


class Lab:
    """Hosts, inventories and payload below one folder."""

    def __init__(self, folder):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("ssh", "hosts", "base", "state"):
            (folder / name).mkdir(parents=True)
        self.payload = folder / "payload.bin"
        self.payload.write_bytes(os.urandom(1 << 20))
        self.server = sshd.Server(folder / "ssh")

    def host(self, number):
        """Name, address and the twelve variables of a host."""
        variables = {
            "number": number,
            "region": ["emea", "amer", "apac"][number % 3],
            "site": SITES[number % 4],
            "queue": f"queue-{number % 7}",
            "weight": 10 + number % 5,
            "rack": f"r{number % 40:02}",
            "tier": "production" if number % 5 else "test",
            "owner": f"team-{number % 6}",
            "zone": f"z{number % 3}",
            "window": f"{number % 24:02}:00",
            "ticket": f"CHG{100000 + number}",
            "contact": f"ops-{number % 6}@corp.example",
        }
        return f"h{number:03}", f"127.0.1.{number}", variables

    def clear(self):
        """Gives every host an empty work folder."""
        for name in ("hosts", "base", "state"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        for number in range(1, self.count + 1):
            (self.folder / "hosts" / self.host(number)[0]).mkdir()
        (self.folder / "known_hosts").write_text("")

    def prepare(self, count):
        """Writes the inventories of `count` hosts."""
        self.count = count
        server = self.server
        common = {
            "ansible_port": server.port,
            "ansible_user": server.user,
            "ansible_ssh_private_key_file": str(server.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={server.known_hosts}",
            "ansible_python_interpreter": "/usr/bin/python3",
            "lab_root": str(self.folder / "hosts"),
            "payload": str(self.payload),
        }
        hosts = [self.host(number) for number in range(1, count + 1)]
        named = {name: {"ansible_host": address, **variables} for name, address, variables in hosts}
        # JSON is YAML.
        base = str(self.folder / "base") + "/{{ inventory_hostname }}"
        for file, more in (("ansible.yml", {}), ("paceline.yml", {"paceline_base": base})):
            group = {"hosts": named, "vars": common | more}
            if file == "paceline.yml":
                group = {"hosts": named, "vars": {k: v for k, v in group["vars"].items() if "common_args" not in k}}
            inventory = {"all": {"children": {"agents": group}}}
            (self.folder / file).write_text(json.dumps(inventory, indent=1))
        login = {
            "ssh_port": server.port,
            "ssh_user": server.user,
            "ssh_key": str(server.key),
            "ssh_known_hosts_file": str(server.known_hosts),
            "ssh_strict_host_key_checking": "yes",
            "lab_root": str(self.folder / "hosts"),
            "payload": str(self.payload),
            "templates": str(HERE / "templates"),
        }
        listed = [(name, {"ssh_hostname": address, **login, **variables}) for name, address, variables in hosts]
        (self.folder / "pyinfra_inventory.py").write_text(f"agents = {listed!r}\n")
        floor = {
            "hosts": [
                {
                    "name": name,
                    "address": address,
                    "home": f"{self.folder}/hosts/{name}/agent",
                    "points": f"{self.folder}/base/{name}/points",
                    "variables": variables
                    | {
                        "inventory_hostname": name,
                        "controller": "ctl.example",
                        "controller_port": 8443,
                        "retries": 5,
                    },
                }
                for name, address, variables in hosts
            ],
            "user": server.user,
            "port": server.port,
            "key": str(server.key),
            "known_hosts": str(server.known_hosts),
            "templates": [str(HERE / "templates" / name) for name in TEMPLATES],
            "payload": str(self.payload),
            "first": str(HERE / "first.sh"),
            "second": str(HERE / "second.sh"),
        }
        (self.folder / "floor.json").write_text(json.dumps(floor))
        (self.folder / "ansible.cfg").write_text(
            "[defaults]\ngathering = explicit\nretry_files_enabled = False\n"
            f"[ssh_connection]\npipelining = True\ncontrol_path_dir = {self.folder}/control\n"
        )

    def tree(self):
        """Paths, modes and digests of what the first host has now."""
        top = self.folder / "hosts" / self.host(1)[0]
        found = {}
        for path in sorted(top.rglob("*")):
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            if path.name not in ("installed", "status"):
                content += f" {path.stat().st_mode & 0o7777:o}"
            found[str(path.relative_to(top))] = content
        return found


def tools(lab, forks):
    """Name, largest number of hosts, and the command of a run."""
    program, floor = ROOT / "target/release/paceline", ROOT / "target/release/examples/floor"
    playbook = str(HERE / "p10.yml")
    return {
        "floor": (10**6, lambda run: [floor, lab.folder / "floor.json", run, forks]),
        "paceline": (
            10**6,
            lambda run: [program, "apply", playbook, "-i", lab.folder / "paceline.yml", "-f", forks, "--yes"]
            + ["--no-ansible-cfg", "--state-dir", lab.folder / "state"]
            + ["--known-hosts", lab.server.known_hosts],
        ),
        "pyinfra": (
            50,
            lambda run: [VENV / "bin/pyinfra", "-y", "--parallel", forks]
            + [lab.folder / "pyinfra_inventory.py", HERE / "pyinfra_deploy.py"],
        ),
        "ansible-core": (
            10,
            lambda run: [VENV / "bin/ansible-playbook", "-i", lab.folder / "ansible.yml", "-f", "50", playbook],
        ),
    }


class Memory(threading.Thread):
    """Watches the memory of a process and its children: the peak of the sum of their resident pages, in MB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            total = alone = 0
            waiting = [self.pid]
            while waiting:
                pid = waiting.pop()
                try:
                    status = pathlib.Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                sizes = {line.split(":")[0]: line.split() for line in status.splitlines() if line.startswith("Vm")}
                alone = int(sizes.get("VmHWM", [0, 0])[1])
                total += int(sizes.get("VmRSS", [0, 0])[1])
                waiting += sshd.children(pid)
            self.peak = max(self.peak, total / 1024)
            if total and alone and not sshd.children(self.pid):
                # Alone, the kernel knows the peak better than the samples.
                self.peak = max(self.peak, alone / 1024)


def measure(lab, command, log):
    """Runs a command; wall and CPU of it and of the hosts."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(lab.folder / "ssh"), "LANG": "C.UTF-8"}
    environment["ANSIBLE_CONFIG"] = str(lab.folder / "ansible.cfg")
    before = lab.server.counts()
    start = time.monotonic()
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, cwd=lab.folder
        )
        memory = Memory(process.pid)
        memory.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    memory.over.set()
    # Ansible's connections outlive it by a minute; its result does not wait for them.
    for control in (lab.folder / "control").glob("*"):
        end = ["ssh", "-o", f"ControlPath={control}", "-O", "exit", "host"]
        subprocess.run(end, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = lab.server.counts()
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}:\n{pathlib.Path(log).read_text(errors='replace')[-3000:]}")
    host_cpu, connections = (b - a for a, b in zip(before, after))
    return {
        "wall": wall,
        "controller": (usage.ru_utime + usage.ru_stime) * 1000 / lab.count,
        "host": host_cpu * 1000 / lab.count,
        "memory": memory.peak,
        "connections": connections / lab.count,
    }


def check_second(lab):
    """Paceline's second run must change nothing."""
    journals = sorted((lab.folder / "state/runs").glob("*/journal.jsonl"))
    last = json.loads(journals[-1].read_text().splitlines()[-1])
    changed = sum(host["changed"] for host in last["hosts"].values())
    if len(last["hosts"]) != lab.count or changed:
        sys.exit(f"the second run changed {changed} tasks on {len(last['hosts'])} hosts")


def spread(values, digits):
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(results, forks, reps):
    """The results as Markdown."""
    lines = [
        f"Ten tasks on N hosts of one OpenSSH server, {os.cpu_count()} cores for controller and hosts together, "
        f"{forks} hosts at work (ansible-core: 50 forks, pipelining); median (least-most) of {reps} runs. "
        "The columns `x` are multiples of the floor.",
        "",
        "| N | run | tool | wall s | x | controller CPU ms/host | host CPU ms/host | x | peak MB | connections/host |",
        "|--:|:--|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (count, run, tool), rows in sorted(results.items(), key=lambda item: (item[0][0], item[0][1])):
        floor = results.get((count, run, "floor"))

        def of(name, rows=rows):
            return [row[name] for row in rows]

        def ratio(name, rows=rows, floor=floor):
            if not floor or tool == "floor":
                return ""
            return f"{statistics.median(of(name, rows)) / statistics.median(of(name, floor)):.2f}"

        cells = [count, run, tool, spread(of("wall"), 2), ratio("wall"), spread(of("controller"), 1)]
        cells += [spread(of("host"), 0), ratio("host"), spread(of("memory"), 0)]
        cells += [f"{statistics.median(of('connections')):.2g}"]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", default="1,10,50,200", help="numbers of hosts [1,10,50,200]")
    parser.add_argument("--reps", type=int, default=3, help="repetitions, all tools in turn [3]")
    parser.add_argument("--forks", type=int, default=32, help="hosts at work at once [32]")
    parser.add_argument("--quick", action="store_true", help="1 and 10 hosts, one repetition, no ansible-core")
    parser.add_argument("--tools", help="only these, with commas between them")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the hosts")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target/bench/results.md", help="Markdown file")
    options = parser.parse_args()
    counts = [1, 10] if options.quick else [int(word) for word in options.hosts.split(",")]
    reps = 1 if options.quick else options.reps
    lab = Lab(ROOT / "target/bench/lab")
    results = {}
    try:
        for count in counts:
            lab.prepare(count)
            chosen = tools(lab, str(options.forks))
            if options.quick:
                chosen.pop("ansible-core")
            if options.tools:
                chosen = {name: chosen[name] for name in options.tools.split(",")}
            trees = {}
            for rep in range(reps):
                names = [name for name, (most, _) in chosen.items() if count <= most]
                # Another one begins each time, so that none is always behind the same neighbour.
                for name in names[rep % len(names) :] + names[: rep % len(names)]:
                    if name == "ansible-core" and rep and count > 1:
                        continue
                    lab.clear()
                    for run in ("first", "second"):
                        log = lab.folder / f"{name}-{run}.log"
                        row = measure(lab, chosen[name][1](run), log)
                        results.setdefault((count, run, name), []).append(row)
                        print(count, run, name, {k: round(v, 3) for k, v in row.items()}, file=sys.stderr, flush=True)
                    if name == "paceline":
                        check_second(lab)
                    trees[name] = lab.tree()
            for name, tree in trees.items():
                first = next(iter(trees.values()))
                if tree != first:
                    different = {path: (first.get(path), tree.get(path)) for path in first.keys() | tree.keys()}
                    different = {path: pair for path, pair in different.items() if pair[0] != pair[1]}
                    print(f"warning: {name} leaves another tree: {different}", file=sys.stderr)
    finally:
        lab.server.stop()
        if not options.keep:
            shutil.rmtree(lab.folder, ignore_errors=True)
    text = table(results, options.forks, reps)
    options.output.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
