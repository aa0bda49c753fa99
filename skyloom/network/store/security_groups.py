"""What security groups hold in tables of their own: rules, which one is a project's default, the ports that are in."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, select

from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free
from skyloom.network import tables as t
from skyloom.network.model import SecurityGroup, SecurityGroupRule
from skyloom.network.store.rows import in_chunks, one_of

RULES = (
    select(*t.security_group_rule.c)
    .where(one_of(t.security_group_rule.c.security_group_id))
    .order_by(t.security_group_rule.c.created_at, t.security_group_rule.c.id)
)
IS_DEFAULT = t.default_security_group.c.project_id == bindparam("project")
DEFAULT = select(t.default_security_group.c.security_group_id).where(IS_DEFAULT)
TAKE_DEFAULT = insert_if_free(t.default_security_group)
FORGET_DEFAULT = delete(t.default_security_group).where(IS_DEFAULT)
MEMBER = (
    select(t.port_security_group.c.port_id)
    .where(t.port_security_group.c.security_group_id == bindparam("group"))
    .limit(1)
)


def with_rules(sql: Sql, groups: Sequence[SecurityGroup]) -> list[SecurityGroup]:
    found: dict[str, list[SecurityGroupRule]] = {}
    for row in in_chunks(sql, RULES, [group.id for group in groups]):
        found.setdefault(row.security_group_id, []).append(SecurityGroupRule(*row))
    return [replace(group, rules=found.get(group.id, [])) for group in groups]


def default_of(sql: Sql, project_id: str) -> str | None:
    """The id of the project's default group; its row may be about to be written."""
    return sql.execute(DEFAULT, {"project": project_id}).scalar()


def take_default(tx: Tx, project_id: str, id: str) -> bool:
    """Claim to be the project's default for the group that is about to be written; False when another one is."""
    return tx.execute(TAKE_DEFAULT, {"project_id": project_id, "security_group_id": id}).rowcount == 1


def forget_default(tx: Tx, project_id: str) -> None:
    tx.execute(FORGET_DEFAULT, {"project": project_id})


def is_in_use(sql: Sql, id: str) -> bool:
    """Whether a port is in the group."""
    return sql.execute(MEMBER, {"group": id}).first() is not None
