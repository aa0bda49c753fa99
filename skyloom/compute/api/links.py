"""Links and times as Nova writes them."""

from datetime import datetime
from typing import Any

from skyloom.web.context import Context

Links = list[dict[str, str]]


def links(ctx: Context[Any], path: str) -> Links:
    """`path` below the version; the bookmark has no version in it."""
    return [
        {"rel": "self", "href": f"{ctx.base_url}/v2.1/{path}"},
        {"rel": "bookmark", "href": f"{ctx.base_url}/{path}"},
    ]


def bookmark(ctx: Context[Any], path: str) -> Links:
    return [{"rel": "bookmark", "href": f"{ctx.base_url}/{path}"}]


def zulu(at: datetime | None) -> str | None:
    """2026-01-31T12:00:00Z"""
    return None if at is None else at.isoformat()[:19] + "Z"


def micros(at: datetime | None) -> str | None:
    """2026-01-31T12:00:00.000000"""
    return None if at is None else at.isoformat(timespec="microseconds")[:26]
