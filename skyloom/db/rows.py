"""What a statement found: all of it, read at once, and light."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import CursorResult
from sqlalchemy.exc import MultipleResultsFound, NoResultFound


class Rows:
    """Rows to be asked as SQLAlchemy's results are. `rowcount`: how many rows a change has met.

    A row is a tuple whose columns have names, too: `row.id`, `row._mapping["id"]`.
    """

    __slots__ = ("_items", "rowcount")

    def __init__(self, items: list[Any], rowcount: int):
        self._items = items
        self.rowcount = rowcount

    @classmethod
    def of(cls, result: CursorResult[Any]) -> "Rows":
        if not result.returns_rows:
            return cls([], result.rowcount)
        row = row_class(tuple(result.keys()))
        return cls([row(each) for each in result], result.rowcount)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def all(self) -> list[Any]:
        return self._items

    def first(self) -> Any:
        return self._items[0] if self._items else None

    def one(self) -> Any:
        if not self._items:
            raise NoResultFound("no row was found where one was expected")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        if len(self._items) > 1:
            raise MultipleResultsFound(f"{len(self._items)} rows were found where one was expected")
        return self._items[0] if self._items else None

    def scalars(self) -> "Rows":
        """The values of the first column."""
        return Rows([row[0] for row in self._items], self.rowcount)

    def mappings(self) -> "Rows":
        return Rows([row._mapping for row in self._items], self.rowcount)

    def scalar(self) -> Any:
        return self._items[0][0] if self._items else None

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        row = self.one_or_none()
        return None if row is None else row[0]


class NamedRow(tuple[Any, ...]):
    __slots__ = ()
    _fields: tuple[str, ...] = ()

    @property
    def _mapping(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))


@lru_cache(1024)
def row_class(names: Sequence[str]) -> type[NamedRow]:
    columns = {name: property(itemgetter(index)) for index, name in enumerate(names)}
    return type("NamedRow", (NamedRow,), {**columns, "__slots__": (), "_fields": names})
