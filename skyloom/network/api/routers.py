"""What routers have beyond the common calls: interfaces and extra routes."""

from typing import Any

from msgspec import Struct

from skyloom.network import kinds
from skyloom.network.api.crud import Ctx, crud, enveloped, rendered
from skyloom.network.errors import HTTPBadRequest
from skyloom.network.model import HostRoute
from skyloom.network.resources import ROUTER
from skyloom.web.routes import Route

ROUTES_KIND = kinds.listed(kinds.route)


class InterfaceBody(Struct, forbid_unknown_fields=True):
    subnet_id: str | None = None
    port_id: str | None = None


def add_interface(ctx: Ctx, body: InterfaceBody, id: str) -> Any:
    return ctx.service.routers.add_interface(ctx.caller, id, *_valid(body))


def remove_interface(ctx: Ctx, body: InterfaceBody, id: str) -> Any:
    return ctx.service.routers.remove_interface(ctx.caller, id, *_valid(body))


def add_extraroutes(ctx: Ctx, body: dict[str, Any], id: str) -> Any:
    return rendered(ctx, ROUTER, ctx.service.routers.add_routes(ctx.caller, id, _routes(body)))


def remove_extraroutes(ctx: Ctx, body: dict[str, Any], id: str) -> Any:
    return rendered(ctx, ROUTER, ctx.service.routers.remove_routes(ctx.caller, id, _routes(body)))


def _valid(body: InterfaceBody) -> tuple[str | None, str | None]:
    for name, value in (("subnet_id", body.subnet_id), ("port_id", body.port_id)):
        if value is not None and not kinds.UUID.fullmatch(value):
            raise HTTPBadRequest(f"Invalid input for {name}. Reason: '{value}' is not a valid UUID.", field=name)
    return body.subnet_id, body.port_id


def _routes(body: dict[str, Any]) -> list[HostRoute]:
    router = enveloped(body, "router")
    if not isinstance(router, dict) or set(router) != {"routes"}:
        raise HTTPBadRequest("Invalid input for router: it takes routes and nothing else.", field="router")
    try:
        return ROUTES_KIND(router["routes"])
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for routes. Reason: {error}.", field="routes") from error


ONE = "/v2.0/routers/{id}"
ROUTES = [
    *crud(lambda service: service.routers, ROUTER),
    Route("PUT", f"{ONE}/add_router_interface", add_interface, "add_router_interface", body=InterfaceBody),
    Route("PUT", f"{ONE}/remove_router_interface", remove_interface, "remove_router_interface", body=InterfaceBody),
    Route("PUT", f"{ONE}/add_extraroutes", add_extraroutes, "add_extraroutes", body=dict[str, Any]),
    Route("PUT", f"{ONE}/remove_extraroutes", remove_extraroutes, "remove_extraroutes", body=dict[str, Any]),
]
