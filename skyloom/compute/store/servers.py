"""Rows of servers. A deleted server keeps its row for history and is invisible unless it is asked for.

Every change is conditional: on the task state it belongs to, or on the generation that was read. So a flow that was
pre-empted, and a request that lost a race, change nothing and are told.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Text, Update, and_, bindparam, false, func, insert, or_, select, update

from skyloom.compute.model import Hosted, Server, TaskState
from skyloom.compute.tables import server
from skyloom.db import Sql
from skyloom.db.batches import batched
from skyloom.db.listing import Page, paged

NAMES = tuple(field.name for field in fields(Server))
SERVER = select(*(server.c[name] for name in NAMES))
GET = SERVER.where(server.c.id == bindparam("id"))
ADD = insert(server)
HOSTED = tuple(field.name for field in fields(Hosted))
ON_HOST = select(*(server.c[name] for name in HOSTED)).where(
    server.c.host == bindparam("host"), server.c.deleted_at.is_(None)
)
COUNT_BY_HOST = (
    select(server.c.host, func.count())
    .where(server.c.deleted_at.is_(None), server.c.host.in_(bindparam("hosts", expanding=True)))
    .group_by("host")
)
GROUP_MEMBERS = select(server.c.group_id, server.c.id, server.c.host).where(
    server.c.group_id.in_(bindparam("groups", expanding=True)), server.c.deleted_at.is_(None)
)
SORTS: Mapping[str, ColumnElement[Any]] = {
    "id": server.c.id,
    "uuid": server.c.id,
    "created_at": server.c.created_at,
    "updated_at": server.c.updated_at,
    "display_name": server.c.name,
    "name": server.c.name,
    "vm_state": server.c.vm_state,
    "task_state": func.coalesce(server.c.task_state, ""),
    "power_state": server.c.power_state,
    "host": func.coalesce(server.c.host, ""),
    "image_ref": func.coalesce(server.c.image_id, ""),
    "instance_type_id": server.c.flavor_id,
    "project_id": server.c.project_id,
    "user_id": server.c.user_id,
    "hostname": server.c.hostname,
    "key_name": func.coalesce(server.c.key_name, ""),
    "launch_index": server.c.launch_index,
    "launched_at": func.coalesce(server.c.launched_at, server.c.created_at),
    "display_description": func.coalesce(server.c.description, ""),
    "availability_zone": func.coalesce(server.c.availability_zone, ""),
}


@dataclass(frozen=True, kw_only=True)
class ServerFilter:
    """`equal` compares columns; `states` are pairs of vm state and task states (None: any task state).

    `deleted`: None shows both. `ids`: only these. Of the tag sets each is empty for "not asked".
    """

    project_id: str | None = None
    equal: Mapping[str, object] = ()  # type: ignore[assignment]
    states: Sequence[tuple[str, Collection[str | None] | None]] | None = None
    ids: Collection[str] | None = None
    deleted: bool | None = False
    changed_since: datetime | None = None
    changed_before: datetime | None = None
    tags: Collection[str] = ()
    tags_any: Collection[str] = ()
    not_tags: Collection[str] = ()
    not_tags_any: Collection[str] = ()


class ServerStore:
    def add(self, sql: Sql, servers: Sequence[Server]) -> None:
        sql.execute(ADD, [{name: getattr(each, name) for name in NAMES} for each in servers])

    def get(self, sql: Sql, server_id: str) -> Server | None:
        """Also one that is deleted."""
        row: Any = sql.execute(GET, {"id": server_id}).one_or_none()
        return None if row is None else Server(*row)

    def page(self, sql: Sql, want: ServerFilter, page: Page) -> list[Server] | None:
        """None: the page's marker is not there."""
        marker = None
        if page.marker is not None:
            marker = self._marker(sql, page)
            if marker is None:
                return None
        rows: Any = sql.execute(paged(_where(SERVER, want), SORTS, page, marker))
        return [Server(*row) for row in rows]

    def names(self, sql: Sql, want: ServerFilter) -> list[tuple[str, str]]:
        """Ids and names of all that match."""
        rows: Any = sql.execute(_where(select(server.c.id, server.c.name), want))
        return [(row[0], row[1]) for row in rows]

    def _marker(self, sql: Sql, page: Page) -> dict[str, Any] | None:
        columns = [SORTS[sort.key].label(sort.key) for sort in page.sorts]
        row: Any = sql.execute(select(*columns).where(server.c.id == page.marker)).one_or_none()
        return None if row is None else dict(row._mapping)

    def change(
        self,
        sql: Sql,
        server_id: str,
        at: datetime,
        values: Mapping[str, object],
        tasks: Collection[TaskState] | None = (),
        generation: int | None = None,
    ) -> bool:
        """Whether the row was there, not deleted, in one of these task states (None: in none, empty: in any) and of
        that generation."""
        kind = "none" if tasks is None else "some" if tasks else "any"
        statement = _change(tuple(sorted(values)), kind, generation is not None)
        parameters = {f"b_{name}": value for name, value in values.items()}
        parameters |= {"at": at, "b_id": server_id, "was_tasks": list(tasks or ()), "was_generation": generation}
        return sql.execute(statement, parameters).rowcount == 1

    def on_host(self, sql: Sql, host: str) -> list[Hosted]:
        rows: Any = sql.execute(ON_HOST, {"host": host})
        return [Hosted(*row) for row in rows]

    def count_by_host(self, sql: Sql, hosts: Collection[str]) -> dict[str, int]:
        return {row[0]: row[1] for some in batched(hosts) for row in sql.execute(COUNT_BY_HOST, {"hosts": some})}

    def members(self, sql: Sql, group_ids: Collection[str]) -> dict[str, list[tuple[str, str | None]]]:
        """Group id -> its servers and their hosts."""
        found: dict[str, list[tuple[str, str | None]]] = {group_id: [] for group_id in group_ids}
        for some in batched(group_ids):
            for group_id, server_id, host in sql.execute(GROUP_MEMBERS, {"groups": some}):
                found[group_id].append((server_id, host))
        return found


