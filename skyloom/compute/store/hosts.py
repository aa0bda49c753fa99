"""Rows of the hosts that announced themselves."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from skyloom.compute.model import Host
from skyloom.compute.tables import host
from skyloom.db import Sql

NAMES = tuple(field.name for field in fields(Host))
HOST = select(*(host.c[name] for name in NAMES))
LIST = HOST.order_by(host.c.number)
GET = HOST.where(host.c.name == bindparam("name"))
ADD = insert(host)
SEEN = update(host).where(host.c.name == bindparam("b_name")).values(seen_at=bindparam("b_seen_at"))
REMOVE = delete(host).where(host.c.name == bindparam("b_name"))


class HostStore:
    def list(self, sql: Sql) -> list[Host]:
        rows: Any = sql.execute(LIST)
        return [Host(*row) for row in rows]

    def get(self, sql: Sql, name: str) -> Host | None:
        row: Any = sql.execute(GET, {"name": name}).one_or_none()
        return None if row is None else Host(*row)

    def add(self, sql: Sql, values: Mapping[str, object]) -> None:
        sql.execute(ADD, dict(values))

    def change(self, sql: Sql, name: str, values: Mapping[str, object]) -> bool:
        return sql.execute(update(host).where(host.c.name == name).values(dict(values))).rowcount == 1

    def seen(self, sql: Sql, times: Mapping[str, datetime]) -> None:
        sql.execute(SEEN, [{"b_name": name, "b_seen_at": at} for name, at in times.items()])

    def remove(self, sql: Sql, name: str) -> None:
        sql.execute(REMOVE, {"b_name": name})
