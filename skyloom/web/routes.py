"""Routes as data: what tests, documentation and the router walk.

A handler is `handler(ctx, **path_parameters)`, with the decoded body as second argument when the route has a body type.
It returns what the reply's body is made of: a `Reply`, or an object to be written as JSON with the route's status.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skyloom.errors import SkyloomError
from skyloom.web.context import Version
from skyloom.web.http import Reply, Request

PUBLIC = "public"
"""The policy of a route that needs no token (discovery documents, authentication itself)."""
PROJECT_IN_PATH = "project in the path"
PROJECT_ID = re.compile("[0-9a-f-]+")

ErrorForm = Callable[[Request, int, SkyloomError, str], Reply]
"""(request, status, error, request id) -> the error in the service's own OpenStack form."""


@dataclass(frozen=True, slots=True)
class Route:
    """`path` below the API's prefix, parameters in braces. `policy` is the action its service asks for, or PUBLIC.

    `body` is a msgspec type, or None: the handler reads `ctx.request.body` itself if it wants one. `since` and `until`
    bound the microversions in which the route exists.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    policy: str
    body: Any = None
    status: int = 200
    since: Version | None = None
    until: Version | None = None


@dataclass(frozen=True, slots=True)
class Microversions:
    """`service_type` as it stands in OpenStack-API-Version; `legacy_header` is the service's older header."""

    service_type: str
    lowest: Version
    highest: Version
    legacy_header: str | None = None


@dataclass(frozen=True)
class Api:
    """One OpenStack API: its prefix on the common port, routes, versions and form of errors.

    `statuses` are this service's own departures from the common statuses (Neutron answers 409 to a full quota).
    `request_id_header` is an older name under which the service also tells the request id.
    `vary` is the request header by which the service's answers differ, told to caches in each of them.
    `is_listed`: GET / tells of it.
    `is_slash_significant`: `/things/` is a thing without a name, and so nothing.
    `project_after`: all that is below this path is found below PATH/PROJECT_ID as well, for callers of that project.
    `not_built` are documented calls that answer 501, `not_built_actions` the same by path and action in the body; the
    gap table is made of them.
    """

    name: str
    prefix: str
    routes: Sequence[Route]
    service: Any
    error_form: ErrorForm
    microversions: Microversions | None = None
    body_limit_bytes: int = 114_688
    statuses: Mapping[type[SkyloomError], int] = field(default_factory=dict)
    not_built: Sequence[Route] = ()
    not_built_actions: Sequence[tuple[str, str]] = ()
    request_id_header: str | None = None
    vary: str | None = None
    is_listed: bool = True
    is_slash_significant: bool = False
    project_after: str = ""
    tree: "Node" = field(init=False)

    def __post_init__(self) -> None:
        tree = Node()
        for route in (*self.routes, *self.not_built):
            tree.add(route)
        if self.project_after:
            tree.take_project_after(self.project_after)
        object.__setattr__(self, "tree", tree)


class Node:
    """A segment of the paths; a fixed word is preferred to a parameter. `form`: what a parameter looks like."""

    __slots__ = ("form", "name", "parameter", "routes", "words")

    def __init__(self) -> None:
        self.words: dict[str, Node] = {}
        self.parameter: Node | None = None
        self.name = ""
        self.form: re.Pattern[str] | None = None
        self.routes: dict[str, list[Route]] = {}

    def add(self, route: Route) -> None:
        node = self
        for segment in _segments(route.path):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = Node()
                    node.parameter.name = segment[1:-1]
                elif node.parameter.name != segment[1:-1]:
                    raise ValueError(f"{route.path}: {segment} is called {{{node.parameter.name}}} in another route")
                node = node.parameter
            else:
                node = node.words.setdefault(segment, Node())
        node.routes.setdefault(route.method, []).append(route)

    def take_project_after(self, path: str) -> None:
        """All that is below `path` can be found below `path`/{PROJECT_IN_PATH}, too."""
        node = self
        for segment in _segments(path):
            node = node.words[segment]
        if node.parameter is not None:
            raise ValueError(f"{path}/{{{node.parameter.name}}} is a route, so no project's id can stand there")
        node.parameter = Node()
        node.parameter.name, node.parameter.form = PROJECT_IN_PATH, PROJECT_ID
        node.parameter.words = node.words

    def find(self, path: str) -> tuple[Mapping[str, list[Route]], dict[str, str]] | None:
        """The routes by method at `path` and the values of its parameters; None where there is nothing."""
        return self._find(_segments(path), 0, {})

    def _find(
        self, segments: list[str], at: int, values: dict[str, str]
    ) -> tuple[Mapping[str, list[Route]], dict[str, str]] | None:
        if at == len(segments):
            return (self.routes, values) if self.routes else None
        segment = segments[at]
        word = self.words.get(segment)
        if word is not None:
            found = word._find(segments, at + 1, values)
            if found is not None:
                return found
        other = self.parameter
        if other is not None and segment and (other.form is None or other.form.fullmatch(segment)):
            return other._find(segments, at + 1, {**values, other.name: segment})
        return None


def _segments(path: str) -> list[str]:
    """`/servers/` and `/servers` are the same resource in every OpenStack service."""
    return path.strip("/").split("/") if path.strip("/") else []
