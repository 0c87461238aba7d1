r"""Certificates in stores, their private keys, and who may read those: kinds `certificate` and `key_acl`.

Sources: `X509Store` (learn.microsoft.com/dotnet/api/system.security.cryptography.x509certificates.x509store): locations
CurrentUser and LocalMachine, the names of stores; `X509KeyStorageFlags`: with PersistKeySet and MachineKeySet a key is a file
below %ProgramData%\Microsoft\Crypto; "Key Storage and Retrieval" (learn.microsoft.com/windows/win32/seccng): CNG keys in
`Crypto\Keys`, CSP keys in `Crypto\RSA\MachineKeys`. Adding a certificate that is there replaces it.

A record, keyed LOCATION\STORE\THUMBPRINT: subject, issuer, not_before, not_after, has_key, friendly_name, der, key_file,
exportable, and for a CSP key csp.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import TYPE_CHECKING, Any

from . import acl
from .calls import Arguments, Failure, function
from .ensure import Key, Kind, State, kind, save

if TYPE_CHECKING:
    from .host import Host
    from .session import Session

STORES = {
    "addressbook": "AddressBook", "authroot": "AuthRoot", "certificateauthority": "CA", "ca": "CA",
    "disallowed": "Disallowed", "my": "My", "root": "Root", "trustedpeople": "TrustedPeople",
    "trustedpublisher": "TrustedPublisher", "webhosting": "WebHosting",
}  # fmt: skip
LOCATIONS = {"localmachine": "LocalMachine", "currentuser": "CurrentUser"}


def place(location: str, store: str, thumbprint: str) -> str:
    if location.lower() not in LOCATIONS:
        raise Failure(f"`{location}` is no location of certificate stores")
    if store.lower() not in STORES:
        raise Failure("The system cannot find the file specified.")
    return f"{location}\\{STORES[store.lower()]}\\{thumbprint}".upper()


def find(host: "Host", location: str, store: str, thumbprint: str) -> dict[str, Any] | None:
    return host.store.get("certificates", place(location, store, thumbprint))


@functools.lru_cache(maxsize=64)
def load(content: bytes, password: str | None) -> tuple[Any, bool, list[Any]]:
    """Certificate, whether its key came along, and the rest of the chain.

    Fifty hosts open the same file; to derive its key and to check it anew holds up all of them.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificates(content)[0], False, []
        try:
            return x509.load_der_x509_certificate(content), False, []
        except ValueError:
            secret = password.encode() if password is not None else None
            key, certificate, more = pkcs12.load_key_and_certificates(content, secret)
            if certificate is None:
                certificate, more = more[0], more[1:]
            return certificate, key is not None, more
    except ValueError as error:
        raise Failure(
            "The specified network password is not correct."
            if "password" in str(error).lower() or "mac" in str(error).lower()
            else "Cannot find the requested object."
        ) from error


def describe(certificate: Any, has_key: bool) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding

    der = certificate.public_bytes(Encoding.DER)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "subject": certificate.subject.rfc4514_string().replace(",", ", "),
        "issuer": certificate.issuer.rfc4514_string().replace(",", ", "),
        "not_before": _utc(certificate, "not_valid_before").strftime(stamp),
        "not_after": _utc(certificate, "not_valid_after").strftime(stamp),
        "has_key": has_key,
        "algorithm": getattr(certificate.signature_algorithm_oid, "_name", ""),
        "key_size": getattr(certificate.public_key(), "key_size", 0),
        "friendly_name": "",
        "der": base64.b64encode(der).decode(),
        "thumbprint": hashlib.sha1(der).hexdigest().upper(),
    }


def _utc(certificate: Any, name: str) -> Any:
    """A time of a certificate; older versions of the library have it without a zone."""
    return getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)


def key_path(record: dict[str, Any]) -> str:
    folder = "RSA\\MachineKeys" if record.get("csp") else "Keys"
    return f"C:\\ProgramData\\Microsoft\\Crypto\\{folder}\\{record['key_file']}"


