"""Proves the peer with clients that know nothing of it: `accept.py [PART OF A NAME ...]`, one line a check.

Only when `pywinrm` and `pypsrp` are content does it mean anything that our client is.
"""

import os
import pathlib
import sys
import time
import traceback

from checks import injected, kerberos, more, refusals, running  # noqa: F401 (they register their checks)
from checks.clients import HOST
from checks.register import CHECKS
from kdc import Kdc, log_in, temporary
from started import PASSWORD, Peer


def main() -> int:
    with temporary() as folder, Kdc(pathlib.Path(folder), kerberos.REALM, [HOST], [kerberos.USER], PASSWORD) as kdc:
        os.environ.update(kdc.environment)
        cache = kdc.environment["KRB5CCNAME"].removeprefix("FILE:")
        log_in(f"{kerberos.USER}@{kerberos.REALM}", PASSWORD, cache)
        return run(sys.argv[1:])


def run(wanted: list[str]) -> int:
    failed = 0
    passed = 0
    settings = {"kerberos": True, "powershell": "stand-in"}
    with more.false_pwsh() as environment, Peer([{"name": HOST, "settings": settings}], environment) as peer:
        for name, check in CHECKS:
            if wanted and not any(part in name for part in wanted):
                continue
            began = time.monotonic()
            try:
                check(peer)
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            else:
                passed += 1
                print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
            # What a check that failed left behind is not held against the next one.
            peer.do("clear", HOST)
            peer.do("up", HOST)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
