"""/os-server-groups."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from skyloom.compute.api.server_bodies import Name
from skyloom.compute.compute import ComputeService
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.model import ServerGroup
from skyloom.compute.service.groups import POLICIES
from skyloom.web.bodies import BodyInvalid
from skyloom.web.context import Context
from skyloom.web.routes import Route

Ctx = Context[ComputeService]
View = dict[str, Any]


class Rules(Struct, forbid_unknown_fields=True):
    max_server_per_host: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class NewGroup(Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    policies: list[str] | UnsetType = UNSET
    policy: Literal["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"] | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET


class CreateGroup(Struct, forbid_unknown_fields=True):
    server_group: NewGroup


def create(ctx: Ctx, body: CreateGroup) -> View:
    new = body.server_group
    rules: dict[str, int] = {}
    if ctx.version >= (2, 64):
        if new.policy is UNSET or new.policies is not UNSET:
            raise BodyInvalid("Invalid input for field/attribute server_group: 'policy' is a required property.")
        policy: str = new.policy
        if new.rules is not UNSET and new.rules.max_server_per_host is not UNSET:
            if policy != "anti-affinity":
                raise RequestInvalid("Only anti-affinity policy supports rules.", field="rules")
            rules = {"max_server_per_host": new.rules.max_server_per_host}
    else:
        policy = up_2_64(ctx, new)
    group = ctx.service.groups.create(ctx.caller, new.name, policy, rules)
    return {"server_group": _view(ctx, group, ())}


def up_2_64(ctx: Ctx, new: NewGroup) -> str:
    """A list of exactly one policy became a word."""
    known = POLICIES if ctx.version >= (2, 15) else POLICIES[:2]
    if new.policies is UNSET or new.policy is not UNSET or new.rules is not UNSET:
        raise BodyInvalid("Invalid input for field/attribute server_group: 'policies' is a required property.")
    if len(new.policies) != 1 or new.policies[0] not in known:
        raise BodyInvalid(f"Invalid input for field/attribute policies: give one of {', '.join(known)}.")
    return new.policies[0]


def _view(ctx: Ctx, group: ServerGroup, members: Sequence[str]) -> View:
    view: View = {"id": group.id, "name": group.name, "members": list(members)}
    if ctx.version >= (2, 13):
        view |= {"project_id": group.project_id, "user_id": group.user_id}
    if ctx.version >= (2, 64):
        return view | {"policy": group.policy, "rules": dict(group.rules)}
    return view | {"policies": [group.policy], "metadata": {}}


def index(ctx: Ctx) -> View:
    everything = ctx.one("all_projects") is not None
    limit = ctx.whole("limit")
    found = ctx.service.groups.list(ctx.caller, everything, 1000 if limit is None else limit, ctx.whole("offset") or 0)
    members = ctx.service.groups.members(found)
    return {"server_groups": [_view(ctx, group, members[group.id]) for group in found]}


def show(ctx: Ctx, group_id: str) -> View:
    group = ctx.service.groups.get(ctx.caller, group_id)
    return {"server_group": _view(ctx, group, ctx.service.groups.members([group])[group.id])}


def delete(ctx: Ctx, group_id: str) -> None:
    ctx.service.groups.delete(ctx.caller, group_id)


RULE = "os_compute_api:os-server-groups"
ROUTES = [
    Route("GET", "/v2.1/os-server-groups", index, f"{RULE}:index"),
    Route("POST", "/v2.1/os-server-groups", create, f"{RULE}:create", CreateGroup),
    Route("GET", "/v2.1/os-server-groups/{group_id}", show, f"{RULE}:show"),
    Route("DELETE", "/v2.1/os-server-groups/{group_id}", delete, f"{RULE}:delete", status=204),
]
