"""What projects and regions have beyond the plain routes: the tree, the tags, a region of a chosen id."""

from typing import Any

from skyloom.identity.api.plain import Body, inner
from skyloom.identity.api.views import Ctx, own_url, resource, with_link
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import QueryInvalid
from skyloom.web.http import Reply
from skyloom.web.routes import Route


def show(ctx: Ctx, project_id: str) -> Any:
    shown = resource(ctx, "project", "projects", ctx.service.projects.get(ctx.caller, project_id))
    project, projects = shown["project"], ctx.service.projects
    for name, as_list, as_ids in (
        ("parents", projects.parents, projects.parent_ids),
        ("subtree", projects.subtree, projects.subtree_ids),
    ):
        wants_list, wants_ids = ctx.flag(f"{name}_as_list"), ctx.flag(f"{name}_as_ids")
        if wants_list and wants_ids:
            raise QueryInvalid(f"Cannot use {name}_as_list and {name}_as_ids query params at the same time.")
        if wants_list:
            found = as_list(ctx.caller, project_id)
            project[name] = [{"project": with_link(ctx, "projects", record)} for record in found]
        elif wants_ids:
            project[name] = as_ids(project)
    return shown


def tags(ctx: Ctx, project_id: str) -> Any:
    return _tags(ctx, list(ctx.service.projects.tags(ctx.caller, project_id)))


def set_tags(ctx: Ctx, body: dict[str, Any], project_id: str) -> Any:
    if "tags" not in body:
        raise BodyInvalid("Invalid input: 'tags' is a required property.", field="tags")
    return _tags(ctx, list(ctx.service.projects.set_tags(ctx.caller, project_id, body["tags"])))


def remove_tags(ctx: Ctx, project_id: str) -> None:
    ctx.service.projects.remove_tags(ctx.caller, project_id)


def check_tag(ctx: Ctx, project_id: str, tag: str) -> None:
    ctx.service.projects.check_tag(ctx.caller, project_id, tag)


def add_tag(ctx: Ctx, project_id: str, tag: str) -> Reply:
    ctx.service.projects.add_tag(ctx.caller, project_id, tag)
    return Reply(201, [("Location", own_url(ctx))])


def remove_tag(ctx: Ctx, project_id: str, tag: str) -> None:
    ctx.service.projects.remove_tag(ctx.caller, project_id, tag)


def _tags(ctx: Ctx, found: list[str]) -> Any:
    return {"tags": found, "links": {"self": own_url(ctx)}}


def create_region(ctx: Ctx, body: Body, region_id: str) -> Any:
    document = inner(body, "region")
    if document.get("id", region_id) != region_id:
        raise BodyInvalid(f"The URL names the region {region_id} and the body {document['id']}.", field="id")
    return resource(ctx, "region", "regions", ctx.service.regions.create(ctx.caller, {**document, "id": region_id}))


TAGS = "/v3/projects/{project_id}/tags"
ROUTES = [
    Route("GET", "/v3/projects/{project_id}", show, "identity:get_project"),
    Route("GET", TAGS, tags, "identity:list_project_tags"),
    Route("PUT", TAGS, set_tags, "identity:update_project_tags", body=dict[str, Any]),
    Route("DELETE", TAGS, remove_tags, "identity:delete_project_tags", status=204),
    Route("GET", f"{TAGS}/{{tag}}", check_tag, "identity:get_project_tag", status=204),
    Route("PUT", f"{TAGS}/{{tag}}", add_tag, "identity:create_project_tag", status=201),
    Route("DELETE", f"{TAGS}/{{tag}}", remove_tag, "identity:delete_project_tag", status=204),
    Route("PUT", "/v3/regions/{region_id}", create_region, "identity:create_region", body=Body, status=201),
]
