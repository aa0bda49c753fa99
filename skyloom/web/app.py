"""From a request to a reply: find the API and the route, settle version and caller, decode, call, render.

The order is written out once, in `_answer`, and is the same for all APIs.
"""

import logging
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from skyloom.access import Caller, PolicyForbids
from skyloom.errors import BadRequest, NotBuilt, NotFound, SkyloomError, Unauthorized, Unavailable
from skyloom.web import bodies, versions
from skyloom.web.context import Context
from skyloom.web.errors import Internal, MethodNotAllowed, identity_form, status_of
from skyloom.web.http import Reply, Request
from skyloom.web.routes import PROJECT_IN_PATH, PUBLIC, Api, Route

log = logging.getLogger(__name__)
encode = msgspec.json.Encoder().encode
GLOBAL_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NOBODY = Caller(user_id="")

Authenticate = Callable[[str, Request], Caller]
"""(token, request) -> its caller; raises Unauthorized."""


class NoSuchPath(NotFound):
    code = "request.no_such_path"


class TokenMissing(Unauthorized):
    code = "auth.token_missing"


class PathInvalid(BadRequest):
    code = "request.path_invalid"


class ProjectOfPathWrong(BadRequest):
    code = "request.project_of_path_wrong"

    def __init__(self, in_path: str, own: str | None):
        super().__init__(
            f"Malformed request URL: URL's project_id '{in_path}' doesn't match Context's project_id '{own}'.",
            field="project_id",
        )


class Application:
    """All APIs of the cloud on one port. `scheme` is what the clients use to reach it."""

    def __init__(self, apis: Sequence[Api], authenticate: Authenticate, scheme: str, name: str):
        self.apis = {api.prefix: api for api in apis}
        self.authenticate = authenticate
        self.scheme = scheme
        self.name = name

    def __call__(self, request: Request) -> Reply:
        request_id = f"req-{uuid.uuid4()}"
        api = self._api(request)
        try:
            reply = self._answer(request, api, request_id)
        except SkyloomError as error:
            reply = self._refuse(request, api, error, request_id)
        except Exception:
            log.exception("%s: %s %s failed", request_id, request.method, request.path)
            sentence = f"The server met an error it did not expect; its log has the details under {request_id}."
            reply = self._refuse(request, api, Internal(sentence), request_id)
        reply.headers.append(("X-Openstack-Request-Id", request_id))
        if api is not None and api.request_id_header is not None:
            reply.headers.append((api.request_id_header, request_id))
        if api is not None and api.vary is not None:
            reply.headers.append(("Vary", api.vary))
        return reply

    def _api(self, request: Request) -> Api | None:
        end = request.path.find("/", 1)
        return self.apis.get(request.path if end < 0 else request.path[:end])

    def _answer(self, request: Request, api: Api | None, request_id: str) -> Reply:
        if "\x00" in request.path or "%00" in request.query:
            raise PathInvalid("The URL holds a NUL byte; nothing has such a name.")
        if api is None:
            return self._root(request)
        path = request.path[len(api.prefix) :]
        found = api.tree.find(path)
        if found is None or (api.is_slash_significant and path.endswith("/") and path.count("/") > 2):
            raise NoSuchPath(f"{self.name} has nothing at {request.path}; see the service's API reference.")
        routes, values = found
        project_id = values.pop(PROJECT_IN_PATH, None)
        version = versions.negotiate(request, api.microversions) if api.microversions else (0, 0)
        route = self._route(request, routes, version)
        caller = self._caller(request, route, request_id)
        if project_id is not None and project_id != caller.project_id:
            raise ProjectOfPathWrong(project_id, caller.project_id)
        host = request.headers.get("host", "localhost")
        context = Context(request, caller, api.service, f"{self.scheme}://{host}{api.prefix}", version)
        if route.body is None:
            result = route.handler(context, **values)
        else:
            body = bodies.decode(request, route.body, api.body_limit_bytes)
            result = route.handler(context, body, **values)
        reply = render(result, route.status)
        if api.microversions:
            reply.headers += versions.headers(api.microversions, version)
        return reply

    def _route(self, request: Request, routes: Any, version: tuple[int, int]) -> Route:
        method = "GET" if request.method == "HEAD" and "HEAD" not in routes else request.method
        for route in routes.get(method, ()):
            if (route.since or version) <= version <= (route.until or version):
                return route
        if method in routes:
            raise NoSuchPath(f"{request.path} is not part of version {versions.text(version)} of the API.")
        allow = ", ".join(sorted({*routes, "HEAD"} if "GET" in routes else routes))
        raise MethodNotAllowed(f"{request.path} does not take {request.method}; it takes {allow}.", allow=allow)

    def _caller(self, request: Request, route: Route, request_id: str) -> Caller:
        token = request.headers.get("x-auth-token") or _bearer(request)
        asked = request.headers.get("x-openstack-request-id", "")
        global_id = asked if GLOBAL_REQUEST_ID.fullmatch(asked) else None
        if route.policy == PUBLIC:
            caller = NOBODY
        elif not token:
            raise TokenMissing("The request has no X-Auth-Token; authenticate first (POST /identity/v3/auth/tokens).")
        else:
            caller = self.authenticate(token, request)
        return caller.of_request(request_id, global_id)

    def _refuse(self, request: Request, api: Api | None, error: SkyloomError, request_id: str) -> Reply:
        own = api.statuses if api else {}
        form = api.error_form if api else identity_form
        status = status_of(error, own)
        if status >= 500 and not isinstance(error, (NotBuilt, Internal)):
            log.warning("%s: %s %s: %s", request_id, request.method, request.path, error, exc_info=error.__cause__)
        reply = form(request, status, error, request_id)
        if status == 403 and isinstance(error, PolicyForbids):
            error.remember()
        if status == 401:
            host = request.headers.get("host", "localhost")
            reply.headers.append(("WWW-Authenticate", f'Keystone uri="{self.scheme}://{host}/identity/v3"'))
        if status == 405 and isinstance(error, MethodNotAllowed):
            reply.headers.append(("Allow", str(error.details["allow"])))
        if isinstance(error, Unavailable):
            reply.headers.append(("Retry-After", str(error.retry_after_s)))
        return reply

    def _root(self, request: Request) -> Reply:
        if request.path not in ("", "/"):
            raise NoSuchPath(f"{self.name} has nothing at {request.path}; GET / lists its APIs.")
        host = request.headers.get("host", "localhost")
        links = {api.name: f"{self.scheme}://{host}{prefix}/" for prefix, api in self.apis.items() if api.is_listed}
        return render({"name": self.name, "apis": links}, 200)


def _bearer(request: Request) -> str:
    """The token of an Authorization header, as clients of OAuth 2 send it (RFC 6750)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def render(result: Any, status: int) -> Reply:
    if isinstance(result, Reply):
        return result
    if result is None:
        return Reply(status, [], b"")
    return Reply(status, [("Content-Type", "application/json")], encode(result))
