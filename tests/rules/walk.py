"""A walk through every route of every API with valid requests, and what strangers and broken bodies got on the way.

Each call of a walk is first tried by those who may not do it, with the same path and body, and then with broken
bodies by the one who may: so a refusal is never one for want of the thing itself. Then it is done, and its audit
entries are read. Tests judge the record; nothing is judged here, so one run shows all that is wrong.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy import func, select

from skyloom.db.audit import audit_entry
from skyloom.web.routes import PUBLIC, Api, Route
from skyloom.web.versions import text
from tests.api.client import Answer
from tests.cloud import Cloud

WRITES = ("POST", "PUT", "PATCH", "DELETE")
UNKNOWN_ID = "6f1d1f9e-7c0e-4a44-9f5e-3d3f0d7f6c55"
LARGE_BYTES = 2 << 20
STRANGERS = {"no token": None, "garbage": "gAAAAAB-garbage", "nobody": "nobody", "reader": "reader", "other": "other"}


@dataclass(frozen=True)
class Call:
    """`route` is "METHOD /path" as in its Route. {words} of the path, query, headers and body stand for what is known.
    A body that hangs on the time is a function, which is called each time that it is sent; so are headers that are
    signed, of what is known.

    `keep`: name -> where in the reply ("server.id", "form:oauth_token") stands what is known by it from then on.
    `at`: path parameters that are called otherwise there. `variant` tells calls of one route apart. `until`: (path,
    status word or "gone") to wait for.
    """

    route: str
    body: Any = None
    keep: Mapping[str, str] = field(default_factory=dict)
    at: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] | Callable[[Mapping[str, Any]], Mapping[str, str]] = field(default_factory=dict)
    who: str = "demo"
    status: int | None = None
    variant: str = ""
    version: str = ""
    until: tuple[str, str] | None = None

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]


@dataclass(frozen=True)
class Walk:
    """Calls of one API, in order."""

    api: str
    calls: Sequence[Call]


@dataclass(frozen=True)
class Asked:
    api: str
    route: Route
    what: str
    method: str
    url: str
    body: Any
    version: str
    answer: Answer
    entries: int

    @property
    def key(self) -> str:
        return key(self.api, self.route)

    @property
    def told(self) -> str:
        return f"{self.key} [{self.what}] -> {self.answer.status} {self.answer.body[:300]!r}"


@dataclass
class Record:
    done: list[tuple[Call, Asked]] = field(default_factory=list)
    strangers: list[Asked] = field(default_factory=list)
    broken: list[Asked] = field(default_factory=list)


def routes(api: Api) -> Iterator[Route]:
    yield from api.routes
    yield from api.not_built


def key(api: str, route: Route) -> str:
    until = f" until {text(route.until)}" if route.until else ""
    return f"{api} {route.method} {route.path}{until}"


def _route(api: Api, call: Call) -> Route:
    """The route of the call in its version; the newest if it names none."""
    asked = tuple(int(part) for part in call.version.split(".")) if call.version else None
    found = [route for route in routes(api) if f"{route.method} {route.path}" == call.route]
    assert found, f"{api.name} has no route {call.route}"
    return next((route for route in found if asked and asked <= (route.until or asked)), found[-1])


class Walker:
    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.record = Record()
        self.known: dict[str, Any] = {}
        for name, caller in cloud.callers.items():
            self.known |= {f"{name}_id": caller.user_id, f"{name}_project": caller.project_id or ""}
            self.known[f"{name}_token"] = cloud.tokens[name]
        self.known |= {f"{name}_password": password for name, password in cloud.passwords.items()}

    def walk(self, walk: Walk) -> None:
        api = next(api for api in self.cloud.apis if api.name == walk.api)
        for call in walk.calls:
            route = _route(api, call)
            for version in self._versions(api, call, route):
                self._walk_one(api, route, call, version)

    def try_the_rest(self) -> None:
        """Strangers at the routes that no walk goes through, with made-up ids."""
        walked = {asked.key for _, asked in self.record.done}
        for api in self.cloud.apis:
            for route in routes(api):
                if key(api.name, route) not in walked:
                    call = Call(f"{route.method} {route.path}", {} if route.method in WRITES else None)
                    self._try_strangers(api, route, call, self._versions(api, call, route)[-1])

    def _versions(self, api: Api, call: Call, route: Route) -> list[str]:
        """Reading is done in the oldest and the newest version that the route has."""
        if api.microversions is None:
            return [""]
        oldest = text(route.since or api.microversions.lowest)
        newest = text(route.until or api.microversions.highest)
        if call.version:
            return [call.version]
        return [newest] if call.method in WRITES or oldest == newest else [oldest, newest]

    def _walk_one(self, api: Api, route: Route, call: Call, version: str) -> None:
        self._try_first(api, route, call, version)
        token = self.cloud.tokens[call.who] if call.who else None
        asked = self._ask(api, route, call, version, "walk", token, self._filled(call.body))
        self.record.done.append((call, asked))
        if asked.answer.status == (call.status or route.status):
            for name, where in call.keep.items():
                self.known[name] = _at(asked.answer, where)
            if call.until is not None:
                self._await(api, *call.until)

    def _try_first(self, api: Api, route: Route, call: Call, version: str) -> None:
        """What must be refused is asked before the call itself, when all that it needs is there."""
        self._try_strangers(api, route, call, version)
        self._try_broken_bodies(api, route, call, version)

    def _await(self, api: Api, path: str, word: str) -> None:
        url, token = api.prefix + self._filled(path), self.cloud.tokens["admin"]

        def has_come() -> bool:
            answer = self.cloud("GET", url, token)
            if answer.status == 404:
                return word == "gone"
            (thing,) = json.loads(answer.body).values()
            return bool(thing["status"] == word)

        self.cloud.until(has_come)

    def _try_strangers(self, api: Api, route: Route, call: Call, version: str) -> None:
        if route.policy == PUBLIC:
            return
        for what, name in STRANGERS.items():
            if what == "reader" and route.method not in WRITES:
                continue
            if what == "other" and (call.who != "demo" or "{" not in call.path):
                continue
            token = self.cloud.tokens.get(name, name) if name else None
            asked = self._ask(api, route, call, version, what, token, self._filled(call.body))
            self.record.strangers.append(asked)

    def _try_broken_bodies(self, api: Api, route: Route, call: Call, version: str) -> None:
        if call.method not in WRITES or (route.body is None and not isinstance(call.body, dict | list)):
            return
        token = self.cloud.tokens[call.who] if call.who else None
        too_large = b'{"a": "%s"}' % (b"a" * max(api.body_limit_bytes, LARGE_BYTES))
        broken: Mapping[str, tuple[Any, dict[str, str]]] = {
            "not JSON": (b'{"a": ', {}),
            "not UTF-8": (b'{"a": "\xff\xfe"}', {}),
            "no body": (b"", {}),
            "wrong media": (self._filled(call.body), {"content-type": "text/csv"}),
            "too large": (too_large, {}),
            "a number": (b"7", {}),
            "a list of numbers": (b"[7, 7]", {}),
            "unknown object": ({"nonsense": {"nonsense": None}}, {}),
        }
        for what, (body, headers) in broken.items():
            asked = self._ask(api, route, call, version, what, token, body, headers)
            self.record.broken.append(asked)

    def _ask(
        self,
        api: Api,
        route: Route,
        call: Call,
        version: str,
        what: str,
        token: str | None,
        body: Any,
        headers: Mapping[str, str] | None = None,
    ) -> Asked:
        url = api.prefix + self._path(call) + self._filled(call.query)
        sent = self._headers(api, call, version) | dict(headers or {})
        answer = self.cloud(call.method, url, token, body, sent)
        entries = self._entries(answer.headers["X-Openstack-Request-Id"]) if call.method in WRITES else 0
        return Asked(api.name, route, what, call.method, url, body, version, answer, entries)

    def _headers(self, api: Api, call: Call, version: str) -> dict[str, str]:
        own = call.headers(self.known) if callable(call.headers) else call.headers
        sent = {name: self._filled(value) for name, value in own.items()}
        if version and api.microversions:
            sent["openstack-api-version"] = f"{api.microversions.service_type} {version}"
        return sent

    def _entries(self, request_id: str) -> int:
        count = select(func.count()).select_from(audit_entry).where(audit_entry.c.request_id == request_id)
        return int(self.cloud.db.read().execute(count).scalar_one())

    def _path(self, call: Call, at: Mapping[str, str] | None = None) -> str:
        """`at`: instead of the call's own."""

        def value(found: re.Match[str]) -> str:
            name = found[1]
            given = (call.at if at is None else at).get(name)
            return str(self._filled(given) if given is not None else self.known.get(name, UNKNOWN_ID))

        return re.sub(r"\{(\w+)\}", value, call.path)

    def _filled(self, value: Any) -> Any:
        if callable(value):
            return self._filled(value())
        if isinstance(value, str):
            return re.sub(r"\{(\w+)\}", lambda found: str(self.known.get(found[1], found[0])), value)
        if isinstance(value, dict):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner) for inner in value]
        return value


def _at(answer: Answer, where: str) -> Any:
    """`server.id` of the body; `header:NAME`; `form:NAME` of a body that is a form; a number picks from a list."""
    if where.startswith("header:"):
        return answer.headers[where.removeprefix("header:")]
    if where.startswith("form:"):
        return parse_qs(answer.body.decode())[where.removeprefix("form:")][0]
    found = json.loads(answer.body)
    return reduce(lambda value, step: value[int(step) if step.isdigit() else step], where.split("."), found)
