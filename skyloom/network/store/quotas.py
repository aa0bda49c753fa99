"""Quotas: what a project may have, and what it has, counted by one conditional statement that cannot race."""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, func, or_, select, update

from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free
from skyloom.network import tables as t
from skyloom.network.store.rows import in_chunks, one_of

UNLIMITED = -1
usage = t.quota_usage.c
HERE = (usage.project_id == bindparam("project"), usage.resource == bindparam("of"))
CLAIM = (
    update(t.quota_usage)
    .where(*HERE, or_(bindparam("quota") < 0, usage.used + bindparam("count") <= bindparam("quota")))
    .values(used=usage.used + bindparam("count"))
)
RELEASE = update(t.quota_usage).where(*HERE).values(used=usage.used - bindparam("count"))
OPEN = insert_if_free(t.quota_usage)
QUOTA = select(t.quota.c.quota).where(
    t.quota.c.project_id == bindparam("project"), t.quota.c.resource == bindparam("of")
)
OWN = select(t.quota.c.project_id, t.quota.c.resource, t.quota.c.quota).order_by(t.quota.c.project_id)
OWN_OF = OWN.where(one_of(t.quota.c.project_id))
USED = select(usage.resource, usage.used).where(usage.project_id == bindparam("project"))
SET = insert_if_free(t.quota)
CHANGE = (
    update(t.quota)
    .where(t.quota.c.project_id == bindparam("project"), t.quota.c.resource == bindparam("of"))
    .values(quota=bindparam("to"))
)
FORGET = delete(t.quota).where(t.quota.c.project_id == bindparam("project"))
ADDRESSES = (
    select(t.ip_allocation.c.subnet_id, func.count().label("used"))
    .where(one_of(t.ip_allocation.c.subnet_id))
    .group_by(t.ip_allocation.c.subnet_id)
)


def claim(tx: Tx, project_id: str, resource: str, count: int, quota: int) -> bool:
    """Count up unless that goes over `quota`; the row stays locked until the transaction ends."""
    values = {"project": project_id, "of": resource, "count": count, "quota": quota}
    if tx.execute(CLAIM, values).rowcount == 1:
        return True
    tx.execute(OPEN, {"project_id": project_id, "resource": resource, "used": 0})
    return tx.execute(CLAIM, values).rowcount == 1


def release(tx: Tx, project_id: str, resource: str, count: int) -> None:
    tx.execute(RELEASE, {"project": project_id, "of": resource, "count": count})


def own_quota(sql: Sql, project_id: str, resource: str) -> int | None:
    """What was set for this project; None: the default is in force."""
    value = sql.execute(QUOTA, {"project": project_id, "of": resource}).scalar()
    return None if value is None else int(value)


def own_quotas(sql: Sql, project_ids: Sequence[str] | None = None) -> Mapping[str, Mapping[str, int]]:
    """Project -> resource -> what was set for it; of all projects that have any, or of these."""
    found: dict[str, dict[str, int]] = {}
    for row in sql.execute(OWN) if project_ids is None else in_chunks(sql, OWN_OF, project_ids):
        found.setdefault(row.project_id, {})[row.resource] = row.quota
    return found


def used(sql: Sql, project_id: str) -> Mapping[str, int]:
    return {row.resource: row.used for row in sql.execute(USED, {"project": project_id})}


def set_quota(tx: Tx, project_id: str, resource: str, value: int) -> None:
    row = {"project_id": project_id, "resource": resource, "quota": value}
    if tx.execute(SET, row).rowcount == 0:
        tx.execute(CHANGE, {"project": project_id, "of": resource, "to": value})


def forget_quotas(tx: Tx, project_id: str) -> bool:
    return tx.execute(FORGET, {"project": project_id}).rowcount > 0


def addresses_in_use(sql: Sql, subnet_ids: Sequence[str]) -> Mapping[str, int]:
    """Subnet id -> how many of its addresses ports have."""
    return {row.subnet_id: row.used for row in in_chunks(sql, ADDRESSES, subnet_ids)}
