"""Which machines there are, whether they are up, and what they have room for.

Hosts tell that they are alive many times a minute; what was heard is kept in memory and written now and then, so that
a cloud of a thousand hosts does not spend its commits on it. A new host, or one with other resources, is written at
once.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from skyloom.access import SYSTEM, Caller
from skyloom.compute.drivers.contract import HostResources
from skyloom.compute.errors import HypervisorNotFound, ServiceNotFound
from skyloom.compute.model import Host
from skyloom.compute.parts import Parts
from skyloom.compute.store import HostStore, ServerStore
from skyloom.placement import DISK_GB, MEMORY_MB, VCPU, Inventory

SNAPSHOT_AGE_S = 3.0


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """A host with what is used of it; memory in MiB, disk in GiB."""

    host: Host
    is_up: bool
    vcpus_used: int
    memory_mib_used: int
    disk_gib_used: int
    running_servers: int


class HostService:
    """`on_back` is called when a host tells that it is alive for the first time since this process began, or since it
    was down: its guests may be in another state by then."""

    def __init__(self, parts: Parts):
        self.parts = parts
        self.store = HostStore()
        self.servers = ServerStore()
        self._lock = threading.Lock()
        self.on_back: Callable[[], None] = lambda: None
        self._heard: dict[str, datetime] = {}
        self._written: dict[str, HostResources] = {}
        self._snapshot: tuple[float, Mapping[str, Host]] | None = None
        self._unfit: tuple[Mapping[str, Host], dict[str | None, frozenset[str]]] = ({}, {})

    def hear(self, name: str, resources: HostResources, address: str = "127.0.0.1") -> None:
        """A host told that it is alive and what it has."""
        now = self.parts.db.clock.now()
        known = self.by_name().get(name)
        with self._lock:
            self._heard[name] = now
            is_known = self._written.get(name) == resources
        was_down = known is not None and not self.is_up(known)
        if was_down:
            # A host that is back is of use at once.
            self._snapshot = None
        if not is_known:
            self._write(name, resources, address, now)
            with self._lock:
                self._written[name] = resources
        if was_down or not is_known:
            self.on_back()

    def has_told(self, name: str) -> bool:
        """Whether the host was heard since this process began; its row may be fresh from the process before."""
        with self._lock:
            return name in self._written

    def _write(self, name: str, resources: HostResources, address: str, now: datetime) -> None:
        values = {
            "hypervisor_type": resources.hypervisor_type,
            "hypervisor_version": resources.hypervisor_version,
            "cpu_arch": resources.cpu_arch,
            "vcpus": resources.vcpus,
            "memory_mib": resources.memory_mib,
            "disk_gib": resources.disk_gib,
            "address": address,
            "seen_at": now,
        }
        with self.parts.db.begin(SYSTEM) as tx:
            if not self.store.change(tx, name, values):
                first = {
                    "id": str(uuid.uuid4()),
                    "name": name,
                    "availability_zone": self.parts.settings.default_zone,
                    "is_disabled": False,
                    "disabled_reason": None,
                    "is_forced_down": False,
                    "created_at": now,
                }
                self.store.add(tx, {**first, **values})
        self.parts.placement.set_inventory(name, self._inventories(resources))
        self._snapshot = None

    def _inventories(self, resources: HostResources) -> list[Inventory]:
        settings = self.parts.settings
        totals = {VCPU: resources.vcpus, MEMORY_MB: resources.memory_mib, DISK_GB: resources.disk_gib}
        # A very small host keeps a quarter for itself instead of everything.
        reserved = {MEMORY_MB: min(settings.reserved_memory_mib, resources.memory_mib // 4)}
        return [
            Inventory(
                resource_class=name,
                total=total,
                reserved=reserved.get(name, 0),
                allocation_ratio=settings.ratios.get(name, 1.0),
                max_unit=max(1, total),
            )
            for name, total in totals.items()
        ]

    def flush(self) -> None:
        """Write when each host was last heard of."""
        with self._lock:
            heard, self._heard = self._heard, {}
        if heard:
            with self.parts.db.begin(SYSTEM) as tx:
                self.store.seen(tx, heard)

    def by_name(self) -> Mapping[str, Host]:
        """All hosts, as they were a few seconds ago at most."""
        now = self.parts.db.clock.monotonic()
        snapshot = self._snapshot
        if snapshot is None or now - snapshot[0] > SNAPSHOT_AGE_S:
            with self._lock:
                heard = dict(self._heard)
            found = {host.name: host for host in self.store.list(self.parts.db.read())}
            for name, at in heard.items():
                if name in found and at > found[name].seen_at:
                    found[name] = replace(found[name], seen_at=at)
            snapshot = self._snapshot = (now, found)
        return snapshot[1]

    def is_up(self, host: Host) -> bool:
        return host.is_up(self.parts.db.clock.now(), self.parts.settings.host_patience_s)

    def is_usable(self, name: str) -> bool:
        """Whether a call to the host's agent is worth a try."""
        host = self.by_name().get(name)
        return host is not None and self.is_up(host)

    def unfit(self, zone: str | None) -> frozenset[str]:
        """Names of the hosts that may get no new server: down, disabled, or in another zone.

        Counted once for each look at the hosts, so a choice among ten thousand costs what one among ten does.
        """
        hosts = self.by_name()
        known_of, by_zone = self._unfit
        if known_of is not hosts:
            by_zone = {}
            self._unfit = (hosts, by_zone)
        if zone not in by_zone:
            by_zone[zone] = frozenset(
                host.name
                for host in hosts.values()
                if host.is_disabled or not self.is_up(host) or (zone is not None and host.availability_zone != zone)
            )
        return by_zone[zone]

    def zone_of(self, name: str | None) -> str:
        host = self.by_name().get(name) if name is not None else None
        return "" if host is None else host.availability_zone

    def zones(self, caller: Caller, detail: bool) -> Mapping[str, Sequence[Host]]:
        action = "detail" if detail else "list"
        self.parts.policy.require(caller, f"os_compute_api:os-availability-zone:{action}")
        return self.zone_names()

    def zone_names(self) -> dict[str, list[Host]]:
        found: dict[str, list[Host]] = {}
        for host in self.by_name().values():
            found.setdefault(host.availability_zone, []).append(host)
        return found

    def aggregates(self, caller: Caller) -> list[Mapping[str, object]]:
        """None can be made yet."""
        self.parts.policy.require(caller, "os_compute_api:os-aggregates:index")
        return []

    def hypervisors(self, caller: Caller, action: str) -> list[Hypervisor]:
        """`action`: list, list-detail, statistics or search, as the policy calls them; servers are counted for those
        two that show how many there are."""
        self.parts.policy.require(caller, f"os_compute_api:os-hypervisors:{action}")
        hosts, inventories = self.by_name(), self.parts.placement.inventories()
        counted = hosts if action in ("list-detail", "statistics") else ()
        counts = self.servers.count_by_host(self.parts.db.read(), counted)
        return [self._hypervisor(host, inventories.get(host.name, {}), counts) for host in hosts.values()]

    def hypervisor(self, caller: Caller, hypervisor_id: str) -> Hypervisor:
        """By id or, as before 2.53, by number."""
        self.parts.policy.require(caller, "os_compute_api:os-hypervisors:show")
        for host in self.by_name().values():
            if hypervisor_id in (host.id, str(host.number)):
                inventories = self.parts.placement.inventories().get(host.name, {})
                counts = self.servers.count_by_host(self.parts.db.read(), [host.name])
                return self._hypervisor(host, inventories, counts)
        raise HypervisorNotFound(hypervisor_id)

    def servers_on(self, hosts: Sequence[Host]) -> dict[str, list[tuple[str, str]]]:
        """Host name -> ids and names of its servers."""
        sql = self.parts.db.read()
        return {host.name: [(each.id, each.name) for each in self.servers.on_host(sql, host.name)] for host in hosts}

    def _hypervisor(self, host: Host, inventories: Mapping[str, Inventory], counts: Mapping[str, int]) -> Hypervisor:
        used = {name: item.used for name, item in inventories.items()}
        return Hypervisor(
            host,
            self.is_up(host),
            used.get(VCPU, 0),
            used.get(MEMORY_MB, 0),
            used.get(DISK_GB, 0),
            counts.get(host.name, 0),
        )

    def services(self, caller: Caller) -> list[Host]:
        self.parts.policy.require(caller, "os_compute_api:os-services:list")
        return list(self.by_name().values())

    def update_service(self, caller: Caller, service: str, values: Mapping[str, object]) -> Host:
        """`service`: id or host name. `values`: columns among is_disabled, disabled_reason, is_forced_down."""
        action = "os_compute_api:os-services:update"
        self.parts.policy.require(caller, action)
        found = next((host for host in self.by_name().values() if service in (host.id, host.name)), None)
        if found is None:
            raise ServiceNotFound(service)
        with self.parts.db.begin(caller) as tx:
            self.store.change(tx, found.name, values)
            tx.record(action, "host", found.name)
        self._snapshot = None
        return self.by_name()[found.name]
