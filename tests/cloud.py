"""A whole control plane in this process: every service and API that is assembled, real tokens, a simulated machine.

People: admin (role admin, and on the system), demo (a member of project demo), reader (a reader in demo), other (a
member of another project), nobody (a user without any role, so its token has no scope).
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from skyloom import identity, image
from skyloom.access import SYSTEM
from skyloom.bus import InProcessBus
from skyloom.compute.policy import RULES as COMPUTE_RULES
from skyloom.db import Database
from skyloom.db.schema import prepare
from skyloom.home import Home, Plan
from skyloom.identity.service.registry import Query
from skyloom.identity.store.grants import Grant
from skyloom.network.policy import RULES as NETWORK_RULES
from skyloom.web.http import Body, Request
from skyloom.wire.core import Core
from skyloom.wire.host import Hosts, names
from skyloom.wire.machine import Choice, Machine
from tests.api.client import Answer

PASSWORD = "a password of tests"
PROJECTS = {"admin": "admin", "demo": "demo", "reader": "demo", "other": "other"}
RULES: Mapping[str, Mapping[str, str]] = {
    "identity": identity.RULES,
    "image": image.RULES,
    "network": NETWORK_RULES,
    "compute": COMPUTE_RULES,
}
LIMIT_S = 60
PREFIX = "skyloom-test-cloud-"


class Cloud:
    """`start`: with workers, reconcilers and two hosts; without them it answers, and accepted work stays undone."""

    def __init__(self, start: bool = True, database: Callable[[str], Database] = Database):
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        home = Home(self.folder)
        home.make()
        plan = Plan(hypervisor="simulated", network="simulated", hosts=2, password_cost=4)
        machine = Machine(home, Choice(plan))
        self.db = database(f"sqlite:///{self.folder / 'cloud.db'}")
        prepare(self.db)
        self.bus = InProcessBus()
        self.core = Core(home, plan, self.db, self.bus, machine)
        self.core.bootstrap()
        self.policy = self.core.policy
        self.apis = list(self.core.apis())
        self.application = self.core.application()
        self.passwords: dict[str, str] = msgspec.structs.asdict(home.passwords())
        self._add_strangers()
        self.tokens = {name: self._token(name) for name in (*PROJECTS, "nobody")}
        self.callers = {name: self.core.identity.authenticate(token) for name, token in self.tokens.items()}
        self._hosts: Hosts | None = None
        if start:
            self._start(home, machine)

    def _start(self, home: Home, machine: Machine) -> None:
        self.core.start()
        self._hosts = Hosts(home, machine, lambda name: self.bus)
        wanted = set(names(machine))
        self.until(lambda: wanted <= set(self.core.compute.hosts.by_name()))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the cloud does in the background."""
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, f"nothing came of it in {LIMIT_S} s"
            time.sleep(0.01)

    def _add_strangers(self) -> None:
        identity = self.core.identity
        identity.users.create(SYSTEM, {"name": "nobody", "password": PASSWORD})
        other = identity.users.create(SYSTEM, {"name": "other", "password": PASSWORD})
        project = identity.projects.create(SYSTEM, {"name": "other"})
        (member,) = identity.roles.list(SYSTEM, Query({"name": "member"})).records
        identity.grants.create(SYSTEM, Grant("user", other["id"], "project", project["id"], member["id"]))

    def _token(self, name: str) -> str:
        domain = {"id": "default"}
        user = {"name": name, "password": self.passwords.get(name, PASSWORD), "domain": domain}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if name in PROJECTS:
            auth["scope"] = {"project": {"name": PROJECTS[name], "domain": domain}}
        answer = self("POST", "/identity/v3/auth/tokens", None, {"auth": auth})
        assert answer.status == 201, answer.body
        return answer.headers["X-Subject-Token"]

    def __call__(
        self, method: str, url: str, token: str | None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`body`: bytes as they are, anything else as JSON."""
        path, _, query = url.partition("?")
        sent = {"host": "cloud.test", "content-type": "application/json", **(headers or {})}
        if token is not None:
            sent["x-auth-token"] = token
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        reply = self.application(Request(method, path, query=query, headers=sent, body=Body.of(content)))
        raw = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        return Answer(reply.status, dict(reply.headers), raw)

    def close(self) -> None:
        self.core.stop()
        if self._hosts is not None:
            self._hosts.stop()
        self.bus.close()
        self.db.close()
        shutil.rmtree(self.folder)


def _sweep() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)
