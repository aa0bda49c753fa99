"""A database in which a request can be rehearsed: it is answered as ever, and what it wrote is undone.

So thousands of requests can be tried at one state of the cloud, and what each of them would have kept is known.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.db.database import Reader

SKIP_GENERATIONS = text("UPDATE identity_generation SET value = value + 100")
"""What was remembered of identity under a generation that was undone must not pass for the next one's."""


@dataclass
class Rehearsal:
    """`has_committed` is what the request believes. `kept`: rows that it so changed; PostgreSQL does not tell."""

    connection: Connection
    reader: Reader
    has_committed: bool = False
    kept: int = 0


class RehearsedDatabase(Database):
    """The rehearsing thread reads and writes in one transaction; all others wait to write meanwhile."""

    @contextmanager
    def rehearse(self) -> Iterator[Rehearsal]:
        with super()._write_transaction() as connection:
            reader = Reader(self.engine)
            reader._connection = connection
            rehearsal = self._local.rehearsal = Rehearsal(connection, reader)
            try:
                yield rehearsal
            finally:
                self._local.rehearsal = None
                connection.get_transaction().rollback()
        if rehearsal.has_committed:
            with self.begin(SYSTEM) as tx:
                tx.execute(SKIP_GENERATIONS)

    def read(self) -> Reader:
        rehearsal: Rehearsal | None = getattr(self._local, "rehearsal", None)
        return super().read() if rehearsal is None else rehearsal.reader

    @contextmanager
    def _write_transaction(self) -> Iterator[Connection]:
        rehearsal: Rehearsal | None = getattr(self._local, "rehearsal", None)
        if rehearsal is None:
            with super()._write_transaction() as connection:
                yield connection
            return
        before = _changes(rehearsal.connection)
        with rehearsal.connection.begin_nested():
            yield rehearsal.connection
        rehearsal.has_committed = True
        rehearsal.kept += _changes(rehearsal.connection) - before


def _changes(connection: Connection) -> int:
    driver: Any = connection.connection.dbapi_connection
    return int(getattr(driver, "total_changes", 0))
