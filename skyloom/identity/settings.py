"""What an operator may set in the identity service: the table [identity] of skyloom.toml."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from skyloom.identity.saml import ContactType

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1)]
ClientMethod = Literal["tls_client_auth", "client_secret_basic"]
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
    """For so long a SAML assertion counts that this cloud makes of a token, as the identity provider of another one."""
    idp_entity_id: str = ""
    """By which name this cloud is known as an identity provider. Empty: an address below its own URL."""
    idp_sso_endpoint: str = ""
    """Where its metadata say that it signs in. Empty: an address below its own URL."""
    idp_organization_name: str = ""
    """The metadata's organisation: its name, the name to show, its page."""
    idp_organization_display_name: str = ""
    """See idp_organization_name."""
    idp_organization_url: str = ""
    """See idp_organization_name."""
    idp_contact_company: str = ""
    """The metadata's contact: company, given name, surname, address, telephone and what the person is there for."""
    idp_contact_name: str = ""
    """See idp_contact_company."""
    idp_contact_surname: str = ""
    """See idp_contact_company."""
    idp_contact_email: str = ""
    """See idp_contact_company."""
    idp_contact_telephone: str = ""
    """See idp_contact_company."""
    idp_contact_type: ContactType = "other"
    """See idp_contact_company."""
    request_token_duration: Annotated[int, Meta(ge=0)] = 28_800
    """OAuth 1: so many seconds a user has to authorize a request token. 0: for ever."""
    access_token_duration: Annotated[int, Meta(ge=0)] = 86_400
    """OAuth 1: so many seconds a consumer can use an access token. 0: for ever."""
    oauth2_authn_methods: tuple[ClientMethod, ...] = ("tls_client_auth", "client_secret_basic")
    """How a client of OAuth 2 may prove who it is: by a certificate of its user, by an application credential."""
    oauth2_cert_dn_mapping_id: Annotated[str, Meta(min_length=1, max_length=64)] = "oauth2_mapping"
    """The mapping that says of whom a client's certificate is."""
