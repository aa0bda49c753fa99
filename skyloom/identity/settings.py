"""What an operator may turn in the identity service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """`password_cost`: scrypt's N is 2**password_cost (r=8, p=1); 16 takes 64 MiB and about a sixth of a second.

    `list_limit`: the most items of a list that are shown at once; a longer one is marked truncated.
    `password_life_days`: after that a user must change it (None: never). `expired_window_s`: how long after its end a
    token can be validated with allow_expired, for long-running work of services. `redelegation_limit`: how often a
    trust can be handed on at most. `directory_life_s`: for so long is believed what an LDAP directory said of a user; a
    change there counts after that at the latest. `trusted_dashboards`: the addresses to which a browser that signed in
    at an identity provider may be sent with its token (https://host/auth/websso/). `default_authorization_ttl`: for so
    many minutes a group that a provider gave counts, unless the provider says otherwise; 0: as long as the token.
    """

    token_life_s: int = 3600
    password_cost: int = 16
    region: str = "RegionOne"
    list_limit: int | None = None
    password_life_days: int | None = None
    expired_window_s: int = 172_800
    redelegation_limit: int = 3
    cached_tokens: int = 10_000
    directory_life_s: int = 60
    trusted_dashboards: tuple[str, ...] = ()
    default_authorization_ttl: int = 0
