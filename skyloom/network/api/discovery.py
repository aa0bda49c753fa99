"""The documents that say which versions and resources there are; they need no token."""

from typing import Any

from skyloom.network.api.crud import Ctx
from skyloom.network.resources import ALL
from skyloom.web.routes import PUBLIC, Route


def versions(ctx: Ctx) -> Any:
    links = [{"rel": "self", "href": f"{ctx.base_url}/v2.0/"}]
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}


def resources(ctx: Ctx) -> Any:
    return {
        "resources": [
            {
                "name": resource.name,
                "collection": resource.plural,
                "links": [{"rel": "self", "href": f"{ctx.base_url}/v2.0/{resource.path}"}],
            }
            for resource in ALL
        ]
    }


ROUTES = [
    Route("GET", "/", versions, PUBLIC),
    Route("GET", "/v2.0", resources, PUBLIC),
]
