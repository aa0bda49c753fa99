"""A client that costs little: one connection a thread, kept open, the next request when the answer is read."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.running import Running

COMPUTE_VERSION = "2.79"


class Answered(Exception):
    """Another answer than the bench can go on with."""


@dataclass(frozen=True)
class Load:
    """What a load was and cost. Latencies in s, sorted."""

    latencies: list[float]
    wall_s: float
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / len(self.latencies)

    def percentile_ms(self, percent: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * percent / 100))] * 1000

    @property
    def told(self) -> str:
        count = len(self.latencies)
        quick = f"p50 {self.percentile_ms(50):.2f} ms, p99 {self.percentile_ms(99):.2f} ms"
        return f"{count} requests, {count / self.wall_s:.0f}/s, {quick}"


class Client:
    """An administrator of the cloud that runs."""

    def __init__(self, cloud: Running):
        self.cloud = cloud
        self._tls = ssl.create_default_context(cafile=cloud.folder / "ca.pem")
        self._local = threading.local()
        self.login = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": cloud.password()}},
                },
                "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
            }
        }
        self.token = ""
        self.token = self.issue()
        self.project_id: str = self("GET", "/identity/v3/auth/tokens", headers={"X-Subject-Token": self.token})[
            "token"
        ]["project"]["id"]

    def issue(self) -> str:
        _, headers, _ = self.raw("POST", "/identity/v3/auth/tokens", json.dumps(self.login).encode())
        return headers["X-Subject-Token"] or ""

    def __call__(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        _, _, content = self.raw(method, path, sent, headers)
        return json.loads(content) if content else None

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Raises Answered for what is no success."""
        sent = {
            "X-Auth-Token": self.token,
            "Content-Type": "application/json",
            "OpenStack-API-Version": f"compute {COMPUTE_VERSION}",
            **(headers or {}),
        }
        connection = self._connection()
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Answered(f"{method} {path}: {answer.status} {content[:400]!r}")
        return answer.status, answer.headers, content

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection("127.0.0.1", self.cloud.port, context=self._tls, timeout=120)
            self._local.connection = connection
        return connection

    def paced(self, act: Callable[[int], object], a_second: float, seconds: float = 8.0) -> Load:
        """`act(n)` so often a second; one that was slow delays the next, and counts once."""
        act(-1)
        latencies = []
        cpu_s, began = self.cloud.cpu_s(), time.perf_counter()
        for number in range(int(a_second * seconds)):
            due = began + number / a_second
            time.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            act(number)
            latencies.append(time.perf_counter() - sent)
        return Load(sorted(latencies), time.perf_counter() - began, self.cloud.cpu_s() - cpu_s)

    def load(self, act: Callable[[int], object], wide: int, count: int | None = None, seconds: float = 3.0) -> Load:
        """`act(n)` sends one request. `count` of them, or as many as go into `seconds`."""
        act(-1)
        numbers = iter(range(count if count is not None else 1 << 60))
        latencies: list[float] = []
        errors: list[BaseException] = []
        lock = threading.Lock()
        until = time.perf_counter() + (seconds if count is None else 3600)

        def work() -> None:
            try:
                while time.perf_counter() < until and not errors:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    began = time.perf_counter()
                    act(number)
                    latencies.append(time.perf_counter() - began)
            except Exception as error:  # noqa: BLE001 - told by the thread that waits for all
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(wide)]
        cpu_s, began = self.cloud.cpu_s(), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        wall_s = time.perf_counter() - began
        return Load(sorted(latencies), wall_s, self.cloud.cpu_s() - cpu_s)
