"""Rows that a new cloud starts with: made when they are not there, never changed."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import insert, select

from skyloom.db import Sql, metadata
from skyloom.identity import tables


def user_names(sql: Sql) -> set[str]:
    return set(sql.execute(select(tables.user.c.name)).scalars())


def start_generation(sql: Sql) -> None:
    if sql.execute(select(tables.identity_generation)).first() is None:
        sql.execute(insert(tables.identity_generation), {"id": 1, "value": 1})


def ensure_id(sql: Sql, noun: str, row_id: str, values: Mapping[str, Any]) -> None:
    table = metadata.tables[noun]
    if sql.execute(select(table.c.id).where(table.c.id == row_id)).first() is None:
        sql.execute(insert(table), {**values, "id": row_id})


def ensure_named(sql: Sql, noun: str, name: str, values: Mapping[str, Any]) -> str:
    """The id of the row of that name (in the domain of `values`), made if it is not there."""
    table = metadata.tables[noun]
    found = select(table.c.id).where(table.c.name == name)
    if "domain_id" in table.c:
        found = found.where(table.c.domain_id == values["domain_id"])
    row = sql.execute(found).first()
    if row is not None:
        return str(row.id)
    new_id = stable_id(noun, name)
    sql.execute(insert(table), {**values, "id": new_id, "name": name})
    return new_id


def stable_id(noun: str, name: str) -> str:
    """The same in every cloud: scripts and tests may know the id of the admin role."""
    return uuid5(NAMESPACE_URL, f"skyloom:{noun}:{name}").hex
