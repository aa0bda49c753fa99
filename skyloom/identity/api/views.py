"""The forms in which Keystone's API shows things: a resource with its link, a collection with its links."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from skyloom.identity.model import Record
from skyloom.identity.service import IdentityService
from skyloom.web.context import Context

Ctx = Context[IdentityService]


def resource(ctx: Ctx, noun: str, plural: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {noun: with_link(ctx, plural, record)}


def with_link(ctx: Ctx, plural: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {**record, "links": {"self": f"{ctx.base_url}/v3/{plural}/{record['id']}"}}


def collection(
    ctx: Ctx, plural: str, records: Sequence[Record], path: str | None = None, truncated: bool = False
) -> dict[str, Any]:
    """`path`: where the items live, if that is not the collection's own path; the list's own URL is the request's."""
    shown = listed(ctx, plural, [with_link(ctx, path or plural, record) for record in records])
    if truncated:
        pairs = [(name, value) for name, value in ctx.query if name != "marker"]
        own = shown["links"]["self"].partition("?")[0]
        shown["links"]["next"] = f"{own}?{urlencode([*pairs, ('marker', records[-1]['id'])])}"
        shown["truncated"] = True
    return shown


def listed(ctx: Ctx, plural: str, items: Sequence[Any]) -> dict[str, Any]:
    """A collection of what is shown already."""
    return {plural: items, "links": {"next": None, "self": own_url(ctx), "previous": None}}


def own_url(ctx: Ctx) -> str:
    path = ctx.request.path.removeprefix("/identity").rstrip("/")
    query = f"?{ctx.request.query}" if ctx.request.query else ""
    return f"{ctx.base_url}{path}{query}"
