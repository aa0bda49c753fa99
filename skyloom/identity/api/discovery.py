"""The version documents of the identity API."""

from typing import Any

from skyloom.identity.api.views import Ctx
from skyloom.web.app import render
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

VERSION = "v3.14"
UPDATED = "2020-04-07T00:00:00Z"


def versions(ctx: Ctx) -> Reply:
    return render({"versions": {"values": [_v3(ctx)]}}, 300)


def version(ctx: Ctx) -> Any:
    return {"version": _v3(ctx)}


def _v3(ctx: Ctx) -> dict[str, Any]:
    return {
        "id": VERSION,
        "status": "stable",
        "updated": UPDATED,
        "links": [{"rel": "self", "href": f"{ctx.base_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


ROUTES = [
    Route("GET", "/", versions, PUBLIC, status=300),
    Route("GET", "/v3", version, PUBLIC),
]
