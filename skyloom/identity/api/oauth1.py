"""OS-OAUTH1: what consumers get by signed requests, and the access tokens of users."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from skyloom.identity.api.views import Ctx, collection, listed
from skyloom.identity.model import AccessToken, Record
from skyloom.identity.oauth1 import SignedCall
from skyloom.identity.service.application_credentials import RoleRef
from skyloom.identity.service.oauth1 import Issued
from skyloom.identity.times import shown_time
from skyloom.web.bodies import BodyInvalid
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

FORM = "application/x-www-form-urlencoded"
FORM_LIMIT_BYTES = 16 * 1024


class Authorize(msgspec.Struct):
    roles: list[RoleRef]


def signed_call(ctx: Ctx, with_parameters: bool = True) -> SignedCall:
    """`with_parameters`: those of the query and of a form count, as RFC 5849 has it. Keystone's log-in leaves them out:
    clients add ?nocatalog after they have signed."""
    request = ctx.request
    parameters = list(ctx.query) if with_parameters else []
    if with_parameters and request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        parameters += form(ctx)
    url = f"{ctx.base_url}{request.path.removeprefix('/identity')}"
    return SignedCall(request.method, url, request.headers.get("authorization", ""), parameters)


def form(ctx: Ctx) -> list[tuple[str, str]]:
    """The pairs of a body that is a form."""
    try:
        return parse_qsl(ctx.request.body.read(FORM_LIMIT_BYTES).decode(), keep_blank_values=True)
    except UnicodeDecodeError as error:
        raise BodyInvalid("The body is no form in UTF-8.") from error


def create_request_token(ctx: Ctx) -> Reply:
    project_id = ctx.request.headers.get("requested-project-id", "")
    return _issued(ctx.service.oauth1.request_token(ctx.caller, signed_call(ctx), project_id))


def create_access_token(ctx: Ctx) -> Reply:
    return _issued(ctx.service.oauth1.access_token(ctx.caller, signed_call(ctx)))


def _issued(issued: Issued) -> Reply:
    token_id, secret, end = issued
    text = f"oauth_token={token_id}&oauth_token_secret={secret}"
    if end is not None:
        text += f"&oauth_expires_at={shown_time(end)}"
    return Reply(201, [("Content-Type", FORM)], text.encode())


def authorize(ctx: Ctx, body: Authorize, request_token_id: str) -> Any:
    return {"token": {"oauth_verifier": ctx.service.oauth1.authorize(ctx.caller, request_token_id, body.roles)}}


def list_access_tokens(ctx: Ctx, user_id: str) -> Any:
    found = ctx.service.oauth1.list(ctx.caller, user_id)
    return listed(ctx, "access_tokens", [_access_token(ctx, token) for token in found])


def show_access_token(ctx: Ctx, user_id: str, access_token_id: str) -> Any:
    return {"access_token": _access_token(ctx, ctx.service.oauth1.get(ctx.caller, user_id, access_token_id))}


def delete_access_token(ctx: Ctx, user_id: str, access_token_id: str) -> None:
    ctx.service.oauth1.delete(ctx.caller, user_id, access_token_id)


def list_access_token_roles(ctx: Ctx, user_id: str, access_token_id: str) -> Any:
    return collection(ctx, "roles", ctx.service.oauth1.roles_of(ctx.caller, user_id, access_token_id))


def show_access_token_role(ctx: Ctx, user_id: str, access_token_id: str, role_id: str) -> Any:
    role = ctx.service.oauth1.role_of(ctx.caller, user_id, access_token_id, role_id)
    return {"role": {**role, "links": {"self": f"{ctx.base_url}/v3/roles/{role_id}"}}}


def _access_token(ctx: Ctx, token: AccessToken) -> Record:
    own = f"{ctx.base_url}/v3/users/{token.authorizing_user_id}/OS-OAUTH1/access_tokens/{token.id}"
    return {
        "id": token.id,
        "consumer_id": token.consumer_id,
        "authorizing_user_id": token.authorizing_user_id,
        "project_id": token.project_id,
        "expires_at": shown_time(token.expires_at),
        "links": {"self": own, "roles": f"{own}/roles"},
    }


OAUTH1 = "/v3/OS-OAUTH1"
MANY = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
ONE = f"{MANY}/{{access_token_id}}"
ROUTES = [
    Route("POST", f"{OAUTH1}/request_token", create_request_token, PUBLIC, status=201),
    Route("POST", f"{OAUTH1}/access_token", create_access_token, PUBLIC, status=201),
    Route(
        "PUT",
        f"{OAUTH1}/authorize/{{request_token_id}}",
        authorize,
        "identity:authorize_request_token",
        body=Authorize,
    ),
    Route("GET", MANY, list_access_tokens, "identity:list_access_tokens"),
    Route("GET", ONE, show_access_token, "identity:get_access_token"),
    Route("DELETE", ONE, delete_access_token, "identity:delete_access_token", status=204),
    Route("GET", f"{ONE}/roles", list_access_token_roles, "identity:list_access_token_roles"),
    Route("GET", f"{ONE}/roles/{{role_id}}", show_access_token_role, "identity:get_access_token_role"),
]
