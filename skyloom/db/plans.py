"""The short way of statements: compiled once, then straight to the driver.

What SQLAlchemy does for each execution (cache key, context, result) costs about ten times what SQLite needs for the
look-up itself. So each form of statement is compiled once into a plan: the text, how its parameters are bound, how its
columns are read. Forms are told apart by SQLAlchemy's own cache key. That of a module constant is remembered with it;
one that is built for a request (a list with filters) pays for being built and for its key, but for nothing after that.
What a plan would not do in exactly the same manner goes SQLAlchemy's way: texts, defaults of columns, long IN lists,
and parameters that do not fit (SQLAlchemy says best what is wrong with them).

What must stay true: rows, rowcounts and errors are the same on both ways.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Connection, Delete, Dialect, Executable, Insert, Update
from sqlalchemy.exc import DataError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

from skyloom.db.rows import NamedRow, Rows, row_class

Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Convert = Callable[[Any], Any]
Names = tuple[str, ...]
Own = Sequence[BindParameter[Any]]
"""The parameters of a statement; what the caller does not give has its value there."""
ReadAs = tuple[type[NamedRow], list[tuple[int, Convert]]]
"""The class of the rows, and the columns (by their place) that are converted."""
MOST = 2048
"""Forms of statements that are known; at more, all are forgotten and made anew."""
MOST_NAMES = 128
"""Sets of parameters that are known of one form: a change of what a caller names has very many."""
LONGEST_IN = 1024
"""An IN list is spelled out. Its last value stands there as often as is lacking to a power of two, so that lists of
all lengths get along with a few plans."""


def run(connection: Connection, statement: Executable, parameters: Params | None = None) -> Rows:
    """What `connection.execute` does; its errors are SQLAlchemy's."""
    if connection.dispatch.before_cursor_execute:
        return Rows.of(connection.execute(statement, parameters))  # who listens to SQLAlchemy misses nothing
    rows = [parameters or {}] if parameters is None or isinstance(parameters, Mapping) else parameters
    planned = _bound(connection.dialect, statement, rows)
    if planned is None:
        return Rows.of(connection.execute(statement, parameters))
    plan, bound = planned
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
    except OverflowError as error:
        raise DataError(plan.sql, None, error) from error  # as PostgreSQL calls it; SQLite's driver has no name for it
    return Rows(found, cursor.rowcount)


def run_text(connection: Connection, text: str) -> Any:
    """The driver's cursor of a constant statement without parameters, on the same short way."""
    driver: Any = connection.connection.dbapi_connection
    try:
        return driver.execute(text)
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, text, (), None, None)


class Bind(NamedTuple):
    """Where a parameter of the driver comes from: what the caller gives by `name`, the statement's own number `own`,
    or `constant`. `place`: which element, of an IN list."""

    name: str | None
    own: int | None
    place: int | None
    convert: Convert | None
    constant: Any = None


class Plan:
    """How a form of statement runs with parameters of certain names, and lists of certain lengths."""

    def __init__(self, family: "Family", example: Mapping[str, Any]):
        compiled = family.compiled
        state = compiled.construct_expanded_state(example)
        self.sql = state.statement
        self.returns_rows = isinstance(compiled.statement, SelectBase) or bool(compiled.effective_returning)
        self.takes_many = not self.returns_rows and not state.parameter_expansion
        self._columns = [(column.keyname, column.type) for column in compiled._result_columns]
        self._dialect = compiled.dialect
        self._read_as: ReadAs | None = None
        places = {
            each: (name, place)
            for name, spelled in state.parameter_expansion.items()
            for place, each in enumerate(spelled)
        }
        converts: dict[str, Any] = {**compiled._bind_processors, **state.processors}
        wanted = (state.positiontup or ()) if compiled.positional else tuple(state.parameters)
        self._names = None if compiled.positional else wanted
        self._binds = []
        for each in wanted:
            name, place = places.get(each, (each, None))
            self._binds.append(Bind(*family.sources[name], place, converts.get(each), state.parameters[each]))

    def bound(self, given: Mapping[str, Any], own: Own) -> tuple[Any, ...] | dict[str, Any]:
        """The parameters as the driver takes them."""
        values = []
        for name, number, place, convert, value in self._binds:
            if name is not None:
                value = given[name]
            elif number is not None:
                value = own[number].effective_value
            if place is not None:
                value = value[min(place, len(value) - 1)]
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
    """The plans of a form of statement with parameters of certain names: one for each length of its lists."""

    def __init__(self, dialect: Dialect, statement: Any, own: Own, example: Mapping[str, Any]):
        # What is compiled for many rows at once asks for nothing back that nobody asked for.
        asks_back = bool(getattr(statement, "_returning", ()))
        many = isinstance(statement, Insert) and not asks_back
        self.compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=list(example), for_executemany=many)
        self._keys = [bind.key for bind in own]
        numbers = {key: number for number, key in enumerate(self._keys)}
        self.sources: dict[str, tuple[str | None, int | None]] = {}
        self._lists = []
        for bind, name in self.compiled.bind_names.items():
            source = next((each for each in (bind.key, name) if each in example), None)
            self.sources[name] = source, None if source is not None else numbers.get(bind.key)
            if bind in self.compiled.post_compile_params:
                self._lists.append(self.sources[name])
        self._is_plain = _is_plain(self.compiled)
        self._plans: dict[tuple[int, ...], Plan] = {}

    def plan(self, given: Mapping[str, Any], own: Own) -> Plan | None:
        lists = [_value(source, given, own) for source in self._lists]
        lengths = tuple([_power(len(each)) for each in lists])
        plan = self._plans.get(lengths)
        if plan is None and self._is_plain and max(lengths, default=0) <= LONGEST_IN:
            values = {key: bind.effective_value for key, bind in zip(self._keys, own, strict=True) if not bind.required}
            values |= given
            for (name, number), each, length in zip(self._lists, lists, lengths, strict=True):
                values[name or self._keys[number or 0]] = [*each, *each[-1:] * (length - len(each))]
            plan = self._plans[lengths] = Plan(self, values)
        return plan


