"""/servers/{id}/metadata and /servers/{id}/tags."""

from typing import Any

from msgspec import Struct

from skyloom.compute.api.server_bodies import Items, Key, Value
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid, TagNotFound
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]


class MetadataBody(Struct, forbid_unknown_fields=True):
    metadata: Items


class MetaBody(Struct, forbid_unknown_fields=True):
    meta: dict[Key, Value]


class TagsBody(Struct, forbid_unknown_fields=True):
    tags: list[str]


def metadata(ctx: Ctx, server_id: str) -> View:
    return {"metadata": ctx.service.items.metadata(ctx.caller, server_id)}


def add_metadata(ctx: Ctx, body: MetadataBody, server_id: str) -> View:
    return {"metadata": ctx.service.items.add_metadata(ctx.caller, server_id, body.metadata, "create")}


def replace_metadata(ctx: Ctx, body: MetadataBody, server_id: str) -> View:
    return {"metadata": ctx.service.items.replace_metadata(ctx.caller, server_id, body.metadata)}


def meta(ctx: Ctx, server_id: str, key: str) -> View:
    return {"meta": {key: ctx.service.items.metadata_item(ctx.caller, server_id, key)}}


def set_meta(ctx: Ctx, body: MetaBody, server_id: str, key: str) -> View:
    if list(body.meta) != [key]:
        raise RequestInvalid("Request body and URI mismatch", field="meta")
    ctx.service.items.add_metadata(ctx.caller, server_id, body.meta, "update")
    return {"meta": body.meta}


def delete_meta(ctx: Ctx, server_id: str, key: str) -> None:
    ctx.service.items.remove_metadata_item(ctx.caller, server_id, key)


def tags(ctx: Ctx, server_id: str) -> View:
    return {"tags": ctx.service.items.tags(ctx.caller, server_id)}


def replace_tags(ctx: Ctx, body: TagsBody, server_id: str) -> View:
    return {"tags": ctx.service.items.replace_tags(ctx.caller, server_id, body.tags)}


def delete_tags(ctx: Ctx, server_id: str) -> None:
    ctx.service.items.remove_tags(ctx.caller, server_id)


def tag(ctx: Ctx, server_id: str, tag: str) -> None:
    if not ctx.service.items.has_tag(ctx.caller, server_id, tag):
        raise TagNotFound(server_id, tag)


def add_tag(ctx: Ctx, server_id: str, tag: str) -> Reply:
    if not ctx.service.items.add_tag(ctx.caller, server_id, tag):
        return Reply(204)
    return Reply(201, [("Location", f"{ctx.base_url}/v2.1/servers/{server_id}/tags/{tag}")])


def delete_tag(ctx: Ctx, server_id: str, tag: str) -> None:
    ctx.service.items.remove_tag(ctx.caller, server_id, tag)


METADATA = "/v2.1/servers/{server_id}/metadata"
TAGS = "/v2.1/servers/{server_id}/tags"
META_RULE = "os_compute_api:server-metadata"
TAG_RULE = "os_compute_api:os-server-tags"
ROUTES = [
    Route("GET", METADATA, metadata, f"{META_RULE}:index"),
    Route("POST", METADATA, add_metadata, f"{META_RULE}:create", MetadataBody),
    Route("PUT", METADATA, replace_metadata, f"{META_RULE}:update_all", MetadataBody),
    Route("GET", f"{METADATA}/{{key}}", meta, f"{META_RULE}:show"),
    Route("PUT", f"{METADATA}/{{key}}", set_meta, f"{META_RULE}:update", MetaBody),
    Route("DELETE", f"{METADATA}/{{key}}", delete_meta, f"{META_RULE}:delete", status=204),
    Route("GET", TAGS, tags, f"{TAG_RULE}:index", since=(2, 26)),
    Route("PUT", TAGS, replace_tags, f"{TAG_RULE}:update_all", TagsBody, since=(2, 26)),
    Route("DELETE", TAGS, delete_tags, f"{TAG_RULE}:delete_all", status=204, since=(2, 26)),
    Route("GET", f"{TAGS}/{{tag}}", tag, f"{TAG_RULE}:show", status=204, since=(2, 26)),
    Route("PUT", f"{TAGS}/{{tag}}", add_tag, f"{TAG_RULE}:update", since=(2, 26)),
    Route("DELETE", f"{TAGS}/{{tag}}", delete_tag, f"{TAG_RULE}:delete", status=204, since=(2, 26)),
]
