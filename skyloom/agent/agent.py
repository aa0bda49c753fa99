"""The process on a host: it carries out the core's verbs on the driver and tells that it is alive.

Two verbs of one server never run at the same time; other servers go on meanwhile. A verb that finds its server taken
waits a little and then answers HostBusy, so that one stuck server cannot use up the threads of all.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from skyloom import __version__
from skyloom.agent.guest_networks import GuestNetworks
from skyloom.agent.heartbeat import Heartbeat
from skyloom.agent.protocol import DESCRIBE, DRIVER_VERBS, HostAlive, HostDescription, UnknownVerb, answer, told_by
from skyloom.bus import Bus
from skyloom.bus.subjects import word
from skyloom.compute.drivers.contract import ComputeDriver, HostBusy

LONGEST_TEXT = 200_000  # characters, at most four bytes each: a console's end fits into one message


class Agent:
    def __init__(
        self,
        host_name: str,
        bus: Bus,
        driver: ComputeDriver,
        boot_id: str | None = None,
        heartbeat: Heartbeat | None = None,
        networks: GuestNetworks | None = None,
        workers: int = 16,
        busy_after_s: float = 5.0,
    ):
        """Serves from now on. Agents that share a process may share one `heartbeat`; None makes one for this agent.

        `networks` None: guests here reach the metadata service without the host's help, or not at all.
        """
        self.host_name = host_name
        self.bus = bus
        self.driver = driver
        self.networks = networks
        self.boot_id = boot_id or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._servers = _Taken(busy_after_s)
        self._counter = 0
        self._served = bus.serve(f"host.{word(host_name)}.*", self._serve, workers)
        self._owns_heartbeat = heartbeat is None
        self._heartbeat = heartbeat or Heartbeat()
        self._heartbeat.add(self.announce)

    def stop(self) -> None:
        """Verbs that run are waited for as the bus does; guests go on."""
        self._heartbeat.remove(self.announce)
        if self._owns_heartbeat:
            self._heartbeat.stop()
        self._served.close()

    def announce(self) -> None:
        """Tell the core that this host is alive, and what it is."""
        self._counter += 1
        alive = HostAlive(self.describe(), self._counter)
        self.bus.publish(told_by(self.host_name, "alive"), msgspec.msgpack.encode(alive))

    def describe(self) -> HostDescription:
        return HostDescription(self.driver.resources(), self.driver.capabilities, __version__, self.boot_id)

    def _serve(self, subject: str, payload: bytes) -> bytes:
        name = subject.rpartition(".")[2]
        if name == DESCRIBE.name:
            return answer(payload, DESCRIBE.arguments, lambda _: self.describe())
        verb = DRIVER_VERBS.get(name)
        if verb is None:
            raise UnknownVerb(f"Host {self.host_name} does not know the verb {name}; upgrade its agent.", verb=name)
        return answer(payload, verb.arguments, lambda arguments: self._act(name, arguments))

    def _act(self, name: str, arguments: Any) -> object:
        with self._servers.take(_server_of(arguments), name):
            if self.networks is not None and name == "ensure_server":
                self.networks.joined(arguments.spec)
            result = getattr(self.driver, name)(**{field: getattr(arguments, field) for field in _fields(arguments)})
            if self.networks is not None and name == "remove_server":
                self.networks.left(arguments.server_id)
        return result[-LONGEST_TEXT:] if isinstance(result, str) else result


def _fields(arguments: msgspec.Struct) -> tuple[str, ...]:
    return arguments.__struct_fields__


def _server_of(arguments: Any) -> str | None:
    """The server that a verb is about, None for a verb about the host."""
    if hasattr(arguments, "spec"):
        return str(arguments.spec.id)
    return getattr(arguments, "server_id", None)


class _Taken:
    """Which server is worked on, and by which verb."""

    def __init__(self, busy_after_s: float):
        self._busy_after_s = busy_after_s
        self._changed = threading.Condition()
        self._verbs: dict[str, str] = {}

    @contextmanager
    def take(self, server_id: str | None, verb: str) -> Iterator[None]:
        if server_id is None:
            yield
            return
        with self._changed:
            if not self._changed.wait_for(lambda: server_id not in self._verbs, self._busy_after_s):
                running = self._verbs[server_id]
                raise HostBusy(f"The host is busy with {running} of server {server_id}; ask again a little later.")
            self._verbs[server_id] = verb
        try:
            yield
        finally:
            with self._changed:
                del self._verbs[server_id]
                self._changed.notify_all()