@cache
def _change(columns: tuple[str, ...], tasks: str, by_generation: bool) -> Update:
    """The statement of one shape of change, built once."""
    statement = (
        update(server)
        .where(server.c.id == bindparam("b_id"), server.c.deleted_at.is_(None))
        .values({name: bindparam(f"b_{name}", type_=server.c[name].type) for name in columns})
        .values(updated_at=bindparam("at"), generation=server.c.generation + 1)
    )
    if tasks == "none":
        statement = statement.where(server.c.task_state.is_(None))
    elif tasks == "some":
        statement = statement.where(server.c.task_state.in_(bindparam("was_tasks", expanding=True)))
    if by_generation:
        statement = statement.where(server.c.generation == bindparam("was_generation"))
    return statement


def _where(statement: Select[Any], want: ServerFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if want.project_id is not None:
        conditions.append(server.c.project_id == want.project_id)
    if want.deleted is not None:
        conditions.append(server.c.deleted_at.isnot(None) if want.deleted else server.c.deleted_at.is_(None))
    conditions += [server.c[name] == value for name, value in dict(want.equal).items()]
    if want.states is not None:
        conditions.append(or_(false(), *(_state(vm_state, tasks) for vm_state, tasks in want.states)))
    if want.ids is not None:
        conditions.append(server.c.id.in_(list(want.ids)))
    if want.changed_since is not None:
        conditions.append(server.c.updated_at >= want.changed_since)
    if want.changed_before is not None:
        conditions.append(server.c.updated_at <= want.changed_before)
    conditions += [_has_tag(tag) for tag in want.tags]
    if want.tags_any:
        conditions.append(or_(*(_has_tag(tag) for tag in want.tags_any)))
    if want.not_tags:
        conditions.append(~and_(*(_has_tag(tag) for tag in want.not_tags)))
    conditions += [~_has_tag(tag) for tag in want.not_tags_any]
    return statement.where(*conditions)


def _state(vm_state: str, tasks: Collection[str | None] | None) -> ColumnElement[bool]:
    same = server.c.vm_state == vm_state
    if tasks is None:
        return same
    named = server.c.task_state.in_([task for task in tasks if task is not None])
    return and_(same, or_(named, server.c.task_state.is_(None)) if None in tasks else named)


def _has_tag(tag: str) -> ColumnElement[bool]:
    """Tags are kept as a JSON list of strings; within one a quote is escaped, so `"tag"` finds whole tags only."""
    return server.c.tags.cast(Text).contains(msgspec.json.encode(tag).decode(), autoescape=True)
