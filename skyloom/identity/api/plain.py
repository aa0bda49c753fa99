"""The five routes of each plain resource, made of its description."""

from dataclasses import replace
from typing import Any

from skyloom.db.listing import Page, Sort
from skyloom.identity.api.views import Ctx, collection, resource
from skyloom.identity.model import Match
from skyloom.identity.resources import Resource
from skyloom.identity.service.registry import Query, Registry
from skyloom.web.bodies import BodyInvalid
from skyloom.web.routes import Route

COMPARISONS = ("contains", "startswith", "endswith", "icontains", "istartswith", "iendswith", "iexact")
Body = dict[str, dict[str, Any]]


class Plain:
    """`prefix`: of an extension, before the collection's name. Only the methods in `methods` are routed: a new one is
    made by POST, or by PUT to an id of the client's choice."""

    def __init__(self, described: Resource, prefix: str = "", methods: str = "POST GET PATCH DELETE"):
        self.described = described
        self.place = f"{prefix}{described.collection}"
        self.methods = methods.split()

    def routes(self) -> list[Route]:
        noun, plural = self.described.noun, self.described.collection
        many, one = f"/v3/{self.place}", f"/v3/{self.place}/{{{noun}_id}}"
        routes = [
            Route("POST", many, self.create, f"identity:create_{noun}", body=Body, status=201),
            Route("PUT", one, self.create_named, f"identity:create_{noun}", body=Body, status=201),
            Route("GET", many, self.list, f"identity:list_{plural}"),
            Route("GET", one, self.show, f"identity:get_{noun}"),
            Route("PATCH", one, self.update, f"identity:update_{noun}", body=Body),
            Route("DELETE", one, self.delete, f"identity:delete_{noun}", status=204),
        ]
        return [route for route in routes if route.method in self.methods]

    def create(self, ctx: Ctx, body: Body) -> Any:
        return self._shown(ctx, self._registry(ctx).create(ctx.caller, inner(body, self.described.noun)))

    def create_named(self, ctx: Ctx, body: Body, **at: str) -> Any:
        document = inner(body, self.described.noun)
        if document.get("id", self._id(at)) != self._id(at):
            raise BodyInvalid(f"The URL names {self._id(at)} and the body {document['id']}.", field="id")
        return self._shown(ctx, self._registry(ctx).create(ctx.caller, {**document, "id": self._id(at)}))

    def list(self, ctx: Ctx) -> Any:
        registry = self._registry(ctx)
        found = registry.list(ctx.caller, query_of(ctx, registry))
        return collection(ctx, self.described.collection, found.records, self.place, found.truncated)

    def show(self, ctx: Ctx, **at: str) -> Any:
        return self._shown(ctx, self._registry(ctx).get(ctx.caller, self._id(at)))

    def update(self, ctx: Ctx, body: Body, **at: str) -> Any:
        document = inner(body, self.described.noun)
        return self._shown(ctx, self._registry(ctx).update(ctx.caller, self._id(at), document))

    def delete(self, ctx: Ctx, **at: str) -> None:
        self._registry(ctx).delete(ctx.caller, self._id(at))

    def _registry(self, ctx: Ctx) -> Registry:
        registry: Registry = getattr(ctx.service, self.described.collection)
        return registry

    def _id(self, at: dict[str, str]) -> str:
        return at[f"{self.described.noun}_id"]

    def _shown(self, ctx: Ctx, record: dict[str, Any]) -> dict[str, Any]:
        return resource(ctx, self.described.noun, self.place, record)


def inner(body: Body, noun: str) -> dict[str, Any]:
    if noun not in body:
        raise BodyInvalid(f"The body must be an object with the one property '{noun}'.", field=noun)
    return body[noun]


def query_of(ctx: Ctx, registry: Registry) -> Query:
    """The filters of a list: attributes, comparisons as `name__contains`, the noun's own words, limit and marker."""
    known = registry.resource.by_name
    filters: dict[str, Any] = {}
    matches: list[Match] = []
    for name, value in ctx.query:
        bare, _, comparison = name.partition("__")
        attribute = known.get(bare)
        if attribute is None or not attribute.filterable:
            continue
        if comparison in COMPARISONS and attribute.kind is not bool:
            matches.append(Match(bare, comparison, value))
        elif not comparison:
            filters[name] = ctx.flag(name) if attribute.kind is bool else value
    columns = registry.records.table.c
    order = "name" if "name" in columns and not columns["name"].nullable else "id"
    sorts = (Sort(order), Sort("id")) if order != "id" else (Sort("id"),)
    words = {name: value for name, value in ctx.query if name in registry.words}
    query = Query(filters, matches, words, Page(ctx.whole("limit"), ctx.one("marker"), sorts))
    return query if query.page.limit != 0 else replace(query, page=replace(query.page, limit=None))
