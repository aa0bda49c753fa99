"""Rows of flavors and of who may use a private one."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from skyloom.compute.model import Flavor
from skyloom.compute.tables import flavor, flavor_access
from skyloom.db import Sql
from skyloom.db.listing import Page, paged

NAMES = tuple(field.name for field in fields(Flavor))
FLAVOR = select(*(flavor.c[name] for name in NAMES))
GET = FLAVOR.where(flavor.c.id == bindparam("id"))
GET_LOCKED = GET.with_for_update()
ADD = insert(flavor)
REMOVE = delete(flavor).where(flavor.c.id == bindparam("b_id"))
TAKEN = select(flavor.c.id, flavor.c.name).where(
    or_(flavor.c.id == bindparam("id"), flavor.c.name == bindparam("name"))
)
DESCRIBE = update(flavor).where(flavor.c.id == bindparam("b_id")).values(description=bindparam("b_description"))
SET_SPECS = update(flavor).where(flavor.c.id == bindparam("b_id")).values(extra_specs=bindparam("b_extra_specs"))
ACCESS = (
    select(flavor_access.c.project_id)
    .where(flavor_access.c.flavor_id == bindparam("flavor_id"))
    .order_by(flavor_access.c.project_id)
)
ADD_ACCESS = insert(flavor_access)
REMOVE_ACCESS = delete(flavor_access).where(
    flavor_access.c.flavor_id == bindparam("b_flavor_id"), flavor_access.c.project_id == bindparam("b_project_id")
)
REMOVE_ALL_ACCESS = delete(flavor_access).where(flavor_access.c.flavor_id == bindparam("b_flavor_id"))
SORTS = {
    "id": flavor.c.id,
    "flavorid": flavor.c.id,
    "name": flavor.c.name,
    "memory_mb": flavor.c.memory_mib,
    "vcpus": flavor.c.vcpus,
    "root_gb": flavor.c.disk_gib,
    "ephemeral_gb": flavor.c.ephemeral_gib,
    "swap": flavor.c.swap_mib,
    "rxtx_factor": flavor.c.rxtx_factor,
    "disabled": flavor.c.is_disabled,
    "is_public": flavor.c.is_public,
    "created_at": flavor.c.created_at,
}


class FlavorStore:
    def get(self, sql: Sql, flavor_id: str, lock: bool = False) -> Flavor | None:
        row: Any = sql.execute(GET_LOCKED if lock else GET, {"id": flavor_id}).one_or_none()
        return None if row is None else Flavor(*row)

    def add(self, sql: Sql, new: Flavor) -> None:
        sql.execute(ADD, {name: getattr(new, name) for name in NAMES})

    def taken(self, sql: Sql, flavor_id: str, name: str) -> str | None:
        """Which of the two another flavor has: "ID", "name" or neither."""
        rows: Any = sql.execute(TAKEN, {"id": flavor_id, "name": name}).all()
        if any(row[1] == name for row in rows):
            return "name"
        return "ID" if rows else None

    def remove(self, sql: Sql, flavor_id: str) -> None:
        sql.execute(REMOVE_ALL_ACCESS, {"b_flavor_id": flavor_id})
        sql.execute(REMOVE, {"b_id": flavor_id})

    def describe(self, sql: Sql, flavor_id: str, description: str | None) -> None:
        sql.execute(DESCRIBE, {"b_id": flavor_id, "b_description": description})

    def set_extra_specs(self, sql: Sql, flavor_id: str, extra_specs: dict[str, str]) -> None:
        sql.execute(SET_SPECS, {"b_id": flavor_id, "b_extra_specs": extra_specs})

    def page(
        self,
        sql: Sql,
        page: Page,
        is_public: bool | None,
        project_id: str | None,
        min_memory_mib: int = 0,
        min_disk_gib: int = 0,
    ) -> list[Flavor] | None:
        """`is_public` None: both kinds. `project_id`: private ones only if that project has access (None: all).

        None is returned when the page's marker is not there.
        """
        statement = FLAVOR.where(flavor.c.memory_mib >= min_memory_mib, flavor.c.disk_gib >= min_disk_gib)
        if is_public is not None:
            statement = statement.where(flavor.c.is_public == is_public)
        if project_id is not None:
            statement = statement.where(or_(flavor.c.is_public, _may_use(project_id)))
        marker = None
        if page.marker is not None:
            columns = [SORTS[sort.key].label(sort.key) for sort in page.sorts]
            row: Any = sql.execute(select(*columns).where(flavor.c.id == page.marker)).one_or_none()
            if row is None:
                return None
            marker = dict(row._mapping)
        rows: Any = sql.execute(paged(statement, SORTS, page, marker))
        return [Flavor(*row) for row in rows]

    def access(self, sql: Sql, flavor_id: str) -> Sequence[str]:
        rows: Any = sql.execute(ACCESS, {"flavor_id": flavor_id})
        return [row[0] for row in rows]

    def add_access(self, sql: Sql, flavor_id: str, project_id: str) -> None:
        sql.execute(ADD_ACCESS, {"flavor_id": flavor_id, "project_id": project_id})

    def remove_access(self, sql: Sql, flavor_id: str, project_id: str) -> bool:
        return sql.execute(REMOVE_ACCESS, {"b_flavor_id": flavor_id, "b_project_id": project_id}).rowcount == 1


def _may_use(project_id: str) -> Any:
    return exists(flavor_access.c.flavor_id).where(
        flavor_access.c.flavor_id == flavor.c.id, flavor_access.c.project_id == project_id
    )
