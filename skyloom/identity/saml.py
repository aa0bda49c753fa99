"""What identity and its SAML driver hand to each other: keys, parties and assertions, without any XML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ContactType = Literal["technical", "support", "administrative", "billing", "other"]


@dataclass(frozen=True, slots=True)
class SigningPair:
    """An RSA key (PKCS#8, PEM, not encrypted) and its self-signed certificate (PEM)."""

    key_pem: bytes = field(repr=False)
    certificate_pem: str


@dataclass(frozen=True, slots=True)
class ServiceProviderParty:
    """This cloud as one identity provider sees it. `consumer_url` takes its responses, by POST and by PAOS."""

    entity_id: str
    consumer_url: str


@dataclass(frozen=True, slots=True)
class Organization:
    name: str
    display_name: str
    url: str


@dataclass(frozen=True, slots=True)
class Contact:
    company: str = ""
    name: str = ""
    surname: str = ""
    email: str = ""
    telephone: str = ""
    type: ContactType = "other"


@dataclass(frozen=True, slots=True)
class IdentityProviderParty:
    """This cloud as other clouds see it, to which its users burst. `sso_url` stands in the metadata, which want one;
    assertions are asked for by POST /v3/auth/OS-FEDERATION/saml2."""

    entity_id: str
    sso_url: str
    organization: Organization | None = None
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What an assertion is to say. `audience` None: whoever is at `recipient`, as in Keystone's. It is to be brought
    within `life_s`; what it says of the person holds until `session_ends_at`."""

    recipient: str
    audience: str | None
    subject: str
    attributes: Mapping[str, Sequence[str]]
    life_s: int
    session_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a checked response says. `in_response_to` None: nobody had asked for it. From `ends_at` on it counts no
    more, so until then its `id` must not come again. `session_ends_at`: of what it says of the person (None: open)."""

    id: str
    issuer: str
    in_response_to: str | None
    ends_at: datetime
    session_ends_at: datetime | None
    attributes: Mapping[str, Sequence[str]]