def add(
    host: "Host", location: str, store: str, content: bytes, password: str | None, exportable: bool, csp: bool = False
) -> str:
    """Imports; returns the thumbprint."""
    certificate, has_key, _ = load(content, password)
    record = describe(certificate, has_key)
    record |= {
        "exportable": exportable,
        "csp": csp,
        "store": STORES[store.lower()],
        "location": LOCATIONS[location.lower()],
    }
    if has_key:
        record["key_file"] = hashlib.sha256(f"{host.setting('computer')}{record['thumbprint']}".encode()).hexdigest()[
            :32
        ]
        files = host.files
        files.make_folder(key_path(record).rpartition("\\")[0])
        files.write(key_path(record), b"sealed key")
        # A machine key is for SYSTEM and the administrators.
        files.set_security(key_path(record), acl.parse("O:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)"))
    host.store.put("certificates", place(location, store, record["thumbprint"]), record)
    host.event("certificate_add", thumbprint=record["thumbprint"])
    return str(record["thumbprint"])


def _provider(record: dict[str, Any]) -> str:
    if not record["has_key"]:
        return ""
    return (
        "Microsoft Enhanced Cryptographic Provider v1.0" if record["csp"] else "Microsoft Software Key Storage Provider"
    )


@function(
    "import_certificate", "location", "store", "path", "secret.password", "key_storage", "exportable", "want", "check"
)
def import_certificate(session: "Session", a: Arguments) -> int:
    """All certificates of a PFX, PEM or CER file into a store, or out of it."""
    session.call = a
    path = a.get("path")
    if path is not None:
        if not session.host.files.is_file(path):
            raise Failure(f"Could not find file '{path}'.")
        content = session.host.files.read(path)
    elif session.payload is None:
        raise Failure("the step came without its content")
    else:
        content = session.payload
    present = a.text("want", "present") == "present"
    password = a.get("secret.password")
    certificate, has_key, more = load(content, password)
    described = [describe(certificate, has_key), *[describe(getattr(one, "certificate", one), False) for one in more]]
    kind_ = Certificate()
    for record in described:
        key = {"location": a.need("location"), "store": a.need("store"), "thumbprint": record["thumbprint"]}
        session.v("thumbprint", record["thumbprint"])
        before = kind_.read(session, key)
        if (before is not None) == present:
            continue
        session.v("changed", "1")
        if a.flag("check"):
            continue
        number = save(session, kind_, key, before, {}, ["*"])
        if not present:
            kind_.write(session, key, None, before)
        elif record is described[0]:
            add(session.host, key["location"], key["store"], content, password, a.flag("exportable"))
        else:
            place_ = {
                "store": STORES[key["store"].lower()],
                "location": LOCATIONS[key["location"].lower()],
                "csp": False,
            }
            session.host.store.put("certificates", place(**key), record | place_)
        session.points.after(number, kind_.read(session, key))
    return 0


