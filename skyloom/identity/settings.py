"""What an operator may set in the identity service: the table [identity] of skyloom.toml."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from skyloom.identity.saml import ContactType

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1)]
EnforcementModel = Literal["flat", "strict_two_level"]


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Keystone has the same setting it has the same name here."""

    token_life_s: Seconds = 3600
    """For so long a token counts after a log-in."""
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
    enforcement_model: EnforcementModel = "flat"
    """Of unified limits. flat: each limit stands for itself. strict_two_level: no limit is above that of the domain or
    project above, and a project that lies below another one has none below itself."""
    trusted_dashboards: tuple[str, ...] = ()
    """Where a browser that signed in at an identity provider may be sent with its token: https://host/auth/websso/."""
    default_authorization_ttl: Annotated[int, Meta(ge=0)] = 0
    """For so many minutes a group that a provider gave counts, unless the provider says otherwise. 0: as long as the
    token."""
    assertion_expiration_time: Seconds = 300
    """For so long an assertion counts that this cloud makes for another one (SAML)."""
    idp_entity_id: str = ""
    """As whom this cloud is known to those it makes assertions for. Unset: an address below its own URL."""
    idp_sso_endpoint: str = ""
    """What this cloud's SAML metadata give as the address to sign in at. Unset: an address below its own URL."""
    idp_organization_name: str = ""
    """Who runs this cloud, in its SAML metadata. Unset: they do not say."""
    idp_organization_display_name: str = ""
    """The same for people to read. Unset: the organisation's name."""
    idp_organization_url: str = ""
    """Where to read of the organisation. Unset: this cloud's own URL."""
    idp_contact_company: str = ""
    """The company of the contact in this cloud's SAML metadata."""
    idp_contact_name: str = ""
    """The contact's given name."""
    idp_contact_surname: str = ""
    """The contact's surname."""
    idp_contact_email: str = ""
    """The contact's email address."""
    idp_contact_telephone: str = ""
    """The contact's telephone number."""
    idp_contact_type: ContactType = "other"
    """What the contact is for."""
