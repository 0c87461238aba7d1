"""A KDC of MIT Kerberos on loopback, with configuration and database in a folder of its own.

From Python: `with Kdc(folder, realm, hosts, users, password) as kdc:`. As a program:
`kdc.py FOLDER REALM HOST,HOST... USER,USER...` with the users' password in the first line of standard input. It prints
one line of JSON: `environment`, what clients and the peer need (the ticket cache that it names does not exist yet), and
`users_keytab`, a file with the keys of the users. Then each line `USER PATH` gets that user a ticket, as `kinit` does,
into a cache at that path, and is answered with a line; the KDC ends when standard input does. Needs Debian's
`krb5-kdc` and `krb5-admin-server`; nothing of the machine's own Kerberos is read or written.
"""

import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import krb5

_PR_SET_PDEATHSIG = 1
SERVICES = ("HTTP", "WSMAN", "host")


class Kdc:
    def __init__(self, folder: pathlib.Path, realm: str, hosts: list[str], users: list[str], password: str) -> None:
        self._folder = folder
        self._realm = realm
        self._port = _free_port()
        self._write()
        self.environment = {
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KTNAME": f"FILE:{folder / 'keytab'}",
            "KRB5CCNAME": f"FILE:{folder / 'ccache'}",
            "KRB5RCACHENAME": f"file2:{folder / 'rcache'}",
        }
        self._settings = {**os.environ, **self.environment, "KRB5_KDC_PROFILE": str(folder / "kdc.conf")}
        self._run(["kdb5_util", "create", "-s", "-r", realm, "-P", secrets.token_hex(16)])
        names = [f"{service}/{host}" for host in hosts for service in SERVICES]
        lines = [f"addprinc -randkey {name}" for name in names]
        lines += [f'addprinc -pw "{password}" {user}' for user in users]
        lines += [f"ktadd -k {folder / 'keytab'} {name}" for name in names]
        self.users_keytab = folder / "users.keytab"
        lines += [f"ktadd -k {self.users_keytab} -norandkey {user}" for user in users]
        self._run(["kadmin.local", "-r", realm], "\n".join(lines) + "\n")
        self._process = subprocess.Popen(
            [_program("krb5kdc"), "-n", "-r", realm, "-P", str(folder / "pid")],
            env=self._settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )
        self._wait()

    def _write(self) -> None:
        folder, realm = self._folder, self._realm
        (folder / "krb5.conf").write_text(
            f"""[libdefaults]
default_realm = {realm}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = 127.0.0.1:{self._port}
}}
[domain_realm]
.example = {realm}
[logging]
kdc = FILE:{folder}/kdc.log
default = FILE:{folder}/krb5.log
"""
        )
        (folder / "kdc.conf").write_text(
            f"""[kdcdefaults]
kdc_listen = 127.0.0.1:{self._port}
kdc_tcp_listen = 127.0.0.1:{self._port}
[realms]
{realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
}}
"""
        )
        (folder / "acl").touch()

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(
            [_program(command[0]), *command[1:]],
            input=text,
            env=self._settings,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}\n{done.stderr}")

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"krb5kdc does not start; see {self._folder}/kdc.log")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def __enter__(self) -> "Kdc":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _end_with_parent() -> None:
    """Runs in `krb5kdc` before it is that: the kernel ends it when this process is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="winrm-kdc-")


def log_in(principal: str, password: str, path: str) -> None:
    """Puts a ticket into a cache, as `kinit` does; `KRB5_CONFIG` says where the KDC is."""
    context = krb5.init_context()
    client = krb5.parse_name_flags(context, principal.encode())
    options = krb5.get_init_creds_opt_alloc(context)
    credential = krb5.get_init_creds_password(context, client, options, password.encode())
    cache = krb5.cc_resolve(context, f"FILE:{path}".encode())
    krb5.cc_initialize(context, cache, client)
    krb5.cc_store_cred(context, cache, credential)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install krb5-kdc krb5-admin-server")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    folder, realm, hosts, users = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    with Kdc(pathlib.Path(folder), realm, hosts.split(","), users.split(","), password) as kdc:
        print(json.dumps({"environment": kdc.environment, "users_keytab": str(kdc.users_keytab)}), flush=True)
        os.environ.update(kdc.environment)
        for line in sys.stdin:
            user, _, path = line.rstrip("\n").partition(" ")
            log_in(f"{user}@{realm}", password, path)
            print(json.dumps({"ok": path}), flush=True)


if __name__ == "__main__":
    main()
