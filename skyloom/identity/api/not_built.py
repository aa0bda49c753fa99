"""What the Identity API reference documents and is not answered yet; the gap table is made of this list."""

from typing import Any

from skyloom.errors import NotBuilt
from skyloom.identity.api.views import Ctx
from skyloom.web.routes import PUBLIC, Route


def not_built(ctx: Ctx, *body: Any, **at: str) -> Any:
    raise NotBuilt(f"{ctx.request.method} {ctx.request.path} is part of the Identity API and not answered here yet.")


OAUTH1 = "/v3/OS-OAUTH1"
ACCESS_TOKENS = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"
CALLS = {
    # OAuth
    f"{OAUTH1}/request_token": {"POST": PUBLIC},
    f"{OAUTH1}/access_token": {"POST": PUBLIC},
    f"{OAUTH1}/authorize/{{request_token_id}}": {"PUT": "authorize_request_token"},
    ACCESS_TOKENS: {"GET": "list_access_tokens"},
    f"{ACCESS_TOKENS}/{{access_token_id}}": {"GET": "get_access_token", "DELETE": "delete_access_token"},
    f"{ACCESS_TOKENS}/{{access_token_id}}/roles": {"GET": "list_access_token_roles"},
    f"{ACCESS_TOKENS}/{{access_token_id}}/roles/{{role_id}}": {"GET": "get_access_token_role"},
    "/v3/OS-OAUTH2/token": {"POST": PUBLIC},
    # revocations
    "/v3/OS-REVOKE/events": {"GET": "list_revoke_events"},
}
NOT_BUILT = [
    Route(method, path, not_built, action if action == PUBLIC else f"identity:{action}")
    for path, calls in CALLS.items()
    for method, action in calls.items()
]
