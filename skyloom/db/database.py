"""Connections and transactions on SQLite and PostgreSQL; the only place that knows which of the two it is.

Reads go through `read()`: a connection that the thread keeps, each statement its own snapshot. Writes go through
`begin()`: one transaction that either commits whole, with its audit entries, or leaves nothing. What was committed
survives power loss (SQLite: WAL with synchronous=FULL; PostgreSQL: its default). A PostgreSQL that was restarted is
found again by the next read or transaction; while it is away both raise `DatabaseUnavailable`.

SQLite lets one writer in at a time; PostgreSQL many, each statement seeing what others committed meanwhile. So what a
service checks before it writes must be held by a constraint, a conditional statement, a locked row or `Tx.lock`. What
a constraint or the engine refuses leaves `begin()` as one of the errors here, never as the engine's own.

A PostgreSQL that goes away while it commits may have committed: only its word of it is lost. `begin()` then looks for
the transaction's own audit entries as soon as the server is back, and ends as what was found there.
"""

import logging
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Executable, MetaData, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from skyloom.access import SYSTEM, Caller
from skyloom.clock import Clock
from skyloom.db import audit, plans
from skyloom.db.plans import Params
from skyloom.db.rows import Rows
from skyloom.errors import BadRequest, Conflict, Unavailable

T = TypeVar("T")
logger = logging.getLogger(__name__)
metadata: MetaData = audit.metadata
POSTGRESQL = "postgresql+psycopg"
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
IS_SESSION_LEFT = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
OUTCOME_PATIENCE_S = 10.0
"""For so long a request waits to learn whether its commit was kept."""
OUTCOME_PAUSE_S = 0.1
VICTIMS = ("40001", "40P01")
"""SQLSTATEs of a transaction that was given up for another's sake: a serialization failure, a deadlock."""
CONTRADICTIONS = (
    *("23503", "23505"),
    *("SQLITE_CONSTRAINT_FOREIGNKEY", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"),
)
"""What unique and foreign keys refuse, in the words of both engines."""
CACHE_KIB = 8192
"""Of SQLite's pages, a connection and at most: a big table's index stays in it."""
FAR_AWAY = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""libpq's, unless the URL says otherwise: a database whose machine is gone is found out in seconds, not in hours."""


class DatabaseUnavailable(Unavailable):
    code = "database.unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer now; try again in a few seconds.", retry_after_s=2)


class DatabaseBusy(DatabaseUnavailable):
    """Nothing of the transaction was done; the same again finds the way free."""

    code = "database.busy"

    def __init__(self) -> None:
        Unavailable.__init__(self, "Another change stood in the way of this one; ask again.", retry_after_s=1)


class OutcomeUnknown(DatabaseUnavailable):
    """The commit was under way when the database went away, and what became of it could not be found out."""

    code = "database.outcome_unknown"

    def __init__(self) -> None:
        Unavailable.__init__(
            self,
            "The database went away while it kept this change; see whether the change was made before asking again.",
            retry_after_s=5,
        )


