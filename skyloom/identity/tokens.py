"""The token format: a Fernet message (github.com/fernet/spec) around a msgpack list, checked without any look-up.

It holds who, by which methods, for what scope, until when, and the audit ids; never a role or a name, which are read
when the token is used, so that a change of an assignment counts at once.
"""

import base64
import os
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from skyloom.db.types import EPOCH, MICROSECOND
from skyloom.identity.errors import TokenInvalid

METHODS = (
    "password",
    "token",
    "application_credential",
    "totp",
    "mapped",
    "oauth1",
    "oauth2_credential",
    "external",
    "ec2credential",
)
FORMAT = 1


class ScopeKind(IntEnum):
    UNSCOPED = 0
    PROJECT = 1
    DOMAIN = 2
    SYSTEM = 3


class Token(msgspec.Struct, array_like=True, frozen=True):
    """`methods` is a bit mask over METHODS; times in microseconds since 1970; `audit_ids`: own, then the chain's first.

    `application_credential_id` is set for tokens that came by one: they are bound to its project and its roles;
    `trust_id` likewise for those that came by a trust. `identity_provider_id` and `protocol_id` of those that began
    with a federated sign-in: they end with the provider. `access_token_id` is that of OAuth 1 by which it came.
    `thumbprint` is that of the certificate without which it is worth nothing (OAuth 2 by mutual TLS).
    """

    format: int
    user_id: str
    methods: int
    scope: ScopeKind
    scope_id: str
    issued_us: int
    expires_us: int
    audit_ids: tuple[str, ...]
    application_credential_id: str | None = None
    trust_id: str | None = None
    identity_provider_id: str | None = None
    protocol_id: str | None = None
    access_token_id: str | None = None
    thumbprint: str | None = None

    @property
    def is_delegated(self) -> bool:
        return bool(self.application_credential_id or self.trust_id or self.access_token_id)

    @property
    def is_of_key_pair(self) -> bool:
        return bool(self.methods >> METHODS.index("ec2credential") & 1)

    @property
    def issued_at(self) -> datetime:
        return EPOCH + self.issued_us * MICROSECOND

    @property
    def expires_at(self) -> datetime:
        return EPOCH + self.expires_us * MICROSECOND

    @property
    def method_names(self) -> list[str]:
        return method_names(self.methods)


def methods_mask(names: Sequence[str]) -> int:
    return sum(1 << METHODS.index(name) for name in set(names))


def method_names(mask: int) -> list[str]:
    return [name for bit, name in enumerate(METHODS) if mask >> bit & 1]


def audit_id() -> str:
    return base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")


def microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


class TokenFormat:
    """Signs with the newest key and reads with all of them, so that keys can change while tokens live."""

    def __init__(self, keys: Sequence[bytes]):
        """`keys`: newest first, 32 bytes each, base64 as Fernet has them."""
        every = [Fernet(key) for key in keys]
        self._sign = every[0].encrypt
        self._open = MultiFernet(every).decrypt
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Token).decode

    def pack(self, token: Token) -> str:
        return self._sign(self._encode(token)).decode().rstrip("=")

    def unpack(self, text: str) -> Token:
        """The token as it was signed; whether it has expired or was revoked is for the caller to see."""
        if len(text) > 1024:
            raise TokenInvalid()
        try:
            raw = unpadded(text)
            token = self._decode(self._open(base64.urlsafe_b64encode(raw)))
        except (InvalidToken, msgspec.DecodeError, ValueError) as error:
            raise TokenInvalid() from error
        if token.format != FORMAT:
            raise TokenInvalid()
        return token


def unpadded(text: str) -> bytes:
    """The bytes of an URL-safe base64 text without padding; ValueError for any other than the one text they have."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise ValueError("not the base64 of anything")
    return raw
