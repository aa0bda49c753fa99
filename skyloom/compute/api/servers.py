"""/servers: create, list, show, update, delete."""

from typing import Any

from skyloom.compute.api import server_views as views
from skyloom.compute.api.links import links
from skyloom.compute.api.server_bodies import CreateServer, UpdateServer, flag_of
from skyloom.compute.api.server_query import query_of
from skyloom.compute.compute import ComputeService
from skyloom.compute.model import Server
from skyloom.web.app import render
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.paging import next_url
from skyloom.web.routes import Route

Ctx = Context[ComputeService]


def index(ctx: Ctx) -> dict[str, Any]:
    servers, more = _page(ctx, "index")
    found: dict[str, Any] = {"servers": [views.brief(ctx, server) for server in servers]}
    return found | _next(ctx, servers, more, "/v2.1/servers")


def detail(ctx: Ctx) -> dict[str, Any]:
    servers, more = _page(ctx, "detail")
    details = ctx.service.servers.details(servers)
    found: dict[str, Any] = {"servers": views.full(ctx, details, with_groups=False)}
    return found | _next(ctx, servers, more, "/v2.1/servers/detail")


def _page(ctx: Ctx, action: str) -> tuple[list[Server], bool]:
    """The servers of the asked page, and whether it is full."""
    query = query_of(ctx)
    if query is None:
        ctx.service.parts.policy.require(
            ctx.caller, f"os_compute_api:servers:{action}", {"project_id": ctx.caller.project_id}
        )
        return [], False
    servers = ctx.service.servers.page(ctx.caller, action, query.want, query.page, query.name, query.addresses)
    return servers, len(servers) == query.page.limit and bool(servers)


def _next(ctx: Ctx, servers: list[Server], more: bool, path: str) -> dict[str, Any]:
    if not more:
        return {}
    return {"servers_links": [{"rel": "next", "href": next_url(ctx, path, servers[-1].id)}]}


def show(ctx: Ctx, server_id: str) -> dict[str, Any]:
    detail = ctx.service.servers.show(ctx.caller, server_id)
    return {"server": views.full(ctx, [detail], with_groups=True)[0]}


def create(ctx: Ctx, body: CreateServer) -> Reply:
    with_reservation = flag_of("return_reservation_id", body.server.return_reservation_id)
    created = ctx.service.creation.create(ctx.caller, body.to_request(ctx.version))
    if with_reservation:
        return render({"reservation_id": created.reservation_id}, 202)
    server = created.servers[0]
    groups = body.server.security_groups
    names = [group.name for group in groups] if isinstance(groups, list) else ["default"]
    view = {
        "id": server.id,
        "links": links(ctx, f"servers/{server.id}"),
        "OS-DCF:diskConfig": server.disk_config,
        "security_groups": [{"name": name} for name in names],
        "adminPass": created.admin_password,
    }
    reply = render({"server": view}, 202)
    reply.headers.append(("Location", f"{ctx.base_url}/v2.1/servers/{server.id}"))
    return reply


def update(ctx: Ctx, body: UpdateServer, server_id: str) -> dict[str, Any]:
    detail = ctx.service.servers.update(ctx.caller, server_id, body.to_values(ctx.version))
    return {"server": views.updated(ctx, detail)}


def delete(ctx: Ctx, server_id: str) -> None:
    ctx.service.servers.delete(ctx.caller, server_id)


ROUTES = [
    Route("GET", "/v2.1/servers", index, "os_compute_api:servers:index"),
    Route("GET", "/v2.1/servers/detail", detail, "os_compute_api:servers:detail"),
    Route("POST", "/v2.1/servers", create, "os_compute_api:servers:create", CreateServer, 202),
    Route("GET", "/v2.1/servers/{server_id}", show, "os_compute_api:servers:show"),
    Route("PUT", "/v2.1/servers/{server_id}", update, "os_compute_api:servers:update", UpdateServer),
    Route("DELETE", "/v2.1/servers/{server_id}", delete, "os_compute_api:servers:delete", status=204),
]
