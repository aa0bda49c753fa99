import threading
from collections.abc import Iterator
from typing import Any

import pytest

from skyloom.agent import Agent, Heartbeat, RemoteHost
from skyloom.bus import InProcessBus
from skyloom.compute.drivers.contract import HostResources, PowerState, Progress, SeenServer, ServerGone, ServerSpec

RESOURCES = HostResources("QEMU", 7002000, "x86_64", 8, 16384, 500)


class RecordingDriver:
    """A ComputeDriver that writes down what it is told and can be made to stop in the middle of it."""

    capabilities = frozenset({"console", "reboot"})

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.entered: dict[str, threading.Event] = {}
        self.release: dict[str, threading.Event] = {}
        self.console = "login:"
        self.error: Exception | None = None

    def hold(self, server_id: str) -> None:
        self.entered[server_id] = threading.Event()
        self.release[server_id] = threading.Event()

    def _record(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        if len(call) > 1 and call[1] in self.entered:
            self.entered[call[1]].set()
            assert self.release[call[1]].wait(20)

    def resources(self) -> HostResources:
        self._record("resources")
        return RESOURCES

    def ensure_server(self, spec: ServerSpec) -> Progress:
        self._record("ensure_server", spec.id, spec)
        return Progress.RUNNING

    def remove_server(self, server_id: str) -> None:
        self._record("remove_server", server_id)

    def list_servers(self) -> list[SeenServer]:
        self._record("list_servers")
        return [SeenServer("s1", PowerState.RUNNING), SeenServer("s2", PowerState.CRASHED)]

    def start(self, server_id: str) -> None:
        self._record("start", server_id)
        if server_id == "gone":
            raise ServerGone("Server gone is not on this host; build it again.", server_id="gone")

    def stop(self, server_id: str, grace_s: float) -> Progress:
        self._record("stop", server_id, grace_s)
        return Progress.DONE

    def reboot(self, server_id: str, hard: bool, grace_s: float) -> Progress:
        self._record("reboot", server_id, hard, grace_s)
        return Progress.DONE

    def console_output(self, server_id: str, lines: int | None) -> str:
        self._record("console_output", server_id, lines)
        return self.console


@pytest.fixture
def bus() -> Iterator[InProcessBus]:
    made = InProcessBus()
    yield made
    made.close()


@pytest.fixture
def heartbeat() -> Iterator[Heartbeat]:
    made = Heartbeat(every_s=0.01)
    yield made
    made.stop()


@pytest.fixture
def driver() -> RecordingDriver:
    return RecordingDriver()


@pytest.fixture
def host(bus: InProcessBus, driver: RecordingDriver) -> Iterator[RemoteHost]:
    agent = Agent("node.1", bus, driver, boot_id="boot", busy_after_s=0.05)
    yield RemoteHost(bus, "node.1")
    agent.stop()
