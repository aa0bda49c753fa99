"""Error kinds to HTTP statuses, once for all native APIs, and the forms in which OpenStack's services write them."""

from collections.abc import Mapping, Sequence
from html import escape

import msgspec

from skyloom import errors
from skyloom.errors import SkyloomError
from skyloom.web.http import Reply, Request

STATUSES: Sequence[tuple[type[SkyloomError], int]] = (
    (errors.BadRequest, 400),
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.NotAcceptable, 406),
    (errors.Conflict, 409),
    (errors.Gone, 410),
    (errors.TooLarge, 413),
    (errors.UnsupportedMedia, 415),
    (errors.OverLimit, 403),
    (errors.NotBuilt, 501),
    (errors.Unavailable, 503),
)
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Requested Range Not Satisfiable",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
COMPUTE_FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class MethodNotAllowed(SkyloomError):
    """The resource is there, but not for this method. `allow` lists those it has."""

    code = "request.method_not_allowed"


class Internal(SkyloomError):
    """What must not happen; the log has the trace under the request id."""

    code = "server.internal"


def status_of(error: SkyloomError, own: Mapping[type[SkyloomError], int]) -> int:
    """`own` are the statuses in which one service differs from the others."""
    for kind, status in (*own.items(), *STATUSES):
        if isinstance(error, kind):
            return status
    return 405 if isinstance(error, MethodNotAllowed) else 500


def identity_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Keystone: {"error": {"code", "message", "title"}}."""
    return _json(status, {"error": {"code": status, "message": error.sentence, "title": TITLES.get(status, "Error")}})


def compute_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Nova and Cinder: {"itemNotFound": {"code", "message"}}; a 406 is written as the microversion guideline has it."""
    if status == 406:
        return _json(status, {"errors": [_guideline(status, error, request_id)]})
    return _json(status, {COMPUTE_FAULTS.get(status, "computeFault"): {"code": status, "message": error.sentence}})


def network_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Neutron: {"NeutronError": {"type", "message", "detail"}}; the type is the error's class."""
    body = {"type": type(error).__name__, "message": error.sentence, "detail": ""}
    return _json(status, {"NeutronError": body})


def image_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Glance writes web pages, and JSON to those who ask for it."""
    title = f"{status} {TITLES.get(status, 'Error')}"
    if "json" in request.headers.get("accept", ""):
        return _json(status, {"message": error.sentence, "code": title, "title": TITLES.get(status, "Error")})
    page = (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n"
        f"  {escape(error.sentence)}<br /><br />\n\n\n\n </body>\n</html>"
    )
    return Reply(status, [("Content-Type", "text/html; charset=UTF-8")], page.encode())


def placement_form(request: Request, status: int, error: SkyloomError, request_id: str) -> Reply:
    """Placement: the errors guideline of the API-SIG."""
    return _json(status, {"errors": [_guideline(status, error, request_id)]})


def _guideline(status: int, error: SkyloomError, request_id: str) -> dict[str, object]:
    return {
        "status": status,
        "title": TITLES.get(status, "Error"),
        "detail": error.sentence,
        "code": error.code,
        "request_id": request_id,
        **{name: error.details[name] for name in ("min_version", "max_version") if name in error.details},
    }


def _json(status: int, body: object) -> Reply:
    return Reply(status, [("Content-Type", "application/json")], msgspec.json.encode(body))
