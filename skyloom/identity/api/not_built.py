"""What the Identity API reference documents and is not answered yet; the gap table is made of this list."""

from typing import Any

from skyloom.errors import NotBuilt
from skyloom.identity.api.views import Ctx
from skyloom.web.routes import PUBLIC, Route


def not_built(ctx: Ctx, *body: Any, **at: str) -> Any:
    raise NotBuilt(f"{ctx.request.method} {ctx.request.path} is part of the Identity API and not answered here yet.")


CALLS = {
    # OAuth
    "/v3/OS-OAUTH2/token": {"POST": PUBLIC},
}
NOT_BUILT = [
    Route(method, path, not_built, action if action == PUBLIC else f"identity:{action}")
    for path, calls in CALLS.items()
    for method, action in calls.items()
]
