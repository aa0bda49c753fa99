"""/servers/{id}/os-instance-actions."""

from typing import Any

from skyloom.compute.api.links import micros
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import ActionNotFound
from skyloom.compute.model import Action
from skyloom.web.context import Context
from skyloom.web.paging import next_url
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
RULE = "os_compute_api:os-instance-actions"


def _view(ctx: Ctx, action: Action) -> View:
    view: View = {
        "action": action.name,
        "instance_uuid": action.server_id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id or "",
        "start_time": micros(action.started_at),
        "message": action.message,
    }
    return view | ({"updated_at": micros(action.updated_at)} if ctx.version >= (2, 58) else {})


def _events(ctx: Ctx, action: Action, target: View) -> list[View]:
    policy = ctx.service.parts.policy
    sees_traces = policy.allows(ctx.caller, f"{RULE}:events", target)
    sees_details = policy.allows(ctx.caller, f"{RULE}:events:details", target)
    shown = []
    for event in action.events:
        view: View = {
            "event": event.name,
            "start_time": micros(action.started_at),
            "finish_time": micros(event.finished_at),
            "result": event.result,
        }
        if sees_traces:
            view["traceback"] = None
        if ctx.version >= (2, 62):
            view["hostId"] = ""
        if ctx.version >= (2, 84) and sees_details:
            view["details"] = None
        shown.append(view)
    return shown


def index(ctx: Ctx, server_id: str) -> View:
    found = ctx.service.servers.history(ctx.caller, server_id, f"{RULE}:list")
    view: View = {}
    limit, marker = (ctx.whole("limit"), ctx.one("marker")) if ctx.version >= (2, 58) else (None, None)
    if marker is not None:
        at = [n for n, each in enumerate(found) if each.request_id == marker]
        if not at:
            raise ActionNotFound(server_id, marker)
        found = found[at[0] + 1 :]
    if limit is not None and len(found) > limit:
        found = found[:limit]
        if found:
            path = f"/v2.1/servers/{server_id}/os-instance-actions"
            view["links"] = [{"rel": "next", "href": next_url(ctx, path, found[-1].request_id)}]
    view["instanceActions"] = [_view(ctx, each) for each in found]
    return view


def show(ctx: Ctx, server_id: str, request_id: str) -> View:
    for action in ctx.service.servers.history(ctx.caller, server_id, f"{RULE}:show"):
        if action.request_id == request_id:
            view = _view(ctx, action)
            target = {"project_id": action.project_id}
            if ctx.version >= (2, 51) or ctx.service.parts.policy.allows(ctx.caller, f"{RULE}:events", target):
                view["events"] = _events(ctx, action, target)
            return {"instanceAction": view}
    raise ActionNotFound(server_id, request_id)


ALL = "/v2.1/servers/{server_id}/os-instance-actions"
ROUTES = [
    Route("GET", ALL, index, f"{RULE}:list"),
    Route("GET", f"{ALL}/{{request_id}}", show, f"{RULE}:show"),
]
