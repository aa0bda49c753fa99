"""Rows of key pairs; only public halves are kept."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from skyloom.compute.model import KeyPair
from skyloom.compute.tables import keypair
from skyloom.db import Sql
from skyloom.db.listing import Page, paged

KEYPAIR = select(*(keypair.c[field.name] for field in fields(KeyPair)))
GET = KEYPAIR.where(keypair.c.user_id == bindparam("user_id"), keypair.c.name == bindparam("name"))
ADD = insert(keypair).returning(keypair.c.id)
COUNT = select(func.count()).where(keypair.c.user_id == bindparam("user_id"))
REMOVE = delete(keypair).where(keypair.c.user_id == bindparam("b_user_id"), keypair.c.name == bindparam("b_name"))
SORTS = {"name": keypair.c.name}


class KeyPairStore:
    def get(self, sql: Sql, user_id: str, name: str) -> KeyPair | None:
        row: Any = sql.execute(GET, {"user_id": user_id, "name": name}).one_or_none()
        return None if row is None else KeyPair(*row)

    def add(self, sql: Sql, user_id: str, name: str, kind: str, public: tuple[str, str], at: datetime) -> KeyPair:
        """`public`: fingerprint and key."""
        fingerprint, public_key = public
        values = {"user_id": user_id, "name": name, "kind": kind, "fingerprint": fingerprint, "public_key": public_key}
        number: int = sql.execute(ADD, {**values, "created_at": at}).scalar_one()
        return KeyPair(number, user_id, name, kind, fingerprint, public_key, at)

    def count(self, sql: Sql, user_id: str) -> int:
        found: int = sql.execute(COUNT, {"user_id": user_id}).scalar_one()
        return found

    def remove(self, sql: Sql, user_id: str, name: str) -> bool:
        return sql.execute(REMOVE, {"b_user_id": user_id, "b_name": name}).rowcount == 1

    def page(self, sql: Sql, user_id: str, page: Page) -> list[KeyPair]:
        marker = None if page.marker is None else {"name": page.marker}
        rows: Any = sql.execute(paged(KEYPAIR.where(keypair.c.user_id == user_id), SORTS, page, marker))
        return [KeyPair(*row) for row in rows]
