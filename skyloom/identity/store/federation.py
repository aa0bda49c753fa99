"""The SQL of federation: remote ids, protocols, users that identity providers know, and the groups that they gave."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_unless_there
from sqlalchemy.exc import IntegrityError

from skyloom.db import Sql
from skyloom.db.batches import batched
from skyloom.identity.errors import Duplicate
from skyloom.identity.tables import (
    assignment,
    federated_membership,
    federated_user,
    federation_protocol,
    group,
    identity_provider,
    mapping,
    remote_id,
    role,
    service_provider,
    used_once,
    user,
)

protocols = federation_protocol.c
PROTOCOL = select(federation_protocol).where(
    protocols.idp_id == bindparam("idp"), protocols.id == bindparam("protocol")
)
PROTOCOLS = select(federation_protocol).where(protocols.idp_id == bindparam("idp")).order_by(protocols.id)
CONFIGURED = (
    select(protocols.idp_id)
    .join(identity_provider, identity_provider.c.id == protocols.idp_id)
    .where(protocols.id == bindparam("protocol"), protocols.driver.is_not(None), identity_provider.c.enabled.is_(True))
    .order_by(protocols.idp_id)
)
OF_SAML = (
    select(federation_protocol)
    .join(identity_provider, identity_provider.c.id == protocols.idp_id)
    .outerjoin(remote_id, and_(remote_id.c.idp_id == protocols.idp_id, remote_id.c.remote_id == bindparam("own")))
    .where(
        identity_provider.c.enabled.is_(True),
        or_(protocols.driver == "saml2", and_(protocols.driver.is_(None), remote_id.c.remote_id.is_not(None))),
    )
    .order_by(protocols.idp_id, protocols.id)
)
IS_OPEN = (
    select(protocols.id)
    .join(identity_provider, identity_provider.c.id == protocols.idp_id)
    .where(
        protocols.idp_id == bindparam("idp"),
        protocols.id == bindparam("protocol"),
        identity_provider.c.enabled.is_(True),
    )
)
HAS_MAPPING = select(mapping.c.id).where(mapping.c.id == bindparam("mapping"))
FEDERATED = select(federated_user.c.user_id).where(
    federated_user.c.idp_id == bindparam("idp"),
    federated_user.c.protocol_id == bindparam("protocol"),
    federated_user.c.unique_id == bindparam("unique"),
)
LINKS = (
    select(federated_user)
    .where(federated_user.c.user_id.in_(bindparam("ids", expanding=True)))
    .order_by(federated_user.c.idp_id, federated_user.c.protocol_id, federated_user.c.unique_id)
)
GIVEN_GROUPS = (
    select(federated_membership.c.group_id, federated_membership.c.expires_at)
    .where(
        federated_membership.c.user_id == bindparam("user"),
        federated_membership.c.idp_id == bindparam("idp"),
        federated_membership.c.expires_at > bindparam("now"),
    )
    .order_by(federated_membership.c.group_id)
)
SERVICE_PROVIDERS = (
    select(service_provider.c.id, service_provider.c.auth_url, service_provider.c.sp_url)
    .where(service_provider.c.enabled.is_(True))
    .order_by(service_provider.c.id)
)
GROUPS_NAMED = select(group.c.id, group.c.name).where(
    group.c.domain_id == bindparam("domain"), group.c.name.in_(bindparam("names", expanding=True))
)
ROLES_NAMED = (
    select(role.c.id, role.c.name)
    .where(role.c.name.in_(bindparam("names", expanding=True)), role.c.domain_id.in_(["", bindparam("domain")]))
    .order_by(role.c.domain_id.desc())
)
EXTRA = select(user.c.extra).where(user.c.id == bindparam("user"))
GROUPS_THERE = select(group.c.id).where(group.c.id.in_(bindparam("ids", expanding=True)))
FORGET_USED = delete(used_once).where(used_once.c.expires_at < bindparam("now"))
# SQLite writes this clause as PostgreSQL does
USE = insert_unless_there(used_once).on_conflict_do_nothing().returning(used_once.c.key_hash)


@dataclass(frozen=True, slots=True)
class Protocol:
    """`driver` None: how its provider is asked has not been said yet."""

    idp_id: str
    id: str
    mapping_id: str
    remote_id_attribute: str | None
    driver: str | None = None
    options: Mapping[str, Any] | None = None
    sealed_secrets: bytes | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """By which identity provider, protocol and id there a user is known."""

    idp_id: str
    protocol_id: str
    unique_id: str


class FederationStore:
    # -- identity providers

    def remote_ids(self, sql: Sql, idp_ids: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {idp_id: [] for idp_id in idp_ids}
        statement = select(remote_id).where(remote_id.c.idp_id.in_(idp_ids)).order_by(remote_id.c.remote_id)
        for row in sql.execute(statement):
            found[row.idp_id].append(row.remote_id)
        return found

    def set_remote_ids(self, sql: Sql, idp_id: str, remote_ids: Sequence[str]) -> None:
        """Raises Duplicate where another provider has one of them."""
        sql.execute(delete(remote_id).where(remote_id.c.idp_id == idp_id))
        if not remote_ids:
            return
        try:
            sql.execute(
                insert(remote_id), [{"remote_id": each, "idp_id": idp_id} for each in dict.fromkeys(remote_ids)]
            )
        except IntegrityError as error:
            raise Duplicate("identity_provider", "remote_ids") from error

    def is_open(self, sql: Sql, idp_id: str, protocol_id: str) -> bool:
        """Whether tokens by this provider and protocol count: both are there, and the provider is enabled."""
        return sql.execute(IS_OPEN, {"idp": idp_id, "protocol": protocol_id}).first() is not None

    # -- protocols

    def protocol(self, sql: Sql, idp_id: str, protocol_id: str) -> Protocol | None:
        row = sql.execute(PROTOCOL, {"idp": idp_id, "protocol": protocol_id}).first()
        return _protocol(row) if row else None

    def protocols(self, sql: Sql, idp_id: str) -> list[Protocol]:
        return [_protocol(row) for row in sql.execute(PROTOCOLS, {"idp": idp_id})]

    def configured(self, sql: Sql, protocol_id: str) -> list[str]:
        """Ids of the enabled providers that have the protocol with a driver."""
        return list(sql.execute(CONFIGURED, {"protocol": protocol_id}).scalars())

    def of_saml(self, sql: Sql, own_entity_id: str) -> list[Protocol]:
        """Of enabled providers: those with SAML's driver, and those without any whose issuer is this cloud itself."""
        return [_protocol(row) for row in sql.execute(OF_SAML, {"own": own_entity_id})]

    def add_protocol(self, sql: Sql, new: Protocol) -> None:
        values = {name: getattr(new, name) for name in new.__slots__}
        try:
            sql.execute(insert(federation_protocol), {**values, "options": new.options or {}})
        except IntegrityError as error:
            raise Duplicate("protocol", new.id) from error

    def change_protocol(self, sql: Sql, idp_id: str, protocol_id: str, **values: Any) -> None:
        test = and_(protocols.idp_id == idp_id, protocols.id == protocol_id)
        sql.execute(update(federation_protocol).where(test).values(**values))

    def remove_protocol(self, sql: Sql, idp_id: str, protocol_id: str) -> None:
        sql.execute(delete(federation_protocol).where(protocols.idp_id == idp_id, protocols.id == protocol_id))

    # -- mappings

    def has_mapping(self, sql: Sql, mapping_id: str) -> bool:
        return sql.execute(HAS_MAPPING, {"mapping": mapping_id}).first() is not None

    # -- service providers

    def enabled_service_providers(self, sql: Sql) -> list[dict[str, str]]:
        return [dict(row._mapping) for row in sql.execute(SERVICE_PROVIDERS)]

    # -- users

    def user_of(self, sql: Sql, link: Link) -> str | None:
        keys = {"idp": link.idp_id, "protocol": link.protocol_id, "unique": link.unique_id}
        return sql.execute(FEDERATED, keys).scalar_one_or_none()

    def links(self, sql: Sql, user_ids: Sequence[str]) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = {}
        for some in batched(user_ids):
            for row in sql.execute(LINKS, {"ids": some}):
                found.setdefault(row.user_id, []).append(Link(row.idp_id, row.protocol_id, row.unique_id))
        return found

    def set_links(self, sql: Sql, user_id: str, links: Iterable[Link]) -> None:
        """Raises Duplicate where another user is known by one of them."""
        sql.execute(delete(federated_user).where(federated_user.c.user_id == user_id))
        rows = [{**{name: getattr(link, name) for name in link.__slots__}, "user_id": user_id} for link in links]
        if not rows:
            return
        try:
            sql.execute(insert(federated_user), rows)
        except IntegrityError as error:
            raise Duplicate("federated_user", ", ".join(row["unique_id"] for row in rows)) from error

    def link_test(self, **known: str) -> Any:
        """Of users: known by an identity provider with these columns' values."""
        tests = [federated_user.c[name] == value for name, value in known.items()]
        return user.c.id.in_(select(federated_user.c.user_id).where(*tests))

    def add_user(self, sql: Sql, row: Mapping[str, Any], link: Link) -> None:
        """A shadow of a user of the provider: it has no password, and its name is not looked for at sign-in."""
        sql.execute(insert(user), {"options": {}, "enabled": True, "is_federated": True, **row})
        self.set_links(sql, row["id"], [link])

    def email(self, sql: Sql, user_id: str) -> str | None:
        found: str | None = (sql.execute(EXTRA, {"user": user_id}).scalar_one_or_none() or {}).get("email")
        return found

    def rename(self, sql: Sql, user_id: str, name: str, extra: Mapping[str, Any]) -> None:
        test = and_(user.c.id == user_id, user.c.is_federated.is_(True))
        sql.execute(update(user).where(test).values(name=name, extra=extra))

    def only_by(self, sql: Sql, idp_id: str, protocol_id: str | None = None) -> list[str]:
        """Ids of the shadows that nobody could sign in as without this provider or protocol."""
        own = federated_user.c
        of_this = (
            own.idp_id == idp_id if protocol_id is None else and_(own.idp_id == idp_id, own.protocol_id == protocol_id)
        )
        others = select(own.user_id).where(~of_this)
        statement = select(own.user_id).join(user, user.c.id == own.user_id)
        statement = statement.where(of_this, user.c.is_federated.is_(True), own.user_id.not_in(others))
        return sorted(set(sql.execute(statement).scalars()))

    def remove_users(self, sql: Sql, user_ids: Sequence[str]) -> None:
        for some in batched(user_ids):
            sql.execute(delete(assignment).where(assignment.c.actor_kind == "user", assignment.c.actor_id.in_(some)))
            sql.execute(delete(user).where(user.c.id.in_(some)))

    # -- groups that a provider gave

    def groups_named(self, sql: Sql, domain_id: str, names: Sequence[str]) -> list[str]:
        """Ids of those that are there, in the order of the names."""
        found = {row.name: row.id for row in sql.execute(GROUPS_NAMED, {"domain": domain_id, "names": names})}
        return [found[name] for name in names if name in found]

    def roles_named(self, sql: Sql, names: Sequence[str], domain_id: str) -> dict[str, str]:
        """Ids by name: of the roles of all domains, or else of the domain's own."""
        return {row.name: row.id for row in sql.execute(ROLES_NAMED, {"names": names, "domain": domain_id})}

    def groups_there(self, sql: Sql, group_ids: Sequence[str]) -> set[str]:
        return set(sql.execute(GROUPS_THERE, {"ids": list(group_ids)}).scalars())

    def given_groups(self, sql: Sql, user_id: str, idp_id: str, now: datetime) -> dict[str, datetime]:
        """When each of the memberships by this provider ends, of those that count now."""
        keys = {"user": user_id, "idp": idp_id, "now": now}
        return {row.group_id: row.expires_at for row in sql.execute(GIVEN_GROUPS, keys)}

    def give_groups(self, sql: Sql, user_id: str, idp_id: str, group_ids: Sequence[str], expires_at: datetime) -> None:
        """In place of those that the provider gave before."""
        own = and_(federated_membership.c.user_id == user_id, federated_membership.c.idp_id == idp_id)
        sql.execute(delete(federated_membership).where(own))
        rows = [
            {"user_id": user_id, "idp_id": idp_id, "group_id": group_id, "expires_at": expires_at}
            for group_id in group_ids
        ]
        if rows:
            sql.execute(insert(federated_membership), rows)

    def take_groups(self, sql: Sql, idp_id: str) -> None:
        """All memberships by this provider."""
        sql.execute(delete(federated_membership).where(federated_membership.c.idp_id == idp_id))

    # -- what counts once

    def use(self, sql: Sql, key_hash: str, expires_at: datetime, now: datetime) -> bool:
        """False when it was used before. Forgets what has run out."""
        sql.execute(FORGET_USED, {"now": now})
        return sql.execute(USE, {"key_hash": key_hash, "expires_at": expires_at}).first() is not None


def _protocol(row: Row[Any]) -> Protocol:
    return Protocol(**row._mapping)
