"""Receipts of a log-in that is not complete: a user's multi-factor rules want more methods than came with a request.

A receipt says who came by which methods, and counts for a few minutes when the rest comes. It is a Fernet message like
a token, under a key of its own: neither can be read as the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from skyloom.access.vault import Vault
from skyloom.clock import Clock
from skyloom.db.types import EPOCH, MICROSECOND
from skyloom.identity.errors import AuthenticationFailed, MethodsMissing
from skyloom.identity.model import Receipt, User
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.tokens import METHODS, method_names, methods_mask, microseconds

PURPOSE = "identity receipts"
FORMAT = 1
LONGEST = 1024
Options = Mapping[str, Any]


class Sealed(msgspec.Struct, array_like=True, frozen=True):
    """What the message holds; `methods` is a bit mask over METHODS, times are in microseconds since 1970."""

    format: int
    user_id: str
    methods: int
    issued_us: int
    expires_us: int


class Receipts:
    def __init__(self, clock: Clock, vault: Vault, settings: IdentitySettings):
        self.clock = clock
        self.fernet = Fernet(vault.derived(PURPOSE))
        self.life = timedelta(seconds=settings.receipt_life_s)

    def check(self, user: User, methods: Sequence[str], text: str) -> Sequence[str]:
        """The methods by which the user came, those of the receipt `text` (or "") among them. Raises MethodsMissing
        with a new receipt when the user's rules want more, AuthenticationFailed for a receipt that does not count. A
        receipt got by another one ends when that does."""
        before = self._valid(user, text) if text else None
        if before is not None:
            methods = [*methods, *method_names(before.methods)]
        if fulfils(user.options, methods):
            return methods
        ends_at = self.clock.now() + self.life
        if before is not None:
            ends_at = min(ends_at, EPOCH + before.expires_us * MICROSECOND)
        raise MethodsMissing(self._issue(user, methods, ends_at))

    def _issue(self, user: User, methods: Sequence[str], ends_at: datetime) -> Receipt:
        now, mask = self.clock.now(), methods_mask(methods)
        sealed = Sealed(FORMAT, user.id, mask, microseconds(now), microseconds(ends_at))
        text = self.fernet.encrypt(msgspec.msgpack.encode(sealed)).decode().rstrip("=")
        begun = [rule for rule in rules_of(user.options) if not rule.isdisjoint(methods)]
        return Receipt(text, user, method_names(mask), now, ends_at, [sorted(rule) for rule in begun])

    def _valid(self, user: User, text: str) -> Sealed:
        sealed = self._open(text)
        issued_at, now_us = EPOCH + sealed.issued_us * MICROSECOND, microseconds(self.clock.now())
        is_void = user.tokens_not_before is not None and issued_at < user.tokens_not_before
        if sealed.format != FORMAT or sealed.user_id != user.id or sealed.expires_us <= now_us or is_void:
            raise AuthenticationFailed()
        return sealed

    def _open(self, text: str) -> Sealed:
        if len(text) > LONGEST:
            raise AuthenticationFailed()
        try:
            raw = self.fernet.decrypt(text + "=" * (-len(text) % 4))
            return msgspec.msgpack.decode(raw, type=Sealed)
        except (InvalidToken, msgspec.DecodeError, ValueError) as error:
            raise AuthenticationFailed() from error


def rules_of(options: Options) -> list[set[str]]:
    """The user's multi-factor rules, of the methods that there are: a rule of unknown ones only is no rule."""
    if options.get("multi_factor_auth_enabled", True) is False:
        return []
    known = (set(rule) & set(METHODS) for rule in options.get("multi_factor_auth_rules") or [])
    return [rule for rule in known if rule]


def fulfils(options: Options, methods: Sequence[str]) -> bool:
    """All methods of one of the rules, where there are any."""
    rules = rules_of(options)
    return not rules or any(rule <= set(methods) for rule in rules)
