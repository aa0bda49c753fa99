"""A client that talks to the application in this process: whole requests, no sockets."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skyloom.access import Caller
from skyloom.errors import Unauthorized
from skyloom.web.app import Application
from skyloom.web.http import Body, Request
from skyloom.web.routes import Api


class NobodyKnown(Unauthorized):
    code = "test.nobody"


def person(project: str, *roles: str) -> Caller:
    """A user of `project`, with the roles and what they imply."""
    order = ("admin", "manager", "member", "reader")
    implied = {name for role in roles if role in order for name in order[order.index(role) :]}
    return Caller(user_id=f"user-of-{project}", project_id=project, roles=frozenset(implied | set(roles)))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """`people`: token -> caller."""

    def __init__(self, apis: Iterable[Api], people: Mapping[str, Caller]):
        self.people = people
        self.application = Application(list(apis), self._authenticate, "https", "Skyloom")

    def _authenticate(self, token: str, request: Request) -> Caller:
        if token not in self.people:
            raise NobodyKnown("No such token.")
        return self.people[token]

    def __call__(
        self,
        method: str,
        url: str,
        who: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        chunks: Iterable[bytes] | None = None,
        announced: int | None = None,
    ) -> Answer:
        path, _, query = url.partition("?")
        sent = {"host": "cloud.test", "content-type": "application/json", **(headers or {})}
        if who is not None:
            sent["x-auth-token"] = who
        content = Body(chunks, announced) if chunks is not None else Body.of(_bytes(body))
        reply = self.application(Request(method, path, query=query, headers=sent, body=content))
        raw = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        return Answer(reply.status, dict(reply.headers), raw)


def _bytes(body: Any) -> bytes:
    return b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
