"""What a driver of a federation protocol (OIDC, SAML2) must do: say what the identity provider has proven of a user.

A driver sees requests and its own options, and nothing else of the cloud: who the user is here is for the mapping, and
what may count once only is for the service. It keeps no state between requests but what it has fetched from the
provider (keys, discovery); what must survive from the beginning of a browser's way to its end goes into a sealed text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from skyloom.identity.saml import IdentityProviderParty, SigningPair, Statement

Attributes = Mapping[str, Sequence[str]]
Url = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^https?://[^\s/?#@\\]+([/?#][^\s]*)?\Z")]
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at a route of the protocol. Header names are lower case.

    `url`: this protocol's own address for browsers (its websso route, without a query): where a provider sends them
    back to, whichever route they came by; `client_url`: that for other clients (its auth route). `origin`: the trusted
    dashboard that a browser wants to end at; None at the end of its way, and for a client that is no browser.
    `is_browser`: it came by a websso route. `consumer_url`: where a response was posted to, if that is the address that
    all providers share and not `client_url`; `session`: what this cloud gave the client there (sealed).
    """

    idp_id: str
    protocol_id: str
    method: str
    url: str
    client_url: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str | None = None
    is_browser: bool = False
    consumer_url: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """What counts once: the `key` of an assertion or of a way through the browser, and when it would be over anyway."""

    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Proven:
    """`attributes` as mappings name them. `origin`: as the browser began with (the service looks at it again).

    `headers` go into the reply (a cookie to be forgotten). `expires_at`: the proof's own end, which no token outlives;
    None where the protocol has none.
    """

    attributes: Attributes
    origin: str | None = None
    once: Sequence[Once] = ()
    headers: Sequence[tuple[str, str]] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """The reply of a request that proves nothing yet: a way to the provider, or a question to the client."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


class Seal(Protocol):
    """Seals texts that pass through foreign hands; `open` raises an exception of its own for any that is not ours."""

    def seal(self, secret: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


class FederationDriver(Protocol):
    """One for each protocol of an identity provider, with its options. Many threads use it at once.

    `answer` raises AssertionInvalid for what proves nothing, and IdentityProviderAway where the provider is needed and
    does not answer.
    """

    def answer(self, arrival: Arrival) -> Proven | Challenge: ...

    def is_author(self, envelope: bytes) -> bool:
        """Whether what an enhanced client brings says to be of this provider. Nothing of it is checked yet."""

    def close(self) -> None:
        """Give back its connections."""


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def may_be_asked(url: str) -> bool:
    """Of a provider's address: nobody on the way may read or change what it says."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


class OidcOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OpenID Connect. What is empty here is read from the issuer's discovery document.

    `audiences`: that access tokens may be for, besides the client itself (empty: `client_id` only).
    `has_opaque_tokens`: access tokens that are no JWT are asked about at the introspection endpoint (RFC 7662).
    `algorithms` are asymmetric ones only: a token that says otherwise is refused. `leeway_s`: how far clocks may
    differ. `ca_file`: PEM file on the cloud's machine with the authorities of the provider's certificate.
    """

    issuer: Url
    client_id: Text
    client_secret: str = ""
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    audiences: tuple[Text, ...] = ()
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    has_opaque_tokens: bool = False
    authorization_endpoint: Url | None = None
    token_endpoint: Url | None = None
    jwks_uri: Url | None = None
    introspection_endpoint: Url | None = None
    userinfo_endpoint: Url | None = None
    leeway_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30
    ca_file: str | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            is_address = name == "issuer" or name.endswith(("_endpoint", "_uri"))
            if is_address and value is not None and not may_be_asked(value):
                raise ValueError(f"{name} is an https address (http only on this machine)")


class SamlOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SAML 2.0. `metadata`: the identity provider's, as XML; `entity_id`: which of several they describe.

    `own_entity_id`: as whom the provider knows this cloud; unset: by the protocol's `auth` address. `accepts_unasked`:
    responses that no request of ours asked for count too, when an enhanced client brings them: those of another cloud.
    A Keystone signs by SHA-1 and names no audience: `allows_sha1` and `needs_audience` are for one.
    """

    metadata: Annotated[str, msgspec.Meta(min_length=1)]
    entity_id: Text | None = None
    own_entity_id: Text | None = None
    accepts_unasked: bool = False
    allows_sha1: bool = False
    needs_audience: bool = True


DRIVERS: Mapping[str, type[msgspec.Struct]] = {"oidc": OidcOptions, "saml2": SamlOptions}
"""The word of each driver, and its options."""
SECRETS = frozenset({"client_secret"})
"""Options that are sealed and never shown."""

OpenFederation = Callable[[Any, Seal], FederationDriver]
"""(options, seal) -> a driver of their kind; asks nobody yet.

Raises AttributeInvalid for options that cannot be used, IdentityProviderAway where its library is missing.
"""


class SamlProvider(Protocol):
    """This cloud as an identity provider for others."""

    def response(self, here: IdentityProviderParty, statement: Statement) -> str:
        """A response with a signed assertion, as XML."""

    def envelope(self, here: IdentityProviderParty, statement: Statement, relay_state: str) -> str:
        """The same as an enhanced client posts it to the service provider."""

    def metadata(self, here: IdentityProviderParty) -> str: ...


OpenSamlProvider = Callable[[SigningPair], SamlProvider]
"""Raises SamlMissing."""
