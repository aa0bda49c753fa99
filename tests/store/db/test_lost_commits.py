"""A connection that breaks while it commits: what is told agrees with what was kept."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from sqlalchemy import Column, MetaData, String, Table, insert, make_url, select

from skyloom.access import Caller
from skyloom.db import Database, DatabaseUnavailable, OutcomeUnknown, metadata
from tests.parts.databases import FreshDatabases
from tests.parts.lossy import Cut, LossyWire

pytestmark = pytest.mark.needs("postgresql")
thing = Table("lost_commit_thing", MetaData(), Column("name", String(64), primary_key=True))
ANNA = Caller(user_id="anna", request_id="req-1")


@pytest.fixture
def wire(postgres_server: FreshDatabases) -> Iterator[LossyWire]:
    with LossyWire(postgres_server.server.port) as wire:
        yield wire


@pytest.fixture
def database(postgres_server: FreshDatabases, wire: LossyWire) -> Iterator[Database]:
    near = make_url(postgres_server.server.create_database())
    far = near.set(host="127.0.0.1", port=wire.port, query={"sslmode": "disable", "gssencmode": "disable"})
    database = Database(far.render_as_string(hide_password=False))
    metadata.create_all(database.engine)
    thing.create(database.engine)
    yield database
    database.close()


def add(database: Database, name: str, caller: Caller, told: list[str]) -> None:
    with database.begin(caller) as tx:
        tx.execute(insert(thing), {"name": name})
        tx.record("things:add", "thing", name)
        tx.on_commit(lambda: told.append(name))


def names(database: Database) -> list[str]:
    return list(database.read().execute(select(thing.c.name)).scalars())


def test_a_commit_whose_answer_was_lost_counts_as_done(database: Database, wire: LossyWire) -> None:
    told: list[str] = []
    wire.cut = Cut.AFTER_COMMIT
    add(database, "kept", ANNA, told)
    assert (names(database), told) == (["kept"], ["kept"])


def test_a_commit_that_never_arrived_counts_as_refused(database: Database, wire: LossyWire) -> None:
    told: list[str] = []
    wire.cut = Cut.BEFORE_COMMIT
    with pytest.raises(DatabaseUnavailable) as refused:
        add(database, "lost", ANNA, told)
    assert not isinstance(refused.value, OutcomeUnknown)
    assert (names(database), told) == ([], [])
    add(database, "later", replace(ANNA, request_id="req-2"), told)
    assert (names(database), told) == (["later"], ["later"])


def test_another_change_of_the_same_request_is_not_taken_for_the_lost_one(database: Database, wire: LossyWire) -> None:
    add(database, "first", ANNA, [])
    wire.cut = Cut.BEFORE_COMMIT
    with pytest.raises(DatabaseUnavailable):
        add(database, "second", ANNA, [])
    assert names(database) == ["first"]


def test_an_outcome_that_cannot_be_found_out_is_told_as_unknown(database: Database, wire: LossyWire) -> None:
    wire.cut, wire.stays_down = Cut.AFTER_COMMIT, True
    with pytest.raises(OutcomeUnknown):
        add(database, "who knows", ANNA, [])
