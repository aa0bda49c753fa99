"""A database server that goes away and comes back costs seconds, not a restart of Skyloom."""

import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from skyloom.access import SYSTEM
from skyloom.db import Database, DatabaseUnavailable
from tests.parts.postgresql import PostgresServer

pytestmark = pytest.mark.needs("postgresql")
ONE = text("SELECT 1")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_reads_and_writes_go_on_after_a_restart_of_the_server(server: PostgresServer, how: int) -> None:
    database = Database(server.create_database())
    database.read().execute(ONE)
    with database.begin(SYSTEM) as tx:
        tx.execute(ONE)

    server.stop(how)
    with pytest.raises(DatabaseUnavailable):
        database.read().execute(ONE)
    with pytest.raises(DatabaseUnavailable), database.begin(SYSTEM) as tx:
        tx.execute(ONE)

    server.start()
    assert database.read().execute(ONE).scalar() == 1
    with database.begin(SYSTEM) as tx:
        assert tx.execute(ONE).scalar() == 1
    database.close()


def test_a_transaction_that_the_restart_cut_raises_and_the_next_one_works(server: PostgresServer) -> None:
    database = Database(server.create_database())
    with pytest.raises(DatabaseUnavailable), database.begin(SYSTEM) as tx:
        tx.execute(ONE)
        server.stop(signal.SIGQUIT)
        server.start()
        tx.execute(ONE)
    with database.begin(SYSTEM) as tx:
        assert tx.execute(ONE).scalar() == 1
    database.close()