class DatabaseUrlInvalid(BadRequest):
    code = "database.url_invalid"

    def __init__(self) -> None:
        super().__init__(
            "The URL of the database cannot be used; it looks like postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        )


class Contradiction(Conflict):
    """A row that a constraint refuses, where no check of the service had found why."""

    code = "database.contradiction"

    def __init__(self) -> None:
        super().__init__("Another change of the same moment contradicts this one; look at it and ask again.")


class ValueRefused(BadRequest):
    code = "database.value_refused"

    def __init__(self) -> None:
        super().__init__("A value is too long, too large or holds a character that cannot be kept; shorten it.")


class Sql(Protocol):
    """What a store needs: a transaction and a reader both are one."""

    def execute(self, statement: Executable, parameters: Params | None = None) -> Rows: ...


class Tx:
    """One write transaction. `record` what was done: a transaction of a user that wrote without it is refused."""

    def __init__(self, connection: Connection, caller: Caller):
        self.connection = connection
        self.caller = caller
        self._entries: list[audit.Entry] = []
        self._hooks: list[Callable[[], None]] = []
        self._wrote = False
        self._committing: _Committing | None = None

    def execute(self, statement: Executable, parameters: Params | None = None) -> Rows:
        self._wrote = self._wrote or getattr(statement, "is_dml", False)
        return plans.run(self.connection, statement, parameters)

    def lock(self, name: str) -> None:
        """Wait for all other transactions that locked `name`, and keep later ones waiting until this one ends.

        For a check of rows that may not be there yet, such as a count. SQLite's writers are alone anyway.
        """
        if self.connection.dialect.name != "sqlite":
            self.connection.execute(LOCK, {"name": name})

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What fails within is undone alone, and the transaction goes on. Raises Contradiction among others."""
        with own_errors(), self.connection.begin_nested():
            yield

    def record(self, action: str, noun: str, noun_id: str) -> None:
        """Note `action` (its policy name) on the thing; written with the change, so neither is without the other."""
        self._entries.append(audit.Entry(action, noun, noun_id))

    def on_commit(self, hook: Callable[[], None]) -> None:
        """Run `hook` after the commit. A hint only: it is lost when the process dies, so nothing may depend on it."""
        self._hooks.append(hook)


@dataclass(frozen=True, slots=True)
class _Committing:
    """What a transaction whose commit was sent is found by: the server's process, and when its entries say they were
    made (None: it has none)."""

    pid: int
    at: datetime | None


class Reader:
    """A thread's own reading connection. A read changes nothing, so one that met a lost connection is made again."""

    def __init__(self, engine: Engine):
        self.thread = threading.current_thread()
        self._engine = engine
        self._connection: Connection | None = None

    def execute(self, statement: Executable, parameters: Params | None = None) -> Rows:
        try:
            return plans.run(self._connection or self._connected(), statement, parameters)
        except DBAPIError as error:
            return self._again(error, lambda connection: plans.run(connection, statement, parameters))

    def number(self, text: str) -> int:
        """The one number that a constant statement finds. For what every request asks: SQLAlchemy costs ten times what
        the look-up does."""
        try:
            return _number(self._connection or self._connected(), text)
        except DBAPIError as error:
            return self._again(error, lambda connection: _number(connection, text))

    def _again(self, error: DBAPIError, run: Callable[[Connection], T]) -> T:
        """Once more where the connection was lost; any other trouble is the caller's."""
        if not error.connection_invalidated:
            _raise_own(error)
        self.close()
        with own_errors():
            return run(self._connected())

    def _connected(self) -> Connection:
        if self._connection is None:
            with own_errors():
                self._connection = self._engine.connect()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Database:
    def __init__(self, url: str, clock: Clock | None = None):
        self.url = _parsed(url)
        self.clock = clock or Clock()
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._reader_engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite lets one writer in at a time and makes the others poll; a lock here wakes the next one at once. The
        # one connection they share spares each transaction half its cost.
        self._writer = threading.Lock()
        self._writing: Connection | None = None
        self._local = threading.local()
        self._readers: list[Reader] = []
        self._readers_lock = threading.Lock()

    def read(self) -> Reader:
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._add_reader()
        return reader

    def _add_reader(self) -> Reader:
        """A thread that ended took no leave, so its connection is given back when the next thread comes."""
        reader = Reader(self._reader_engine)
        with self._readers_lock:
            ended = [each for each in self._readers if not each.thread.is_alive()]
            self._readers = [each for each in self._readers if each.thread.is_alive()]
            self._readers.append(reader)
        for each in ended:
            each.close()
        return reader

    @contextmanager
    def begin(self, caller: Caller) -> Iterator[Tx]:
        if getattr(self._local, "writing", False):
            raise RuntimeError("a transaction is open in this thread already; pass it on instead of beginning another")
        self._local.writing = True
        tx: Tx | None = None
        try:
            with own_errors(), self._write_transaction() as connection:
                tx = Tx(connection, caller)
                yield tx
                if tx._wrote and not tx._entries and caller is not SYSTEM:
                    raise RuntimeError("a write of a user without an audit entry: call tx.record in this transaction")
                at = self.clock.now() if tx._entries else None
                if at is not None:
                    audit.add(connection, caller, at, tx._entries)
                if not self.is_sqlite:
                    driver: Any = connection.connection.dbapi_connection
                    tx._committing = _Committing(driver.info.backend_pid, at)
        except DatabaseBusy:
            raise
        except DatabaseUnavailable:
            if tx is None or tx._committing is None or not self._was_kept(caller, tx._committing):
                raise
        finally:
            self._local.writing = False
        assert tx is not None
        for hook in tx._hooks:
            _run(hook)

    def _was_kept(self, caller: Caller, committing: _Committing) -> bool:
        """Whether the commit was done whose answer did not come; raises OutcomeUnknown when that is not to be found.

        The server's process may outlive the connection and commit late, so what is not there counts only without it.
        """
        deadline = time.monotonic() + OUTCOME_PATIENCE_S
        while committing.at is not None and caller.request_id and time.monotonic() < deadline:
            try:
                is_over = self.read().execute(IS_SESSION_LEFT, {"pid": committing.pid}).scalar_one() == 0
                if audit.is_there(self.read(), caller, committing.at):
                    return True
                if is_over:
                    return False
            except DatabaseUnavailable:
                logger.info("%s: the database is away and has a commit of ours; looking again", caller.request_id)
            time.sleep(OUTCOME_PAUSE_S)
        raise OutcomeUnknown

    @contextmanager
    def _write_transaction(self) -> Iterator[Connection]:
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._writer:
            connection, self._writing = self._writing or self.engine.connect(), None
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                # Whatever state it is in; the next transaction gets a new one.
                connection.close()
                raise
            self._writing = connection

    def close(self) -> None:
        with self._writer:
            if self._writing is not None:
                self._writing.close()
                self._writing = None
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._local = threading.local()
        self.engine.dispose()


def _number(connection: Connection, text: str) -> int:
    return int(plans.run_text(connection, text).fetchone()[0])


def _run(hook: Callable[[], None]) -> None:
    try:
        hook()
    except Exception:
        # What was asked for is committed; a hint that fails must not make it look refused.
        logger.exception("a hook after a commit failed")


@contextmanager
def own_errors() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        _raise_own(error)


def _raise_own(error: DBAPIError) -> NoReturn:
    """The engine's error as one of ours; what is a mistake of this program stays as it is."""
    # A refused connection has no statement; a broken one is marked as invalidated.
    if error.connection_invalidated or (isinstance(error, OperationalError) and error.statement is None):
        raise DatabaseUnavailable from error
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    if state in VICTIMS:
        raise DatabaseBusy from error
    if state in CONTRADICTIONS:
        raise Contradiction from error
    if isinstance(error, DataError):
        raise ValueRefused from error
    raise error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUrlInvalid from None  # its text may quote the password
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername=POSTGRESQL)
    if parsed.drivername not in ("sqlite", POSTGRESQL):
        raise DatabaseUrlInvalid
    return parsed


def _postgresql_engine(url: URL) -> Engine:
    far_away = {name: value for name, value in FAR_AWAY.items() if name not in url.query}
    engine = create_engine(url, pool_size=32, max_overflow=-1, connect_args=far_away)

    @event.listens_for(engine, "checkout")
    def look(connection: Any, entry: ConnectionPoolEntry, proxy: object) -> None:
        # An idle connection has nothing to read unless its server has closed it; a ping would cost a round trip.
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            raise DisconnectionError

    return engine


def _sqlite_engine(url: URL) -> Engine:
    # `check_same_thread` off: close() ends the readers of all threads; each is used by its own thread until then.
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": 60, "cached_statements": 512},
        pool_size=32,
        max_overflow=-1,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA case_sensitive_like=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns writer later can fail half way; one that starts as writer cannot.
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            plans.run_text(connection, "BEGIN IMMEDIATE")

    return engine
