"""Quotas of projects."""

from typing import Any

from skyloom.network.api.crud import Ctx, enveloped
from skyloom.web.routes import Route


def index(ctx: Ctx) -> Any:
    found = ctx.service.quotas.list(ctx.caller)
    return {"quotas": [{**quotas, "tenant_id": id, "project_id": id} for id, quotas in found.items()]}


def show(ctx: Ctx, project_id: str) -> Any:
    return {"quota": ctx.service.quotas.get(ctx.caller, project_id)}


def show_default(ctx: Ctx, project_id: str) -> Any:
    return {"quota": ctx.service.quotas.defaults(ctx.caller, project_id)}


def show_details(ctx: Ctx, project_id: str) -> Any:
    return {"quota": ctx.service.quotas.details(ctx.caller, project_id)}


def update(ctx: Ctx, body: dict[str, Any], project_id: str) -> Any:
    return {"quota": ctx.service.quotas.update(ctx.caller, project_id, enveloped(body, "quota"))}


def delete(ctx: Ctx, project_id: str) -> None:
    ctx.service.quotas.delete(ctx.caller, project_id)


ONE = "/v2.0/quotas/{project_id}"
ROUTES = [
    Route("GET", "/v2.0/quotas", index, "get_quota"),
    Route("GET", ONE, show, "get_quota:own"),
    Route("GET", f"{ONE}/default", show_default, "get_quota:own"),
    Route("GET", f"{ONE}/details.json", show_details, "get_quota:own"),
    Route("GET", f"{ONE}/details", show_details, "get_quota:own"),
    Route("PUT", ONE, update, "update_quota", body=dict[str, Any]),
    Route("DELETE", ONE, delete, "delete_quota", status=204),
]
