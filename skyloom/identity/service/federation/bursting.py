"""Bursting to another cloud: this one vouches, by a signed SAML assertion, for a user with a token of it ("K2K").

The other cloud trusts our metadata, and its mapping makes what it likes of our names: ids mean nothing there.
"""

import uuid
from typing import Annotated, Literal

import msgspec

from skyloom.access import Caller
from skyloom.identity.drivers.federation_contract import OpenSamlProvider, SamlProvider
from skyloom.identity.errors import NotOfToken, ProviderDisabled, SamlMissing
from skyloom.identity.model import Record
from skyloom.identity.saml import Contact, IdentityProviderParty, Organization, Statement
from skyloom.identity.service.federation.providers import ServiceProviders
from skyloom.identity.service.federation.saml_keys import SamlKeys
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.sessions import Granted, Sessions
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.saml import SamlStore

PATH = "/identity/v3/OS-FEDERATION/saml2"
ENHANCED_CLIENTS = "/Shibboleth.sso/SAML2/ECP"
"""Where Apache's Shibboleth module takes responses before a Keystone; this cloud takes them there, too."""


class TokenRef(msgspec.Struct, frozen=True):
    id: str


class ByToken(msgspec.Struct, frozen=True):
    methods: Annotated[list[Literal["token"]], msgspec.Meta(min_length=1, max_length=1)]
    token: TokenRef


class ServiceProviderRef(msgspec.Struct, frozen=True):
    id: str


class BurstScope(msgspec.Struct, frozen=True):
    service_provider: ServiceProviderRef


class BurstRequest(msgspec.Struct, frozen=True):
    """The `auth` object of POST /v3/auth/OS-FEDERATION/saml2: a token of this cloud, and the cloud it is to go to."""

    identity: ByToken
    scope: BurstScope


class Vouched(msgspec.Struct, frozen=True):
    """`message`: XML, for `sp_url`; the token is then asked for below `auth_url`."""

    message: str
    sp_url: str
    auth_url: str


class Bursting:
    def __init__(
        self,
        ground: Ground,
        sessions: Sessions,
        service_providers: ServiceProviders,
        keys: SamlKeys,
        settings: IdentitySettings,
        public_url: str,
        open_provider: OpenSamlProvider | None,
    ):
        self.db = ground.db
        self.sessions = sessions
        self.service_providers = service_providers
        self.keys = keys
        self.settings = settings
        self.store = SamlStore()
        self.party = _party(settings, public_url)
        self.consumer_url = f"{public_url}{ENHANCED_CLIENTS}"
        self.open_provider = open_provider
        self._provider: SamlProvider | None = None

    def response(self, caller: Caller, request: BurstRequest) -> Vouched:
        """Raises TokenInvalid, NotOfToken, NoSuch and ProviderDisabled."""
        target, statement = self._prepared(request)
        return _vouched(target, self._opened().response(self.party, statement))

    def envelope(self, caller: Caller, request: BurstRequest) -> Vouched:
        """The same in the envelope that an enhanced client (ECP) posts."""
        target, statement = self._prepared(request)
        relay_state = f"{target['relay_state_prefix']}{uuid.uuid4().hex}"
        return _vouched(target, self._opened().envelope(self.party, statement, relay_state))

    def metadata(self) -> str:
        """What another cloud must know of this one, as XML."""
        return self._opened().metadata(self.party)

    def _opened(self) -> SamlProvider:
        if self._provider is None:
            if self.open_provider is None:
                raise SamlMissing()
            self._provider = self.open_provider(self.keys.pair())
        return self._provider

    def _prepared(self, request: BurstRequest) -> tuple[Record, Statement]:
        granted = self.sessions.granted(request.identity.token.id)
        if granted.token.is_delegated:
            raise NotOfToken("A token got by an application credential or a trust cannot be used for another cloud.")
        if granted.project is None:
            raise NotOfToken("Use a project scoped token when attempting to create a SAML assertion.")
        target = self.service_providers.show(request.scope.service_provider.id)
        if not target["enabled"]:
            raise ProviderDisabled("service_provider", target["id"])
        return target, self._statement(granted, target)

    def _statement(self, granted: Granted, target: Record) -> Statement:
        """Who is there at `sp_url` is known where that is the protocol's own address, and of this cloud's own."""
        is_known = target["sp_url"] in (target["auth_url"], self.consumer_url)
        return Statement(
            recipient=target["sp_url"],
            audience=target["auth_url"] if is_known else None,
            subject=granted.user.name,
            attributes=self._attributes(granted),
            life_s=self.settings.assertion_expiration_time,
            session_ends_at=granted.token.expires_at,
        )

    def _attributes(self, granted: Granted) -> dict[str, list[str]]:
        assert granted.project is not None
        sql = self.db.read()
        domain = self.sessions.principals.project(sql, granted.project.domain_id)
        groups = self.store.groups(sql, granted.user.id, self.db.clock.now())
        return {
            "openstack_user": [granted.user.name],
            "openstack_user_domain": [granted.user.domain_name],
            "openstack_roles": [role.name for role in granted.roles],
            "openstack_project": [granted.project.name],
            "openstack_project_domain": [domain.name if domain else ""],
            "openstack_groups": [_group(name, domain_name) for name, domain_name in groups],
        }


def _group(name: str, domain_name: str) -> str:
    return f"JSON:{msgspec.json.encode({'name': name, 'domain': {'name': domain_name}}).decode()}"


def _vouched(target: Record, message: str) -> Vouched:
    return Vouched(message, target["sp_url"], target["auth_url"])


def _party(settings: IdentitySettings, public_url: str) -> IdentityProviderParty:
    organization = None
    if settings.idp_organization_name:
        organization = Organization(
            settings.idp_organization_name,
            settings.idp_organization_display_name or settings.idp_organization_name,
            settings.idp_organization_url or public_url,
        )
    contact = Contact(
        company=settings.idp_contact_company,
        name=settings.idp_contact_name,
        surname=settings.idp_contact_surname,
        email=settings.idp_contact_email,
        telephone=settings.idp_contact_telephone,
        type=settings.idp_contact_type,
    )
    return IdentityProviderParty(
        entity_id=settings.idp_entity_id or f"{public_url}{PATH}/idp",
        sso_url=settings.idp_sso_endpoint or f"{public_url}{PATH}/sso",
        organization=organization,
        contact=contact if contact != Contact(type=contact.type) else None,
    )
