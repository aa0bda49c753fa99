"""Pages of a list, found by key and not by counting: the thousandth page costs what the first does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_


@dataclass(frozen=True, slots=True)
class Sort:
    key: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, in which order. `marker` is the id of the last item of the page before."""

    limit: int | None = None
    marker: str | None = None
    sorts: Sequence[Sort] = ()


def paged(
    statement: Select[Any],
    columns: Mapping[str, ColumnElement[Any]],
    page: Page,
    marker: Mapping[str, Any] | None,
) -> Select[Any]:
    """`statement` in the page's order, begun after `marker` (the marker row's values by sort key).

    `columns` are never NULL (use coalesce); the last sort key must be unique, or rows of equal keys are lost.
    """
    for sort in page.sorts:
        column = columns[sort.key]
        statement = statement.order_by(column.desc() if sort.descending else column.asc())
    if marker is not None:
        later: list[ColumnElement[bool]] = []
        same: list[ColumnElement[bool]] = []
        for sort in page.sorts:
            column, value = columns[sort.key], marker[sort.key]
            later.append(and_(*same, column < value if sort.descending else column > value))
            same.append(column == value)
        # The bound of the first key alone says nothing new, but leads the engines into the index.
        first = page.sorts[0]
        column, value = columns[first.key], marker[first.key]
        statement = statement.where(column <= value if first.descending else column >= value, or_(*later))
    return statement if page.limit is None else statement.limit(page.limit)
