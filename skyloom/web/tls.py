"""Keys for TLS from the first start: an own CA and a server certificate, kept in one folder.

What must stay true: the CA, once made, stays (clients were told to trust it); ca.pem appears only after its key, and
a crash at any moment leaves a folder from which the next start goes on.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skyloom.clock import Clock

CA_YEARS = 10
SERVER_DAYS = 397
RENEW_BEFORE = timedelta(days=30)
BACKDATE = timedelta(hours=1)
"""Clients whose clock is a little behind accept the certificate too."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where the files are. `ca` is for clients, `certificate` and `key` are for the server."""

    ca: Path
    certificate: Path
    key: Path


def ensure_keyring(
    folder: Path, listen: str = "127.0.0.1", names: Iterable[str] = (), clock: Clock | None = None
) -> Keyring:
    """Make what is missing in `folder`, and the server certificate anew when its names change or its end is near.

    The certificate is for localhost, the loopback addresses, the host's name, the listen address and `names` (DNS
    names and addresses).
    """
    now = (clock or Clock()).now()
    folder.mkdir(parents=True, exist_ok=True)
    keyring = Keyring(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca, ca_key = _ensure_ca(keyring.ca, folder / "ca.key", now)
    wanted = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *names}
    if listen not in ("", "0.0.0.0", "::"):
        wanted.add(listen)
    if not _is_good(keyring, ca, wanted, now):
        _make_server_certificate(keyring, ca, ca_key, wanted, now)
    return keyring


def _ensure_ca(path: Path, key_path: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if path.exists():
        return x509.load_pem_x509_certificate(path.read_bytes()), _load_key(key_path)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Skyloom CA of {socket.gethostname()}"[:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _draft(name, name, key, now, timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _key_pem(key), 0o600)
    _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _make_server_certificate(
    keyring: Keyring, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, names: set[str], now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Skyloom")])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _draft(subject, ca.subject, key, now, timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    # Between these two a crash leaves a key that fits no certificate; `_is_good` sees it.
    _write(keyring.key, _key_pem(key), 0o600)
    _write(keyring.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _is_good(keyring: Keyring, ca: x509.Certificate, names: set[str], now: datetime) -> bool:
    if not (keyring.certificate.exists() and keyring.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(keyring.certificate.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        certificate.issuer == ca.subject
        and certificate.public_key() == _load_key(keyring.key).public_key()
        and {str(name.value) for name in held} == {str(_general_name(name).value) for name in names}
        and now + RENEW_BEFORE < certificate.not_valid_after_utc
    )


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - BACKDATE).not_valid_after(now + life)


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no elliptic curve key; move it away to have a new one made")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others for a moment."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(fd, "wb") as file:
        os.fchmod(fd, mode)
        file.write(content)
        file.flush()
        os.fsync(fd)
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
