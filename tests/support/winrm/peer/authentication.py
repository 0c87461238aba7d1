"""Logging on over one connection, by `pyspnego`, Basic or the certificate of the TLS connection.

NTLM and Kerberos authenticate the connection, not the request: what was agreed on belongs to this stream alone, and
requests without a token belong to it until another logon begins.
"""

import base64
import binascii
import ssl
from dataclasses import dataclass
from typing import Any

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego._ntlm_raw.messages import Authenticate, AvId, NTClientChallengeV2
from spnego._spnego import NegTokenInit, NegTokenResp, unpack_token
from spnego.channel_bindings import GssChannelBindings

from . import certificates
from .accounts import Account, Accounts
from .host import Host

MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
# GSS_C_CHANNEL_BOUND_FLAG of MIT Kerberos: the initiator sent bindings, and they are ours.
CHANNEL_BOUND = 0x800


@dataclass
class Refused(Exception):
    """Answer 401; `token` goes on with a logon, `failed` says that a logon was tried and did not succeed."""

    token: tuple[str, bytes] | None = None
    failed: bool = False


class Logon:
    """The state of one connection."""

    def __init__(
        self, host: Host, accounts: Accounts, connection: int, tls: ssl.SSLSocket | None, certificate: bytes
    ) -> None:
        self._host = host
        self._accounts = accounts
        self._connection = connection
        self._tls = tls
        self._certificate = certificate
        self._account: Account | None = None
        self._context: Any = None
        self._seen = {"cbt": False, "mic": False, "user": "", "ntlm": False}
        self.scheme = ""
        self.reply: tuple[str, bytes] | None = None

    @property
    def context(self) -> Any:
        """The context that seals, once the logon is over."""
        return self._context if self._account is not None else None

    def forget(self) -> None:
        self._account = None
        self._context = None

    def offers(self) -> list[str]:
        """The values of WWW-Authenticate, as Windows has them with what is switched on."""
        settings = self._host.settings
        offers = ["Negotiate", "Kerberos"] if settings.negotiate and settings.kerberos else []
        offers = offers or (["Negotiate"] if settings.negotiate else [])
        if settings.basic and (self._tls is not None or settings.allow_unencrypted):
            offers.append('Basic realm="WSMAN"')
        if settings.certificate and self._tls is not None:
            offers.append(MUTUAL)
        return offers

    def continues(self, authorization: str | None) -> bool:
        """Whether a request belongs to a logon that is not over."""
        return authorization is not None and authorization.partition(" ")[0].lower() in (
            "negotiate",
            "kerberos",
            "ntlm",
        )

    def enter(self, authorization: str | None) -> Account:
        """Who asks; raises `Refused` for the answer 401."""
        self.reply = None
        if authorization is None:
            if self._account is None:
                raise Refused()
            return self._account
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic":
            return self._basic(value)
        if authorization == MUTUAL:
            return self._mutual()
        if not self.continues(authorization) or not self._host.settings.negotiate:
            raise Refused()
        if scheme.lower() == "kerberos" and not self._host.settings.kerberos:
            raise Refused()
        try:
            token = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise Refused(failed=True) from error
        return self._negotiate(scheme, token)

    def _failed(self, protocol: str, user: str, why: str) -> Refused:
        self.forget()
        self._host.record.add("logon_failed", connection=self._connection, protocol=protocol, user=user, why=why)
        return Refused(failed=True)

    def _succeeded(self, protocol: str, account: Account, **more: Any) -> Account:
        self._account = account
        self._host.record.add("logon", connection=self._connection, protocol=protocol, user=account.user, **more)
        return account

    def _basic(self, value: str) -> Account:
        settings = self._host.settings
        if not settings.basic or (self._tls is None and not settings.allow_unencrypted):
            raise Refused()
        try:
            plain = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise self._failed("basic", "", "not base64") from error
        # Unverified what Windows takes beyond ASCII: browsers send UTF-8, `requests` Latin-1.
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            text = plain.decode("latin-1")
        user, _, password = text.partition(":")
        account = self._accounts.check(user, password)
        # Basic is for local accounts.
        if account is None or account.domain:
            raise self._failed("basic", user, "password")
        self.forget()
        return self._succeeded("basic", account)

    def _mutual(self) -> Account:
        found = self._tls.getpeercert(binary_form=True) if self._tls is not None else None
        if found is None or not self._host.settings.certificate:
            raise self._failed("certificate", "", "no certificate")
        name = certificates.principal(found)
        account = self._accounts.find(name.partition("@")[0])
        if account is None:
            raise self._failed("certificate", name, "not mapped")
        self.forget()
        return self._succeeded("certificate", account)

    def _negotiate(self, scheme: str, token: bytes) -> Account:
        if self._context is None or self._account is not None:
            self.forget()
            self._context = spnego.server(protocol="negotiate")
            self._seen = {"cbt": False, "mic": False, "user": "", "ntlm": False}
            self.scheme = scheme
        self._look(token)
        bindings = GssChannelBindings(application_data=self._bindings()) if self._checks() else None
        try:
            reply = self._context.step(token, channel_bindings=bindings)
        except Exception as error:
            raise self._failed(self.scheme, str(self._seen["user"]), f"{type(error).__name__}: {error}") from error
        if not self._context.complete:
            raise Refused((scheme, reply or b""))
        protocol = self._context.negotiated_protocol or ""
        principal = self._context.client_principal or ""
        if protocol == "kerberos":
            self._seen["cbt"] = bool(int(self._raw_flags()) & CHANNEL_BOUND)
        if self._tls is not None and self._host.settings.cbt == "strict" and not self._seen["cbt"]:
            raise self._failed(protocol, principal, "no channel bindings")
        account = self._accounts.find(principal)
        if account is None:
            # Anybody whom the domain knows gets in, and may then do nothing.
            account = Account(principal, "", admin=False)
        if reply:
            self.reply = (scheme, reply)
        return self._succeeded(protocol, account, principal=principal, cbt=self._seen["cbt"], mic=self._seen["mic"])

    def _checks(self) -> bool:
        """Whether bindings are compared; `pyspnego` wants some from NTLM then, which `relaxed` does not."""
        if self._tls is None or self._host.settings.cbt == "none":
            return False
        return self._host.settings.cbt == "strict" or bool(self._seen["cbt"]) or not self._seen["ntlm"]

    def _bindings(self) -> bytes:
        """`tls-server-end-point` of RFC 5929: SHA-256 where the certificate is signed with MD5 or SHA-1."""
        algorithm = x509.load_der_x509_certificate(self._certificate).signature_hash_algorithm
        if algorithm is None or algorithm.name in ("md5", "sha1"):
            algorithm = hashes.SHA256()
        digest = hashes.Hash(algorithm)
        digest.update(self._certificate)
        return b"tls-server-end-point:" + digest.finalize()

    def _raw_flags(self) -> int:
        inner = getattr(self._context, "_context", self._context)
        inner = getattr(inner, "_context", inner)
        return getattr(inner, "actual_flags", 0)

    def _look(self, token: bytes) -> None:
        """Notes from an NTLM message what `pyspnego` does not tell: whether bindings and MIC were sent, and by whom."""
        try:
            outer = unpack_token(token) if not token.startswith(b"NTLMSSP\0") else token
            if isinstance(outer, NegTokenInit):
                outer = outer.mech_token
            elif isinstance(outer, NegTokenResp):
                outer = outer.response_token
            if not isinstance(outer, bytes) or not outer.startswith(b"NTLMSSP\0\x03"):
                return
            message = Authenticate.unpack(outer)
            self._seen["user"] = f"{message.domain_name or ''}\\{message.user_name or ''}"
            self._seen["mic"] = bool(message.mic)
            self._seen["ntlm"] = True
            challenge = NTClientChallengeV2.unpack((message.nt_challenge_response or b"")[16:])
            bound = challenge.av_pairs.get(AvId.channel_bindings, b"")
            self._seen["cbt"] = bool(bound) and any(bound)
        except Exception:
            # What cannot be read here is refused by `pyspnego` in the next step.
            return
