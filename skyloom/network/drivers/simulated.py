"""A whole network back end in memory: for tests, and for clouds of simulated hosts.

It keeps the specs it was handed and obeys the contract as the real one does: a thing that lies on a missing one is not
made, a missing reference is left out and reported as INCOMPLETE. A guest's port comes up as soon as it has a host.
Links are told from a thread of this driver's own, as a real back end does; `links_told()` waits for it.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from skyloom.network.drivers.contract import (
    INCOMPLETE,
    NOUNS,
    BackendAway,
    Change,
    Ensure,
    FloatingIpSpec,
    NetworkSpec,
    PortSpec,
    RouterPort,
    RouterSpec,
    SecurityGroupSpec,
    Spec,
    in_order,
    noun_of,
)

LOG = logging.getLogger(__name__)
OnPort = Callable[[str, bool], None]


class SimulatedNetwork:
    """`away` is an outage that lasts until it is set back; `fail(...)` breaks the next calls of `apply` only."""

    capabilities = frozenset({"floating_ips", "provider_networks", "stateless_security_groups"})

    def __init__(self) -> None:
        self.away = False
        self.specs: dict[str, dict[str, Spec]] = {noun: {} for noun in NOUNS}
        self._revisions: dict[str, dict[str, int]] = {noun: {} for noun in NOUNS}
        self._failures: list[Exception] = []
        self._watchers: list[OnPort] = []
        self._up: set[str] = set()
        self._lock = threading.Lock()
        self._told: queue.Queue[tuple[OnPort, str, bool] | None] = queue.Queue()
        self._teller: threading.Thread | None = None

    def apply(self, changes: Sequence[Change]) -> None:
        with self._lock:
            self._answer()
            if self._failures:
                raise self._failures.pop(0)
            ordered = in_order(changes)
            for change in ordered:
                if isinstance(change, Ensure):
                    self._ensure(change.spec)
                else:
                    self._remove(change.noun, change.id)
            for change in ordered:
                if isinstance(change, Ensure):
                    self._weigh(change.spec)

    def seen(self) -> Mapping[str, Mapping[str, int]]:
        with self._lock:
            self._answer()
            return {noun: dict(revisions) for noun, revisions in self._revisions.items()}

    def watch(self, on_port: OnPort) -> None:
        with self._lock:
            self._watchers.append(on_port)
            for port_id in self.specs["port"]:
                self._told.put((on_port, port_id, port_id in self._up))
            if self._teller is None:
                self._teller = threading.Thread(target=self._tell, name="simulated-links", daemon=True)
                self._teller.start()

    def close(self) -> None:
        if self._teller is not None:
            self._told.put(None)
            self._teller.join()
            self._teller = None

    def fail(self, *errors: Exception) -> None:
        """The next calls of `apply` raise these, one each, and change nothing."""
        with self._lock:
            self._failures.extend(errors)

    def lose_everything(self) -> None:
        """As if the back end's database were replaced by an empty one."""
        with self._lock:
            for noun in NOUNS:
                self.specs[noun].clear()
                self._revisions[noun].clear()
            for port_id in list(self._up):
                self._move_link(port_id, False)

    def links_told(self) -> None:
        """Wait until the watchers have heard of every change so far."""
        self._told.join()

    def _answer(self) -> None:
        if self.away:
            raise BackendAway("The simulated network was told to be away; set `away` back.")

    def _ensure(self, spec: Spec) -> None:
        noun = noun_of(Ensure(spec))
        if not self._has_all(_grounds(spec)):
            self._remove(noun, spec.id)
            return
        self.specs[noun][spec.id] = spec
        if isinstance(spec, PortSpec):
            self._move_link(spec.id, spec.kind == "guest" and spec.host is not None)

    def _weigh(self, spec: Spec) -> None:
        """Only when all of a call is made: security groups name each other."""
        noun = noun_of(Ensure(spec))
        if spec.id in self.specs[noun]:
            self._revisions[noun][spec.id] = spec.revision if self._has_all(_references(spec)) else INCOMPLETE

    def _remove(self, noun: str, id: str) -> None:
        self.specs[noun].pop(id, None)
        self._revisions[noun].pop(id, None)
        if noun == "port":
            self._move_link(id, False)
        if noun in ("port", "floatingip"):
            return
        for other in NOUNS:
            for spec in list(self.specs[other].values()):
                if (noun, id) in _grounds(spec):
                    self._remove(other, spec.id)
                elif (noun, id) in _references(spec):
                    self._revisions[other][spec.id] = INCOMPLETE

    def _has_all(self, things: Iterable[tuple[str, str]]) -> bool:
        return all(id in self.specs[noun] for noun, id in things)

    def _move_link(self, port_id: str, is_up: bool) -> None:
        if (port_id in self._up) == is_up:
            return
        self._up ^= {port_id}
        for on_port in self._watchers:
            self._told.put((on_port, port_id, is_up))

    def _tell(self) -> None:
        while (told := self._told.get()) is not None:
            on_port, port_id, is_up = told
            try:
                on_port(port_id, is_up)
            except Exception:
                LOG.exception("A listener to links failed on port %s", port_id)
            finally:
                self._told.task_done()
        self._told.task_done()


def _grounds(spec: Spec) -> list[tuple[str, str]]:
    """What the thing lies on: without these it cannot be made."""
    match spec:
        case PortSpec():
            return [("network", spec.network_id)]
        case FloatingIpSpec():
            return [("router", spec.router_id)]
    return []


def _references(spec: Spec) -> list[tuple[str, str]]:
    """What the thing names: without these it is made, and is not whole."""
    match spec:
        case NetworkSpec():
            return []
        case PortSpec():
            return [("security_group", id) for id in spec.security_group_ids if spec.port_security]
        case SecurityGroupSpec():
            groups = {rule.remote_group_id for rule in spec.rules if rule.remote_group_id is not None}
            return [("security_group", id) for id in groups if id != spec.id]
        case RouterSpec():
            ports: list[RouterPort] = [*spec.interfaces, *([spec.gateway.port] if spec.gateway else [])]
            return [("network", port.network_id) for port in ports]
        case FloatingIpSpec():
            return []
