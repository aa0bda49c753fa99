"""Limits of projects, and what they hold: counters that move in the transaction of what they count."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update

from skyloom.compute.model import Usage
from skyloom.compute.tables import compute_quota, compute_usage
from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free

COUNTED = ("instances", "cores", "ram")
LIMITS = select(compute_quota.c.resource, compute_quota.c.hard_limit).where(
    compute_quota.c.project_id == bindparam("project_id")
)
ADD_LIMIT = insert_if_free(compute_quota)
SET_LIMIT = (
    update(compute_quota)
    .where(compute_quota.c.project_id == bindparam("b_project_id"), compute_quota.c.resource == bindparam("b_resource"))
    .values(hard_limit=bindparam("b_hard_limit"))
)
REMOVE_LIMITS = delete(compute_quota).where(compute_quota.c.project_id == bindparam("b_project_id"))
USAGE = select(*(compute_usage.c[name] for name in COUNTED)).where(
    compute_usage.c.project_id == bindparam("project_id")
)
ADD_USAGE = insert_if_free(compute_usage)
OF_PROJECT = compute_usage.c.project_id == bindparam("b_project_id")
MORE = {name: compute_usage.c[name] + bindparam(f"n_{name}", type_=compute_usage.c[name].type) for name in COUNTED}
# A limit below zero is none.
CLAIM = (
    update(compute_usage)
    .where(
        OF_PROJECT,
        *(
            or_(
                bindparam(f"most_{name}", type_=compute_usage.c[name].type) < 0,
                MORE[name] <= bindparam(f"most_{name}", type_=compute_usage.c[name].type),
            )
            for name in COUNTED
        ),
    )
    .values(MORE)
)
RELEASE = update(compute_usage).where(OF_PROJECT).values(MORE)


class QuotaStore:
    def limits(self, sql: Sql, project_id: str) -> dict[str, int]:
        """Only what differs from the defaults."""
        rows: Any = sql.execute(LIMITS, {"project_id": project_id})
        return {row[0]: row[1] for row in rows}

    def set_limits(self, sql: Sql, project_id: str, limits: Mapping[str, int]) -> None:
        for resource, limit in limits.items():
            row = {"project_id": project_id, "resource": resource, "hard_limit": limit}
            if sql.execute(ADD_LIMIT, row).rowcount == 0:
                sql.execute(SET_LIMIT, {f"b_{name}": value for name, value in row.items()})

    def forget_limits(self, sql: Sql, project_id: str) -> None:
        sql.execute(REMOVE_LIMITS, {"b_project_id": project_id})

    def usage(self, sql: Sql, project_id: str) -> Usage:
        row: Any = sql.execute(USAGE, {"project_id": project_id}).one_or_none()
        return Usage() if row is None else Usage(*row)

    def has_usage(self, sql: Sql, project_id: str) -> bool:
        return sql.execute(USAGE, {"project_id": project_id}).one_or_none() is not None

    def add_usage(self, tx: Tx, project_id: str) -> None:
        """Another request of the project may be first: then the row is there, which is all that is wanted."""
        tx.execute(ADD_USAGE, {"project_id": project_id, "instances": 0, "cores": 0, "ram": 0})

    def claim(self, sql: Sql, project_id: str, more: Usage, limits: Mapping[str, int]) -> bool:
        """Count `more` for the project if no limit stands in the way (one statement: the database decides)."""
        parameters: dict[str, object] = {f"most_{name}": limits[name] for name in COUNTED}
        return sql.execute(CLAIM, parameters | _amounts(project_id, more, 1)).rowcount == 1

    def release(self, sql: Sql, project_id: str, less: Usage) -> None:
        sql.execute(RELEASE, _amounts(project_id, less, -1))


def _amounts(project_id: str, usage: Usage, sign: int) -> dict[str, object]:
    return {"b_project_id": project_id, **{f"n_{name}": sign * getattr(usage, name) for name in COUNTED}}
