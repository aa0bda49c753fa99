"""A cloud on PostgreSQL and NATS, agents in a process of their own; each part is killed while servers are built."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from skyloom.control import AGENT
from skyloom.home import Home
from skyloom.parts.nats import NAME as BROKER
from skyloom.parts.processes import Processes
from tests.parts.ports import free_port
from tests.parts.postgresql import PostgresServer

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.needs("nats")]
PATIENCE_S = 60.0
SERVERS = 10


def await_true(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any


@dataclass
class Cloud:
    home: Home
    port: int
    postgres: PostgresServer
    token: str = ""
    image_id: str = ""
    network_id: str = ""
    accepted: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": kind, "X-Auth-Token": self.token})
            reply = connection.getresponse()
            text = reply.read()
            is_json = "json" in (reply.headers.get("Content-Type") or "")
            return Answer(reply.status, reply.headers, json.loads(text) if is_json and text else text)
        finally:
            connection.close()

    def done(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        answer = self.ask(method, path, body, kind)
        assert answer.status < 300, answer
        return answer.body

    def log_in(self) -> None:
        user = {"name": "demo", "domain": {"id": "default"}, "password": self.home.passwords().demo}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "demo", "domain": {"id": "default"}}}
        answer = self.ask("POST", "/identity/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        assert answer.status == 201, answer
        self.token = answer.headers["X-Subject-Token"]

    def furnish(self) -> None:
        image = {"name": "some", "disk_format": "raw", "container_format": "bare"}
        self.image_id = self.done("POST", "/image/v2/images", image)["id"]
        self.done("PUT", f"/image/v2/images/{self.image_id}/file", b"bytes", "application/octet-stream")
        self.network_id = self.done("POST", "/network/v2.0/networks", {"network": {}})["network"]["id"]
        subnet = {"network_id": self.network_id, "ip_version": 4, "cidr": "10.0.0.0/24"}
        self.done("POST", "/network/v2.0/subnets", {"subnet": subnet})

    def build(self, name: str) -> Answer:
        server = {"name": name, "imageRef": self.image_id, "flavorRef": "tiny", "networks": [{"uuid": self.network_id}]}
        answer = self.ask("POST", "/compute/v2.1/servers", {"server": server})
        if answer.status == 202:
            self.accepted.append(answer.body["server"]["id"])
        return answer

    def servers(self) -> dict[str, Any]:
        found = self.done("GET", "/compute/v2.1/servers/detail")["servers"]
        return {server["id"]: server for server in found}

    def await_built(self, perhaps: int = 0) -> None:
        """Every server that was accepted is there and ACTIVE, and of others at most `perhaps`."""
        await_true("builds end", lambda: all(each["status"] != "BUILD" for each in self.servers().values()))
        states = {id: (each["status"], each.get("fault")) for id, each in self.servers().items()}
        others = states.keys() - set(self.accepted)
        assert states == dict.fromkeys([*self.accepted, *others], ("ACTIVE", None))
        assert len(others) <= perhaps

    def delete_all(self) -> None:
        for server_id in self.servers():
            self.done("DELETE", f"/compute/v2.1/servers/{server_id}")
        self.accepted.clear()
        await_true("servers go", lambda: not self.servers())
        used = self.done("GET", "/compute/v2.1/limits")["limits"]["absolute"]
        assert [used[name] for name in ("totalInstancesUsed", "totalCoresUsed", "totalRAMUsed")] == [0, 0, 0]
        ports = self.done("GET", "/network/v2.0/ports")["ports"]
        assert [port for port in ports if port["device_owner"].startswith("compute:")] == []

    def kill(self, name: str) -> None:
        processes = Processes(self.home.processes, self.home.logs)
        record = processes.running(name)
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)

        def is_back() -> bool:
            now = processes.running(name)
            return now is not None and now.pid != record.pid

        await_true(f"{name} is back", is_back)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def cloud(running: Cloud) -> Iterator[Cloud]:
    """With no server: one that a failed test left would use up the quota of the next."""
    yield running
    running.delete_all()


@pytest.fixture(scope="module")
def running(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Taken down with all its daemons when this run ends, even when it is killed: SIGINT does it."""
    home, port = Home(tmp_path_factory.mktemp("both")), free_port()
    secret = home.folder / "database-url"
    secret.write_text(postgres.create_database())
    command = ["setpriv", "--pdeathsig", "INT", sys.executable, "-m", "skyloom.cli", "up", "--no-tls"]
    command += ["--state", str(home.folder), "--listen", f"127.0.0.1:{port}", "--password-cost", "8"]
    command += ["--hypervisor", "simulated", "--hosts", "3", "--database", f"file:{secret}", "--bus", "nats"]
    with (home.folder / "up.log").open("wb") as log:
        up = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    await_true("the cloud is ready", lambda: home.ready_now() or up.poll() is not None)
    assert up.poll() is None, (home.folder / "up.log").read_text()
    cloud = Cloud(home, port, postgres)
    cloud.log_in()
    cloud.furnish()
    yield cloud
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_S) == 0
    left = Processes(home.processes, home.logs)
    assert [name for name in left.names() if left.running(name)] == []


def build_many(cloud: Cloud, meanwhile: Callable[[], None]) -> list[Answer]:
    """Ask for ten servers, four at a time, and have something happen when the first are on their way."""
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(cloud.build, f"server-{number}") for number in range(SERVERS)]
        await_true("the first are accepted", lambda: cloud.accepted)
        meanwhile()
        return [answer.result(PATIENCE_S) for answer in answers]


def test_ten_servers_are_built_on_all_hosts_and_deleted(cloud: Cloud) -> None:
    answers = build_many(cloud, lambda: None)
    assert {answer.status for answer in answers} == {202}
    cloud.await_built()
    assert len({server["hostId"] for server in cloud.servers().values()}) == 3
    cloud.delete_all()
    assert cloud.ask("GET", "/compute/v2.1/servers").body == {"servers": []}


def test_a_restart_of_the_database_loses_nothing(cloud: Cloud) -> None:
    refused: list[Answer] = []

    def restart() -> None:
        cloud.postgres.stop(signal.SIGQUIT)
        refused.append(cloud.ask("GET", "/compute/v2.1/servers"))
        refused.append(cloud.build("refused"))
        cloud.postgres.start()

    answers = build_many(cloud, restart)
    assert {answer.status for answer in answers} <= {202, 503}
    refused += [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in refused} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert cloud.ask("GET", "/compute/v2.1/servers").status == 200, "the database is back"
    cloud.await_built(perhaps=sum("see whether the change was made" in str(answer.body) for answer in refused))


@pytest.mark.parametrize("part", [BROKER, AGENT])
def test_builds_finish_though_a_part_is_killed(cloud: Cloud, part: str) -> None:
    answers = build_many(cloud, lambda: cloud.kill(part))
    assert {answer.status for answer in answers} == {202}
    cloud.await_built()
