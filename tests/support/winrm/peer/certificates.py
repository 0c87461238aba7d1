"""Certificates of the peer: an authority, leaves of many kinds for its hosts, and one for a client.

Leaves say CA:FALSE, but for the kind that is there to be refused. Kinds: `good`, `sha384` (signed with SHA-384),
`ecdsa`, `expired`, `not_yet` (valid tomorrow), `wrong_host`, `self_signed`, `self_signed_ca` (CA:TRUE, as many
self-made WinRM certificates are), `other_ca` (an authority that nobody trusts).
"""

import datetime
import hashlib
import ipaddress
import pathlib
import ssl
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

KINDS = ["good", "sha384", "ecdsa", "expired", "not_yet", "wrong_host", "self_signed", "self_signed_ca", "other_ca"]
# szOID_NT_PRINCIPAL_NAME: the user principal name by which Windows maps client certificates to accounts.
PRINCIPAL = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Pair:
    """A certificate with its key, as PEM files."""

    certificate: pathlib.Path
    key: pathlib.Path
    der: bytes

    @property
    def pin(self) -> str:
        return hashlib.sha256(self.der).hexdigest()


def principal(der: bytes) -> str:
    """The user principal name of a client certificate, empty without one."""
    try:
        names = (
            x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return ""
    for name in names:
        # The value is a UTF8String in DER: tag, length, text.
        if isinstance(name, x509.OtherName) and name.type_id == PRINCIPAL and len(name.value) > 2:
            return name.value[2:].decode()
    return ""


class Authority:
    def __init__(self, folder: pathlib.Path, names: list[str], addresses: list[str], client: str) -> None:
        self._folder = folder
        self._names = names
        self._addresses = addresses
        self._made: dict[str, Pair] = {}
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}
        self._key: _Key = _rsa()
        self._name = _name("Paceline test authority")
        certificate = self._certificate(self._name, self._key, self._name, self._key, "ca", [])
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        text = client.encode()
        names_of_client: list[x509.GeneralName] = [x509.OtherName(PRINCIPAL, bytes([0x0C, len(text)]) + text)]
        self.client = self._pair("client", _name(client), _rsa(), "client", names_of_client)

    def leaf(self, kind: str) -> Pair:
        if kind not in KINDS:
            raise ValueError(f"no certificate `{kind}`; there are: {' '.join(KINDS)}")
        if kind not in self._made:
            names: list[x509.GeneralName] = [x509.DNSName(name) for name in self._names]
            names += [x509.IPAddress(ipaddress.ip_address(address)) for address in self._addresses]
            if kind == "wrong_host":
                names = [x509.DNSName("somebody-else.example")]
            key: _Key = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else _rsa()
            self._made[kind] = self._pair(kind, _name("WinRM test host"), key, kind, names)
        return self._made[kind]

    def context(self, kind: str, maximum: str) -> ssl.SSLContext:
        """The server's side of TLS with that certificate; a client may present one of its own."""
        if (kind, maximum) not in self._contexts:
            pair = self.leaf(kind)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            context.maximum_version = ssl.TLSVersion.TLSv1_2 if maximum == "1.2" else ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(self.file)
            context.verify_mode = ssl.CERT_OPTIONAL
            self._contexts[kind, maximum] = context
        return self._contexts[kind, maximum]

    def _pair(self, file: str, name: x509.Name, key: _Key, kind: str, names: list[x509.GeneralName]) -> Pair:
        issuer, signer = self._name, self._key
        if kind.startswith("self_signed"):
            issuer, signer = name, key
        elif kind == "other_ca":
            issuer, signer = _name("An authority nobody trusts"), _rsa()
        certificate = self._certificate(name, key, issuer, signer, kind, names)
        pair = Pair(
            self._folder / f"{file}.pem",
            self._folder / f"{file}.key",
            certificate.public_bytes(serialization.Encoding.DER),
        )
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.touch(0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair

    @staticmethod
    def _certificate(
        name: x509.Name, key: _Key, issuer: x509.Name, signer: _Key, kind: str, names: list[x509.GeneralName]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        begin, end = {"expired": (now - 30 * day, now - day), "not_yet": (now + day, now + 30 * day)}.get(
            kind, (now - day, now + 30 * day)
        )
        authority = kind in ("ca", "self_signed_ca")
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if kind == "client" else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if kind != "ca":
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer, hashes.SHA384() if kind == "sha384" else hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
