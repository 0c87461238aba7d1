"""Certificates for tests, made here."""

from __future__ import annotations

import datetime
from typing import Any


def made(name: str = "agent1.example") -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
    )
    return builder.sign(key, hashes.SHA256()), key


def pfx(password: str, name: str = "agent1.example") -> tuple[bytes, str]:
    """A PFX and the thumbprint of its certificate."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12

    certificate, key = made(name)
    content = pkcs12.serialize_key_and_certificates(
        b"test", key, certificate, None, BestAvailableEncryption(password.encode())
    )
    return content, hashlib.sha1(certificate.public_bytes(Encoding.DER)).hexdigest().upper()
