"""Users, groups and roles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.identity import resources
from skyloom.identity.drivers.contract import Kind
from skyloom.identity.errors import AttributeInvalid, AuthenticationFailed, NoSuch
from skyloom.identity.model import DEFAULT_DOMAIN, Record
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.auth.log_in import LogIn
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.registry import Ground, Listed, Query, Registry, of_own_domain
from skyloom.identity.store.federation import FederationStore, Link
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.principals import COMPARISONS, expiry_test
from skyloom.identity.times import shown_time, time_of


class InDomain(Registry):
    """What lies in a domain: the caller's own, if a new one names none."""

    kind: Kind

    def __init__(self, ground: Ground, grants: Grants, directories: Directories):
        super().__init__(ground)
        self.grants = grants
        self.directories = directories

    # -- those of a directory

    def find(self, record_id: str) -> Record | None:
        place = self.directories.place(record_id)
        if place is None:
            return super().find(record_id)
        return self.directories.find(place) if place.kind == self.kind else None

    def known(self, record_id: str) -> Record | None:
        return super().find(record_id) or self.find(record_id)

    def list(self, caller: Caller, query: Query) -> Listed:
        filters = self.visible(caller, query.filters)
        if filters is None or self.directories.of(filters.get("domain_id")) is None:
            return super().list(caller, query)
        wanted = replace(query, filters=filters)
        return self.directories.page(self.kind, filters["domain_id"], wanted, self.ground.list_limit)

    def words_tests(self, words: Mapping[str, str]) -> Sequence[Any]:
        """Shadows are not listed: whoever wants those of a directory names its domain."""
        domains = self.directories.domains()
        return [self.records.table.c.domain_id.not_in(domains)] if domains else []

    def prepare(self, values: Record, whole: Record) -> None:
        self.directories.refuse_write(whole["domain_id"])

    # -- those of the database

    def complete(self, caller: Caller, values: Record) -> None:
        values["domain_id"] = values["domain_id"] or caller.domain_id or caller.project_domain_id or DEFAULT_DOMAIN

    def check_new(self, tx: Tx, values: Record) -> None:
        self.check_domain(tx, values["domain_id"])

    def check_domain(self, sql: Sql, domain_id: str) -> None:
        domain = self.ground.principals.project(sql, domain_id)
        if domain is None or not domain.is_domain:
            raise NoSuch("domain", domain_id)

    def before_delete(self, tx: Tx, record: Record) -> None:
        self.directories.refuse_write(record["domain_id"])
        self.grants.forget(tx, self.resource.noun, record["id"])


