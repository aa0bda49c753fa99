"""The `database` fixture over both engines; the rooms' conftest files import it from here.

from tests.parts.databases import database, databases, postgres_server  # noqa: F401
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skyloom.clock import Clock
from skyloom.db import Database, metadata
from tests.parts.postgresql import FreshDatabases, PostgresServer

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
SERVER = pytest.StashKey[FreshDatabases]()
Open = Callable[..., Database]


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> FreshDatabases:
    """One for the whole run, however many rooms import this fixture."""
    stash = request.config.stash
    if SERVER not in stash:
        server = PostgresServer()
        request.config.add_cleanup(server.close)
        stash[SERVER] = FreshDatabases(server)
    return stash[SERVER]


@pytest.fixture(params=ENGINES)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same fresh database again and again, as several processes would. All are closed at the end."""
    opened: list[Database] = []
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/skyloom.db"
        first = Database(url)
        metadata.create_all(first.engine)
        opened.append(first)
    else:
        fresh: FreshDatabases = request.getfixturevalue("postgres_server")
        url = fresh.take()

    def open_database(clock: Clock | None = None, kind: type[Database] = Database) -> Database:
        opened.append(kind(url, clock))
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()
    if request.param == "postgresql":
        fresh.give_back(url)


@pytest.fixture
def database(databases: Open) -> Database:
    """A fresh database with every table, on SQLite and on PostgreSQL."""
    return databases()
