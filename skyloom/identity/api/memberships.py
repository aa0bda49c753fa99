"""Who is in which group, which role implies which, and one's own password."""

from typing import Any

import msgspec

from skyloom.identity.api.plain import query_of
from skyloom.identity.api.views import Ctx, collection, with_link
from skyloom.identity.model import Record
from skyloom.web.routes import PUBLIC, Route


class PasswordChange(msgspec.Struct):
    original_password: str
    password: str


class ChangePassword(msgspec.Struct):
    user: PasswordChange


def join(ctx: Ctx, group_id: str, user_id: str) -> None:
    ctx.service.grants.join(ctx.caller, user_id, group_id)


def check_member(ctx: Ctx, group_id: str, user_id: str) -> None:
    ctx.service.grants.check_member(ctx.caller, user_id, group_id)


def leave(ctx: Ctx, group_id: str, user_id: str) -> None:
    ctx.service.grants.leave(ctx.caller, user_id, group_id)


def members(ctx: Ctx, group_id: str) -> Any:
    asked = query_of(ctx, ctx.service.users)
    return collection(ctx, "users", ctx.service.grants.members(ctx.caller, group_id, asked))


def groups_of(ctx: Ctx, user_id: str) -> Any:
    asked = query_of(ctx, ctx.service.groups)
    return collection(ctx, "groups", ctx.service.grants.groups_of(ctx.caller, user_id, asked))


def projects_of(ctx: Ctx, user_id: str) -> Any:
    asked = query_of(ctx, ctx.service.projects)
    return collection(ctx, "projects", ctx.service.grants.projects_of(ctx.caller, user_id, asked))


def change_password(ctx: Ctx, body: ChangePassword, user_id: str) -> None:
    ctx.service.users.change_password(ctx.caller, user_id, body.user.original_password, body.user.password)


# -- implied roles


def imply(ctx: Ctx, role_id: str, implied_role_id: str) -> Any:
    return _rule(ctx, *ctx.service.grants.imply(ctx.caller, role_id, implied_role_id))


def show_implied(ctx: Ctx, role_id: str, implied_role_id: str) -> Any:
    return _rule(ctx, *ctx.service.grants.get_implied(ctx.caller, role_id, implied_role_id))


def check_implied(ctx: Ctx, role_id: str, implied_role_id: str) -> None:
    ctx.service.grants.get_implied(ctx.caller, role_id, implied_role_id)


def imply_no_more(ctx: Ctx, role_id: str, implied_role_id: str) -> None:
    ctx.service.grants.imply_no_more(ctx.caller, role_id, implied_role_id)


def implied_by(ctx: Ctx, role_id: str) -> Any:
    prior, implied = ctx.service.grants.implied_by(ctx.caller, role_id)
    links = {"self": f"{ctx.base_url}/v3/roles/{role_id}/implies"}
    return {"role_inference": _inference(ctx, prior, implied), "links": links}


def inferences(ctx: Ctx) -> Any:
    found = ctx.service.grants.inferences(ctx.caller)
    links = {"self": f"{ctx.base_url}/v3/role_inferences"}
    return {"role_inferences": [_inference(ctx, prior, implied) for prior, implied in found], "links": links}


def _rule(ctx: Ctx, prior: Record, implied: Record) -> Any:
    own = f"{ctx.base_url}/v3/roles/{prior['id']}/implies/{implied['id']}"
    inference = {"prior_role": _role(ctx, prior), "implies": _role(ctx, implied)}
    return {"role_inference": inference, "links": {"self": own}}


def _inference(ctx: Ctx, prior: Record, implied: list[Record]) -> dict[str, Any]:
    return {"prior_role": _role(ctx, prior), "implies": [_role(ctx, role) for role in implied]}


def _role(ctx: Ctx, record: Record) -> dict[str, Any]:
    shown = with_link(ctx, "roles", record)
    return {name: shown[name] for name in ("id", "name", "links")}


MEMBER = "/v3/groups/{group_id}/users/{user_id}"
PASSWORD = "/v3/users/{user_id}/password"
IMPLIES = "/v3/roles/{role_id}/implies"
ROUTES = [
    Route("PUT", MEMBER, join, "identity:add_user_to_group", status=204),
    Route("GET", MEMBER, check_member, "identity:check_user_in_group", status=204),
    Route("DELETE", MEMBER, leave, "identity:remove_user_from_group", status=204),
    Route("GET", "/v3/groups/{group_id}/users", members, "identity:list_users_in_group"),
    Route("GET", "/v3/users/{user_id}/groups", groups_of, "identity:list_groups_for_user"),
    Route("GET", "/v3/users/{user_id}/projects", projects_of, "identity:list_user_projects"),
    # whoever knows the present password may change it, even when it has expired and gives no token any more
    Route("POST", PASSWORD, change_password, PUBLIC, body=ChangePassword, status=204),
    Route("PUT", f"{IMPLIES}/{{implied_role_id}}", imply, "identity:create_implied_role", status=201),
    Route("GET", f"{IMPLIES}/{{implied_role_id}}", show_implied, "identity:get_implied_role"),
    Route("HEAD", f"{IMPLIES}/{{implied_role_id}}", check_implied, "identity:check_implied_role", status=204),
    Route("DELETE", f"{IMPLIES}/{{implied_role_id}}", imply_no_more, "identity:delete_implied_role", status=204),
    Route("GET", IMPLIES, implied_by, "identity:list_implied_roles"),
    Route("GET", "/v3/role_inferences", inferences, "identity:list_role_inference_rules"),
]
