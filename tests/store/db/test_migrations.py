"""An older database becomes a present one, on both engines, whoever starts it and whatever dies on the way."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, delete, inspect, text, update

import skyloom.wire.core  # noqa: F401  # loads every table
from skyloom.db import Database, metadata
from skyloom.db.migrations import HEAD
from skyloom.db.schema import VERSION_TABLE, SchemaUnknown, alembic_config, prepare, stamp, upgrade
from tests.parts.databases import ENGINES

New = Callable[[], Database]


@pytest.fixture(params=ENGINES)
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[New]:
    """Gives an empty database at each call."""
    opened: list[Database] = []

    def open_new() -> Database:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/{len(opened)}.db"
        else:
            url = request.getfixturevalue("postgres_server").server.create_database()
        opened.append(Database(url))
        return opened[-1]

    yield open_new
    for database in opened:
        database.close()


@cache
def ours() -> frozenset[str]:
    """The product's tables: a process of its own tells them, for other tests add theirs in this one."""
    code = "import skyloom.wire.core, skyloom.db; print(*skyloom.db.metadata.tables)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return frozenset(done.stdout.split())


def schema(database: Database) -> dict[str, Any]:
    """What the engine itself says of each table of ours, in an order that can be compared."""
    seen = inspect(database.engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], str(column["default"]))
                for column in seen.get_columns(table)
                if not str(column["default"]).startswith("nextval(")
            },
            "primary key": seen.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": _sorted(seen.get_foreign_keys(table)),
            "unique": _sorted(seen.get_unique_constraints(table)),
            "checks": _sorted(seen.get_check_constraints(table)),
            "indexes": _sorted(seen.get_indexes(table)),
        }
        for table in sorted(ours() & set(seen.get_table_names()))
    }


def _sorted(things: Any) -> list[str]:
    return sorted(str(_plain(thing)) for thing in things)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((str(name), _plain(inner)) for name, inner in value.items())
    return str(value)


def stamped(database: Database) -> str:
    with database.engine.connect() as connection:
        return str(connection.execute(stamp.select()).scalar_one())


def revisions() -> list[str]:
    """Oldest first."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
    engine.dispose()
    return [each.revision for each in reversed(list(script.walk_revisions()))]


def migrated(database: Database, to: str = "head") -> None:
    with database.engine.begin() as connection:
        upgrade(connection, None, to)


def test_the_head_that_is_written_down_is_the_newest_revision():
    assert revisions()[-1] == HEAD


def test_all_revisions_together_give_the_schema_of_the_tables(new):
    fresh, old = new(), new()
    prepare(fresh)
    migrated(old)
    assert schema(fresh).keys() == ours()
    assert schema(old) == schema(fresh)
    assert stamped(old) == stamped(fresh) == HEAD


def test_a_database_is_made_once(new):
    database = new()
    prepare(database)
    before = schema(database)
    prepare(database)
    assert schema(database) == before and stamped(database) == HEAD


@pytest.mark.parametrize("revision", revisions())
def test_a_revision_that_dies_leaves_nothing_and_runs_again(new, revision):
    database = new()
    known = revisions()
    older = known[: known.index(revision)]
    if older:
        migrated(database, older[-1])
    before = schema(database)
    with pytest.raises(ZeroDivisionError), database.engine.begin() as connection:
        upgrade(connection, older[-1] if older else None, revision)
        raise ZeroDivisionError
    assert schema(database) == before
    with database.engine.begin() as connection:
        upgrade(connection, older[-1] if older else None, revision)
    after = schema(database)
    assert after != before
    with database.engine.begin() as connection:
        upgrade(connection, revision, revision)
    assert schema(database) == after and stamped(database) == revision


def test_processes_that_start_at_once_make_it_once(new):
    database = new()
    url = database.url.render_as_string(hide_password=False)
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]
    told = [start.communicate(timeout=120)[0] for start in starts]
    assert [start.returncode for start in starts] == [0, 0, 0], told
    assert stamped(database) == HEAD and schema(database).keys() == ours()


PREPARE = """
import sys
import skyloom.wire.core
from skyloom.db import Database
from skyloom.db.schema import prepare
db = Database(sys.argv[1])
prepare(db)
db.close()
"""


def test_threads_that_start_at_once_make_it_once(new):
    database = new()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: prepare(database), range(4)))
    assert stamped(database) == HEAD


def test_a_database_of_a_newer_version_is_refused_and_left_alone(new):
    database = new()
    prepare(database)
    with database.engine.begin() as connection:
        connection.execute(update(stamp), {"version_num": "9999"})
    with pytest.raises(SchemaUnknown, match="revision 9999, which this version does not know") as refused:
        prepare(database)
    assert refused.value.code == "database.schema_unknown"
    assert stamped(database) == "9999"


def test_a_database_with_our_tables_and_no_revision_is_refused(new):
    database = new()
    prepare(database)
    with database.engine.begin() as connection:
        stamp.drop(connection)
    with pytest.raises(SchemaUnknown, match="no revision"):
        prepare(database)


def test_a_start_on_a_present_database_does_not_load_alembic(tmp_path):
    url = f"sqlite:///{tmp_path}/cloud.db"
    for _ in range(2):
        code = PREPARE + "assert not [name for name in sys.modules if name.startswith('alembic')]"
        done = subprocess.run(
            [sys.executable, "-c", code, url], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_table_can_be_changed_under_the_rows_that_refer_to_it(tmp_path):
    """SQLite makes a changed table anew; what refers to it by ON DELETE CASCADE must still be there afterwards."""
    from skyloom.db.schema import _alone

    database = Database(f"sqlite:///{tmp_path}/cloud.db")
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(
            text("CREATE TABLE child (id INTEGER PRIMARY KEY, of INTEGER REFERENCES parent(id) ON DELETE CASCADE)")
        )
        connection.execute(text("INSERT INTO parent VALUES (1, 'a')"))
        connection.execute(text("INSERT INTO child VALUES (1, 1)"))
    with _alone(database) as connection:
        _make_name_required(connection)
    with database.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM child")).scalar_one() == 1
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.close()


def _make_name_required(connection: Connection) -> None:
    operations = Operations(MigrationContext.configure(connection))
    with operations.batch_alter_table("parent") as parent:
        parent.alter_column("name", nullable=False)


def test_the_revisions_are_no_part_of_the_tables():
    assert VERSION_TABLE not in metadata.tables
    assert isinstance(stamp.metadata, MetaData) and stamp.metadata is not metadata
    assert str(delete(stamp)) == f"DELETE FROM {VERSION_TABLE}"
