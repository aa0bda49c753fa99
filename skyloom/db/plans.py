"""The short way of constant statements: compiled once, then straight to the driver.

Most statements are module constants, and what SQLAlchemy does anew for each execution (cache key, context, result)
costs about ten times what SQLite needs for the look-up itself. So a statement that comes a second time is kept with
its plans: the text, how its parameters are bound, how its columns are read. One that is built for a single request
comes once and takes SQLAlchemy's way, and so does all that a plan would not do in exactly the same manner: texts,
defaults of columns, long IN lists, parameters that do not fit (SQLAlchemy says best what is wrong with them).

What must stay true: rows, rowcounts and errors are the same on both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Delete, Dialect, Executable, Insert, Update
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

from skyloom.db.rows import NamedRow, Rows, row_class

Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Convert = Callable[[Any], Any]
Names = tuple[str, ...]
ReadAs = tuple[type[NamedRow], list[tuple[int, Convert]]]
"""The class of the rows, and the columns (by their place) that are converted."""
MOST = 4096
"""Statements that are known; at more, they are forgotten and made anew: some program repeats what it builds."""
LONGEST_IN = 32
"""An IN list is spelled out, so each length has a plan of its own; what asks for more reads many rows anyway."""


def run(connection: Connection, statement: Executable, parameters: Params | None = None) -> Rows:
    """What `connection.execute` does; its errors are SQLAlchemy's."""
    if connection.dispatch.before_cursor_execute:
        return Rows.of(connection.execute(statement, parameters))  # who listens to SQLAlchemy misses nothing
    rows = [parameters or {}] if parameters is None or isinstance(parameters, Mapping) else parameters
    plan = _plan(connection.dialect, statement, rows[0]) if rows else None
    if plan is None or (len(rows) > 1 and not plan.takes_many):
        return Rows.of(connection.execute(statement, parameters))
    try:
        bound = [plan.bound(row) for row in rows]
    except Exception:  # noqa: BLE001 - SQLAlchemy binds it once more and tells what is wrong
        return Rows.of(connection.execute(statement, parameters))
    driver: Any = connection.connection.dbapi_connection
    cursor = driver.cursor()
    try:
        if len(bound) == 1:
            cursor.execute(plan.sql, bound[0])
        else:
            cursor.executemany(plan.sql, bound)
        found = plan.read(cursor) if plan.returns_rows else []
    except connection.dialect.loaded_dbapi.Error as error:
        # Raises the same as for its own executions, and gives up a connection that is lost.
        connection._handle_dbapi_exception(error, plan.sql, bound[0] if len(bound) == 1 else bound, cursor, None)
    return Rows(found, cursor.rowcount)


class Bind(NamedTuple):
    """Where a parameter of the driver comes from: the caller's of that name (of a list: its place there), or
    `constant`."""

    name: str | None
    place: int | None
    convert: Convert | None
    constant: Any = None


