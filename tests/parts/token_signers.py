"""A process that signs tokens and reads those of another process, for as long as it is let.

`begun` is passed when all are ready.
"""

from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from queue import Empty

from skyloom.access.vault import Vault
from skyloom.clock import Clock
from skyloom.db import Database
from skyloom.identity import IdentitySettings
from skyloom.identity.errors import TokenInvalid
from skyloom.identity.service.tokens.keys import TokenKeys
from skyloom.identity.tokens import ScopeKind, Token, audit_id, microseconds

HASTE = 500
"""A process believes its newest key for some seconds; so much faster time goes by here."""


class HastyClock(Clock):
    def monotonic(self) -> float:
        return super().monotonic() * HASTE


@dataclass
class Told:
    """`signed`: every token; `lost`: those of the other process that could not be read here."""

    signed: list[str] = field(default_factory=list)
    read: int = 0
    lost: list[str] = field(default_factory=list)


def new_token(clock: Clock, life_s: int) -> Token:
    now_us = microseconds(clock.now())
    return Token(1, "u", 1, ScopeKind.PROJECT, "p", now_us, now_us + life_s * 1_000_000, (audit_id(),))


def sign_and_read(
    url: str,
    key_file: Path,
    settings: IdentitySettings,
    mine: "Queue[str]",
    others: "Queue[str]",
    told: "Queue[Told]",
    begun: Barrier,
    stop: Event,
) -> None:
    database, found = Database(url, HastyClock()), Told()
    keys = TokenKeys(database, Vault.at(key_file), settings)
    keys.ensure()
    begun.wait(60)
    while not stop.is_set():
        text = keys.pack(new_token(database.clock, settings.token_life_s))
        found.signed.append(text)
        mine.put(text)
        try:
            theirs = others.get(timeout=0.2)
        except Empty:
            continue
        found.read += 1
        try:
            keys.unpack(theirs)
        except TokenInvalid:
            found.lost.append(theirs)
    told.put(found)
    mine.cancel_join_thread()
    database.close()
