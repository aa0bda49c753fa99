"""The core's side of the agent protocol: a host as a compute driver, whatever machine it is on."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from skyloom.agent.protocol import DESCRIBE, DRIVER_VERBS, HostAlive, HostDescription, ask, teller
from skyloom.bus import Bus, Subscription
from skyloom.compute.drivers.contract import HostResources, Progress, SeenServer, ServerSpec

log = logging.getLogger(__name__)


class RemoteHost:
    """A ComputeDriver; every verb is one request. Raises what the driver raises, HostFailed, or the bus's errors."""

    def __init__(self, bus: Bus, name: str, timeout_s: float = 20.0):
        self.bus = bus
        self.name = name
        self.timeout_s = timeout_s

    @property
    def capabilities(self) -> frozenset[str]:
        return self.describe().capabilities

    def describe(self) -> HostDescription:
        return ask(self.bus, DESCRIBE.subject(self.name), DESCRIBE.arguments(), HostDescription, self.timeout_s)

    def resources(self) -> HostResources:
        return self._ask("resources")

    def ensure_server(self, spec: ServerSpec) -> Progress:
        return self._ask("ensure_server", spec=spec)

    def remove_server(self, server_id: str) -> None:
        self._ask("remove_server", server_id=server_id)

    def list_servers(self) -> list[SeenServer]:
        return self._ask("list_servers")

    def start(self, server_id: str) -> None:
        self._ask("start", server_id=server_id)

    def stop(self, server_id: str, grace_s: float) -> Progress:
        return self._ask("stop", server_id=server_id, grace_s=grace_s)

    def reboot(self, server_id: str, hard: bool, grace_s: float) -> Progress:
        return self._ask("reboot", server_id=server_id, hard=hard, grace_s=grace_s)

    def console_output(self, server_id: str, lines: int | None) -> str:
        return self._ask("console_output", server_id=server_id, lines=lines)

    def _ask(self, name: str, **arguments: object) -> Any:
        verb = DRIVER_VERBS[name]
        return ask(self.bus, verb.subject(self.name), verb.arguments(**arguments), verb.result, self.timeout_s)


class Hosts:
    """Any host by its name; whether it is there shows when it is asked."""

    def __init__(self, bus: Bus, timeout_s: float = 20.0):
        self.bus = bus
        self.timeout_s = timeout_s

    def __getitem__(self, host: str) -> RemoteHost:
        return RemoteHost(self.bus, host, self.timeout_s)


def hear_hosts(bus: Bus, heard: Callable[[str, HostAlive], None]) -> Subscription:
    """Call `heard` with a host's name and what it told, each time one tells that it is alive."""

    def listen(subject: str, payload: bytes) -> None:
        try:
            alive = msgspec.msgpack.decode(payload, type=HostAlive)
        except msgspec.DecodeError as error:
            log.warning("Host %s tells something that is not understood: %s", teller(subject), error)
            return
        heard(teller(subject), alive)

    return bus.subscribe("core.host.*.alive", listen)
