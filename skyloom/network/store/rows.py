"""The SQL that all nouns share: one row by id, lists by filters and pages, writes that raise the revision."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    type_coerce,
    update,
)

from skyloom.db import Sql, Tx
from skyloom.db.batches import AT_ONCE, batched
from skyloom.db.listing import Page, paged

M = TypeVar("M", bound=msgspec.Struct)
LISTS = list, tuple
ID = attrgetter("id")
Elsewhere = Callable[[Sequence[Any]], ColumnElement[bool]]
LOOKER: BindParameter[str] = bindparam("looker")
"""The project that looks, in the condition on what it may see."""


class Sight(Enum):
    OF_EVERYTHING = "of everything"


EVERYTHING: Final = Sight.OF_EVERYTHING
By = str | Literal[Sight.OF_EVERYTHING] | None
"""Whose sight counts: that project's, nobody's project's (what belongs to none is still not its own), or EVERYTHING."""


def one_of(column: ColumnElement[Any], name: str = "wanted") -> ColumnElement[bool]:
    return column.in_(bindparam(name, expanding=True))


def in_chunks(sql: Sql, statement: Select[Any], wanted: Sequence[Any]) -> Iterator[Any]:
    """The rows of a constant statement with `one_of`, for any number of values."""
    for part in _parts({"wanted": wanted}):
        yield from sql.execute(statement, part)


