"""Whom this cloud trusts to say who somebody is, and how what they say is read; and the clouds that trust this one."""

from collections.abc import Mapping, Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.db import Tx
from skyloom.identity import mapping, resources
from skyloom.identity.errors import AttributeInvalid, NoSuch
from skyloom.identity.model import Record
from skyloom.identity.service.registry import Ground, Registry
from skyloom.identity.store.federation import FederationStore
from skyloom.identity.store.records import Records

MOST_CHARACTERS = 64


class Named(Registry):
    """Whoever makes one chooses its id."""

    def __init__(self, ground: Ground, store: FederationStore):
        super().__init__(ground)
        self.store = store

    def new_id(self, document: Mapping[str, Any]) -> str:
        return checked_id(document.get("id"))


class IdentityProviders(Named):
    """Each has a domain, in which its users are; a new one gets its own unless it names another.

    One that is disabled or gone takes along the groups that it gave and its tokens; with the last way to sign in as
    them go the users that were made of its assertions.
    """

    resource = resources.IDENTITY_PROVIDER

    def __init__(self, ground: Ground, store: FederationStore):
        super().__init__(ground, store)
        self._domains = Records(resources.DOMAIN)

    def complete(self, caller: Caller, values: Record) -> None:
        values["makes_domain"] = values["domain_id"] is None
        values["domain_id"] = values["domain_id"] or super(Named, self).new_id({})

    def check_new(self, tx: Tx, values: Record) -> None:
        domain_id = values["domain_id"]
        if values["makes_domain"]:
            told = f"Auto generated federated domain for Identity Provider: {values['id']}"
            top: Record = {"domain_id": "", "parent_id": "", "is_domain": True, "enabled": True}
            self._domains.add(
                tx, {**top, "id": domain_id, "name": domain_id, "description": told, "options": {}, "extra": {}}
            )
            tx.record("identity:create_domain", "domain", domain_id)
        elif not self.ground.principals.is_domain(tx, domain_id):
            raise NoSuch("domain", domain_id)

    def after_write(self, tx: Tx, values: Record) -> None:
        if "remote_ids" in values:
            self.store.set_remote_ids(tx, values["id"], values["remote_ids"] or [])
        if not values["enabled"]:
            self.store.take_groups(tx, values["id"])

    def before_delete(self, tx: Tx, record: Record) -> None:
        self.store.remove_users(tx, self.store.only_by(tx, record["id"]))

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        found = self.store.remote_ids(self.db.read(), [record["id"] for record in records])
        return [{**record, "remote_ids": found[record["id"]]} for record in records]


class Mappings(Named):
    resource = resources.MAPPING

    def complete(self, caller: Caller, values: Record) -> None:
        values["schema_version"] = values["schema_version"] or mapping.DEFAULT_VERSION
        mapping.read(values["rules"], values["schema_version"])

    def prepare(self, values: Record, whole: Record) -> None:
        if "schema_version" in values:
            values["schema_version"] = whole["schema_version"] = values["schema_version"] or mapping.DEFAULT_VERSION
        mapping.read(whole["rules"], whole["schema_version"])


class ServiceProviders(Named):
    resource = resources.SERVICE_PROVIDER

    def complete(self, caller: Caller, values: Record) -> None:
        _take_prefix(values)

    def prepare(self, values: Record, whole: Record) -> None:
        _take_prefix(values)


def _take_prefix(values: Record) -> None:
    if values.get("relay_state_prefix", "") is None:
        values["relay_state_prefix"] = resources.RELAY_STATE_PREFIX


def checked_id(wanted: object) -> str:
    if not isinstance(wanted, str) or not 1 <= len(wanted) <= MOST_CHARACTERS:
        raise AttributeInvalid(
            f"Invalid input for field/attribute id: 1 to {MOST_CHARACTERS} characters, in the URL.", field="id"
        )
    return wanted
