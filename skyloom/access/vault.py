"""Secrets at rest: what must be read again (keys, credential blobs) is sealed by a key that is not in the database."""

import base64
import os
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Vault:
    def __init__(self, key: bytes):
        self._key = key
        self._fernet = Fernet(key)

    @classmethod
    def at(cls, path: Path) -> "Vault":
        """The vault of the key file at `path`, made at the first call, readable by its owner only."""
        if not path.exists():
            draft = path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        return cls(path.read_bytes())

    def seal(self, secret: bytes) -> bytes:
        return self._fernet.encrypt(secret)

    def derived(self, purpose: str) -> bytes:
        """A Fernet key for this purpose alone: who holds it knows neither the vault's key nor another purpose's."""
        key = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(base64.urlsafe_b64decode(self._key))
        return base64.urlsafe_b64encode(key)

    def open(self, sealed: bytes) -> bytes:
        return self._fernet.decrypt(sealed)
