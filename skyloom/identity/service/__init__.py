"""The identity service: what is joined here is what other domains and the API see."""

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity.drivers.contract import OpenDirectory
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.application_credentials import ApplicationCredentials
from skyloom.identity.service.assignments import Assignments
from skyloom.identity.service.auth import AuthService
from skyloom.identity.service.bootstrap import Bootstrap
from skyloom.identity.service.catalog import Catalog, Endpoints, Policies, Services
from skyloom.identity.service.credentials import Consumers, Credentials
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.directory import Groups, Roles, Users
from skyloom.identity.service.domain_configs import DomainConfigs
from skyloom.identity.service.endpoint_filter import EndpointFilter
from skyloom.identity.service.grants import GrantService
from skyloom.identity.service.limits import Limits
from skyloom.identity.service.projects import Domains, Projects
from skyloom.identity.service.refusals import OwnRefusals
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.sessions import Granted, Sessions
from skyloom.identity.service.trusts import Trusts
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.catalog import CatalogStore
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.principals import Principals

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
    ):
        ground = Ground(db, policy, Principals(), settings.list_limit)
        grants, delegations, catalog = Grants(), Delegations(), CatalogStore()
        self.db = db
        self.settings = settings
        self.principals = ground.principals
        self.passwords = Passwords(settings.password_cost)
        self.domains = Domains(ground, grants)
        self.projects = Projects(ground, grants, self.domains)
        self.directories = Directories(ground, vault, self.passwords, open_directory, settings.directory_life_s)
        self.users = Users(ground, grants, self.directories, self.passwords, settings)
        self.groups = Groups(ground, grants, self.directories)
        self.roles = Roles(ground, grants)
        self.services = Services(ground)
        self.endpoints = Endpoints(ground, catalog, self.services, public_url)
        self.regions = self.endpoints.regions
        self.policies = Policies(ground)
        self.catalog = Catalog(ground, catalog, public_url)
        self.endpoint_filter = EndpointFilter(ground, catalog, self.endpoints, self.projects)
        self.endpoint_groups = self.endpoint_filter.groups
        self.credentials = Credentials(ground, catalog, vault)
        self.consumers = Consumers(ground, vault)
        self.limits = Limits(ground, self.services, self.endpoints, self.projects)
        self.registered_limits = self.limits.registered
        self.domain_configs = DomainConfigs(ground, self.domains, vault, settings)
        self.grants = GrantService(
            ground, grants, self.directories, self.users, self.groups, self.roles, self.projects, self.domains
        )
        self.assignments = Assignments(ground, grants, self.directories, self.projects)
        self.sessions = Sessions(ground, delegations, self.directories, vault, settings)
        self.auth = AuthService(
            ground, self.sessions, delegations, self.directories, self.credentials, self.passwords, settings
        )
        self.application_credentials = ApplicationCredentials(ground, delegations, self.passwords)
        self.refusals = OwnRefusals(policy)
        self.trusts = Trusts(ground, delegations, self.sessions, self.users, self.roles, settings)

    def authenticate(self, token: str, method: str = "", path: str = "") -> Caller:
        """The caller whose X-Auth-Token this is, for a request of that method and path (as /compute/v2.1/servers).

        Raises TokenInvalid, and RequestNotAllowed where access rules of an application credential do not name it.
        """
        return self.sessions.authenticate(token, method, path)

    def catalog_of(self, granted: Granted) -> bytes:
        """The catalog that the token shows, as JSON."""
        generation = granted.generation
        if generation < 0:
            generation = self.principals.generation(self.db.read())
        return self.catalog.json(granted.project.id if granted.project else None, generation)

    def bootstrap(self, seed: Bootstrap) -> None:
        """Make what `seed` names and is not there yet; safe to repeat, changes nothing that exists."""
        self.sessions.keys.ensure()
        seed.sow(self.db, SYSTEM, self.passwords)
