"""Password hashes: scrypt (RFC 7914) in the modular form `$scrypt$ln=16,r=8,p=1$SALT$HASH`."""

import base64
import hashlib
import hmac
import os
import threading

from skyloom.aside import step_aside

BLOCK, PARALLEL, SALT_BYTES, HASH_BYTES = 8, 1, 16, 32


class Passwords:
    """Hashing takes much memory and time by design, so only `at_once` of them run together; the others wait."""

    def __init__(self, cost: int, at_once: int | None = None):
        self.cost = cost
        self._turn = threading.BoundedSemaphore(at_once or os.cpu_count() or 2)
        self._nobody = self.hash(os.urandom(16).hex())

    def hash(self, password: str) -> str:
        salt = os.urandom(SALT_BYTES)
        digest = self._scrypt(password, salt, self.cost, BLOCK, PARALLEL)
        return f"$scrypt$ln={self.cost},r={BLOCK},p={PARALLEL}${_text(salt)}${_text(digest)}"

    def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the hashed one. None (no such user, no password) costs the same time and is false."""
        _, scheme, parameters, salt, digest = (hashed or self._nobody).split("$")
        if scheme != "scrypt":
            raise ValueError(f"a password hash of unknown scheme {scheme}")
        numbers = dict(part.split("=") for part in parameters.split(","))
        found = self._scrypt(password, _bytes(salt), int(numbers["ln"]), int(numbers["r"]), int(numbers["p"]))
        return hmac.compare_digest(found, _bytes(digest)) and hashed is not None

    def _scrypt(self, password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
        step_aside()
        with self._turn:
            return hashlib.scrypt(
                password.encode(),
                salt=salt,
                n=1 << cost,
                r=block,
                p=parallel,
                dklen=HASH_BYTES,
                maxmem=(128 * block << cost) + (1 << 22),
            )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
