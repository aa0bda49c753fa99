"""What is kept of the users and groups of foreign directories.

Their public ids, by which they can be found again, and shadows: rows that say what the directory said last, so that
whatever hangs on a user (trusts, credentials, roles by groups) is the same for all users. A shadow has no password.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from skyloom.db import Sql
from skyloom.db.batches import batched
from skyloom.identity.tables import domain_option, group, id_mapping, membership, user

TABLES: Mapping[str, Table] = {"user": user, "group": group}
KEPT: Mapping[str, Sequence[str]] = {
    "user": ("name", "enabled", "default_project_id", "extra"),
    "group": ("name", "description", "extra"),
}
"""What a shadow says of a user or group."""
NEW: Mapping[str, Mapping[str, Any]] = {"user": {"options": {}}, "group": {}}
PLACE = select(id_mapping).where(id_mapping.c.public_id == bindparam("public_id"))
KNOWN = select(id_mapping.c.public_id).where(id_mapping.c.public_id.in_(bindparam("ids", expanding=True)))
GROUPS = (
    select(group)
    .join(membership, membership.c.group_id == group.c.id)
    .where(membership.c.user_id == bindparam("user_id"))
)
# SQLite writes this clause as PostgreSQL does
ADD_MAPPING = insert(id_mapping).on_conflict_do_nothing()
JOIN = insert(membership).on_conflict_do_nothing()
DRIVERS = select(domain_option.c.domain_id, domain_option.c.value).where(
    domain_option.c.group == "identity", domain_option.c.option == "driver"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a public id leads."""

    public_id: str
    domain_id: str
    kind: str
    local_id: str


class Shadows:
    def drivers(self, sql: Sql) -> dict[str, str]:
        """The word of the identity driver by domain, of those that name one."""
        return {row.domain_id: row.value for row in sql.execute(DRIVERS)}

    def holds_others(self, sql: Sql, domain_id: str) -> bool:
        """Whether the domain has users or groups of the database's own."""
        mapped = select(id_mapping.c.public_id)
        found = (select(t.c.id).where(t.c.domain_id == domain_id, t.c.id.not_in(mapped)) for t in TABLES.values())
        return any(sql.execute(statement.limit(1)).first() is not None for statement in found)

    def place(self, sql: Sql, public_id: str) -> Place | None:
        row = sql.execute(PLACE, {"public_id": public_id}).first()
        return Place(**row._mapping) if row else None

    def unknown(self, sql: Sql, places: Sequence[Place]) -> list[Place]:
        known: set[str] = set()
        for some in batched(place.public_id for place in places):
            known.update(sql.execute(KNOWN, {"ids": some}).scalars())
        return [place for place in places if place.public_id not in known]

    def add(self, sql: Sql, places: Iterable[Place]) -> None:
        rows = [{name: getattr(place, name) for name in Place.__slots__} for place in places]
        if rows:
            sql.execute(ADD_MAPPING, rows)

    def get(self, sql: Sql, kind: str, public_id: str) -> dict[str, Any] | None:
        """What the shadow says, and its id and domain."""
        table = TABLES[kind]
        row = sql.execute(select(table).where(table.c.id == public_id)).first()
        return _kept(kind, dict(row._mapping)) if row else None

    def groups_of(self, sql: Sql, user_id: str) -> dict[str, dict[str, Any]]:
        """The shadows of the groups that the user was in, by id."""
        return {row.id: _kept("group", dict(row._mapping)) for row in sql.execute(GROUPS, {"user_id": user_id})}

    def put(self, sql: Sql, kind: str, shadow: Mapping[str, Any]) -> None:
        """Make or change it. A name that has passed on from another entry is taken from that one's shadow."""
        table, own = TABLES[kind], shadow["id"]
        same_name = and_(table.c.domain_id == shadow["domain_id"], table.c.name == shadow["name"], table.c.id != own)
        if table is user:
            same_name = and_(same_name, user.c.is_federated.is_(False))
        sql.execute(update(table).where(same_name).values(name=table.c.id))
        sql.execute(insert(table).values(**NEW[kind], **shadow).on_conflict_do_nothing())
        sql.execute(update(table).where(table.c.id == own).values(**{name: shadow[name] for name in KEPT[kind]}))

    def disable(self, sql: Sql, user_id: str) -> None:
        sql.execute(update(user).where(user.c.id == user_id).values(enabled=False))

    def set_groups(self, sql: Sql, user_id: str, group_ids: Sequence[str]) -> None:
        gone = and_(membership.c.user_id == user_id, membership.c.group_id.not_in(group_ids))
        sql.execute(delete(membership).where(gone))
        if group_ids:
            sql.execute(JOIN, [{"user_id": user_id, "group_id": group_id} for group_id in group_ids])


def _kept(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "domain_id", *KEPT[kind])}