def _parts(given: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`given` as often as it takes for AT_ONCE values of each list at a time; never, when a list is empty."""
    for name, value in given.items():
        if isinstance(value, LISTS) and not 0 < len(value) <= AT_ONCE:
            for some in batched(value):
                yield from _parts({**given, name: some})
            return
    yield given


class Rows(Generic[M]):
    """`make` is the struct of one row, its fields in the order of the columns of `query`.

    `seen`: the condition on what the project LOOKER may see; without it, its own. The verbs that look take that
    project as `by`. `elsewhere`: what lists are filtered by and other tables hold.
    """

    def __init__(
        self,
        table: Table,
        make: type[M],
        query: Select[Any] | None = None,
        seen: ColumnElement[bool] | None = None,
        elsewhere: Mapping[str, Elsewhere] | None = None,
    ):
        self.table = table
        self.make = make
        self.query = select(*table.c) if query is None else query
        self.names = tuple(table.c.keys())
        self._seen = table.c.project_id == LOOKER if seen is None else seen
        self._elsewhere = elsewhere or {}
        self._one = self.query.where(table.c.id == bindparam("wanted"))
        self._one_seen = self._one.where(self._seen)
        self._order = table.c.created_at, table.c.id
        self._finders: dict[Any, Select[Any]] = {}
        self._add = insert(table)
        self._remove = delete(table).where(table.c.id == bindparam("wanted"))
        self._touch = (
            update(table)
            .where(table.c.id == bindparam("wanted"))
            .values(revision_number=table.c.revision_number + 1, updated_at=bindparam("at"))
        )

    def get(self, sql: Sql, id: str) -> M | None:
        row = sql.execute(self._one, {"wanted": id}).first()
        return None if row is None else self.make(*row)

    def get_visible(self, sql: Sql, id: str, by: By) -> M | None:
        if by is EVERYTHING:
            return self.get(sql, id)
        row = sql.execute(self._one_seen, {"wanted": id, "looker": by}).first()
        return None if row is None else self.make(*row)

    def find(self, sql: Sql, *conditions: ColumnElement[bool], by: By = EVERYTHING, **fields: Any) -> list[M]:
        """Those whose fields have these values, or one of the values of a list, in the order of creation.

        `conditions` are constants: the statement is kept by them and by the names of the fields.
        """
        seen, looker = self._sight(by)
        shape = tuple([(name, isinstance(value, LISTS)) for name, value in fields.items()])
        key = by is EVERYTHING, shape, conditions
        statement = self._finders.get(key)
        if statement is None:
            own = [self._is(name, is_list) for name, is_list in shape]
            statement = self._finders[key] = self.query.where(*seen, *own, *conditions).order_by(*self._order)
        return [self.make(*row) for part in _parts({**fields, **looker}) for row in sql.execute(statement, part)]

    def _is(self, field: str, is_list: bool) -> ColumnElement[bool]:
        column = self.column(field)
        return one_of(column, field) if is_list else column == bindparam(field)

    def page(
        self,
        sql: Sql,
        page: Page,
        by: By,
        filters: Mapping[str, Sequence[Any]],
        tags: Mapping[str, Sequence[str]],
    ) -> list[M] | None:
        """`filters`: field -> any of its values; `tags`: as `_tagged`. None when no row is the page's marker."""
        columns = {sort.key: self._never_null(sort.key) for sort in page.sorts}
        marker = None
        if page.marker is not None:
            keys = select(*(column.label(key) for key, column in columns.items()))
            marker = sql.execute(keys.where(self.table.c.id == page.marker)).mappings().first()
            if marker is None:
                return None
        seen, looker = self._sight(by)
        matching = [self._matching(field, values) for field, values in filters.items()]
        tagged = [self._tagged(name, values) for name, values in tags.items()]
        statement = paged(self.query.where(*seen, *matching, *tagged), columns, page, marker)
        return [self.make(*row) for row in sql.execute(statement, looker)]

    def by_ids(self, sql: Sql, ids: Sequence[str]) -> dict[str, M]:
        return {ID(row): row for row in self.find(sql, id=ids)}

    def _sight(self, by: By) -> tuple[list[ColumnElement[bool]], dict[str, str | None]]:
        return ([], {}) if by is EVERYTHING else ([self._seen], {"looker": by})

    def add(self, tx: Tx, thing: M) -> None:
        tx.execute(self._add, self.values(thing))

    def values(self, thing: M) -> dict[str, Any]:
        return {name: getattr(thing, name) for name in self.names}

    def change(self, tx: Tx, id: str, at: datetime, values: Mapping[str, Any]) -> None:
        """Write `values` by field and raise the revision; what was derived from other tables is left out."""
        own = {name: values[name] for name in self.names if name in values}
        tx.execute(self._touch, {"wanted": id, "at": at, **own})

    def touch(self, tx: Tx, id: str, at: datetime) -> bool:
        """Raise the revision, and with it keep other writers out of this thing until the end; False: it is gone."""
        return tx.execute(self._touch, {"wanted": id, "at": at}).rowcount == 1

    def remove(self, tx: Tx, id: str) -> bool:
        return tx.execute(self._remove, {"wanted": id}).rowcount == 1

    def _matching(self, field: str, values: Sequence[Any]) -> ColumnElement[bool]:
        """Any of the values; None and the empty text are the same to a filter."""
        if field in self._elsewhere:
            return self._elsewhere[field](values)
        column = self.column(field)
        given = [value for value in values if value is not None]
        condition: ColumnElement[bool] = column.in_(given)
        if len(given) == len(values):
            return condition
        if column.nullable:
            return or_(condition, column.is_(None))
        return or_(condition, column == "") if self.type_of(field) is str else condition

    def type_of(self, field: str) -> type:
        return self.column(field).type.python_type

    def column(self, field: str) -> Any:
        return self.table.c[field] if field in self.table.c else self.query.selected_columns[field]

    def _tagged(self, name: str, tags: Sequence[str]) -> ColumnElement[bool]:
        """`tags` (all), `tags-any`, `not-tags` (not all), `not-tags-any` (none)."""
        found = [self._has_tag(tag) for tag in tags] or [false()]
        condition = or_(*found) if name.endswith("-any") else and_(*found)
        return not_(condition) if name.startswith("not-") else condition

    def _has_tag(self, tag: str) -> ColumnElement[bool]:
        # In the JSON text a quote inside of a tag follows a backslash; only that of a whole tag follows [ or a comma.
        written = msgspec.json.encode(tag).decode()
        column = type_coerce(self.table.c.tags, Text)
        return or_(column.contains(f"[{written}", autoescape=True), column.contains(f",{written}", autoescape=True))

    def _never_null(self, field: str) -> ColumnElement[Any]:
        column = self.column(field)
        if not column.nullable:
            return column
        return func.coalesce(column, 0 if self.type_of(field) is int else "")
