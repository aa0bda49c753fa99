"""Version documents, schemas, and what the service can do."""

from typing import Any

from skyloom.image.api.attributes import READ_ONLY, SETTABLE
from skyloom.image.service import ImageService
from skyloom.web.app import render
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

Ctx = Context[ImageService]
VERSIONS = ("v2.9", "v2.7", "v2.6", "v2.5", "v2.4", "v2.3", "v2.2", "v2.1", "v2.0")
"""The newest is the one of which each call is answered; v2.8 is multi-store, which is not there."""


def versions(ctx: Ctx) -> Reply:
    return render(_versions(ctx), 300)


def versions_plainly(ctx: Ctx) -> Any:
    return _versions(ctx)


def _versions(ctx: Ctx) -> dict[str, Any]:
    link = {"rel": "self", "href": f"{ctx.base_url}/v2/"}
    shown = [
        {"id": version, "status": "SUPPORTED" if n else "CURRENT", "links": [link]}
        for n, version in enumerate(VERSIONS)
    ]
    return {"versions": shown}


def image_schema(ctx: Ctx) -> Any:
    return _image_schema()


def images_schema(ctx: Ctx) -> Any:
    return _list_schema("images", _image_schema())


def member_schema(ctx: Ctx) -> Any:
    return _member_schema()


def members_schema(ctx: Ctx) -> Any:
    return _list_schema("members", _member_schema())


def _image_schema() -> dict[str, Any]:
    kinds = {
        "protected": "boolean",
        "os_hidden": "boolean",
        "min_disk": "integer",
        "min_ram": "integer",
        "tags": "array",
    }
    properties: dict[str, Any] = {}
    for name, attribute in SETTABLE.items():
        kind = kinds.get(name, "string")
        optional = name in ("name", "owner", "disk_format", "container_format")
        properties[name] = {"type": ["null", kind] if optional else kind}
        if attribute.words:
            properties[name]["enum"] = [None, *attribute.words] if optional else list(attribute.words)
    for name in sorted(READ_ONLY):
        properties[name] = {"type": ["null", "integer" if "size" in name else "string"], "readOnly": True}
    return {
        "name": "image",
        "properties": properties,
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def _member_schema() -> dict[str, Any]:
    names = ("member_id", "image_id", "created_at", "updated_at", "schema")
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    properties["status"] = {"type": "string", "enum": ["pending", "accepted", "rejected"]}
    return {"name": "member", "properties": properties}


def _list_schema(name: str, item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": item},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [
            {"rel": "first", "href": "{first}"},
            {"rel": "next", "href": "{next}"},
            {"rel": "describedby", "href": "{schema}"},
        ],
    }


def import_methods(ctx: Ctx) -> Any:
    return {"import-methods": {"description": "Import methods available.", "type": "array", "value": []}}


def stores(ctx: Ctx) -> Any:
    return {"stores": [{"id": "files", "description": "Files of this cloud", "default": "true"}]}


ROUTES = [
    Route("GET", "/", versions, PUBLIC, status=300),
    Route("GET", "/versions", versions_plainly, PUBLIC),
    Route("GET", "/v2/schemas/image", image_schema, "get_image_schemas"),
    Route("GET", "/v2/schemas/images", images_schema, "get_image_schemas"),
    Route("GET", "/v2/schemas/member", member_schema, "get_image_schemas"),
    Route("GET", "/v2/schemas/members", members_schema, "get_image_schemas"),
    Route("GET", "/v2/info/import", import_methods, "get_image_schemas"),
    Route("GET", "/v2/info/stores", stores, "get_image_schemas"),
]
