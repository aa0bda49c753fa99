"""Tags and members of images."""

from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from skyloom.image.api import attributes, views
from skyloom.image.errors import TagNotFound
from skyloom.image.model import Image, MemberStatus
from skyloom.image.service import ImageService
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ImageService]


class NewMember(msgspec.Struct, forbid_unknown_fields=True):
    member: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ChangedMember(msgspec.Struct, forbid_unknown_fields=True):
    status: MemberStatus


def add_tag(ctx: Ctx, image_id: str, tag: str) -> None:
    def tagged(image: Image) -> Image:
        return replace(image, tags=attributes.value("tags", [*image.tags, tag]))

    ctx.service.update(ctx.caller, image_id, tagged)


def remove_tag(ctx: Ctx, image_id: str, tag: str) -> None:
    def untagged(image: Image) -> Image:
        if tag not in image.tags:
            raise TagNotFound(f"Image {image_id} has no tag {tag}.")
        return replace(image, tags=tuple(each for each in image.tags if each != tag))

    ctx.service.update(ctx.caller, image_id, untagged)


def members(ctx: Ctx, image_id: str) -> Any:
    found = ctx.service.members(ctx.caller, image_id)
    return {"members": [views.member(member) for member in found], "schema": "/v2/schemas/members"}


def show_member(ctx: Ctx, image_id: str, member_id: str) -> Any:
    return views.member(ctx.service.member(ctx.caller, image_id, member_id))


def add_member(ctx: Ctx, body: NewMember, image_id: str) -> Any:
    return views.member(ctx.service.add_member(ctx.caller, image_id, body.member))


def change_member(ctx: Ctx, body: ChangedMember, image_id: str, member_id: str) -> Any:
    return views.member(ctx.service.change_member(ctx.caller, image_id, member_id, body.status))


def remove_member(ctx: Ctx, image_id: str, member_id: str) -> None:
    ctx.service.remove_member(ctx.caller, image_id, member_id)


TAG, MEMBERS = "/v2/images/{image_id}/tags/{tag}", "/v2/images/{image_id}/members"
ROUTES = [
    Route("PUT", TAG, add_tag, "modify_image", status=204),
    Route("DELETE", TAG, remove_tag, "modify_image", status=204),
    Route("GET", MEMBERS, members, "get_members"),
    Route("POST", MEMBERS, add_member, "add_member", body=NewMember),
    Route("GET", f"{MEMBERS}/{{member_id}}", show_member, "get_member"),
    Route("PUT", f"{MEMBERS}/{{member_id}}", change_member, "modify_member", body=ChangedMember),
    Route("DELETE", f"{MEMBERS}/{{member_id}}", remove_member, "delete_member", status=204),
]
