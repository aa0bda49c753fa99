"""The SQL of the plain resources: one set of statements, made from the description of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from skyloom.db import Sql
from skyloom.db.listing import Page, Sort, paged
from skyloom.identity.errors import Duplicate, MarkerNotFound
from skyloom.identity.model import Match
from skyloom.identity.resources import Resource


class Records:
    """Rows of one resource, as mappings by column name."""

    def __init__(self, resource: Resource):
        self.resource = resource
        self.table = resource.table
        only = [self.table.c[name] == value for name, value in resource.only.items()]
        self._all = select(self.table).where(*only) if only else select(self.table)
        self._get = self._all.where(self.table.c.id == bindparam("wanted"))
        self._add = insert(self.table)
        self._change = update(self.table).where(self.table.c.id == bindparam("wanted"))
        self._remove = delete(self.table).where(self.table.c.id == bindparam("wanted"))

    def get(self, sql: Sql, record_id: str) -> Mapping[str, Any] | None:
        row = sql.execute(self._get, {"wanted": record_id}).first()
        return None if row is None else dict(row._mapping)

    def list(
        self,
        sql: Sql,
        filters: Mapping[str, Any],
        page: Page,
        matches: Sequence[Match] = (),
        also: Sequence[ColumnElement[bool]] = (),
    ) -> Sequence[Mapping[str, Any]]:
        """Rows with the filters' values (a list: any of them), in the page's order."""
        columns = self.table.c
        tests: list[ColumnElement[bool]] = [
            columns[name].in_(value) if isinstance(value, (list, tuple)) else columns[name] == value
            for name, value in filters.items()
        ]
        tests += [_test(columns[match.name], match) for match in matches]
        statement = self._all.where(and_(*tests, *also)) if tests or also else self._all
        marker = self.get(sql, page.marker) if page.marker else None
        if page.marker and marker is None:
            raise MarkerNotFound(page.marker)
        keys = {sort.key: columns[sort.key] for sort in page.sorts}
        return [dict(row._mapping) for row in sql.execute(paged(statement, keys, page, marker))]

    def any(self, sql: Sql, **filters: Any) -> bool:
        """Whether there is a row with these values."""
        return bool(self.list(sql, filters, Page(limit=1, sorts=(Sort("id"),))))

    def add(self, sql: Sql, row: Mapping[str, Any]) -> None:
        self._stored(sql, self._add, row, row)

    def change(self, sql: Sql, record_id: str, row: Mapping[str, Any]) -> None:
        if row:
            self._stored(
                sql, self._change.values({name: bindparam(name) for name in row}), {**row, "wanted": record_id}, row
            )

    def remove(self, sql: Sql, record_id: str) -> None:
        sql.execute(self._remove, {"wanted": record_id})

    def _stored(self, sql: Sql, statement: Any, parameters: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        try:
            sql.execute(statement, parameters)
        except IntegrityError as error:
            raise Duplicate(self.resource.noun, str(row.get("name", row.get("id", "")))) from error


def escaped(text: str) -> str:
    """The text as LIKE takes it with the escape "/", so that nothing in it stands for something else."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _test(column: ColumnElement[Any], match: Match) -> ColumnElement[bool]:
    text, word = match.value, match.comparison
    if word.startswith("i"):
        column, text, word = func.lower(column), text.lower(), word[1:]
    match word:
        case "startswith":
            # As one value, and not as an expression: so the engines find the start in an index.
            return column.like(f"{escaped(text)}%", escape="/")
        case "endswith":
            return column.endswith(text, autoescape=True)
        case "contains":
            return column.contains(text, autoescape=True)
    return column == text
