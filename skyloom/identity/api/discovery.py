"""The version documents of the identity API, and its JSON Home for who asks for that."""

from collections.abc import Sequence
from typing import Any

import msgspec

from skyloom.identity.api import json_home
from skyloom.identity.api.views import Ctx
from skyloom.web.app import render
from skyloom.web.http import Reply
from skyloom.web.routes import PUBLIC, Route

VERSION = "v3.14"
UPDATED = "2020-04-07T00:00:00Z"


class Discovery:
    def __init__(self, routes: Sequence[Route]):
        """`routes`: all others of the API."""
        self.below_root = msgspec.json.encode(json_home.document(routes, "/v3"))
        self.below_version = msgspec.json.encode(json_home.document(routes))

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.versions, PUBLIC, status=300),
            Route("GET", "/v3", self.version, PUBLIC),
        ]

    def versions(self, ctx: Ctx) -> Reply:
        if _wants_home(ctx):
            return _home(self.below_root)
        reply = render({"versions": {"values": [_v3(ctx)]}}, 300)
        reply.headers.append(("Location", f"{ctx.base_url}/v3/"))
        return reply

    def version(self, ctx: Ctx) -> Reply:
        if _wants_home(ctx):
            return _home(self.below_version)
        return render({"version": _v3(ctx)}, 200)


def _wants_home(ctx: Ctx) -> bool:
    return json_home.is_wanted(ctx.request.headers.get("accept", ""))


def _home(document: bytes) -> Reply:
    return Reply(200, [("Content-Type", json_home.MEDIA_TYPE), ("Vary", "Accept")], document)


def _v3(ctx: Ctx) -> dict[str, Any]:
    return {
        "id": VERSION,
        "status": "stable",
        "updated": UPDATED,
        "links": [{"rel": "self", "href": f"{ctx.base_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
