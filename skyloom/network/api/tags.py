"""Tags on every noun that has them."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from skyloom.network.api.crud import Ctx
from skyloom.network.attributes import Resource
from skyloom.network.resources import FLOATINGIP, NETWORK, PORT, ROUTER, SECURITY_GROUP, SUBNET, SUBNETPOOL
from skyloom.network.service import NetworkService
from skyloom.web.routes import Route


class Tags(Struct, forbid_unknown_fields=True):
    tags: list[str]


def tagging(pick: Callable[[NetworkService], Any], resource: Resource) -> list[Route]:
    def index(ctx: Ctx, id: str) -> Any:
        return {"tags": pick(ctx.service).tags(ctx.caller, id)}

    def check(ctx: Ctx, id: str, tag: str) -> None:
        pick(ctx.service).require_tag(ctx.caller, id, tag)

    def replace(ctx: Ctx, body: Tags, id: str) -> Any:
        return {"tags": pick(ctx.service).set_tags(ctx.caller, id, body.tags)}

    def add(ctx: Ctx, id: str, tag: str) -> None:
        pick(ctx.service).add_tag(ctx.caller, id, tag)

    def remove(ctx: Ctx, id: str, tag: str) -> None:
        pick(ctx.service).remove_tag(ctx.caller, id, tag)

    def remove_all(ctx: Ctx, id: str) -> None:
        pick(ctx.service).remove_tag(ctx.caller, id, None)

    path, noun = f"/v2.0/{resource.path}/{{id}}/tags", resource.name
    return [
        Route("GET", path, index, f"get_{noun}:tags"),
        Route("PUT", path, replace, f"update_{noun}:tags", body=Tags),
        Route("DELETE", path, remove_all, f"delete_{noun}:tags", status=204),
        Route("GET", f"{path}/{{tag}}", check, f"get_{noun}:tags", status=204),
        Route("PUT", f"{path}/{{tag}}", add, f"create_{noun}:tags", status=201),
        Route("DELETE", f"{path}/{{tag}}", remove, f"delete_{noun}:tags", status=204),
    ]


ROUTES = [
    *tagging(lambda service: service.networks, NETWORK),
    *tagging(lambda service: service.subnets, SUBNET),
    *tagging(lambda service: service.subnetpools, SUBNETPOOL),
    *tagging(lambda service: service.ports, PORT),
    *tagging(lambda service: service.routers, ROUTER),
    *tagging(lambda service: service.floatingips, FLOATINGIP),
    *tagging(lambda service: service.security_groups, SECURITY_GROUP),
]
