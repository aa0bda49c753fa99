"""The one place of truth: a relational database, SQLite or PostgreSQL behind the same statements."""

from skyloom.db.database import (
    Contradiction,
    Database,
    DatabaseBusy,
    DatabaseUnavailable,
    OutcomeUnknown,
    Reader,
    Sql,
    Tx,
    ValueRefused,
    metadata,
)
from skyloom.db.types import Json, Timestamp, Word

__all__ = [
    "Contradiction",
    "Database",
    "DatabaseBusy",
    "DatabaseUnavailable",
    "Json",
    "OutcomeUnknown",
    "Reader",
    "Sql",
    "Timestamp",
    "Tx",
    "ValueRefused",
    "Word",
    "metadata",
]
