"""What a new cloud starts with: the default domain, roles and their implications, first projects, users and catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skyloom.access import Caller
from skyloom.db import Database, Sql
from skyloom.identity.model import DEFAULT_DOMAIN, SYSTEM_ID, Grant
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.catalog import PUBLIC_URL
from skyloom.identity.store import seed
from skyloom.identity.store.grants import Grants

ROLES = ("admin", "manager", "member", "reader", "service")
IMPLIED = (("admin", "manager"), ("manager", "member"), ("member", "reader"))


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """`path` below the cloud's public URL; may hold $(project_id)s."""

    type: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class FirstUser:
    name: str
    password: str = field(repr=False)
    project: str
    role: str
    is_system_admin: bool = False


@dataclass(frozen=True)
class Bootstrap:
    region: str
    projects: Sequence[str]
    users: Sequence[FirstUser]
    catalog: Sequence[CatalogEntry]

    def sow(self, db: Database, caller: Caller, passwords: Passwords) -> None:
        known = seed.user_names(db.read())
        hashes = {user.name: passwords.hash(user.password) for user in self.users if user.name not in known}
        with db.begin(caller) as tx:
            tx.lock("identity bootstrap")
            seed.start_generation(tx)
            seed.ensure_id(tx, "project", DEFAULT_DOMAIN, DEFAULT_DOMAIN_VALUES)
            roles = {name: seed.ensure_named(tx, "role", name, ROLE_VALUES) for name in ROLES}
            grants = Grants()
            for prior, implied in IMPLIED:
                grants.imply(tx, roles[prior], roles[implied])
            projects = {name: seed.ensure_named(tx, "project", name, PROJECT_VALUES) for name in self.projects}
            for user in self.users:
                if user.name not in hashes:
                    continue
                values: dict[str, Any] = {**USER_VALUES, "password_hash": hashes[user.name]}
                values["default_project_id"] = projects[user.project]
                values["created_at"] = db.clock.now()
                user_id = seed.ensure_named(tx, "user", user.name, values)
                grants.add(tx, Grant("user", user_id, "project", projects[user.project], roles[user.role]))
                if user.is_system_admin:
                    grants.add(tx, Grant("user", user_id, "system", SYSTEM_ID, roles[user.role]))
                    grants.add(tx, Grant("user", user_id, "domain", DEFAULT_DOMAIN, roles[user.role]))
            self._sow_catalog(tx)

    def _sow_catalog(self, tx: Sql) -> None:
        seed.ensure_id(tx, "region", self.region, {"description": "", "extra": {}})
        for entry in self.catalog:
            values: dict[str, Any] = {"type": entry.type, "enabled": True, "extra": {}}
            service_id = seed.ensure_named(tx, "service", entry.name, values)
            for interface in ("public", "internal", "admin"):
                values = {
                    "service_id": service_id,
                    "interface": interface,
                    "region_id": self.region,
                    "url": f"{PUBLIC_URL}{entry.path}",
                    "enabled": True,
                    "extra": {},
                }
                seed.ensure_id(tx, "endpoint", seed.stable_id("endpoint", f"{entry.type}:{interface}"), values)


ROLE_VALUES: Mapping[str, Any] = {"domain_id": "", "options": {"immutable": True}, "extra": {}}
PROJECT_VALUES: Mapping[str, Any] = {
    "domain_id": DEFAULT_DOMAIN,
    "parent_id": DEFAULT_DOMAIN,
    "is_domain": False,
    "enabled": True,
    "description": "",
    "options": {},
    "extra": {},
}
USER_VALUES: Mapping[str, Any] = {"domain_id": DEFAULT_DOMAIN, "enabled": True, "options": {}, "extra": {}}
DEFAULT_DOMAIN_VALUES: Mapping[str, Any] = {
    **PROJECT_VALUES,
    "name": "Default",
    "is_domain": True,
    "description": "The default domain",
    "domain_id": "",
    "parent_id": "",
}
