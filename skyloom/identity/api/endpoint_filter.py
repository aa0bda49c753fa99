"""OS-EP-FILTER: which endpoints a project sees."""

from typing import Any

from skyloom.identity.api.views import Ctx, collection, own_url
from skyloom.web.routes import Route


def add(ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    ctx.service.endpoint_filter.add(ctx.caller, project_id, endpoint_id)


def check(ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    ctx.service.endpoint_filter.check(ctx.caller, project_id, endpoint_id)


def remove(ctx: Ctx, project_id: str, endpoint_id: str) -> None:
    ctx.service.endpoint_filter.remove(ctx.caller, project_id, endpoint_id)


def endpoints_of(ctx: Ctx, project_id: str) -> Any:
    return collection(ctx, "endpoints", ctx.service.endpoint_filter.endpoints_of(ctx.caller, project_id))


def projects_of(ctx: Ctx, endpoint_id: str) -> Any:
    return collection(ctx, "projects", ctx.service.endpoint_filter.projects_of(ctx.caller, endpoint_id))


def add_group(ctx: Ctx, endpoint_group_id: str, project_id: str) -> None:
    ctx.service.endpoint_filter.add_group(ctx.caller, endpoint_group_id, project_id)


def show_group(ctx: Ctx, endpoint_group_id: str, project_id: str) -> Any:
    ctx.service.endpoint_filter.check_group(ctx.caller, endpoint_group_id, project_id)
    association = {"endpoint_group_id": endpoint_group_id, "project_id": project_id}
    return {"project_endpoint_group": {**association, "links": {"self": own_url(ctx)}}}


def remove_group(ctx: Ctx, endpoint_group_id: str, project_id: str) -> None:
    ctx.service.endpoint_filter.remove_group(ctx.caller, endpoint_group_id, project_id)


def groups_of(ctx: Ctx, project_id: str) -> Any:
    found = ctx.service.endpoint_filter.groups_of(ctx.caller, project_id)
    return collection(ctx, "endpoint_groups", found, "OS-EP-FILTER/endpoint_groups")


def projects_of_group(ctx: Ctx, endpoint_group_id: str) -> Any:
    return collection(ctx, "projects", ctx.service.endpoint_filter.projects_of_group(ctx.caller, endpoint_group_id))


def endpoints_of_group(ctx: Ctx, endpoint_group_id: str) -> Any:
    return collection(ctx, "endpoints", ctx.service.endpoint_filter.endpoints_of_group(ctx.caller, endpoint_group_id))


OF_PROJECT = "/v3/OS-EP-FILTER/projects/{project_id}"
ONE = f"{OF_PROJECT}/endpoints/{{endpoint_id}}"
GROUP = "/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}"
GROUP_IN_PROJECT = f"{GROUP}/projects/{{project_id}}"
ROUTES = [
    Route("PUT", ONE, add, "identity:add_endpoint_to_project", status=204),
    Route("GET", ONE, check, "identity:check_endpoint_in_project", status=204),
    Route("DELETE", ONE, remove, "identity:remove_endpoint_from_project", status=204),
    Route("GET", f"{OF_PROJECT}/endpoints", endpoints_of, "identity:list_endpoints_for_project"),
    Route("GET", f"{OF_PROJECT}/endpoint_groups", groups_of, "identity:list_endpoint_groups_for_project"),
    Route(
        "GET", "/v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects", projects_of, "identity:list_projects_for_endpoint"
    ),
    Route("PUT", GROUP_IN_PROJECT, add_group, "identity:add_endpoint_group_to_project", status=204),
    Route("GET", GROUP_IN_PROJECT, show_group, "identity:get_endpoint_group_in_project"),
    Route("DELETE", GROUP_IN_PROJECT, remove_group, "identity:remove_endpoint_group_from_project", status=204),
    Route("GET", f"{GROUP}/projects", projects_of_group, "identity:list_projects_associated_with_endpoint_group"),
    Route("GET", f"{GROUP}/endpoints", endpoints_of_group, "identity:list_endpoints_associated_with_endpoint_group"),
]
