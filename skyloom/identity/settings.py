"""What an operator may turn in the identity service."""

from dataclasses import dataclass

from skyloom.identity.saml import ContactType


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

    Of SAML, where this cloud is the identity provider: its assertions count for
    `assertion_expiration_time` seconds.
    `idp_entity_id` and `idp_sso_endpoint` name this cloud to others (unset: addresses below its own URL);
    organisation and contact are shown in its metadata.
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
    assertion_expiration_time: int = 300
    idp_entity_id: str = ""
    idp_sso_endpoint: str = ""
    idp_organization_name: str = ""
    idp_organization_display_name: str = ""
    idp_organization_url: str = ""
    idp_contact_company: str = ""
    idp_contact_name: str = ""
    idp_contact_surname: str = ""
    idp_contact_email: str = ""
    idp_contact_telephone: str = ""
    idp_contact_type: ContactType = ContactType.OTHER
