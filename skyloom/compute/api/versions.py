"""The version documents. v2.0 is listed, because clients look for it first, and is answered by its document alone."""

from typing import Any

from skyloom.compute.compute import ComputeService
from skyloom.web.context import Context
from skyloom.web.routes import PUBLIC, Microversions, Route
from skyloom.web.versions import text

OFFERED = Microversions("compute", (2, 1), (2, 96), "X-OpenStack-Nova-API-Version")
DESCRIBED = "http://docs.openstack.org/"


def _version(ctx: Context[ComputeService], name: str) -> dict[str, Any]:
    newest = name == "v2.1"
    path = "v2.1" if newest else "v2"
    return {
        "id": name,
        "status": "CURRENT" if newest else "SUPPORTED",
        "version": text(OFFERED.highest) if newest else "",
        "min_version": text(OFFERED.lowest) if newest else "",
        "updated": "2013-07-23T11:33:21Z" if newest else "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": f"{ctx.base_url}/{path}/"}],
    }


def index(ctx: Context[ComputeService]) -> dict[str, Any]:
    return {"versions": [_version(ctx, "v2.0"), _version(ctx, "v2.1")]}


def show_2_0(ctx: Context[ComputeService]) -> dict[str, Any]:
    return _document(ctx, "v2.0", "2")


def show_2_1(ctx: Context[ComputeService]) -> dict[str, Any]:
    return _document(ctx, "v2.1", "2.1")


def _document(ctx: Context[ComputeService], name: str, media: str) -> dict[str, Any]:
    version = _version(ctx, name)
    version["links"].append({"rel": "describedby", "type": "text/html", "href": DESCRIBED})
    kind = f"application/vnd.openstack.compute+json;version={media}"
    return {"version": {**version, "media-types": [{"base": "application/json", "type": kind}]}}


ROUTES = [
    Route("GET", "/", index, PUBLIC),
    Route("GET", "/v2", show_2_0, PUBLIC),
    Route("GET", "/v2.1", show_2_1, PUBLIC),
]
