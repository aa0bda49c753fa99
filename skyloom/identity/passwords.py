"""Password hashes: scrypt (RFC 7914) in the modular form `$scrypt$ln=16,r=8,p=1$SALT$HASH`.

Hashes that Keystone and other services wrote are read as well, so that a table of users can be taken over: scrypt,
bcrypt, bcrypt-sha256 and pbkdf2-sha512 in the forms of passlib, and Argon2id (RFC 9106).
"""

import base64
import hashlib
import hmac
import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from skyloom.aside import step_aside

Result = TypeVar("Result")
log = logging.getLogger(__name__)
BLOCK, PARALLEL, SALT_BYTES, HASH_BYTES = 8, 1, 16, 32
NICENESS = 10
SHORT_COST = 10
"""About a millisecond and a half of work. Nobody should guard passwords by so little; tests and benches do."""
BCRYPT_BYTES = 72
"""bcrypt never looked at more of a password; its library refuses longer ones by now."""


class Passwords:
    """Hashing takes much memory and time by design, so only `at_once` of them run together; the others wait. The
    threads that hash give way to all others, or two log-ins would keep a small machine from everybody else."""

    def __init__(self, cost: int, at_once: int | None = None):
        self.cost = cost
        self._own = f"$scrypt$ln={cost},r={BLOCK},p={PARALLEL}$"
        self._hashers = ThreadPoolExecutor(at_once or os.cpu_count() or 2, "hasher", initializer=_give_way)
        self._nobody = self.hash(os.urandom(16).hex())

    def hash(self, password: str) -> str:
        salt = os.urandom(SALT_BYTES)
        digest = self._apart(self.cost, _scrypt, password.encode(), salt, self.cost, BLOCK, PARALLEL, HASH_BYTES)
        return f"{self._own}{_text(salt)}${_text(digest)}"

    def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the hashed one. None (no such user, no password) costs the same time and is false."""
        cost = self.cost if hashed is None or self.is_own(hashed) else None
        return self._apart(cost, self._verify, password.encode(), hashed)

    def _apart(self, cost: int | None, work: Callable[..., Result], *arguments: Any) -> Result:
        """In a hasher's thread, unless it is known to be short: to hand it over costs a tenth of a millisecond, and
        more than a tenth of that if others are to go on meanwhile."""
        if cost is not None and cost <= SHORT_COST:
            return work(*arguments)
        step_aside()
        return self._hashers.submit(work, *arguments).result()

    def _verify(self, password: bytes, hashed: str | None) -> bool:
        if hashed is not None:
            scheme = hashed.split("$")[1] if hashed.count("$") > 1 else ""
            try:
                return SCHEMES[scheme](password, hashed)
            except (KeyError, ValueError, ImportError) as error:
                # nobody can log in by it; whoever runs the cloud must learn why
                log.error("a password hash of scheme %r cannot be read: %r", scheme, error)
        _verify_scrypt(password, self._nobody)
        return False

    def is_own(self, hashed: str) -> bool:
        """Whether it is as `hash` writes it now; another one is written anew when its password is known."""
        return hashed.startswith(self._own)


def _give_way() -> None:
    """Linux has a priority for each thread, by its own id; lowering it is everybody's right."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _verify_scrypt(password: bytes, hashed: str) -> bool:
    _, _, numbers, salt, digest = hashed.split("$")
    cost = _numbers(numbers)
    wanted = _bytes(digest)
    found = _scrypt(password, _bytes(salt), cost["ln"], cost["r"], cost["p"], len(wanted))
    return hmac.compare_digest(found, wanted)


def _scrypt(password: bytes, salt: bytes, cost: int, block: int, parallel: int, length: int) -> bytes:
    return hashlib.scrypt(
        password,
        salt=salt,
        n=1 << cost,
        r=block,
        p=parallel,
        dklen=length,
        maxmem=(128 * block << cost) + (1 << 22),
    )


def _verify_bcrypt(password: bytes, hashed: str) -> bool:
    import bcrypt

    return bcrypt.checkpw(password[:BCRYPT_BYTES], hashed.encode())


def _verify_bcrypt_sha256(password: bytes, hashed: str) -> bool:
    """bcrypt of a digest, so that long passwords count whole. Version 2 (`v=2,t=2b,r=12`) keys the digest by the salt,
    version 1 (`2b,12`) does not."""
    _, _, parameters, salt, digest = hashed.split("$")
    if parameters.startswith("v=2,"):
        given = dict(part.split("=") for part in parameters.split(","))
        kind, rounds = given["t"], given["r"]
        inner = hmac.digest(salt.encode(), password, "sha256")
    else:
        kind, rounds = parameters.split(",")
        inner = hashlib.sha256(password).digest()
    return _verify_bcrypt(base64.b64encode(inner), f"${kind}${int(rounds):02}${salt}{digest}")


def _verify_pbkdf2_sha512(password: bytes, hashed: str) -> bool:
    _, _, rounds, salt, digest = hashed.split("$")
    wanted = _bytes(digest)
    found = hashlib.pbkdf2_hmac("sha512", password, _bytes(salt), int(rounds), len(wanted))
    return hmac.compare_digest(found, wanted)


def _verify_argon2id(password: bytes, hashed: str) -> bool:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    _, _, version, numbers, salt, digest = hashed.split("$")
    if version != "v=19":
        raise ValueError(f"Argon2 of version {version}")
    cost, wanted = _numbers(numbers), _bytes(digest)
    derived = Argon2id(
        salt=_bytes(salt), length=len(wanted), iterations=cost["t"], lanes=cost["p"], memory_cost=cost["m"]
    ).derive(password)
    return hmac.compare_digest(derived, wanted)


SCHEMES: Mapping[str, Callable[[bytes, str], bool]] = {
    "scrypt": _verify_scrypt,
    "2a": _verify_bcrypt,
    "2b": _verify_bcrypt,
    "2x": _verify_bcrypt,
    "2y": _verify_bcrypt,
    "bcrypt-sha256": _verify_bcrypt_sha256,
    "pbkdf2-sha512": _verify_pbkdf2_sha512,
    "argon2id": _verify_argon2id,
}


def _numbers(text: str) -> dict[str, int]:
    """Of `ln=16,r=8,p=1`."""
    return {name: int(value) for name, value in (part.split("=") for part in text.split(","))}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """passlib writes a dot for the plus of base64 in some forms."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))
