"""What a transaction promises, on both engines."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Column, Integer, String, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from skyloom.access import SYSTEM, Caller
from skyloom.db import Contradiction, Database, DatabaseBusy, Json, Timestamp, Tx, ValueRefused, metadata
from skyloom.db.audit import audit_entry
from tests.parts.databases import Open
from tests.parts.postgresql import FreshDatabases
from tests.parts.together import together

USER = Caller(user_id="u1", project_id="p1", request_id="req-1")

thing = Table(
    "tests_thing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64)),
    Column("count", Integer, nullable=False, default=0),
    Column("at", Timestamp),
    Column("document", Json),
)
ADD = insert(thing)
ALL = select(thing.c.id).order_by(thing.c.id)
COUNT_UP = update(thing).where(thing.c.id == 1).values(count=thing.c.count + 1)


def add(tx: Tx, id: int) -> None:
    tx.execute(ADD, {"id": id, "name": f"thing {id}"})
    tx.record("thing:create", "thing", str(id))


def ids(database: Database) -> list[int]:
    return list(database.read().execute(ALL).scalars())


def test_a_transaction_commits_whole_with_its_audit_entries(database: Database) -> None:
    with database.begin(USER) as tx:
        add(tx, 1)
        add(tx, 2)
    assert ids(database) == [1, 2]
    entries = database.read().execute(select(audit_entry)).all()
    assert [(e.request_id, e.user_id, e.project_id, e.action, e.noun, e.noun_id) for e in entries] == [
        ("req-1", "u1", "p1", "thing:create", "thing", "1"),
        ("req-1", "u1", "p1", "thing:create", "thing", "2"),
    ]


def test_an_error_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(ValueError, match="half way"), database.begin(USER) as tx:
        add(tx, 1)
        raise ValueError("half way")
    assert ids(database) == []
    assert database.read().execute(select(audit_entry)).all() == []
    with database.begin(USER) as tx:
        add(tx, 2)
    assert ids(database) == [2]


def test_a_users_write_without_an_audit_entry_is_refused(database: Database) -> None:
    with pytest.raises(RuntimeError, match="audit"), database.begin(USER) as tx:
        tx.execute(ADD, {"id": 1})
    assert ids(database) == []


def test_the_system_writes_and_a_user_reads_without_an_audit_entry(database: Database) -> None:
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1})
    with database.begin(USER) as tx:
        assert list(tx.execute(ALL).scalars()) == [1]


def test_hooks_run_after_the_commit_and_may_write(database: Database) -> None:
    seen: list[list[int]] = []

    def hook() -> None:
        seen.append(ids(database))
        with database.begin(SYSTEM) as tx:
            tx.execute(ADD, {"id": 2})

    with database.begin(USER) as tx:
        tx.on_commit(hook)
        add(tx, 1)
        assert seen == []
    assert seen == [[1]]
    assert ids(database) == [1, 2]


def test_hooks_of_a_transaction_that_failed_do_not_run(database: Database) -> None:
    seen: list[int] = []
    with pytest.raises(ValueError), database.begin(USER) as tx:
        tx.on_commit(lambda: seen.append(1))
        raise ValueError
    assert seen == []


def test_a_hook_that_fails_is_logged_and_the_others_run(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def fail() -> None:
        raise ValueError("hook")

    with database.begin(USER) as tx:
        tx.on_commit(fail)
        tx.on_commit(lambda: seen.append(1))
        add(tx, 1)
    assert seen == [1]
    assert "a hook after a commit failed" in caplog.text


def test_a_second_transaction_in_the_same_thread_is_refused(database: Database) -> None:
    with database.begin(USER) as tx:
        with pytest.raises(RuntimeError, match="open in this thread"), database.begin(USER):
            pass
        add(tx, 1)
    assert ids(database) == [1]


def test_a_reader_sees_only_what_is_committed(database: Database) -> None:
    with database.begin(USER) as tx:
        add(tx, 1)
        assert ids(database) == []
        assert list(tx.execute(ALL).scalars()) == [1]
    assert ids(database) == [1]


def test_an_error_of_a_reader_does_not_spoil_it(database: Database) -> None:
    with pytest.raises(Exception, match="nowhere"):
        database.read().execute(select(Column("x")).select_from(Table("nowhere", metadata.__class__())))
    assert ids(database) == []


def test_concurrent_writers_lose_no_update(databases: Open) -> None:
    database, other = databases(), databases()
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "count": 0})

    def count_up(target: Database) -> None:
        for _ in range(25):
            with target.begin(SYSTEM) as tx:
                tx.execute(COUNT_UP)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, [database, other] * 4))
    assert database.read().execute(select(thing.c.count)).scalar() == 200


WRITER = """
import sys
from skyloom.access import SYSTEM
from skyloom.db import Database
from sqlalchemy import text
database = Database(sys.argv[1])
for _ in range(40):
    with database.begin(SYSTEM) as tx:
        seen = tx.execute(text("SELECT count FROM tests_thing WHERE id = 1")).scalar()
        tx.execute(text("UPDATE tests_thing SET count = count + 1 WHERE id = 1"))
