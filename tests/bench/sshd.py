"""One OpenSSH server for the benchmark, with the CPU time of everything that runs under it.

The server's parent is a process of its own that adopts what its sessions leave behind, so that no CPU
time is lost: what the server has waited for is in its `/proc/PID/stat`, the rest in the parent's own count.
"""

import ctypes
import getpass
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_CHILD_SUBREAPER = 36


def children(pid):
    try:
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def parent(config, log):
    """Runs the server; answers each line on standard input with the CPU seconds so far, once all sessions are over."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", config, "-E", log])
    adopted = {"seconds": 0.0}

    def adopt():
        for pid in children(os.getpid()):
            if pid == server.pid:
                continue
            found, _, usage = os.wait4(pid, os.WNOHANG)
            if found:
                adopted["seconds"] += usage.ru_utime + usage.ru_stime

    def busy():
        adopt()
        return children(server.pid) or [pid for pid in children(os.getpid()) if pid != server.pid]

    for _ in sys.stdin:
        limit = time.monotonic() + 10
        while busy() and time.monotonic() < limit:
            time.sleep(0.02)
        stat = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = sum(int(word) for word in stat[11:15])
        print(json.dumps({"seconds": ticks / TICK + adopted["seconds"], "left": len(busy())}), flush=True)
    server.terminate()
    server.wait()


class Server:
    """The server on a free port of this machine; only loopback addresses and the key in `folder` get in."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "sshd.log"
        self.key = self.folder / "key"
        self.known_hosts = self.folder / "known_hosts"
        self.user = getpass.getuser()
        if os.getuid() == 0:
            pathlib.Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        for name in ("key", "host"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)], check=True
            )
        shutil.copy(self.folder / "key.pub", self.folder / "authorized")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        host_key = (self.folder / "host.pub").read_text().strip()
        # One line an address: the library that pyinfra uses knows no patterns.
        addresses = (f"127.0.1.{number}" for number in range(1, 255))
        self.known_hosts.write_text("".join(f"[{address}]:{self.port} {host_key}\n" for address in addresses))
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\n"
            # The hosts are many addresses of the loopback device, more than a server can listen on one by one.
            "ListenAddress 0.0.0.0\n"
            f"AllowUsers {self.user}@127.0.0.0/8\n"
            f"HostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/authorized\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nPidFile none\nUseDNS no\nPrintMotd no\nPrintLastLog no\n"
            "MaxStartups 2000\nMaxSessions 100\nLogLevel VERBOSE\n"
            "Subsystem sftp internal-sftp\n"
            # What the user's own start files cost is not measured, and nothing is left in the home folder.
            f"SetEnv HOME={self.folder}\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(config), str(self.log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"sshd does not start, see {self.log}")

    def counts(self):
        """CPU seconds and connections of the hosts since the start."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if answer["left"]:
            print(f"warning: {answer['left']} processes of sessions are still there", file=sys.stderr)
        log = self.log.read_text(errors="replace")
        return answer["seconds"], log.count("Accepted publickey")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent(*sys.argv[1:])
