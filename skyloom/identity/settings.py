"""What an operator may set in the identity service: the table [identity] of skyloom.toml."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1)]


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Keystone has the same setting it has the same name here."""

    token_life_s: Seconds = 3600
    """For so long a token counts after a log-in."""
    token_format: Literal["fernet", "jws"] = "fernet"
    """In which form tokens are given out, Keystone's [token] provider: sealed (Fernet) or signed and readable (JWS,
    ES256). Tokens of both forms count, whichever is set."""
    password_cost: Annotated[int, Meta(ge=1, le=24)] = 16
    """scrypt's N is two to the power of this (r=8, p=1); 16 takes 64 MiB and about a sixth of a second.
    `skyloom up --password-cost` goes before it."""
    region: Annotated[str, Meta(min_length=1, max_length=255)] = "RegionOne"
    """The id of the region in which the catalog shows this cloud."""
    list_limit: Count | None = None
    """The most items of a list that are shown at once; a longer one is marked truncated. Unset: all."""
    expired_window_s: Annotated[int, Meta(ge=0)] = 172_800
    """For so long after its end a token can be validated with allow_expired, for long-running work of services."""
    redelegation_limit: Annotated[int, Meta(ge=0)] = 3
    """How often a trust can be handed on at most."""
    cached_tokens: Count = 10_000
    """How many tokens each process remembers the meaning of."""
    directory_life_s: Annotated[int, Meta(ge=0)] = 60
    """For so long is believed what an LDAP directory said of a user; a change there counts after that at the latest."""
    password_expires_days: Days | None = None
    """After so many days a user must change the password. Unset: never."""
