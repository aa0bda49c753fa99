"""The keys that sign tokens: made, read, rotated and forgotten, while many processes use them.

Two rules keep every token readable. A key signs only after the commit that made it, and who meets a token that its
keys cannot read looks whether there is a newer key: so whatever one process signs every other can read, at once. And
a key goes only when the last token that any process may have signed by it has passed the window in which it counts.
docs/decisions/token-keys.md has the reasons.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet

from skyloom.access import SYSTEM
from skyloom.access.vault import Vault
from skyloom.db import Database, Tx
from skyloom.identity import jws
from skyloom.identity.errors import TokenInvalid
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.signing_keys import SealedKey, SigningKeys
from skyloom.identity.tokens import Token, TokenFormat

FERNET, JWS = "fernet", "jws"
MAKERS: Mapping[str, Callable[[], bytes]] = {FERNET: Fernet.generate_key, JWS: jws.new_key}
BELIEVED_S = 10.0
"""For so long a process signs by the key that it knows before it looks for a newer one."""
SLACK_S = 3600
"""A key is kept for so much longer than its last token: for processes that still signed by it when it was retired, and
for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys as they were at one moment. `newest`: the number of the newest of all."""

    newest: int
    read_at: float
    opened: Mapping[int, bytes]
    fernet: TokenFormat | None
    jws: jws.JwsFormat | None

    def unpack(self, text: str) -> Token:
        form = self.jws if jws.is_jws(text) else self.fernet
        if form is None:
            raise TokenInvalid()
        return form.unpack(text)


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key as an operator sees it. `readable_until` None: it signs."""

    id: int
    kind: str
    created_at: datetime
    readable_until: datetime | None


class TokenKeys:
    def __init__(self, db: Database, vault: Vault, settings: IdentitySettings):
        self.db = db
        self.vault = vault
        self.settings = settings
        self.store = SigningKeys()
        self._ring: Ring | None = None

    # -- tokens

    def pack(self, token: Token) -> str:
        ring = self._ring
        if ring is None or self.db.clock.monotonic() - ring.read_at > BELIEVED_S:
            ring = self._read()
        form = ring.jws if self.settings.token_format == JWS else ring.fernet
        if form is None:
            self.ensure()
            return self.pack(token)
        return form.pack(token)

    def unpack(self, text: str) -> Token:
        """The token as it was signed; raises TokenInvalid. One small read for what our keys cannot read."""
        ring = self._ring or self._read()
        try:
            return ring.unpack(text)
        except TokenInvalid:
            if self.store.newest(self.db.read()) == ring.newest:
                raise
        return self._read().unpack(text)

    def _read(self) -> Ring:
        known = self._ring.opened if self._ring else {}
        newest, read_at = self.store.newest(self.db.read()), self.db.clock.monotonic()
        keys = self.store.all(self.db.read())
        opened = {key.id: known.get(key.id) or self.vault.open(key.sealed_key) for key in keys}
        fernet = [opened[key.id] for key in keys if key.kind == FERNET]
        pairs = [jws.KeyPair.read(str(key.id), opened[key.id]) for key in keys if key.kind == JWS]
        self._ring = Ring(
            newest,
            read_at,
            opened,
            TokenFormat(fernet) if fernet else None,
            jws.JwsFormat(pairs) if pairs else None,
        )
        return self._ring

    # -- keys

    def ensure(self) -> None:
        """A key to sign by, and the word that it signs tokens of our length. For each process, before it signs."""
        with self.db.begin(SYSTEM) as tx:
            tx.lock("signing_key")
            in_use = {key.kind for key in self.store.all(tx) if key.retired_at is None}
            if self.settings.token_format not in in_use:
                self._add(tx, self.settings.token_format, self.settings.token_life_s)
            self.store.lengthen(tx, self.settings.token_life_s)
        self._ring = None

    def rotate(self) -> Sequence[KeyState]:
        """A new key in the place of each that signs; those that no living token needs are forgotten. What there is
        then, the newest first."""
        with self.db.begin(SYSTEM) as tx:
            tx.lock("signing_key")
            for key in reversed(self.store.all(tx)):
                if key.retired_at is None:
                    self._add(tx, key.kind, max(key.longest_life_s, self.settings.token_life_s))
            self._prune(tx)
            found = self.store.all(tx)
            tx.record("identity:rotate_signing_keys", "signing_key", str(found[0].id) if found else "")
        self._ring = None
        return [KeyState(key.id, key.kind, key.created_at, self._readable_until(key)) for key in found]

    def prune(self) -> None:
        """Forget the keys that no living token needs."""
        if any(self._is_over(key) for key in self.store.all(self.db.read())):
            with self.db.begin(SYSTEM) as tx:
                tx.lock("signing_key")
                self._prune(tx)

    def _add(self, tx: Tx, kind: str, life_s: int) -> None:
        self.store.add(tx, kind, self.vault.seal(MAKERS[kind]()), self.db.clock.now(), life_s)

    def _prune(self, tx: Tx) -> None:
        over = [key.id for key in self.store.all(tx) if self._is_over(key)]
        if over:
            self.store.remove(tx, over)

    def _is_over(self, key: SealedKey) -> bool:
        end = self._readable_until(key)
        return end is not None and end <= self.db.clock.now()

    def _readable_until(self, key: SealedKey) -> datetime | None:
        if key.retired_at is None:
            return None
        kept_s = key.longest_life_s + self.settings.expired_window_s + SLACK_S
        return key.retired_at + timedelta(seconds=kept_s)