database.close()
"""


def test_writers_in_several_processes_wait_for_each_other(database: Database) -> None:
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "count": 0})
    url = database.url.render_as_string(hide_password=False)
    writers = [subprocess.Popen([sys.executable, "-W", "error", "-c", WRITER, url]) for _ in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert database.read().execute(select(thing.c.count)).scalar() == 120


def test_every_thread_has_its_own_reader_and_an_ended_threads_reader_is_given_back(database: Database) -> None:
    together = threading.Barrier(8)

    def read() -> int:
        reader = database.read()
        reader.execute(ALL)
        together.wait(30)
        assert database.read() is reader
        return id(reader)

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            assert len({future.result() for future in [pool.submit(read) for _ in range(8)]}) == 8
    database.read().execute(ALL)
    assert len(database._readers) == 1
    # The pool lends 64 at most: a leak would end here.
    for _ in range(70):
        thread = threading.Thread(target=lambda: ids(database))
        thread.start()
        thread.join()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2999, 12, 31, tzinfo=UTC),
        None,
    ],
)
def test_a_moment_comes_back_to_the_microsecond(database: Database, moment: datetime | None) -> None:
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "at": moment})
    assert database.read().execute(select(thing.c.at)).scalar() == moment


def test_moments_sort_and_compare(database: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with database.begin(SYSTEM) as tx:
        for number in (3, 1, 2):
            tx.execute(ADD, {"id": number, "at": start + timedelta(microseconds=number)})
    later = select(thing.c.id).where(thing.c.at > start + timedelta(microseconds=1)).order_by(thing.c.at)
    assert list(database.read().execute(later).scalars()) == [2, 3]


@pytest.mark.parametrize("document", [{"a": [1, 2.5, None, True, "ü\n"]}, [], {}, "text", 0, False, 2**53, None])
def test_a_document_comes_back_as_it_was(database: Database, document: object) -> None:
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "document": document})
    assert database.read().execute(select(thing.c.document)).scalar() == document


def test_what_a_key_refuses_is_a_conflict(database: Database) -> None:
    with pytest.raises(Contradiction), database.begin(USER) as tx:
        add(tx, 1)
        add(tx, 1)
    assert ids(database) == []


def test_a_mistake_of_the_program_stays_what_it_is(database: Database) -> None:
    with pytest.raises(IntegrityError), database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "name": "thing", "count": None})


def test_a_lock_is_held_until_the_end_of_its_transaction(database: Database) -> None:
    def count_up(_: int) -> None:
        with database.begin(SYSTEM) as tx:
            tx.lock("things")
            most = tx.execute(select(func.max(thing.c.id))).scalar() or 0
            tx.execute(ADD, {"id": most + 1, "name": "thing"})

    assert together(6, count_up)[1] == []
    assert ids(database) == [1, 2, 3, 4, 5, 6]


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("name", ["x" * 65, "nul\0"])
def test_a_value_that_cannot_be_kept_is_a_bad_request(postgres_server: FreshDatabases, name: str) -> None:
    url = postgres_server.take()
    database = Database(url)
    with pytest.raises(ValueRefused), database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "name": name})
    with pytest.raises(ValueRefused):
        database.read().execute(select(thing).where(thing.c.name == "nul\0"))
    assert ids(database) == []
    database.close()
    postgres_server.give_back(url)


def test_a_number_that_no_column_holds_is_a_bad_request(database: Database) -> None:
    with pytest.raises(ValueRefused), database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "name": "a", "count": 2**63})
    with pytest.raises(ValueRefused):
        database.read().execute(select(thing).limit(2**63))
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, {"id": 1, "name": "a", "count": 1})
    assert ids(database) == [1]


@pytest.mark.needs("postgresql")
def test_the_victim_of_a_deadlock_is_asked_to_come_again(postgres_server: FreshDatabases) -> None:
    url = postgres_server.take()
    database = Database(url)
    with database.begin(SYSTEM) as tx:
        tx.execute(ADD, [{"id": number, "name": "thing"} for number in (0, 1)])
    has_first = threading.Barrier(2)

    def cross(number: int) -> None:
        with database.begin(SYSTEM) as tx:
            tx.execute(update(thing).where(thing.c.id == number).values(count=1))
            has_first.wait(60)
            tx.execute(update(thing).where(thing.c.id == 1 - number).values(count=1))

    done, refused = together(2, cross)
    assert (len(done), [type(error) for error in refused]) == (1, [DatabaseBusy])
    assert isinstance(refused[0], DatabaseBusy) and refused[0].retry_after_s == 1
    database.close()
    postgres_server.give_back(url)
