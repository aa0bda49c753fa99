"""The Network API whole, on a database of its own: a cloud without a back end."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from skyloom.access import Caller, Policy
from skyloom.db import Database, metadata
from skyloom.errors import Unauthorized
from skyloom.network.api import api
from skyloom.network.policy import RULES
from skyloom.network.service import NetworkService
from skyloom.web.app import Application
from skyloom.web.http import Body, Request

ROLES = {
    "member": frozenset({"member", "reader"}),
    "reader": frozenset({"reader"}),
    "admin": frozenset({"admin", "member", "reader"}),
    "nobody": frozenset(),
}


def authenticate(token: str, request: Request) -> Caller:
    """Tokens are PROJECT:ROLE."""
    project_id, _, role = token.partition(":")
    if role not in ROLES:
        raise Unauthorized("unknown token")
    return Caller(user_id=f"user-of-{project_id}", project_id=project_id, roles=ROLES[role])


@dataclass
class Answer:
    status: int
    body: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def error(self) -> str:
        return str(self.body["NeutronError"]["type"])

    @property
    def message(self) -> str:
        return str(self.body["NeutronError"]["message"])


class Client:
    """Calls the application as a client of one token would."""

    def __init__(self, application: Application, token: str):
        self.application = application
        self.token = token

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        path, _, query = path.partition("?")
        raw = b"" if body is None else msgspec.json.encode(body)
        headers = {"host": "cloud.example", "x-auth-token": self.token}
        request = Request(method, f"/network/v2.0{path}", query=query, headers=headers, body=Body.of(raw))
        reply = self.application(request)
        content = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        return Answer(reply.status, msgspec.json.decode(content) if content else None)

    def make(self, path: str, **values: Any) -> Any:
        """A new thing, which must come to be; `path` is the plural of the URL."""
        noun = path.strip("/").replace("-", "_").removesuffix("s")
        answer = self("POST", path, {noun: {name.replace("__", ":"): value for name, value in values.items()}})
        assert answer.status == 201, answer
        return answer[noun]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path / 'cloud.db'}")
    metadata.create_all(db.engine)
    yield db
    db.close()


@pytest.fixture
def service(database: Database) -> NetworkService:
    return NetworkService(database, Policy([RULES]), chance=random.Random(1))


@pytest.fixture
def client(service: NetworkService) -> Callable[[str], Client]:
    application = Application([api(service)], authenticate, "http", "Skyloom")
    return lambda token: Client(application, token)


@pytest.fixture
def member(client: Callable[[str], Client]) -> Client:
    return client("demo:member")


@pytest.fixture
def reader(client: Callable[[str], Client]) -> Client:
    return client("demo:reader")


@pytest.fixture
def stranger(client: Callable[[str], Client]) -> Client:
    return client("other:member")


@pytest.fixture
def admin(client: Callable[[str], Client]) -> Client:
    return client("operators:admin")


@pytest.fixture
def public(service: NetworkService) -> Any:
    return service.bootstrap("operators", "203.0.113.0/24", "203.0.113.1", ("203.0.113.10", "203.0.113.40"))
