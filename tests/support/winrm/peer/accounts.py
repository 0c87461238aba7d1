"""Who may log on: local accounts, domain accounts, accounts that a client certificate is mapped to."""

import hmac
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

from spnego._ntlm_raw.crypto import ntowfv1


@dataclass
class Account:
    """`domain` and `realm` are empty for a local account; who is not `admin` gets in but may not make a shell."""

    user: str
    password: str
    domain: str = ""
    realm: str = ""
    admin: bool = True

    def names(self, hosts: Iterable[str]) -> list[tuple[str, str]]:
        """Domain and user, in each form in which Windows takes the account."""
        if self.domain:
            names = [(self.domain, self.user)]
            return names + [("", f"{self.user}@{self.realm}"), (self.realm, self.user)] if self.realm else names
        return [(domain, self.user) for domain in ["", ".", *hosts]]


class Accounts:
    def __init__(self, accounts: list[Account], hosts: list[str]) -> None:
        self._accounts = accounts
        self._by_name = {
            (domain.upper(), user.upper()): account for account in accounts for domain, user in account.names(hosts)
        }

    def write(self, file: pathlib.Path) -> None:
        """The file that `pyspnego` reads for NTLM, in the form of `smbpasswd`, which takes any password."""
        lines = []
        for (domain, user), account in self._by_name.items():
            name = f"{domain}\\{user}" if domain else user
            lines.append(f"{name}:0:{'0' * 32}:{ntowfv1(account.password).hex()}:[U]:LCT-0\n")
        file.touch(0o600)
        file.write_text("".join(lines))

    def find(self, name: str) -> Account | None:
        """By `DOMAIN\\user`, `user@realm` or `user`."""
        domain, separator, user = name.partition("\\")
        if not separator:
            domain, user = "", name
        return self._by_name.get((domain.upper(), user.upper()))

    def check(self, name: str, password: str) -> Account | None:
        account = self.find(name)
        if account is None or not hmac.compare_digest(account.password.encode(), password.encode()):
            return None
        return account