def _power(length: int) -> int:
    """The next power of two; 0 of 0."""
    return 1 << (length - 1).bit_length() if length else 0


def _value(source: tuple[str | None, int | None], given: Mapping[str, Any], own: Own) -> Any:
    name, number = source
    return given[name] if name is not None else own[number or 0].effective_value


def _is_plain(compiled: SQLCompiler) -> bool:
    """Whether a plan can do all that SQLAlchemy would."""
    is_like_text = compiled._textual_ordered_columns or compiled._loose_column_name_matching
    defaults = [*compiled.insert_prefetch, *compiled.update_prefetch]
    return not (is_like_text or defaults or compiled.literal_execute_params or compiled.escaped_bind_names)


class Form(NamedTuple):
    """A statement's form, shared with those that look alike, and the values that are its own."""

    families: dict[Names, Family | None]
    own: Own


class Known:
    """What is known of one engine's statements."""

    def __init__(self) -> None:
        self._families: dict[Any, dict[Names, Family | None]] = {}
        self._forms: WeakKeyDictionary[Any, Form | None] = WeakKeyDictionary()

    def form(self, statement: Any) -> Form | None:
        """None for a statement that is no plan's business."""
        try:
            return self._forms[statement]
        except KeyError:
            key = statement._generate_cache_key() if isinstance(statement, PLANNED) else None
        form = None
        if key is not None:
            if len(self._families) >= MOST:
                self._families.clear()
                self._forms.clear()
            form = Form(self._families.setdefault(key.key, {}), key.bindparams)
        self._forms[statement] = form
        return form


PLANNED = (SelectBase, Insert, Update, Delete)
_known: dict[str, Known] = {}


def _bound(
    dialect: Dialect, statement: Executable, rows: Sequence[Mapping[str, Any]]
) -> tuple[Plan, list[tuple[Any, ...] | dict[str, Any]]] | None:
    """The plan with what it sends for each row of parameters; None: SQLAlchemy shall do it."""
    try:
        plan, own = _plan(dialect, statement, rows[0] if rows else {})
        if plan is None or (len(rows) != 1 and not (rows and plan.takes_many)):
            return None
        return plan, [plan.bound(row, own) for row in rows]
    except Exception:  # noqa: BLE001 - SQLAlchemy meets it again, and tells what is wrong
        return None


def _plan(dialect: Dialect, statement: Executable, given: Mapping[str, Any]) -> tuple[Plan | None, Own]:
    known = _known.get(dialect.name)
    if known is None:
        known = _known.setdefault(dialect.name, Known())
    form = known.form(statement)
    if form is None:
        return None, ()
    families, own = form
    names = tuple(given)
    if names not in families:
        if len(families) >= MOST_NAMES:
            families.clear()
        families[names] = None
        families[names] = Family(dialect, statement, own, given)
    family = families.get(names)
    return (None if family is None else family.plan(given, own)), own
