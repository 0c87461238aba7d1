"""The two clients under one face: log on in one of several ways, run a program, get its code and its bytes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm.protocol import Protocol

from started import PASSWORD, Peer

warnings.simplefilter("ignore")

HOST = "win1.example"
CHUNK = 100_000


@dataclass
class Way:
    """How to get in. `more` goes to the client as it is."""

    client: str
    authentication: str
    tls: bool
    user: str = "Administrator"
    password: str = PASSWORD
    host: str = HOST
    timeout: int = 20
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.client} {self.authentication} over {'https' if self.tls else 'http'}"


Ended = tuple[int, bytes, bytes]


class Pypsrp:
    def __init__(self, peer: Peer, way: Way) -> None:
        host = peer.ready["hosts"][way.host]
        options: dict[str, Any] = {
            "auth": way.authentication,
            "username": way.user,
            "password": way.password,
            "cert_validation": peer.ready["ca"],
            "operation_timeout": way.timeout,
            "read_timeout": way.timeout + 30,
            "no_proxy": True,
        }
        if way.authentication == "certificate":
            options |= {
                "certificate_pem": peer.ready["client_certificate"],
                "certificate_key_pem": peer.ready["client_key"],
            }
            del options["username"], options["password"]
        if way.authentication == "kerberos":
            options |= {"negotiate_hostname_override": way.host, "negotiate_service": "HTTP"}
        port = host["https" if way.tls else "http"]
        self.wsman = WSMan(host["address"], port=port, ssl=way.tls, **(options | way.more))
        self.shell = WinRS(self.wsman, codepage=65001, environment={"PEER_CHECK": "grüße & <more>"})
        self.shell.open()

    def start(self, program: str, arguments: list[str], skip_cmd: bool = False) -> Process:
        process = Process(self.shell, program, arguments, no_shell=skip_cmd)
        process.begin_invoke()
        return process

    def run(self, program: str, *arguments: str, stdin: bytes | None = None, skip_cmd: bool = False) -> Ended:
        process = self.start(program, list(arguments), skip_cmd)
        if stdin is not None:
            for at in range(0, len(stdin), CHUNK):
                process.send(stdin[at : at + CHUNK], end=at + CHUNK >= len(stdin))
        process.end_invoke()
        process.signal(SignalCode.TERMINATE)
        return int(process.rc or 0), process.stdout, process.stderr

    def interrupted(self, program: str, *arguments: str) -> int:
        process = self.start(program, list(arguments))
        process.signal(SignalCode.CTRL_C)
        process.end_invoke()
        return int(process.rc or 0)

    def close(self) -> None:
        self.shell.close()
        self.wsman.close()


class Pywinrm:
    def __init__(self, peer: Peer, way: Way) -> None:
        host = peer.ready["hosts"][way.host]
        scheme = "https" if way.tls else "http"
        options: dict[str, Any] = {
            "transport": way.authentication,
            "username": way.user,
            "password": way.password,
            "ca_trust_path": peer.ready["ca"],
            "operation_timeout_sec": way.timeout,
            "read_timeout_sec": way.timeout + 30,
            "proxy": None,
        }
        if way.authentication == "certificate":
            options |= {"cert_pem": peer.ready["client_certificate"], "cert_key_pem": peer.ready["client_key"]}
        if way.authentication == "kerberos":
            options |= {"kerberos_hostname_override": way.host, "service": "HTTP"}
        self.protocol = Protocol(f"{scheme}://{host['address']}:{host[scheme]}/wsman", **(options | way.more))
        self.shell = self.protocol.open_shell(codepage=65001, env_vars={"PEER_CHECK": "grüße & <more>"})

    def run(self, program: str, *arguments: str, stdin: bytes | None = None, skip_cmd: bool = False) -> Ended:
        command = self.protocol.run_command(
            self.shell, program, arguments, console_mode_stdin=stdin is None, skip_cmd_shell=skip_cmd
        )
        if stdin is not None:
            for at in range(0, len(stdin), CHUNK):
                self.protocol.send_command_input(self.shell, command, stdin[at : at + CHUNK], at + CHUNK >= len(stdin))
        out, err, code = self.protocol.get_command_output(self.shell, command)
        self.protocol.cleanup_command(self.shell, command)
        return code, out, err

    def close(self) -> None:
        self.protocol.close_shell(self.shell)


CLIENTS: dict[str, Callable[[Peer, Way], Any]] = {"pypsrp": Pypsrp, "pywinrm": Pywinrm}


class Session:
    """`with Session(peer, way) as client:` opens a shell and deletes it at the end."""

    def __init__(self, peer: Peer, way: Way) -> None:
        self._peer, self._way = peer, way

    def __enter__(self) -> Any:
        self._client = CLIENTS[self._way.client](self._peer, self._way)
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def ways() -> list[Way]:
    """Each client with each way that needs no KDC."""
    return [
        Way(client, authentication, tls)
        for client in CLIENTS
        for authentication, tls in (("ntlm", False), ("ntlm", True), ("basic", True), ("certificate", True))
    ]
