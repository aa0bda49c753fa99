"""Paging and sorting parameters, as all OpenStack services spell them, and the link to the next page."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from skyloom.db.listing import Page, Sort
from skyloom.errors import BadRequest
from skyloom.web.context import Context

PARAMETERS = frozenset({"limit", "marker", "sort_key", "sort_dir", "sort", "page_reverse"})


class SortInvalid(BadRequest):
    code = "request.sort_invalid"


class LimitInvalid(BadRequest):
    code = "request.limit_invalid"


def page_of(
    ctx: Context[Any],
    sortable: Collection[str],
    default: tuple[Sort, ...],
    max_limit: int | None = 1000,
    unique: str = "id",
    refuse_over_limit: bool = False,
) -> Page:
    """What `limit`, `marker`, `sort_key`/`sort_dir` or `sort=key:dir,key` ask for, ended by the `unique` key.

    A `limit` over `max_limit` is lowered to it, as the services do. A missing one is `max_limit`.
    """
    limit = ctx.whole("limit")
    if limit is not None and max_limit is not None and limit > max_limit and refuse_over_limit:
        raise LimitInvalid(f"limit is {limit}; at most {max_limit} items are given at once.", field="limit")
    if limit is None or (max_limit is not None and limit > max_limit):
        limit = max_limit
    sorts = _sorts(ctx, sortable) or list(default)
    if all(sort.key != unique for sort in sorts):
        sorts.append(Sort(unique, sorts[-1].descending if sorts else False))
    return Page(limit, ctx.one("marker"), sorts)


def next_url(ctx: Context[Any], path: str, marker: str) -> str:
    """The URL of the page after the item `marker`; `path` below the API's base."""
    pairs = [(name, value) for name, value in ctx.query if name != "marker"]
    return f"{ctx.base_url}{path}?{urlencode([*pairs, ('marker', marker)])}"


def _sorts(ctx: Context[Any], sortable: Collection[str]) -> list[Sort]:
    keys, directions = ctx.many("sort_key"), ctx.many("sort_dir")
    if len(directions) > len(keys) and keys:
        raise SortInvalid("There are more sort_dir than sort_key parameters; give one sort_dir for each sort_key.")
    asked = [(key, directions[n] if n < len(directions) else "") for n, key in enumerate(keys)]
    for text in ctx.many("sort"):
        asked += [(key, direction) for key, _, direction in (part.partition(":") for part in text.split(",") if part)]
    return [_sort(key.strip(), direction.strip().lower(), sortable) for key, direction in asked]


def _sort(key: str, direction: str, sortable: Collection[str]) -> Sort:
    if key not in sortable:
        raise SortInvalid(f"Sorting by {key!r} is not possible; the sort keys are {', '.join(sorted(sortable))}.")
    if direction not in ("", "asc", "desc"):
        raise SortInvalid(f"The sort direction {direction!r} is unknown; use asc or desc.")
    return Sort(key, direction == "desc")
