"""/os-keypairs."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from skyloom.compute.api.links import micros
from skyloom.compute.api.server_bodies import Word
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.model import KeyPair
from skyloom.db.listing import Page, Sort
from skyloom.web.app import render
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Context
from skyloom.web.http import Reply
from skyloom.web.paging import next_url
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]
# Before 2.92 only letters, digits, blanks, dashes and underscores could be in a name; '@' and '.' came then.
OLDER_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_")
NEWER_NAME = OLDER_NAME | {"@", "."}


class NewKeyPair(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Word
    public_key: Annotated[str, Meta(min_length=1, max_length=65535)] | UnsetType = UNSET
    type: Literal["ssh", "x509"] | UnsetType = UNSET
    user_id: str | UnsetType = UNSET


class CreateKeyPair(Struct, forbid_unknown_fields=True):
    keypair: NewKeyPair


def create(ctx: Ctx, body: CreateKeyPair) -> Reply:
    new = body.keypair
    for name, since in (("type", (2, 2)), ("user_id", (2, 10))):
        if getattr(new, name) is not UNSET and ctx.version < since:
            raise BodyInvalid(f"Invalid input for field/attribute keypair: '{name}' came with version 2.{since[1]}.")
    letters = NEWER_NAME if ctx.version >= (2, 92) else OLDER_NAME
    if not set(new.name) <= letters or new.name != new.name.strip():
        raise RequestInvalid("Keypair data is invalid: Keypair name contains unsafe characters", field="name")
    if new.public_key is UNSET and ctx.version >= (2, 92):
        raise BodyInvalid("Invalid input for field/attribute keypair: 'public_key' is a required property.")
    user_id = ctx.caller.user_id if new.user_id is UNSET else new.user_id
    kind = "ssh" if new.type is UNSET else new.type
    public_key = None if new.public_key is UNSET else new.public_key
    made, private_key = ctx.service.keypairs.create(ctx.caller, user_id, new.name, kind, public_key)
    view = _brief(ctx, made) | {"user_id": made.user_id}
    if private_key is not None:
        view["private_key"] = private_key
    return render({"keypair": view}, 201 if ctx.version >= (2, 2) else 200)


def _brief(ctx: Ctx, keypair: KeyPair) -> View:
    view = {"name": keypair.name, "public_key": keypair.public_key, "fingerprint": keypair.fingerprint}
    return view | ({"type": keypair.kind} if ctx.version >= (2, 2) else {})


def _user(ctx: Ctx) -> str:
    return (ctx.one("user_id") if ctx.version >= (2, 10) else None) or ctx.caller.user_id


def index(ctx: Ctx) -> View:
    limit, marker = (ctx.whole("limit"), ctx.one("marker")) if ctx.version >= (2, 35) else (None, None)
    user_id = _user(ctx)
    if marker is not None:
        ctx.service.keypairs.get(ctx.caller, user_id, marker)
    page = Page(min(1000, limit) if limit is not None else 1000, marker, (Sort("name"),))
    found = ctx.service.keypairs.list(ctx.caller, user_id, page)
    view: View = {"keypairs": [{"keypair": _brief(ctx, each)} for each in found]}
    if ctx.version >= (2, 35) and found and len(found) == page.limit:
        view["keypairs_links"] = [{"rel": "next", "href": next_url(ctx, "/v2.1/os-keypairs", found[-1].name)}]
    return view


def show(ctx: Ctx, keypair_name: str) -> View:
    keypair = ctx.service.keypairs.get(ctx.caller, _user(ctx), keypair_name)
    view = _brief(ctx, keypair) | {
        "id": keypair.id,
        "user_id": keypair.user_id,
        "created_at": micros(keypair.created_at),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    return {"keypair": view}


def delete(ctx: Ctx, keypair_name: str) -> Reply:
    ctx.service.keypairs.delete(ctx.caller, _user(ctx), keypair_name)
    return Reply(204 if ctx.version >= (2, 2) else 202)


KEYS = "os_compute_api:os-keypairs"
ROUTES = [
    Route("GET", "/v2.1/os-keypairs", index, f"{KEYS}:index"),
    Route("POST", "/v2.1/os-keypairs", create, f"{KEYS}:create", CreateKeyPair),
    Route("GET", "/v2.1/os-keypairs/{keypair_name}", show, f"{KEYS}:show"),
    Route("DELETE", "/v2.1/os-keypairs/{keypair_name}", delete, f"{KEYS}:delete"),
]
