"""Rows of server groups; the members are the servers that name them."""

from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from skyloom.compute.model import ServerGroup
from skyloom.compute.tables import server_group
from skyloom.db import Sql
from skyloom.db.listing import Page, Sort, paged

NAMES = tuple(field.name for field in fields(ServerGroup))
GROUP = select(*(server_group.c[name] for name in NAMES))
GET = GROUP.where(server_group.c.id == bindparam("id"))
ADD = insert(server_group)
REMOVE = delete(server_group).where(server_group.c.id == bindparam("b_id"))
COUNT = select(func.count()).where(server_group.c.project_id == bindparam("project_id"))
SORTS = {"created_at": server_group.c.created_at, "id": server_group.c.id}


class GroupStore:
    def get(self, sql: Sql, group_id: str) -> ServerGroup | None:
        row: Any = sql.execute(GET, {"id": group_id}).one_or_none()
        return None if row is None else ServerGroup(*row)

    def add(self, sql: Sql, new: ServerGroup) -> None:
        sql.execute(ADD, {name: getattr(new, name) for name in NAMES})

    def remove(self, sql: Sql, group_id: str) -> None:
        sql.execute(REMOVE, {"b_id": group_id})

    def count(self, sql: Sql, project_id: str) -> int:
        found: int = sql.execute(COUNT, {"project_id": project_id}).scalar_one()
        return found

    def page(self, sql: Sql, project_id: str | None, limit: int, offset: int) -> list[ServerGroup]:
        """`project_id` None: of all projects."""
        page = Page(limit, None, (Sort("created_at"), Sort("id")))
        statement = GROUP if project_id is None else GROUP.where(server_group.c.project_id == project_id)
        rows: Any = sql.execute(paged(statement, SORTS, page, None).offset(offset))
        return [ServerGroup(*row) for row in rows]
