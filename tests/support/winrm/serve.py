"""Runs the peer: `serve.py FOLDER`, with one JSON object a line on standard input, one on standard output for each.

The first line is the configuration: `hosts` (objects with `name`, and `address` (127.0.0.1), `http` and `https`
(ports; 0, the default, takes a free one, null none), `settings`), `accounts` (see `peer/accounts.py`), `client` (the
user principal name of the client certificate). The answer holds what a client needs: ports, certificates, pins.

Then each line is a command; `do` says which, `host` the host:

- `log` (`since`, `kind`), `counts`: what happened, and how often; `shells`: which ones are open;
- `counters`: what the test program `count` counted;
- `inject` (`fault`, see `peer/injection.py`), `clear`: faults to come;
- `set` (`settings`, see `peer/host.py`), `drop` (`shell`: it is lost);
- `hangup`: all connections end; `down`: and shells too, and connecting is refused until `up`;
- `model` (`request`): handed to the model of a Windows host; `pin` (`certificate`, no host): SHA-256 of that kind.

A refused command is answered with `error`. The peer ends when its standard input does, so it cannot outlive the test
that started it.
"""

import json
import os
import pathlib
import sys
import threading
from collections.abc import Callable
from typing import Any

from peer import power, powershell
from peer.accounts import Account, Accounts
from peer.certificates import KINDS, Authority
from peer.host import Host
from peer.injection import Injection
from peer.listener import Listener


class Peer:
    def __init__(self, folder: pathlib.Path, configuration: dict[str, Any]) -> None:
        wanted = configuration["hosts"]
        self.hosts = {
            entry["name"]: Host(entry["name"], entry.get("address", "127.0.0.1"), folder / "hosts" / entry["name"])
            for entry in wanted
        }
        power.HOSTS.update(self.hosts)
        for entry in wanted:
            self.hosts[entry["name"]].settings.change(entry.get("settings", {}))
        names = list(self.hosts)
        # A host's own accounts may be given with its NetBIOS name.
        short = [name.partition(".")[0] for name in names]
        accounts = Accounts([Account(**entry) for entry in configuration["accounts"]], [*names, *short])
        logons = folder / "ntlm"
        accounts.write(logons)
        os.environ["NTLM_USER_FILE"] = str(logons)
        # NTLMv2 only, as servers are set up that took the advice of Microsoft ("LAN Manager authentication level").
        os.environ["LM_COMPAT_LEVEL"] = "5"
        addresses = sorted({host.address for host in self.hosts.values()})
        self._authority = Authority(folder, names, addresses, configuration.get("client", "Administrator@localhost"))
        self._listener = Listener(accounts, self._authority)
        self.ready = {"hosts": {entry["name"]: self._open(entry) for entry in wanted}, **self._files()}
        threading.Thread(target=self._listener.run, daemon=True).start()

    def _open(self, entry: dict[str, Any]) -> dict[str, Any]:
        host = self.hosts[entry["name"]]
        ports = {}
        for scheme in ("http", "https"):
            port = entry.get(scheme, 0)
            ports[scheme] = None if port is None else self._listener.open(host, port, scheme == "https")
        return {"address": host.address, "files": str(host.files), **ports}

    def _files(self) -> dict[str, Any]:
        client = self._authority.client
        return {
            "ca": str(self._authority.file),
            "pin": self._authority.leaf("good").pin,
            "client_certificate": str(client.certificate),
            "client_key": str(client.key),
        }

    def obey(self, command: dict[str, Any]) -> Any:
        do = command.pop("do")
        if do == "pin":
            return self._authority.leaf(command.get("certificate", "good")).pin
        host = self.hosts[command.pop("host")]
        actions: dict[str, Callable[[], Any]] = {
            "log": lambda: host.record.events(command.get("since", 0), command.get("kind")),
            "counts": host.record.counts,
            "counters": lambda: dict(host.counters),
            "shells": lambda: list(host.shells),
            "inject": lambda: host.injections.add(Injection.read(command["fault"])),
            "clear": host.injections.clear,
            "set": lambda: self._set(host, command["settings"]),
            "model": lambda: powershell.model().control(host.name, command["request"]),
            "hangup": host.hang_up,
            "down": lambda: power.down(host.name),
            "up": lambda: power.up(host.name),
            "drop": lambda: host.drop(command["shell"], "shell_lost"),
        }
        return actions[do]()

    def _set(self, host: Host, settings: dict[str, Any]) -> None:
        if settings.get("server_certificate", "good") not in KINDS:
            raise ValueError(f"no certificate `{settings['server_certificate']}`")
        host.settings.change(settings)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    # Where the model of a Windows host keeps those of this peer.
    os.environ.setdefault("PACELINE_WINDOWS_HOSTS", str(folder / "windows"))
    peer = Peer(folder, json.loads(sys.stdin.readline()))
    print(json.dumps({"ok": peer.ready}), flush=True)
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"ok": peer.obey(json.loads(line))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    # Connections are threads that may wait for long; none of them is worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
