"""Signing in by an identity provider: what a driver has proven becomes a user, groups, projects and a token.

`accept` is the one door: whichever protocol was spoken, a token comes of attributes, of the mapping that reads them,
and of rows that are here. What an assertion gives (a name, groups, roles on projects) is written when it comes; a later
one takes its place. Groups that it names and that are not here are left out, as Keystone does; a role or a domain that
is not here makes the sign-in fail before anything is written.
"""

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.identity import mapping, resources
from skyloom.identity.drivers.federation_contract import (
    Arrival,
    Attributes,
    Challenge,
    FederationDriver,
    Once,
    OpenFederation,
    Proven,
    SamlOptions,
)
from skyloom.identity.errors import (
    AlreadyUsed,
    AssertionInvalid,
    AttributeInvalid,
    DashboardNotTrusted,
    IdentityProviderAway,
    NoSuch,
    NotMapped,
    ProviderDisabled,
    RemoteIdRefused,
)
from skyloom.identity.model import Grant, Record
from skyloom.identity.service.auth.authentication import AuthService
from skyloom.identity.service.auth.request import DomainRef, UserRef
from skyloom.identity.service.federation.bursting import Bursting
from skyloom.identity.service.federation.protocols import Protocols
from skyloom.identity.service.federation.sessions import FederationSessions, trust_of
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.sessions import Granted
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.federation import Link, Protocol
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.records import Records

