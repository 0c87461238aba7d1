r"""The forced command of an sshd that stands for a Windows host: `python3 -m windows.shell HOSTDIR -c COMMAND`.

OpenSSH for Windows runs what a client asks for through the default shell, which is cmd.exe
(learn.microsoft.com/windows-server/administration/openssh/openssh-server-configuration). Without `-c` the command is what sshd
left in SSH_ORIGINAL_COMMAND.
"""

from __future__ import annotations

import os
import re
import sys

ENCODED = re.compile(r"(?i)\s-e(?:nc|ncodedcommand|c)?\s+([A-Za-z0-9+/=]+)\s*$")


def main(arguments: list[str]) -> int:
    if len(arguments) == 1:
        folder, line = arguments[0], os.environ.get("SSH_ORIGINAL_COMMAND", "")
    elif len(arguments) == 3 and arguments[1] == "-c":
        folder, line = arguments[0], arguments[2]
    else:
        sys.stderr.write("usage: python3 -m windows.shell HOSTDIR [-c COMMAND]\n")
        return 2
    from .host import Host

    host = Host(folder)
    if host.down():
        return 255
    return run(host, line)


def run(host: "object", line: str) -> int:
    """Runs one command line over the standard streams of this process."""
    from .host import Host

    assert isinstance(host, Host)
    stdin, stdout, stderr = sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer
    found = ENCODED.search(line)
    if found and re.match(r'(?i)\s*"?(?:[a-z]:[^"]*\\)?powershell(?:\.exe)?"?\s', line):
        from . import session

        if session.is_bootstrap(session.decode(found.group(1))):
            return session.serve(found.group(1), stdin, stdout, stderr, host, whole_process=True)
    from . import programs

    return programs.run_plain(host, line, stdin, stdout, stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