@kind
class Certificate(Kind):
    name = "certificate"
    atomic = True
    keys = ("location", "store", "thumbprint")
    options = ("exportable", "key_storage", "key_exportable")
    attributes = ("friendly_name",)

    def read(self, session: "Session", key: Key) -> State | None:
        record = find(session.host, key["location"], key["store"], key["thumbprint"])
        if record is None:
            return None
        return {
            "raw": [record["der"]],
            "key_provider": [_provider(record)],
            "key_name": [record.get("key_file", "")],
            # Types of providers: wincrypt.h has 24 for RSA with AES, and CNG none; 1 is the key for exchange.
            "key_type": ["24" if record.get("csp") and record["has_key"] else "0"],
            "key_number": ["1" if record.get("csp") and record["has_key"] else "0"],
            "key_machine": ["true" if record["has_key"] else "false"],
            ".key_gone": ["false"],
            ".algorithm": [record.get("algorithm", "")],
            ".key_file": [record.get("key_file", "")],
            ".thumbprint": [record["thumbprint"]],
            ".subject": [record["subject"]],
            ".issuer": [record["issuer"]],
            ".not_before": [record["not_before"]],
            ".not_after": [record["not_after"]],
            ".has_key": ["true" if record["has_key"] else "false"],
            "friendly_name": [record["friendly_name"]],
        }

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        host = session.host
        at = place(key["location"], key["store"], key["thumbprint"])
        if state is None:
            record = host.store.get("certificates", at)
            # X509Store.Remove leaves the key file behind; a rollback of what the run brought in takes it too.
            host.store.drop("certificates", at)
            if (
                record
                and record["has_key"]
                and session.call.function == "restore"
                and host.files.exists(key_path(record))
            ):
                host.files.remove(key_path(record))
            host.event("certificate_remove", thumbprint=record["thumbprint"] if record else "")
            return
        if before is None:
            if session.payload is None:
                raise Failure("the certificate is not there, and the step brings none")
            password = state.get("secret.password", [None])[0] or session.call.get("secret.password")
            got = add(
                host, key["location"], key["store"], session.payload, password, session.call.text("exportable") != "0"
            )
            if got.upper() != key["thumbprint"].upper():
                raise Failure(f"the certificate that came has the thumbprint `{got}`")
        if "friendly_name" in state:
            record = host.store.get("certificates", at)
            assert record is not None
            host.store.put("certificates", at, record | {"friendly_name": state["friendly_name"][0]})

    def list(self, session: "Session") -> list[Key]:
        location, store = session.call.text("location", "LocalMachine"), session.call.text("store", "My")
        return [
            {"location": record["location"], "store": record["store"], "thumbprint": record["thumbprint"]}
            for _, record in session.host.store.items("certificates")
            if (record["location"].lower(), record["store"].lower()) == (location.lower(), store.lower())
        ]

    def keep(self, session: "Session", key: Key) -> Any:
        return find(session.host, key["location"], key["store"], key["thumbprint"])

    def bring(self, session: "Session", key: Key, kept: Any) -> None:
        session.host.store.put("certificates", place(key["location"], key["store"], key["thumbprint"]), kept)


@kind
class KeyAcl(Kind):
    name = "key_acl"
    keys = ("location", "store", "thumbprint", "identity")
    attributes = ("right",)

    def _record(self, session: "Session", key: Key) -> dict[str, Any]:
        record = find(session.host, key["location"], key["store"], key["thumbprint"])
        if record is None:
            raise Failure(f"there is no certificate `{key['thumbprint']}` in `{key['location']}\\{key['store']}`")
        if not record["has_key"]:
            raise Failure(f"the certificate `{key['thumbprint']}` has no private key")
        return record

    def _sid(self, session: "Session", key: Key) -> str:
        from .aclcalls import account

        return account(session, key["identity"])

    def read(self, session: "Session", key: Key) -> State | None:
        if session.call.flag("check") and find(session.host, key["location"], key["store"], key["thumbprint"]) is None:
            return None
        sid = self._sid(session, key)
        rights = 0
        for ace in session.host.files.security(key_path(self._record(session, key))).aces or []:
            if ace.sid == sid and ace.allow:
                rights |= ace.rights
        if rights & acl.FULL == acl.FULL:
            return {"right": ["full"]}
        return {"right": ["read"]} if rights & acl.READ == acl.READ else None

    def write(self, session: "Session", key: Key, state: State | None, before: State | None) -> None:
        path = key_path(self._record(session, key))
        sid = self._sid(session, key)
        found = session.host.files.security(path)
        kept = [ace for ace in found.aces or [] if ace.sid != sid]
        if state is not None:
            rights = {"read": acl.READ, "full": acl.FULL}.get(state["right"][0])
            if rights is None:
                raise Failure(f"`{state['right'][0]}` is no right on a private key")
            kept.append(acl.Ace(True, 0, rights, sid))
        session.host.files.set_security(path, acl.Descriptor(None, None, found.protected, acl.canonical_order(kept)))
