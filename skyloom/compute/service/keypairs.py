"""The verbs of key pairs. They belong to users, not to projects; a private half is given out once and never kept."""

import base64
import binascii
import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from skyloom.access import Caller
from skyloom.compute.errors import KeyPairExists, KeyPairInvalid, KeyPairNotFound
from skyloom.compute.model import KeyPair
from skyloom.compute.parts import Parts
from skyloom.compute.service.quotas import QuotaService
from skyloom.compute.store import KeyPairStore
from skyloom.db import Contradiction
from skyloom.db.listing import Page
from skyloom.errors import NotBuilt

RSA_BITS = 2048


class KeyPairService:
    def __init__(self, parts: Parts, quotas: QuotaService):
        self.parts = parts
        self.quotas = quotas
        self.store = KeyPairStore()

    def create(
        self, caller: Caller, user_id: str, name: str, kind: str, public_key: str | None
    ) -> tuple[KeyPair, str | None]:
        """The key pair and, if no public key was given, the private key that was made for it.

        Raises KeyPairExists, KeyPairInvalid, QuotaExceeded.
        """
        action = "os_compute_api:os-keypairs:create"
        self.parts.policy.require(caller, action, {"user_id": user_id})
        if self.store.get(self.parts.db.read(), user_id, name) is not None:
            raise KeyPairExists(name)
        private_key = None
        if public_key is None:
            public_key, private_key = _generate(kind)
        fingerprint = _ssh_fingerprint(public_key) if kind == "ssh" else _x509_fingerprint(public_key)
        try:
            with self.parts.db.begin(caller) as tx:
                self.quotas.check_keypairs(tx, caller.project_id or "", user_id)
                public = (fingerprint, public_key)
                made = self.store.add(tx, user_id, name, kind, public, self.parts.db.clock.now())
                tx.record(action, "keypair", f"{user_id}/{name}"[:255])
        except Contradiction as error:
            raise KeyPairExists(name) from error
        return made, private_key

    def get(self, caller: Caller, user_id: str, name: str) -> KeyPair:
        self.parts.policy.require(caller, "os_compute_api:os-keypairs:show", {"user_id": user_id})
        found = self.store.get(self.parts.db.read(), user_id, name)
        if found is None:
            raise KeyPairNotFound(name, user_id)
        return found

    def delete(self, caller: Caller, user_id: str, name: str) -> None:
        action = "os_compute_api:os-keypairs:delete"
        self.parts.policy.require(caller, action, {"user_id": user_id})
        with self.parts.db.begin(caller) as tx:
            if not self.store.remove(tx, user_id, name):
                raise KeyPairNotFound(name, user_id)
            tx.record(action, "keypair", f"{user_id}/{name}"[:255])

    def list(self, caller: Caller, user_id: str, page: Page) -> list[KeyPair]:
        self.parts.policy.require(caller, "os_compute_api:os-keypairs:index", {"user_id": user_id})
        return self.store.page(self.parts.db.read(), user_id, page)


def _generate(kind: str) -> tuple[str, str]:
    """Public and private half. RSA, because it is what every client of the versions that still ask for it can read."""
    if kind != "ssh":
        raise NotBuilt("Skyloom does not make x509 key pairs; make one yourself and import its certificate.")
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return f"{public.decode()} Generated-by-Skyloom", pem.decode()


def _ssh_fingerprint(public_key: str) -> str:
    try:
        blob = base64.b64decode(public_key.split(" ")[1].strip(), validate=True)
        serialization.load_ssh_public_key(" ".join(public_key.split()[:2]).encode())
    except (IndexError, ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise KeyPairInvalid(
            "Keypair data is invalid: failed to generate fingerprint; give a key as in an authorized_keys file."
        ) from error
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def _x509_fingerprint(certificate: str) -> str:
    try:
        digest = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA1())
    except ValueError as error:
        raise KeyPairInvalid("Keypair data is invalid: failed to generate X509 fingerprint; give a PEM.") from error
    return ":".join(f"{byte:02X}" for byte in digest)