log = logging.getLogger(__name__)
REMOTE_USER = "REMOTE_USER"
"""The attribute that names a user where the mapping does not."""
MOST_CHARACTERS = 255
MOST_PROJECT_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`origin`: the trusted dashboard that waits for the token of a browser."""

    granted: Granted
    origin: str | None = None
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class _Placed:
    """A project of the mapping by its domain and name, and the ids of the roles on it."""

    domain_id: str
    name: str
    role_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Person:
    """What an assertion makes of somebody here."""

    link: Link
    domain_id: str
    name: str
    email: str | None
    group_ids: Sequence[str]
    projects: Sequence[_Placed]
    projects_are_all: bool


class Federation:
    def __init__(
        self,
        ground: Ground,
        grants: Grants,
        protocols: Protocols,
        auth: AuthService,
        bursting: Bursting,
        settings: IdentitySettings,
        open_driver: OpenFederation | None,
    ):
        self.ground = ground
        self.db = ground.db
        self.principals = ground.principals
        self.store = protocols.store
        self.grants = grants
        self.providers = protocols.providers
        self.protocols = protocols
        self.auth = auth
        self.bursting = bursting
        self.settings = settings
        self.open_driver = open_driver
        self.sessions = FederationSessions(ground.db.clock, protocols.vault)
        self._mappings = Records(resources.MAPPING)
        self._projects = Records(resources.PROJECT)
        self._open: dict[tuple[str, str], tuple[Any, FederationDriver]] = {}

    # -- what comes over HTTP

    def answer(self, caller: Caller, arrival: Arrival) -> SignedIn | Challenge:
        """What to reply to a request at a route of the protocol."""
        protocol = self._open_protocol(arrival.idp_id, arrival.protocol_id)
        if arrival.origin is not None:
            self._check_origin(arrival.origin)
        options = self._options(protocol, arrival.is_browser)
        if arrival.session is not None:
            found: Proven | Challenge = self.sessions.opened(protocol, trust_of(options), arrival.session)
        else:
            found = self._driver(protocol, options).answer(arrival)
        if isinstance(found, Challenge):
            if arrival.is_browser and arrival.origin is None:
                raise AttributeInvalid(
                    "The request has no origin; it names the dashboard that waits for the token.", field="origin"
                )
            return found
        if arrival.is_browser:
            self._check_origin(found.origin or "")
        granted = self.accept(
            caller, arrival.idp_id, arrival.protocol_id, found.attributes, found.once, found.expires_at
        )
        return SignedIn(granted, found.origin, found.headers)

    def begin_sessions(self, envelope: bytes, at: Callable[[str, str], Arrival]) -> Sequence[tuple[Arrival, str]]:
        """For a response that came to the address which all providers share: where it counts, and the sealed session
        to be brought there. `at`: (provider's id, protocol's id) -> the arrival of the envelope there.

        Its issuer says which protocols are asked, and each checks it as it would at its own address. Writes nothing.
        Raises AssertionInvalid where none takes it.
        """
        found = []
        for protocol in self.store.of_saml(self.db.read(), self.bursting.party.entity_id):
            try:
                options = self._options(protocol, is_browser=False)
                driver = self._driver(protocol, options)
                if not driver.is_author(envelope):
                    continue
                arrival = at(protocol.idp_id, protocol.id)
                proven = driver.answer(arrival)
            except AssertionInvalid:
                # the driver has told the log why
                continue
            except AttributeInvalid as error:
                log.warning("protocol %s of identity provider %s: %s", protocol.id, protocol.idp_id, error)
                continue
            if isinstance(proven, Proven):
                found.append((arrival, self.sessions.sealed(protocol, trust_of(options), proven)))
        if not found:
            raise AssertionInvalid()
        return found

    def providers_of(self, protocol_id: str, origin: str) -> Sequence[str]:
        """Ids of the enabled providers that a browser can choose for the protocol; NoSuch where there is none."""
        self._check_origin(origin)
        found = self.store.configured(self.db.read(), protocol_id)
        if not found:
            raise NoSuch("protocol", protocol_id)
        return found

    def close(self) -> None:
        for _, driver in self._open.values():
            driver.close()
        self._open.clear()

    # -- what was proven

    def accept(
        self,
        caller: Caller,
        identity_provider_id: str,
        protocol_id: str,
        attributes: Attributes,
        once: Sequence[Once] = (),
        expires_at: datetime | None = None,
    ) -> Granted:
        """The unscoped token of whom the attributes stand for. The driver answers for their truth; nobody else may
        call this. Raises NotMapped, AlreadyUsed, ProviderDisabled, RemoteIdRefused, NoSuch, AuthenticationFailed."""
        protocol = self._open_protocol(identity_provider_id, protocol_id)
        provider = self.providers.show(identity_provider_id)
        _check_remote_id(provider, protocol, attributes)
        try:
            mapped = self._mapped(protocol, attributes)
            if mapped.user.type == "local":
                user_id = self._local_user(mapped.user, provider)
                self._use(caller, user_id, once)
            else:
                person = self._person(protocol, provider, mapped, attributes)
                user_id = self._keep(caller, person, self._groups_end(provider), once)
        except NotMapped as error:
            log.info("%s: %s of %s: %s", caller.request_id, protocol_id, identity_provider_id, error)
            raise
        return self.auth.issue_mapped(caller, user_id, protocol, expires_at)

    # -- whom it may come from

    def _open_protocol(self, idp_id: str, protocol_id: str) -> Protocol:
        provider = self.providers.find(idp_id)
        if provider is None:
            raise NoSuch("identity_provider", idp_id)
        if not provider["enabled"]:
            raise ProviderDisabled("identity_provider", idp_id)
        return self.protocols.show(idp_id, protocol_id)

    def _options(self, protocol: Protocol, is_browser: bool) -> Any:
        """As they were configured; whoever names this very cloud as the issuer needs no configuration to be it."""
        if protocol.driver is None and not is_browser:
            own_id = self.bursting.party.entity_id
            if own_id in self.providers.show(protocol.idp_id)["remote_ids"]:
                return SamlOptions(metadata=self.bursting.metadata(), entity_id=own_id, accepts_unasked=True)
        return self.protocols.options(protocol)

    def _driver(self, protocol: Protocol, options: Any) -> FederationDriver:
        key = (protocol.idp_id, protocol.id)
        found = self._open.get(key)
        if found is None or found[0] != options:
            if self.open_driver is None:
                raise IdentityProviderAway("This cloud was started without support for federation.", 300)
            found = self._open[key] = (options, self.open_driver(options, self.protocols.vault))
        return found[1]

    def _check_origin(self, origin: str) -> None:
        if _with_small_host(origin) not in {_with_small_host(each) for each in self.settings.trusted_dashboards}:
            raise DashboardNotTrusted(origin)

    # -- who it is

    def _mapped(self, protocol: Protocol, attributes: Attributes) -> mapping.Mapped:
        row = self._mappings.get(self.db.read(), protocol.mapping_id)
        if row is None:
            raise NotMapped(f"the mapping {protocol.mapping_id} is not there")
        rules = mapping.read(row["rules"], row["schema_version"])
        return mapping.evaluate(rules, row["schema_version"], attributes)

    def _local_user(self, user: mapping.User, provider: Record) -> str:
        """Of somebody who is here already."""
        if user.id is None and user.name is None:
            raise NotMapped("it names no local user")
        domain = DomainRef(self._domain(self.db.read(), user.domain, provider))
        found = self.auth.named.user(UserRef(user.id, user.name, domain))
        if found is None:
            raise NotMapped("there is no local user of that id or name")
        return found.id

    def _person(self, protocol: Protocol, provider: Record, mapped: mapping.Mapped, attributes: Attributes) -> _Person:
        sql, user = self.db.read(), mapped.user
        name = user.name or next(iter(attributes.get(REMOTE_USER, ())), None) or user.id
        if name is None:
            raise NotMapped(f"it names no user, and there is no attribute {REMOTE_USER}")
        unique_id = quote(user.id or name)
        if len(unique_id) > MOST_CHARACTERS or len(name) > MOST_CHARACTERS:
            raise NotMapped(f"a user's id or name has more than {MOST_CHARACTERS} characters")
        if "\0" in name or "\0" in (user.email or ""):
            raise NotMapped("a user's name or email holds a NUL byte")
        return _Person(
            link=Link(protocol.idp_id, protocol.id, unique_id),
            domain_id=self._domain(sql, user.domain, provider),
            name=name,
            email=user.email,
            group_ids=self._groups(sql, mapped, provider),
            projects=[self._placed(sql, project, provider) for project in mapped.projects],
            projects_are_all=mapped.projects_are_all,
        )

    def _domain(self, sql: Sql, domain: mapping.Domain | None, provider: Record) -> str:
        if domain is None or (domain.id is None and domain.name is None):
            found: str = provider["domain_id"]
            return found
        place = (
            self.principals.project(sql, domain.id)
            if domain.id is not None
            else self.principals.domain_named(sql, domain.name or "")
        )
        if place is None or not place.is_domain:
            raise NotMapped(f"there is no domain {domain.id or domain.name}")
        return place.id

    def _groups(self, sql: Sql, mapped: mapping.Mapped, provider: Record) -> Sequence[str]:
        there = self.store.groups_there(sql, mapped.group_ids)
        found = [group_id for group_id in mapped.group_ids if group_id in there]
        names: dict[mapping.Domain | None, list[str]] = {}
        for group in mapped.groups:
            names.setdefault(group.domain, []).append(group.name or "")
        for domain, named in names.items():
            found += self.store.groups_named(sql, self._domain(sql, domain, provider), named)
        missing = len(mapped.group_ids) + len(mapped.groups) - len(found)
        if missing:
            log.warning("%s groups that %s gives are not here, and are left out", missing, provider["id"])
        return list(dict.fromkeys(found))

    def _placed(self, sql: Sql, project: mapping.Project, provider: Record) -> _Placed:
        if len(project.name) > MOST_PROJECT_CHARACTERS or "\0" in project.name:
            raise NotMapped(f"a project's name has more than {MOST_PROJECT_CHARACTERS} characters, or a NUL byte")
        domain_id = self._domain(sql, project.domain, provider)
        names = {role.name for role in project.roles}
        role_ids = self.store.roles_named(sql, list(names), domain_id)
        if missing := names - role_ids.keys():
            raise NotMapped(f"there is no role {min(missing)} that can be assigned in domain {domain_id}")
        return _Placed(domain_id, project.name, frozenset(role_ids.values()))

    def _groups_end(self, provider: Record) -> datetime:
        minutes = provider["authorization_ttl"]
        minutes = self.settings.default_authorization_ttl if minutes is None else minutes
        life_s = minutes * 60 or self.settings.token_life_s
        return self.db.clock.now() + timedelta(seconds=life_s)

    # -- what is written of it

    def _keep(self, caller: Caller, person: _Person, groups_end: datetime, once: Sequence[Once]) -> str:
        """The id of the user, who is now as the assertion says."""
        link = person.link
        user_id = self.store.user_of(self.db.read(), link) or federated_id(link)
        with self.db.begin(caller.as_user(user_id)) as tx:
            tx.lock(f"federated user {link.idp_id} {link.protocol_id} {link.unique_id}")
            self._check_unused(tx, once)
            known_id = self.store.user_of(tx, link)
            if known_id is None or self._differs(tx, known_id, person):
                # what others have cached of the user is stale; and one change of identity data comes after the other
                self.principals.bump(tx, (known_id or user_id,))
                known_id = self._put_user(tx, known_id, person)
                self._put_projects(tx, known_id, person)
            user_id = known_id
            self.store.give_groups(tx, user_id, link.idp_id, person.group_ids, groups_end)
            tx.record("identity:authenticate", "user", user_id)
        return user_id

    def _use(self, caller: Caller, user_id: str, once: Sequence[Once]) -> None:
        with self.db.begin(caller.as_user(user_id)) as tx:
            self._check_unused(tx, once)
            tx.record("identity:authenticate", "user", user_id)

    def _check_unused(self, tx: Tx, once: Sequence[Once]) -> None:
        for each in once:
            key_hash = hashlib.sha256(each.key.encode()).hexdigest()
            if not self.store.use(tx, key_hash, each.expires_at, self.db.clock.now()):
                raise AlreadyUsed()

    def _differs(self, tx: Tx, user_id: str, person: _Person) -> bool:
        """Whether more than the end of the memberships is new."""
        user = self.principals.user(tx, user_id)
        assert user is not None
        if user.is_federated and (user.name, self.store.email(tx, user_id)) != (person.name, person.email):
            return True
        given = self.store.given_groups(tx, user_id, person.link.idp_id, self.db.clock.now())
        if set(given) != set(person.group_ids):
            return True
        wanted = set()
        for placed in person.projects:
            project = self.principals.project_named(tx, placed.name, placed.domain_id, None)
            if project is None:
                return True
            wanted |= {(project.id, role_id) for role_id in placed.role_ids}
        held = {(grant.target_id, grant.role_id) for grant in self._grants_of(tx, user_id)}
        return not wanted <= held or (person.projects_are_all and wanted != held)

    def _put_user(self, tx: Tx, user_id: str | None, person: _Person) -> str:
        extra = {} if person.email is None else {"email": person.email}
        if user_id is not None:
            self.store.rename(tx, user_id, person.name, extra)
            return user_id
        user_id = federated_id(person.link)
        if self.principals.user(tx, user_id) is not None:
            # an administrator has taken the link away, and the same person comes again
            self.store.set_links(tx, user_id, [*self.store.links(tx, [user_id]).get(user_id, ()), person.link])
            self.store.rename(tx, user_id, person.name, extra)
            return user_id
        row = {"id": user_id, "domain_id": person.domain_id, "name": person.name, "extra": extra}
        self.store.add_user(tx, row, person.link)
        return user_id

    def _put_projects(self, tx: Tx, user_id: str, person: _Person) -> None:
        wanted = set()
        for placed in person.projects:
            project = self.principals.project_named(tx, placed.name, placed.domain_id, None)
            project_id = project.id if project else self._add_project(tx, placed)
            wanted |= {Grant("user", user_id, "project", project_id, role_id) for role_id in placed.role_ids}
        held = set(self._grants_of(tx, user_id))
        for grant in wanted - held:
            self.grants.add(tx, grant)
            tx.record("identity:create_grant", "role", grant.role_id)
        for grant in held - wanted if person.projects_are_all else ():
            self.grants.remove(tx, grant)
            tx.record("identity:revoke_grant", "role", grant.role_id)

    def _grants_of(self, tx: Tx, user_id: str) -> Sequence[Grant]:
        known = {"actor_kind": "user", "actor_id": user_id, "target_kind": "project", "inherited": False}
        return self.grants.find(tx, **known)

    def _add_project(self, tx: Tx, placed: _Placed) -> str:
        row: Record = {"id": uuid.uuid4().hex, "domain_id": placed.domain_id, "parent_id": placed.domain_id}
        row |= {"name": placed.name, "is_domain": False, "enabled": True, "description": "", "options": {}, "extra": {}}
        self._projects.add(tx, row)
        tx.record("identity:create_project", "project", row["id"])
        project_id: str = row["id"]
        return project_id


def federated_id(link: Link) -> str:
    """The same for the same person of the same provider and protocol, in every cloud and after a deletion."""
    parts = (link.idp_id, link.protocol_id, link.unique_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _check_remote_id(provider: Mapping[str, Any], protocol: Protocol, attributes: Attributes) -> None:
    """The provider's remote_ids name the issuers that may speak for it; none: whoever the driver trusts."""
    name = protocol.remote_id_attribute
    if name is None or not provider["remote_ids"]:
        return
    issuers = attributes.get(name, ())
    if len(issuers) != 1 or issuers[0] not in provider["remote_ids"]:
        raise RemoteIdRefused()


def _with_small_host(url: str) -> str:
    """A URL's scheme and host are the same in every case, its path is not."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower()}{slash}{path}"
