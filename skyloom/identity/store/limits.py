"""The SQL of unified limits beyond that of plain resources."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, or_, select

from skyloom.db import Sql
from skyloom.identity.tables import limit, project, registered_limit

PLACE = ("service_id", "region_id", "resource_name")
OWN = select(limit.c.resource_limit).where(
    or_(limit.c.project_id == bindparam("holder_id"), limit.c.domain_id == bindparam("holder_id")),
    *[limit.c[name] == bindparam(name) for name in PLACE],
)
DEFAULT = select(registered_limit.c.default_limit).where(
    *[registered_limit.c[name] == bindparam(name) for name in PLACE],
)
tree = select(project.c.id).where(project.c.parent_id == bindparam("holder_id")).cte(recursive=True)
leaf = project.alias("leaf")
tree = tree.union(select(leaf.c.id).join(tree, leaf.c.parent_id == tree.c.id))
BELOW = select(limit.c.resource_limit).where(
    limit.c.project_id.in_(select(tree.c.id)), *[limit.c[name] == bindparam(name) for name in PLACE]
)
first, second, third = (project.alias(name) for name in ("first_level", "second_level", "third_level"))
TOO_DEEP = (
    select(third.c.id)
    .join(second, third.c.parent_id == second.c.id)
    .join(first, second.c.parent_id == first.c.id)
    .where(first.c.is_domain.is_(False))
    .limit(1)
)


def limit_above(sql: Sql, holder_id: str, place: Mapping[str, Any]) -> int:
    """What counts for the project or domain: its own limit, or else the registered one."""
    own = sql.execute(OWN, {"holder_id": holder_id, **place}).scalars().first()
    return int(own if own is not None else sql.execute(DEFAULT, place).scalar_one())


def limits_below(sql: Sql, holder_id: str, place: Mapping[str, Any]) -> list[int]:
    """The limits of all projects below the project or domain."""
    return list(sql.execute(BELOW, {"holder_id": holder_id, **place}).scalars())


def project_below_level_two(sql: Sql) -> str | None:
    """Any project with two projects above itself."""
    found: str | None = sql.execute(TOO_DEEP).scalars().first()
    return found


def forget_limits(sql: Sql, **known: str) -> None:
    """Remove the limits of a project or domain that goes away."""
    sql.execute(delete(limit).where(*[limit.c[name] == value for name, value in known.items()]))


def ids_in_domain(sql: Sql, domain_id: str) -> list[str]:
    """Ids of the limits of a domain and of its projects."""
    projects = select(project.c.id).where(project.c.domain_id == domain_id)
    mine = or_(limit.c.domain_id == domain_id, limit.c.project_id.in_(projects))
    return list(sql.execute(select(limit.c.id).where(mine)).scalars())