class Plan:
    """How one statement runs with parameters of certain names, and lists of certain lengths."""

    def __init__(self, compiled: SQLCompiler, example: Mapping[str, Any]):
        state = compiled.construct_expanded_state(example)
        self.sql = state.statement
        self.returns_rows = isinstance(compiled.statement, SelectBase) or bool(compiled.effective_returning)
        self.takes_many = not self.returns_rows and not state.parameter_expansion
        self._columns = [(column.keyname, column.type) for column in compiled._result_columns]
        self._dialect = compiled.dialect
        self._read_as: ReadAs | None = None
        sources = {name: _source(bind.key, name, example) for bind, name in compiled.bind_names.items()}
        places = {
            each: (name, place)
            for name, spelled in state.parameter_expansion.items()
            for place, each in enumerate(spelled)
        }
        self._names = None if compiled.positional else tuple(state.parameters)
        converts: dict[str, Any] = {**compiled._bind_processors, **state.processors}
        self._binds = []
        for each in (state.positiontup or ()) if compiled.positional else state.parameters:
            name, place = places.get(each, (each, None))
            convert, source, value = converts.get(each), sources[name], state.parameters[each]
            if source is None:
                self._binds.append(Bind(None, None, None, convert(value) if convert else value))
            else:
                self._binds.append(Bind(source, place, convert))

    def bound(self, given: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """The parameters as the driver takes them."""
        values = []
        for name, place, convert, constant in self._binds:
            if name is None:
                values.append(constant)
                continue
            value = given[name] if place is None else given[name][place]
            values.append(value if convert is None else convert(value))
        return tuple(values) if self._names is None else dict(zip(self._names, values, strict=True))

    def read(self, cursor: Any) -> list[Any]:
        row, converts = self._read_as or self._reading(cursor)
        found = cursor.fetchall()
        if not converts:
            return list(map(row, found))
        rows = []
        for each in found:
            values = list(each)
            for index, convert in converts:
                values[index] = convert(values[index])
            rows.append(row(values))
        return rows

    def _reading(self, cursor: Any) -> ReadAs:
        """Known when the driver has told the types of the columns."""
        converts: list[tuple[int, Convert]] = []
        for index, ((_, kind), told) in enumerate(zip(self._columns, cursor.description, strict=True)):
            convert = kind._cached_result_processor(self._dialect, told[1])
            if convert is not None:
                converts.append((index, convert))
        read_as = row_class(tuple(name for name, _ in self._columns)), converts
        self._read_as = read_as
        return read_as


class Family:
    """The plans of a statement with parameters of certain names: one for each length of its lists."""

    def __init__(self, dialect: Dialect, statement: Any, example: Mapping[str, Any]):
        # What is compiled for many rows at once asks for nothing back that nobody asked for.
        asks_back = bool(getattr(statement, "_returning", ()))
        is_insert = isinstance(statement, Insert)
        compiled: SQLCompiler = statement.compile(
            dialect=dialect, column_keys=list(example), for_executemany=is_insert and not asks_back
        )
        keys = [bind.key for bind in compiled.post_compile_params]
        self._lists = [key for key in keys if key in example]
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._is_plain = _is_plain(compiled)
        # It holds on to its statement, so it stays only where it is needed again.
        self._compiled = compiled if self._lists else None
        if self._is_plain and not self._lists:
            self._plans[()] = Plan(compiled, example)

    def plan(self, given: Mapping[str, Any]) -> Plan | None:
        lengths = tuple([len(given[name]) for name in self._lists])
        plan = self._plans.get(lengths)
        if plan is None and self._compiled is not None and self._is_plain and max(lengths) <= LONGEST_IN:
            plan = self._plans[lengths] = Plan(self._compiled, given)
        return plan


def _is_plain(compiled: SQLCompiler) -> bool:
    """Whether a plan can do all that SQLAlchemy would."""
    is_like_text = compiled._textual_ordered_columns or compiled._loose_column_name_matching
    defaults = [*compiled.insert_prefetch, *compiled.update_prefetch]
    late = compiled.literal_execute_params or compiled.escaped_bind_names
    calls = any(bind.callable is not None for bind in compiled.bind_names)
    return not (is_like_text or defaults or late or calls)


_families: dict[str, WeakKeyDictionary[Any, dict[Names, Family | None]]] = {}
"""By engine, statement, and names of the parameters; None for what cannot be compiled with these."""


def _plan(dialect: Dialect, statement: Executable, given: Mapping[str, Any]) -> Plan | None:
    if not isinstance(statement, (SelectBase, Insert, Update, Delete)):
        return None
    known = _families.get(dialect.name)
    if known is None or len(known) > MOST:
        known = _families[dialect.name] = WeakKeyDictionary()
    families = known.get(statement)
    if families is None:
        known[statement] = {}
        return None
    names = tuple(given)
    try:
        if names not in families:
            families[names] = None
            families[names] = Family(dialect, statement, given)
        family = families[names]
        return None if family is None else family.plan(given)
    except Exception:  # noqa: BLE001 - SQLAlchemy meets it, too, and tells what is wrong
        return None


def _source(key: str, name: str, given: Mapping[str, Any]) -> str | None:
    """The parameter of the caller for a parameter of the statement; None: the statement has the value itself."""
    return next((each for each in (key, name) if each in given), None)