class Users(InDomain):
    resource = resources.USER
    kind = Kind.USER
    words = frozenset({"password_expires_at", "idp_id", "protocol_id", "unique_id"})

    def __init__(
        self,
        ground: Ground,
        grants: Grants,
        directories: Directories,
        federation: FederationStore,
        passwords: Passwords,
        log_in: LogIn,
    ):
        super().__init__(ground, grants, directories)
        self.federation = federation
        self.passwords = passwords
        self.log_in = log_in
        self.rules = log_in.rules

    def complete(self, caller: Caller, values: Record) -> None:
        super().complete(caller, values)
        values["options"] = {name: value for name, value in values["options"].items() if value is not None}
        values["created_at"] = self.db.clock.now()

    def prepare(self, values: Record, whole: Record) -> None:
        super().prepare(values, whole)
        if values.get("password") is not None:
            self.rules.check_form(values["password"])
        federated = values.pop("federated", None)
        if federated is not None:
            values["known_by"] = self._known_by(federated)
        if "password" in values:
            self._take_password(values, whole["options"], is_chosen=False)

    def check_new(self, tx: Tx, values: Record) -> None:
        super().check_new(tx, values)
        self._check_default_project(tx, values)

    def check_change(self, tx: Tx, now: Record, values: Record) -> None:
        self._check_default_project(tx, values)
        if "password_hash" in values or values.get("enabled") is False:
            values["tokens_not_before"] = self.db.clock.now()
            self.ground.revoke(tx, {"user_id": now["id"]})
        if "password_hash" in values:
            self.rules.replace(tx, now["id"])
        if values.get("enabled") is True:
            values["last_active_at"] = self.db.clock.now()
            self.log_in.store.unlock(tx, now["id"])

    def before_delete(self, tx: Tx, record: Record) -> None:
        super().before_delete(tx, record)
        self.ground.revoke(tx, {"user_id": record["id"]})

    def after_write(self, tx: Tx, values: Record) -> None:
        if "known_by" in values:
            self.federation.set_links(tx, values["id"], values["known_by"])

    def change_password(self, caller: Caller, user_id: str, original: str, password: str) -> None:
        """One's own password, by knowing the present one, which may have expired; ends every token of the user."""
        sql = self.db.read()
        found = self.ground.principals.user(sql, user_id)
        if found is not None:
            self.directories.refuse_write(found.domain_id)
        user = self.log_in.by_password(found, user_id, original, may_have_ended=True)
        self.rules.check_choice(sql, user, password)
        values: Record = {"password": password}
        self._take_password(values, user.options, is_chosen=True)
        with self.write(caller.as_user(user_id), "update", user_id) as tx:
            # the rules were kept against the password that was just changed
            present = self.records.get(tx, user_id)
            if present is None or present["tokens_not_before"] != user.tokens_not_before:
                raise AuthenticationFailed()
            self.rules.replace(tx, user_id)
            self.records.change(tx, user_id, {**values, "tokens_not_before": self.db.clock.now()})
            self.ground.revoke(tx, {"user_id": user_id})

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.ground.policy.require(caller, "identity:list_users", {"target.domain_id": caller.domain_id})
        return of_own_domain(caller, filters)

    def words_tests(self, words: Mapping[str, str]) -> Sequence[Any]:
        tests = list(super().words_tests(words))
        known_by = {name: value for name, value in words.items() if name != "password_expires_at"}
        if "password_expires_at" in words:
            tests.append(expiry_test(*_expiry(words["password_expires_at"])))
        if known_by:
            tests.append(self.federation.link_test(**known_by))
        return tests

    def shown(self, records: Sequence[Record]) -> Sequence[Record]:
        links = self.federation.links(self.db.read(), [record["id"] for record in records])
        return [self._shown(dict(record), links.get(record["id"], ())) for record in records]

    def _shown(self, record: Record, links: Sequence[Link]) -> Record:
        record.pop("password", None)
        times = record.pop("created_at", None), record.pop("last_active_at", None)
        record["enabled"] = record["enabled"] and not self.rules.is_away(*times, record["options"])
        if links:
            record["federated"] = _federated(links)
        if record.get("default_project_id") is None:
            record.pop("default_project_id", None)
        record["password_expires_at"] = shown_time(record["password_expires_at"])
        return record

    def _check_default_project(self, tx: Tx, values: Record) -> None:
        """It may be of another domain, or not be there; a domain takes no token of a project."""
        project_id = values.get("default_project_id")
        if project_id is not None and self.ground.principals.is_domain(tx, project_id):
            raise AttributeInvalid("A domain cannot be a user's default project.", field="default_project_id")

    def _known_by(self, federated: Sequence[Record]) -> list[Link]:
        """The providers' ids for the user; raises AttributeInvalid where a provider or protocol is not there."""
        found = [
            Link(by["idp_id"], protocol["protocol_id"], protocol["unique_id"])
            for by in federated
            for protocol in by["protocols"]
        ]
        sql = self.db.read()
        for link in found:
            if self.federation.protocol(sql, link.idp_id, link.protocol_id) is None:
                raise AttributeInvalid(
                    f"Could not find protocol {link.protocol_id} of identity provider {link.idp_id}.", field="federated"
                )
        return list(dict.fromkeys(found))

    def _take_password(self, values: Record, options: Mapping[str, Any], is_chosen: bool) -> None:
        """The password's hash and end in place of the password."""
        password = values.pop("password")
        has_one = password is not None
        values["password_hash"] = self.passwords.hash(password) if has_one else None
        values["password_expires_at"] = self.rules.end(options, is_chosen) if has_one else None
        values["password_chosen_at"] = self.db.clock.now() if is_chosen else None


class Groups(InDomain):
    resource = resources.GROUP
    kind = Kind.GROUP
    missing_to_all = frozenset({"delete"})

    def before_delete(self, tx: Tx, record: Record) -> None:
        if self.grants.find(tx, actor_kind="group", actor_id=record["id"]):
            self.ground.revoke(tx, *[{"user_id": user_id} for user_id in self.grants.members(tx, record["id"])])
        super().before_delete(tx, record)

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.ground.policy.require(caller, "identity:list_groups", {"target.group.domain_id": caller.domain_id})
        return of_own_domain(caller, filters)


class Roles(Registry):
    """Those without a domain count everywhere; a domain's own only inside it, by the roles they imply."""

    resource = resources.ROLE
    missing_to_all = frozenset({"get", "update", "delete"})

    def __init__(self, ground: Ground, grants: Grants):
        super().__init__(ground)
        self.grants = grants

    def check_new(self, tx: Tx, values: Record) -> None:
        if values["domain_id"] is not None and not self.ground.principals.is_domain(tx, values["domain_id"]):
            raise NoSuch("domain", values["domain_id"])

    def require(self, caller: Caller, verb: str, record: Record) -> None:
        of_cloud = record.get("domain_id") is None
        action = f"identity:{verb}_role" if of_cloud else f"identity:{verb}_domain_role"
        self.ground.policy.require(caller, action, self.target(record))

    def visible(self, caller: Caller, filters: Mapping[str, Any]) -> Mapping[str, Any] | None:
        domain_id = filters.get("domain_id") or ""
        action = "identity:list_domain_roles" if domain_id else "identity:list_roles"
        self.ground.policy.require(caller, action, self.target(filters))
        return {**filters, "domain_id": domain_id}


def _federated(links: Sequence[Link]) -> list[Record]:
    """As the API shows it: by provider."""
    found: dict[str, list[Record]] = {}
    for link in links:
        found.setdefault(link.idp_id, []).append({"protocol_id": link.protocol_id, "unique_id": link.unique_id})
    return [{"idp_id": idp_id, "protocols": protocols} for idp_id, protocols in found.items()]


def _expiry(text: str) -> tuple[str, datetime]:
    """Of a query `password_expires_at=lt:2026-12-31T23:59:59Z`; without an operator: at that very time."""
    word, _, rest = text.partition(":")
    if word not in COMPARISONS:
        word, rest = "eq", text
    return word, time_of(rest, "password_expires_at")
