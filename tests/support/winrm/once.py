"""Runs one program on a host by `pypsrp`, for tests and for trying things out.

`once.py` reads one JSON object from standard input: `address`, `port`, `tls`, `authority` (PEM), `authentication`
(`ntlm`, `kerberos`, `negotiate`, `basic`), `user`, `password`, `host` (its name in the service principal), `command`
(the program and its arguments). What the program writes comes out, and its exit code is this one's.
"""

import json
import sys

from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan


def main() -> int:
    wanted = json.load(sys.stdin)
    names = {"negotiate_hostname_override": wanted["host"], "negotiate_service": "HTTP"}
    wsman = WSMan(
        wanted["address"],
        port=wanted["port"],
        ssl=wanted["tls"],
        auth=wanted["authentication"],
        username=wanted.get("user"),
        password=wanted.get("password"),
        cert_validation=wanted["authority"],
        no_proxy=True,
        **(names if wanted["authentication"] in ("kerberos", "negotiate") else {}),
    )
    program, *arguments = wanted["command"]
    with wsman, WinRS(wsman, codepage=65001) as shell:
        process = Process(shell, program, arguments, no_shell=True)
        process.invoke()
        process.signal(SignalCode.TERMINATE)
    sys.stdout.buffer.write(process.stdout)
    sys.stderr.buffer.write(process.stderr)
    return int(process.rc or 0)


if __name__ == "__main__":
    sys.exit(main())
