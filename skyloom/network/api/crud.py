"""The five calls that every noun of the API has, out of its `Resource` and its collection.

List: any attribute filters, a repeated one by any of its values; `fields`, sorting and paging as in Neutron.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from skyloom.access import Caller
from skyloom.db.listing import Page, Sort
from skyloom.network.attributes import Attribute, Resource
from skyloom.network.errors import HTTPBadRequest
from skyloom.network.service import NetworkService
from skyloom.network.service.collection import Collection, Query
from skyloom.web.context import Context
from skyloom.web.paging import PARAMETERS, page_of
from skyloom.web.routes import Route

Ctx = Context[NetworkService]
TAG_FILTERS = frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})
NOT_FILTERS = PARAMETERS | {"fields"}


def crud(
    pick: Callable[[NetworkService], Any], resource: Resource, verbs: str = "list show create update delete"
) -> list[Route]:
    """Routes of one noun; `pick` finds its collection in the service."""
    path = f"/v2.0/{resource.path}"
    one = f"{path}/{{id}}"

    def list_(ctx: Ctx) -> Any:
        return listed(ctx, pick(ctx.service), resource)

    def show(ctx: Ctx, id: str) -> Any:
        return rendered(ctx, resource, pick(ctx.service).get(ctx.caller, id), ctx.many("fields"))

    def create(ctx: Ctx, body: dict[str, Any]) -> Any:
        bodies, is_bulk = unwrapped(body, resource)
        made = pick(ctx.service).create(ctx.caller, [resource.parse_new(item) for item in bodies])
        view = resource.shown_to(ctx.service.core.policy, ctx.caller)
        return {resource.plural: [view(thing) for thing in made]} if is_bulk else {resource.name: view(made[0])}

    def update(ctx: Ctx, body: dict[str, Any], id: str) -> Any:
        values = resource.parse_changes(enveloped(body, resource.name))
        return rendered(ctx, resource, pick(ctx.service).update(ctx.caller, id, values))

    def delete(ctx: Ctx, id: str) -> None:
        pick(ctx.service).delete(ctx.caller, id)

    noun = resource.name
    every = {
        "list": Route("GET", path, list_, f"get_{noun}"),
        "show": Route("GET", one, show, f"get_{noun}"),
        "create": Route("POST", path, create, f"create_{noun}", body=dict[str, Any], status=201),
        "update": Route("PUT", one, update, f"update_{noun}", body=dict[str, Any]),
        "delete": Route("DELETE", one, delete, f"delete_{noun}", status=204),
    }
    return [every[verb] for verb in verbs.split()]


def rendered(ctx: Ctx, resource: Resource, thing: Any, fields: Sequence[str] = ()) -> dict[str, Any]:
    return {resource.name: resource.shown_to(ctx.service.core.policy, ctx.caller, fields)(thing)}


def enveloped(body: dict[str, Any], name: str) -> Any:
    if set(body) != {name}:
        held = ", ".join(body) or "nothing"
        raise HTTPBadRequest(f"Unable to find '{name}' alone in request body: it holds {held}.", field=name)
    return body[name]


def unwrapped(body: dict[str, Any], resource: Resource) -> tuple[list[Any], bool]:
    """The new things in a body, and whether it is the bulk form."""
    if resource.plural in body:
        many = enveloped(body, resource.plural)
        if not isinstance(many, list) or not many:
            sentence = "Resources required: the bulk form takes a list of one at least."
            raise HTTPBadRequest(sentence, field=resource.plural)
        # Neutron takes each item with an envelope of its own as well.
        return [item[resource.name] if _is_enveloped(item, resource.name) else item for item in many], True
    return [enveloped(body, resource.name)], False


def _is_enveloped(item: Any, name: str) -> bool:
    return isinstance(item, dict) and list(item) == [name]


def listed(ctx: Ctx, collection: Collection[Any], resource: Resource) -> dict[str, Any]:
    page, is_reversed = _page(ctx, resource)
    found = list(collection.list(ctx.caller, _query(ctx, collection, resource, page)))
    if is_reversed:
        found.reverse()
    view = resource.shown_to(ctx.service.core.policy, ctx.caller, ctx.many("fields"))
    reply: dict[str, Any] = {resource.plural: [view(thing) for thing in found]}
    if page.limit is not None:
        reply[f"{resource.plural}_links"] = _links(ctx, resource, page, found, is_reversed)
    return reply


def _page(ctx: Ctx, resource: Resource) -> tuple[Page, bool]:
    sortable = {name for name, attribute in resource.by_name.items() if attribute.column}
    page = page_of(ctx, sortable, (Sort("id"),), max_limit=None)
    is_reversed = ctx.flag("page_reverse") is True
    sorts = [Sort(resource.by_name[sort.key].key, sort.descending != is_reversed) for sort in page.sorts]
    return Page(page.limit or None, page.marker or None, sorts), is_reversed


def _query(ctx: Ctx, collection: Collection[Any], resource: Resource, page: Page) -> Query:
    filters: dict[str, list[Any]] = {}
    tags: dict[str, list[str]] = {}
    special: dict[str, list[str]] = {}
    for name, value in ctx.query:
        attribute = resource.by_name.get(name)
        if name in NOT_FILTERS:
            continue
        if name in TAG_FILTERS and "tags" in resource.by_name:
            tags.setdefault(name, []).extend(value.split(","))
        elif name in collection.special:
            special.setdefault(name, []).append(value)
        elif attribute is not None and _may_filter(ctx, resource, attribute):
            filters.setdefault(attribute.key, []).append(collection.filter_value(attribute, value))
        else:
            raise HTTPBadRequest(f"['{name}'] is invalid attribute for filter of {resource.plural}.", field=name)
    return Query(page, filters, tags, special)


def _may_filter(ctx: Ctx, resource: Resource, attribute: Attribute) -> bool:
    """By what one may not see, one may not search."""
    caller: Caller = ctx.caller
    if not (attribute.column and attribute.filters):
        return False
    return not attribute.guarded or ctx.service.core.policy.allows(caller, f"get_{resource.name}:{attribute.name}")


def _links(ctx: Ctx, resource: Resource, page: Page, found: Sequence[Any], is_reversed: bool) -> list[dict[str, str]]:
    """Onward there is more when the page is full; back, when the page began behind a marker."""
    onward, back = len(found) == page.limit, page.marker is not None
    links: list[dict[str, str]] = []
    if back if is_reversed else onward:
        links.append({"rel": "next", "href": _href(ctx, resource, found[-1].id if found else None, False)})
    if onward if is_reversed else back:
        links.append({"rel": "previous", "href": _href(ctx, resource, found[0].id if found else None, True)})
    return links


def _href(ctx: Ctx, resource: Resource, marker: str | None, is_reversed: bool) -> str:
    """Beside an empty page lies the list's end, which is reached without a marker."""
    pairs = [(name, value) for name, value in ctx.query if name not in ("marker", "page_reverse")]
    if marker is not None:
        pairs.append(("marker", marker))
    if is_reversed:
        pairs.append(("page_reverse", "True"))
    return f"{ctx.base_url}/v2.0/{resource.path}?{urlencode(pairs)}"
