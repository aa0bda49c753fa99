"""The identity service: what is joined here is what other domains and the API see."""

from datetime import timedelta

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity.drivers.contract import OpenDirectory
from skyloom.identity.drivers.federation_contract import OpenFederation, OpenSamlProvider
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.application_credentials import ApplicationCredentials
from skyloom.identity.service.assignments import Assignments
from skyloom.identity.service.auth.authentication import AuthService
from skyloom.identity.service.auth.log_in import LogIn
from skyloom.identity.service.auth.passcodes import Passcodes
from skyloom.identity.service.auth.receipts import Receipts
from skyloom.identity.service.bootstrap import Bootstrap
from skyloom.identity.service.catalog import Catalog, Endpoints, Policies, Services
from skyloom.identity.service.credentials import Consumers, Credentials
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.directory import Groups, Roles, Users
from skyloom.identity.service.domain_configs import DomainConfigs
from skyloom.identity.service.endpoint_filter import EndpointFilter
from skyloom.identity.service.endpoint_policies import EndpointPolicies
from skyloom.identity.service.federation.bursting import Bursting
from skyloom.identity.service.federation.protocols import Protocols
from skyloom.identity.service.federation.providers import IdentityProviders, Mappings, ServiceProviders
from skyloom.identity.service.federation.saml_keys import SamlKeys
from skyloom.identity.service.federation.sign_in import Federation
from skyloom.identity.service.grants import GrantService
from skyloom.identity.service.limits import DEPTHS, Limits
from skyloom.identity.service.oauth1 import OAuth1
from skyloom.identity.service.oauth2 import OAuth2
from skyloom.identity.service.projects import Domains, Projects
from skyloom.identity.service.refusals import OwnRefusals
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.freshness import Freshness
from skyloom.identity.service.tokens.revocations import RevocationEvents
from skyloom.identity.service.tokens.sessions import Granted, Sessions
from skyloom.identity.service.trusts import Trusts
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.catalog import CatalogStore
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.store.endpoint_policies import EndpointPolicies as EndpointPolicyStore
from skyloom.identity.store.federation import FederationStore
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.log_ins import LogIns
from skyloom.identity.store.oauth1 import OAuthStore
from skyloom.identity.store.principals import Principals
from skyloom.identity.store.revocations import Revocations

__all__ = ["IdentityService"]


class IdentityService:
    """`public_url`: scheme, host and port under which clients reach the cloud; it stands in the catalog's endpoints."""

    def __init__(
        self,
        db: Database,
        policy: Policy,
        vault: Vault,
        settings: IdentitySettings,
        public_url: str,
        open_directory: OpenDirectory | None = None,
        open_federation: OpenFederation | None = None,
        open_saml_provider: OpenSamlProvider | None = None,
    ):
        token_life = timedelta(seconds=settings.token_life_s + settings.expired_window_s)
        ground = Ground(db, policy, Principals(db.clock), Revocations(), token_life, settings.list_limit)
        grants, delegations, catalog, federation = Grants(db.clock), Delegations(), CatalogStore(), FederationStore()
        self.db = db
        self.settings = settings
        self.public_url = public_url
        self.principals = ground.principals
        self.revocations = RevocationEvents(ground)
        self.passwords = Passwords(settings.password_cost)
        self.domains = Domains(ground, grants)
        self.projects = Projects(ground, grants, self.domains, DEPTHS[settings.enforcement_model])
        self.directories = Directories(ground, vault, self.passwords, open_directory, settings.directory_life_s)
        log_ins = LogIns()
        log_in = LogIn(db, self.directories, self.passwords, log_ins, settings)
        self.users = Users(ground, grants, self.directories, federation, self.passwords, log_in)
        self.groups = Groups(ground, grants, self.directories)
        self.roles = Roles(ground, grants)
        self.services = Services(ground)
        self.endpoints = Endpoints(ground, catalog, self.services, public_url)
        self.regions = self.endpoints.regions
        self.policies = Policies(ground)
        self.freshness = Freshness(db, ground.principals)
        self.catalog = Catalog(ground, catalog, federation, self.freshness, public_url)
        self.endpoint_filter = EndpointFilter(ground, catalog, self.endpoints, self.projects)
        self.endpoint_groups = self.endpoint_filter.groups
        self.endpoint_policies = EndpointPolicies(ground, EndpointPolicyStore(), self.policies, self.endpoints)
        self.credentials = Credentials(ground, catalog, vault)
        self.consumers = Consumers(ground, vault)
        self.limits = Limits(ground, self.services, self.endpoints, self.projects, settings.enforcement_model)
        self.registered_limits = self.limits.registered
        self.domain_configs = DomainConfigs(ground, self.domains, vault, settings)
        self.grants = GrantService(
            ground, grants, self.directories, self.users, self.groups, self.roles, self.projects, self.domains
        )
        self.assignments = Assignments(ground, grants, self.directories, self.projects)
        oauth = OAuthStore()
        self.oauth1 = OAuth1(ground, oauth, self.consumers, self.roles, vault, settings)
        self.sessions = Sessions(
            ground, delegations, self.directories, federation, oauth, self.freshness, vault, settings
        )
        self.auth = AuthService(
            ground,
            self.sessions,
            delegations,
            self.directories,
            self.credentials,
            self.oauth1,
            self.passwords,
            log_in,
            Passcodes(db, self.credentials.records, vault, log_ins),
            Receipts(db.clock, vault, settings),
            settings,
        )
        self.identity_providers = IdentityProviders(ground, federation)
        self.mappings = Mappings(ground, federation)
        self.oauth2 = OAuth2(ground, self.auth, self.users, self.mappings, settings)
        self.service_providers = ServiceProviders(ground, federation)
        self.protocols = Protocols(ground, self.identity_providers, federation, vault, open_federation)
        self.saml_keys = SamlKeys(db, vault)
        self.bursting = Bursting(
            ground, self.sessions, self.service_providers, self.saml_keys, settings, public_url, open_saml_provider
        )
        self.federation = Federation(
            ground, grants, self.protocols, self.auth, self.bursting, settings, open_federation
        )
        self.application_credentials = ApplicationCredentials(ground, delegations, self.passwords)
        self.refusals = OwnRefusals(policy)
        self.trusts = Trusts(ground, delegations, self.sessions, self.users, self.roles, settings)

    def authenticate(self, token: str, method: str = "", path: str = "", certificate: bytes | None = None) -> Caller:
        """The caller whose X-Auth-Token this is, for a request of that method and path (as /compute/v2.1/servers) by a
        client that has proven to have the certificate (DER).

        Raises TokenInvalid, and RequestNotAllowed where access rules of an application credential do not name it.
        """
        return self.sessions.authenticate(token, method, path, certificate)

    def catalog_of(self, granted: Granted) -> tuple[bytes, bytes]:
        """The catalog that the token shows, and the service providers (nothing where there are none), as JSON; as they
        were when the token was read, or later."""
        return self.catalog.json(granted.project.id if granted.project else None), self.catalog.service_providers()

    def bootstrap(self, seed: Bootstrap) -> None:
        """Make what `seed` names and is not there yet; safe to repeat, changes nothing that exists.

        Raises TreeTooDeep when the projects do not fit the enforcement model that was set.
        """
        self.limits.check_tree()
        self.sessions.keys.ensure()
        self.saml_keys.ensure()
        seed.sow(self.db, SYSTEM, self.passwords)
