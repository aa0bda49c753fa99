"""The schema of a database: made at the first start, brought up to date at the later ones.

Both happen in one transaction under a lock, so of two processes that start at once one does it and the other finds it
done, and a start that dies half way leaves the database as it was. A database that a newer Skyloom has upgraded is
refused. Alembic is loaded for an upgrade only.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select, text

from skyloom.db.database import Database, metadata, own_errors
from skyloom.db.migrations import HEAD
from skyloom.errors import Conflict

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)
VERSION_TABLE = "schema_revision"
LOCK_KEY = 0x536B796C6F6F6D
"""Of the advisory lock in PostgreSQL: the bytes of "Skyloom"."""
# Alembic reads and writes this table too; name and type of its column are Alembic's.
stamp = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32), primary_key=True))


class SchemaUnknown(Conflict):
    """The database is not one that this version can use; it was left as it was."""

    code = "database.schema_unknown"


def prepare(db: Database) -> None:
    """Raises SchemaUnknown for a database of a newer version, or with tables of unknown age; DatabaseUnavailable."""
    with own_errors(), db.engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with own_errors(), _alone(db) as connection:
        found = _revision(connection)
        if found is None:
            _create(connection)
        elif found != HEAD:
            upgrade(connection, found)


def require_current(db: Database) -> None:
    """Raises SchemaUnknown for a database that is not as this version has it; for who must not upgrade one."""
    with own_errors(), db.engine.connect() as connection:
        found = _revision(connection)
    if found != HEAD:
        raise SchemaUnknown(
            f"The database is at revision {found}, this version's is {HEAD}; `skyloom up` brings it up."
        )


def upgrade(connection: Connection, found: str | None, to: str = "head") -> None:
    """Run the revisions after `found` in the transaction of `connection`; None: all of them."""
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = alembic_config(connection)
    try:
        if found is not None:
            ScriptDirectory.from_config(config).get_revision(found)
    except CommandError as error:
        raise SchemaUnknown(
            f"The database is at revision {found}, which this version does not know (its own is {HEAD}): a newer "
            "Skyloom has upgraded it. Start that version, or restore a backup from before."
        ) from error
    log.info("upgrading the database from revision %s", found)
    command.upgrade(config, to)


def alembic_config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _create(connection: Connection) -> None:
    present = metadata.tables.keys() & set(inspect(connection).get_table_names())
    if present:
        raise SchemaUnknown(
            f"The database has tables of Skyloom ({', '.join(sorted(present)[:3])}, …) but no revision: an unfinished "
            "version made it. Move it away, or give --database an empty one."
        )
    metadata.create_all(connection)
    stamp.create(connection)
    connection.execute(insert(stamp), {"version_num": HEAD})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(stamp.c.version_num)).scalar_one_or_none()


@contextmanager
def _alone(db: Database) -> Iterator[Connection]:
    """A transaction that no other process can have at the same time."""
    with db.engine.connect() as connection:
        if not db.is_sqlite:
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
                yield connection
            return
        # To change a table SQLite makes it anew; dropping the old one would delete what refers to it. The setting
        # cannot be changed in a transaction, and what begins one here begins it as the only writer.
        _set_foreign_keys(connection, False)
        try:
            with connection.begin():
                yield connection
                broken = connection.execute(text("PRAGMA foreign_key_check")).fetchall()
                if broken:
                    raise RuntimeError(f"the upgrade leaves rows that refer to nothing: {broken[:5]}")
        finally:
            _set_foreign_keys(connection, True)


def _set_foreign_keys(connection: Connection, on: bool) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.cursor().execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}").close()
