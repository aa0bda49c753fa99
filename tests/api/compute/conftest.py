"""The whole application over simulated hosts; work is done when a test lets it (`cloud.run()`)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from skyloom.db import Database, metadata
from skyloom.web.http import Body, Request
from tests.parts.compute import GROUP, IMAGE, NETWORK, Cloud, small_cloud

__all__ = ["GROUP", "IMAGE", "NETWORK"]


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


class Client:
    """Calls the application as `token` in `version`, and checks the status."""

    def __init__(self, cloud: Cloud, token: str = "member", version: str | None = "2.96"):
        self.cloud = cloud
        self.token = token
        self.version = version

    def as_(self, token: str, version: str | None = "2.96") -> "Client":
        return Client(self.cloud, token, version)

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        return self.answer(method, path, body, status).body

    def answer(self, method: str, path: str, body: Any = None, status: int | None = None) -> Answer:
        headers = {"host": "cloud.example"}
        if self.token:
            headers["x-auth-token"] = self.token
        if self.version is not None:
            headers["openstack-api-version"] = f"compute {self.version}"
        path, _, query = path.partition("?")
        raw = b"" if body is None else json.dumps(body).encode()
        url = f"/compute/v2.1{path}"
        reply = self.cloud.application(Request(method, url, url, query, headers, body=Body.of(raw)))
        assert isinstance(reply.body, bytes)
        decoded = json.loads(reply.body) if reply.body else None
        assert status is None or reply.status == status, f"{method} {path}: {reply.status} {decoded}"
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers}, decoded)

    def server(self, run: bool = True, **more: Any) -> str:
        """The id of a new server."""
        networks = {"networks": "auto"} if self.version and float(self.version.split(".")[1]) >= 37 else {}
        new = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", **networks, **more}
        created = self.call("POST", "/servers", {"server": new}, 202)["server"]
        if run:
            self.cloud.run()
        found: str = created["id"]
        return found


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def cloud(tmp_path: Path, clock: VirtualClock) -> Iterator[Cloud]:
    database = Database(f"sqlite:///{tmp_path}/skyloom.db", clock)
    metadata.create_all(database.engine)
    yield small_cloud(database, clock)
    database.close()


@pytest.fixture
def client(cloud: Cloud) -> Client:
    return Client(cloud)
