"""/v2/images"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from skyloom.db.listing import Sort
from skyloom.image.api import attributes, patch, views
from skyloom.image.errors import ImageInvalid
from skyloom.image.model import ImageStatus, MemberStatus, Visibility
from skyloom.image.service import ImageService
from skyloom.image.store import SORT_KEYS, Listing
from skyloom.web.app import render
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.paging import PARAMETERS, page_of
from skyloom.web.routes import Route

Ctx = Context[ImageService]
DEFAULT_LIMIT = 25
PATCH_LIMIT_BYTES = 1 << 20
EQUAL = {
    "id": "id",
    "name": "name",
    "status": "status",
    "owner": "owner",
    "disk_format": "disk_format",
    "container_format": "container_format",
    "checksum": "checksum",
    "os_hash_value": "hash_value",
}
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")


def create(ctx: Ctx, body: dict[str, Any]) -> Reply:
    wanted = attributes.new(body, ctx.caller.project_id, ctx.service.db.clock.now())
    made = ctx.service.create(ctx.caller, wanted)
    reply = render(views.image(made), 201)
    reply.headers.append(("Location", f"{ctx.base_url}/v2/images/{made.id}"))
    reply.headers.append(("OpenStack-image-store-ids", "files"))
    return reply


def index(ctx: Ctx) -> Any:
    page = page_of(ctx, SORT_KEYS, (Sort("created_at", True),))
    if ctx.one("limit") is None:
        page = type(page)(DEFAULT_LIMIT, page.marker, page.sorts)
    images = ctx.service.list(ctx.caller, _listing(ctx), page)
    shown: dict[str, Any] = {"images": [views.image(image) for image in images], "schema": "/v2/schemas/images"}
    asked = [(name, value) for name, value in ctx.query if name != "marker"]
    shown["first"] = f"/v2/images?{urlencode(asked)}" if asked else "/v2/images"
    if images and len(images) == page.limit:
        shown["next"] = f"/v2/images?{urlencode([*asked, ('marker', images[-1].id)])}"
    return shown


def show(ctx: Ctx, image_id: str) -> Any:
    return views.image(ctx.service.get(ctx.caller, image_id))


def update(ctx: Ctx, image_id: str) -> Any:
    operations = patch.parse(ctx.request, PATCH_LIMIT_BYTES)
    return views.image(ctx.service.update(ctx.caller, image_id, lambda image: patch.applied(operations, image)))


def delete(ctx: Ctx, image_id: str) -> None:
    ctx.service.delete(ctx.caller, image_id)


def deactivate(ctx: Ctx, image_id: str) -> None:
    ctx.service.move(ctx.caller, image_id, "deactivate", ImageStatus.ACTIVE, ImageStatus.DEACTIVATED)


def reactivate(ctx: Ctx, image_id: str) -> None:
    ctx.service.move(ctx.caller, image_id, "reactivate", ImageStatus.DEACTIVATED, ImageStatus.ACTIVE)


def _listing(ctx: Ctx) -> Listing:
    equal: dict[str, list[Any]] = {}
    properties, times = {}, []
    for name, value in ctx.query:
        if name in EQUAL:
            equal[EQUAL[name]] = _any_of(value)
        elif name in ("min_disk", "min_ram"):
            equal[{"min_disk": "min_disk_gib", "min_ram": "min_ram_mib"}[name]] = [ctx.whole(name)]
        elif name in ("created_at", "updated_at"):
            times.append(_time(name, value))
        elif name not in KNOWN:
            properties[name] = value
    if (protected := ctx.flag("protected")) is not None:
        equal["protected"] = [protected]
    return Listing(
        project=None if ctx.caller.is_admin and ctx.one("visibility") is None else ctx.caller.project_id or "",
        equal=equal,
        properties=properties,
        tags=ctx.many("tag"),
        visibility=_word(ctx, "visibility", (*Visibility, "all")),
        member_status=_word(ctx, "member_status", (*MemberStatus, "all")) or MemberStatus.ACCEPTED,
        hidden=bool(ctx.flag("os_hidden")),
        size_min=ctx.whole("size_min"),
        size_max=ctx.whole("size_max"),
        times=times,
    )


KNOWN = PARAMETERS | {"tag", "visibility", "member_status", "os_hidden", "size_min", "size_max", "protected"}


def _any_of(value: str) -> list[str]:
    """`in:a,b` asks for any of them; quotes keep a comma in a name."""
    if not value.startswith("in:"):
        return [value]
    return [part.strip('"') for part in value[3:].split(",") if part]


def _word(ctx: Ctx, name: str, words: tuple[str, ...]) -> str | None:
    value = ctx.one(name)
    if value is not None and value not in words:
        raise ImageInvalid(f"Invalid {name} value: {value}; it takes {', '.join(words)}.", field=name)
    return value


def _time(name: str, value: str) -> tuple[str, str, datetime]:
    operator, colon, text = value.partition(":")
    if not colon or operator not in OPERATORS:
        operator, text = "eq", value
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ImageInvalid(
            f"Invalid value for {name}: use a time such as gte:2026-01-31T12:00:00Z.", field=name
        ) from error
    return name, operator, at if at.tzinfo else at.replace(tzinfo=UTC)


ROUTES = [
    Route("POST", "/v2/images", create, "add_image", body=dict[str, Any], status=201),
    Route("GET", "/v2/images", index, "get_images"),
    Route("GET", "/v2/images/{image_id}", show, "get_image"),
    Route("PATCH", "/v2/images/{image_id}", update, "modify_image"),
    Route("DELETE", "/v2/images/{image_id}", delete, "delete_image", status=204),
    Route("POST", "/v2/images/{image_id}/actions/deactivate", deactivate, "deactivate", status=204),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", reactivate, "reactivate", status=204),
]
