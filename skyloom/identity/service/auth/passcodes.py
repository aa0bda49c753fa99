"""One-time passwords (RFC 6238): the seeds are credentials of type totp, and a code counts once."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from skyloom.access import SYSTEM
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.db.listing import Page, Sort
from skyloom.identity.errors import AttributeInvalid, AuthenticationFailed
from skyloom.identity.model import User
from skyloom.identity.signatures import TOTP_STEP_S, seed_bytes, totp
from skyloom.identity.store.log_ins import LogIns
from skyloom.identity.store.records import Records

TOTP = "totp"
SHORTEST_BYTES = 10
"""What common generators make at least; RFC 4226 asks for 16."""
SEED_RULE = f"The blob of a totp credential is a seed of at least {SHORTEST_BYTES} bytes in base32 (A-Z, 2-7)."


@dataclass(frozen=True, slots=True)
class Passcode:
    """A code that fits: the credential whose seed it is of, and its time step."""

    credential_id: str
    step: int


class Passcodes:
    def __init__(self, db: Database, credentials: Records, vault: Vault, store: LogIns):
        self.db = db
        self.credentials = credentials
        self.vault = vault
        self.store = store

    def fitting(self, user: User | None, code: str) -> Sequence[Passcode]:
        """Whose code of this time step, or of the one before, it is."""
        if user is None:
            return []
        filters = {"user_id": user.id, "type": TOTP}
        rows = self.credentials.list(self.db.read(), filters, Page(sorts=(Sort("id"),)))
        now = int(self.db.clock.now().timestamp() // TOTP_STEP_S)
        return [
            Passcode(row["id"], step)
            for row in rows
            for step in (now, now - 1)
            if _fits(self.vault.open(row["sealed_blob"]).decode(), step, code)
        ]

    def spend(self, codes: Sequence[Passcode]) -> None:
        """Count them as used; raises AuthenticationFailed where one of them, or a later one of its seed, was before."""
        if codes:
            with self.db.begin(SYSTEM) as tx:
                if not all(self.store.spend(tx, code.credential_id, code.step) for code in codes):
                    raise AuthenticationFailed()


def check_seed(seed: str) -> None:
    """Raises AttributeInvalid."""
    try:
        if len(seed_bytes(seed)) >= SHORTEST_BYTES:
            return
    except ValueError as error:
        raise AttributeInvalid(SEED_RULE, field="blob") from error
    raise AttributeInvalid(SEED_RULE, field="blob")


def _fits(seed: str, step: int, code: str) -> bool:
    try:
        return hmac.compare_digest(totp(seed, step * TOTP_STEP_S).encode(), code.encode())
    except ValueError:
        # of before seeds were checked
        return False
