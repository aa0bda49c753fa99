"""Between an enhanced client's response at the address that all providers share, and its token at a protocol's own.

What was proven goes sealed with the client, so that any process can go on with it; it is for one protocol, as that was
configured then, for two minutes. What counts once is in it, and is written with the token: so it counts once, too.
"""

import hashlib
import logging
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.fernet import InvalidToken

from skyloom.access.vault import Vault
from skyloom.clock import Clock
from skyloom.identity.drivers.federation_contract import Once, Proven
from skyloom.identity.errors import AssertionInvalid, AssertionTooLong
from skyloom.identity.store.federation import Protocol

log = logging.getLogger(__name__)
LIFE = timedelta(minutes=2)
MOST_CHARACTERS = 3800
"""Of a cookie of 4,096 bytes, which every client must take, with its name and attributes."""


class Session(msgspec.Struct, array_like=True, frozen=True, tag="federation session"):
    """The tag tells it from whatever else was sealed."""

    idp_id: str
    protocol_id: str
    trust: str
    ends_at: datetime
    attributes: Mapping[str, Sequence[str]]
    once: Sequence[tuple[str, datetime]]
    expires_at: datetime | None


class FederationSessions:
    def __init__(self, clock: Clock, vault: Vault):
        self.clock = clock
        self.vault = vault

    def sealed(self, protocol: Protocol, trust: str, proven: Proven) -> str:
        """Raises AssertionTooLong."""
        once = [(each.key, each.expires_at) for each in proven.once]
        # what is written of its use is forgotten at those ends, so it must not be longer
        ends = [self.clock.now() + LIFE, *(each.expires_at for each in proven.once)]
        ends_at = min(ends if proven.expires_at is None else [*ends, proven.expires_at])
        session = Session(protocol.idp_id, protocol.id, trust, ends_at, proven.attributes, once, proven.expires_at)
        text = self.vault.seal(zlib.compress(msgspec.json.encode(session))).decode()
        if len(text) > MOST_CHARACTERS:
            raise AssertionTooLong()
        return text

    def opened(self, protocol: Protocol, trust: str, text: str) -> Proven:
        """Raises AssertionInvalid; the log has the reason."""
        try:
            session = msgspec.json.decode(zlib.decompress(self.vault.open(text.encode())), type=Session)
        except (InvalidToken, zlib.error, msgspec.MsgspecError, UnicodeError) as error:
            raise _refused(protocol, "the cookie is none of this cloud's") from error
        if (session.idp_id, session.protocol_id) != (protocol.idp_id, protocol.id):
            raise _refused(protocol, f"the cookie is for {session.protocol_id} of {session.idp_id}")
        if session.trust != trust:
            raise _refused(protocol, "the protocol was configured anew since the cookie was given")
        if session.ends_at <= self.clock.now():
            raise _refused(protocol, f"the cookie ended at {session.ends_at}")
        once = [Once(key, expires_at) for key, expires_at in session.once]
        return Proven(session.attributes, once=once, expires_at=session.expires_at)


def _refused(protocol: Protocol, reason: str) -> AssertionInvalid:
    log.warning("protocol %s of identity provider %s: %s", protocol.id, protocol.idp_id, reason)
    return AssertionInvalid()


def trust_of(options: Any) -> str:
    """Tells whether a protocol still believes whom it believed, and as much: its options, as a hash."""
    return hashlib.sha256(msgspec.json.encode(options)).hexdigest()
