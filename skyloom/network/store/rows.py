"""The SQL that all nouns share: one row by id, lists by filters and pages, writes that raise the revision."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

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
from skyloom.db.listing import Page, paged

M = TypeVar("M", bound=msgspec.Struct)
CHUNK = 500
"""Ids in one IN list; more of them would exceed what the engines bind."""


LOOKER: BindParameter[str] = bindparam("looker")
"""The project that looks, in the condition on what it may see."""


def one_of(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """For `in_chunks`."""
    return column.in_(bindparam("wanted", expanding=True))


def in_chunks(sql: Sql, statement: Select[Any], wanted: Sequence[Any]) -> Iterator[Any]:
    """The rows of a constant statement with `one_of`, for any number of values."""
    for start in range(0, len(wanted), CHUNK):
        yield from sql.execute(statement, {"wanted": list(wanted[start : start + CHUNK])})


class Rows(Generic[M]):
    """`make` is the struct of one row, its fields in the order of the columns of `query`.

    `seen`: the condition on what the project LOOKER may see; without it, its own. The verbs that look take that
    project as `by`; None sees everything.
    """

    def __init__(
        self,
        table: Table,
        make: type[M],
        query: Select[Any] | None = None,
        seen: ColumnElement[bool] | None = None,
    ):
        self.table = table
        self.make = make
        self.query = select(*table.c) if query is None else query
        self.names = tuple(table.c.keys())
        self._seen = table.c.project_id == LOOKER if seen is None else seen
        self._one = self.query.where(table.c.id == bindparam("wanted"))
        self._one_seen = self._one.where(self._seen)
        self._order = table.c.created_at, table.c.id
        self._finders: dict[tuple[ColumnElement[Any], ...], Select[Any]] = {}
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

    def get_visible(self, sql: Sql, id: str, by: str | None) -> M | None:
        if by is None:
            return self.get(sql, id)
        row = sql.execute(self._one_seen, {"wanted": id, "looker": by}).first()
        return None if row is None else self.make(*row)

    def find(self, sql: Sql, *conditions: ColumnElement[bool], by: str | None = None) -> list[M]:
        """In the order of creation."""
        seen, looker = self._sight(by)
        statement = self.query.where(*seen, *conditions).order_by(*self._order)
        return [self.make(*row) for row in sql.execute(statement, looker)]

    def find_in(
        self, sql: Sql, column: ColumnElement[Any], values: Sequence[Any], *conditions: ColumnElement[bool]
    ) -> list[M]:
        """Those whose `column` is one of many values. `conditions` are constants: the statement is kept by them."""
        key = column, *conditions
        statement = self._finders.get(key)
        if statement is None:
            statement = self._finders[key] = self.query.where(one_of(column), *conditions).order_by(*self._order)
        return [self.make(*row) for row in in_chunks(sql, statement, values)]

    def page(self, sql: Sql, page: Page, by: str | None, *conditions: ColumnElement[bool]) -> list[M] | None:
        """None when there is no row of the page's marker."""
        columns = {sort.key: self._never_null(sort.key) for sort in page.sorts}
        marker = None
        if page.marker is not None:
            keys = select(*(column.label(key) for key, column in columns.items()))
            marker = sql.execute(keys.where(self.table.c.id == page.marker)).mappings().first()
            if marker is None:
                return None
        seen, looker = self._sight(by)
        statement = paged(self.query.where(*seen, *conditions), columns, page, marker)
        return [self.make(*row) for row in sql.execute(statement, looker)]

    def by_ids(self, sql: Sql, ids: Sequence[str]) -> dict[str, M]:
        return {row.id: row for row in self.find_in(sql, self.table.c.id, ids)}  # type: ignore[attr-defined]

    def _sight(self, by: str | None) -> tuple[list[ColumnElement[bool]], dict[str, str]]:
        return ([], {}) if by is None else ([self._seen], {"looker": by})

    def add(self, tx: Tx, thing: M) -> None:
        tx.execute(self._add, self.values(thing))

    def values(self, thing: M) -> dict[str, Any]:
        return {name: getattr(thing, name) for name in self.names}

    def change(self, tx: Tx, id: str, at: datetime, values: Mapping[str, Any]) -> None:
        """Write `values` by field and raise the revision; what was derived from other tables is left out."""
        own = {name: value for name, value in values.items() if name in self.names}
        raised = self.table.c.revision_number + 1
        tx.execute(update(self.table).where(self.table.c.id == id).values(**own, revision_number=raised, updated_at=at))

    def touch(self, tx: Tx, id: str, at: datetime) -> bool:
        """Raise the revision, and with it keep other writers out of this thing until the end; False: it is gone."""
        return tx.execute(self._touch, {"wanted": id, "at": at}).rowcount == 1

    def remove(self, tx: Tx, id: str) -> bool:
        return tx.execute(self._remove, {"wanted": id}).rowcount == 1

    def matching(self, filters: Mapping[str, Sequence[Any]]) -> list[ColumnElement[bool]]:
        """A condition a field: any of its values; None and the empty text are the same to a filter."""
        conditions: list[ColumnElement[bool]] = []
        for field, values in filters.items():
            column = self.column(field)
            given = [value for value in values if value is not None]
            condition: ColumnElement[bool] = column.in_(given)
            if len(given) < len(values):
                condition = or_(condition, column.is_(None) if column.nullable else column == "")
            conditions.append(condition)
        return conditions

    def column(self, field: str) -> Any:
        return self.table.c[field] if field in self.table.c else self.query.selected_columns[field]

    def tagged(self, name: str, tags: Sequence[str]) -> ColumnElement[bool]:
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
        return func.coalesce(column, 0 if column.type.python_type is int else "")
