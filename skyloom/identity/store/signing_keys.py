"""The SQL of the keys that sign tokens: sealed, one kind for each token format, the newest of a kind in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from skyloom.db import Reader, Sql
from skyloom.identity.tables import signing_key

NEWEST = f"SELECT COALESCE(MAX(id), 0) FROM {signing_key.name}"
ALL = select(signing_key).order_by(signing_key.c.id.desc())
ADD = insert(signing_key)
RETIRE = (
    update(signing_key)
    .where(signing_key.c.kind == bindparam("of_kind"), signing_key.c.retired_at.is_(None))
    .values(retired_at=bindparam("now"))
)
LENGTHEN = (
    update(signing_key)
    .where(signing_key.c.retired_at.is_(None), signing_key.c.longest_life_s < bindparam("life_s"))
    .values(longest_life_s=bindparam("life_s"))
)
REMOVE = delete(signing_key).where(signing_key.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class SealedKey:
    """`longest_life_s`: of the tokens that any process may have signed by it."""

    id: int
    kind: str
    sealed_key: bytes
    created_at: datetime
    retired_at: datetime | None
    longest_life_s: int


class SigningKeys:
    def newest(self, reader: Reader) -> int:
        """The number of the newest key, 0 without any: when it is another one, keys must be read again."""
        return reader.number(NEWEST)

    def all(self, sql: Sql) -> Sequence[SealedKey]:
        """The newest first."""
        return [SealedKey(**row._mapping) for row in sql.execute(ALL)]

    def add(self, sql: Sql, kind: str, sealed_key: bytes, now: datetime, longest_life_s: int) -> None:
        """It signs from now on, instead of the one before it."""
        sql.execute(RETIRE, {"of_kind": kind, "now": now})
        values: dict[str, Any] = {"kind": kind, "sealed_key": sealed_key, "created_at": now}
        sql.execute(ADD, {**values, "retired_at": None, "longest_life_s": longest_life_s})

    def lengthen(self, sql: Sql, life_s: int) -> None:
        """Tokens that live for so long are signed by the keys in use."""
        sql.execute(LENGTHEN, {"life_s": life_s})

    def remove(self, sql: Sql, ids: Sequence[int]) -> None:
        sql.execute(REMOVE, {"ids": list(ids)})
