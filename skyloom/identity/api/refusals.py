"""/v3/skyloom: what is Skyloom's own and not Keystone's, whose extensions are called OS-SOMETHING."""

from typing import Any

from skyloom.identity.api.views import Ctx
from skyloom.web.routes import Route


def show_refusal(ctx: Ctx, request_id: str) -> Any:
    return {"refusal": ctx.service.refusals.get(ctx.caller, request_id)}


ROUTES = [Route("GET", "/v3/skyloom/refusals/{request_id}", show_refusal, "identity:get_refusal")]
