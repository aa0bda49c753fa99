"""Who changed what through which action: a row a change, in the change's own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Executable,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
)

from skyloom.access import Caller
from skyloom.db import plans
from skyloom.db.rows import Rows
from skyloom.db.types import Timestamp

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Timestamp, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64)),
    Column("action", String(128), nullable=False),
    Column("noun", String(64), nullable=False),
    Column("noun_id", String(255), nullable=False),
    Index("ix_audit_entry_noun_id", "noun_id"),
    Index("ix_audit_entry_request_id", "request_id"),
)


class Reading(Protocol):
    def execute(self, statement: Executable, parameters: Mapping[str, Any]) -> Rows: ...


@dataclass(frozen=True, slots=True)
class Entry:
    action: str
    noun: str
    noun_id: str


ADD = insert(audit_entry)
COUNT = (
    select(func.count())
    .select_from(audit_entry)
    .where(audit_entry.c.request_id == bindparam("request_id"), audit_entry.c.at == bindparam("at"))
)
ENTRIES_OF = (
    select(audit_entry)
    .where(audit_entry.c.noun == bindparam("noun"), audit_entry.c.noun_id == bindparam("noun_id"))
    .order_by(audit_entry.c.id)
)


def add(connection: Connection, caller: Caller, at: datetime, entries: Sequence[Entry]) -> None:
    plans.run(
        connection,
        ADD,
        [
            {
                "at": at,
                "request_id": caller.request_id,
                "user_id": caller.user_id,
                "project_id": caller.project_id,
                "action": entry.action,
                "noun": entry.noun,
                "noun_id": entry.noun_id,
            }
            for entry in entries
        ],
    )


def is_there(reader: Reading, caller: Caller, at: datetime) -> bool:
    """Whether entries of the caller's request of that moment were kept, so also the change that they are of."""
    found: int = reader.execute(COUNT, {"request_id": caller.request_id, "at": at}).scalar_one()
    return found > 0


def entries_of(reader: Reading, noun: str, noun_id: str) -> Rows:
    """What was done to the thing, the oldest first."""
    return reader.execute(ENTRIES_OF, {"noun": noun, "noun_id": noun_id})
