"""Hosts as they are against servers as they should be; run on a timer, so a lost message costs delay only.

What a live flow works on is left to it. Rows are read before the host is asked, and a row is written only if it is
still of the generation that was read. A guest that nobody wants is removed only after it was seen so twice, with the
grace between: a build that began meanwhile has its row by then.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from skyloom.access import SYSTEM
from skyloom.compute.drivers.contract import PowerState, SeenServer
from skyloom.compute.model import POWER_OF, Fault, Hosted, Power, VmState
from skyloom.compute.parts import Parts
from skyloom.compute.service.hosts import HostService
from skyloom.compute.store import ServerStore
from skyloom.errors import Unavailable

log = logging.getLogger(__name__)
OFF = (PowerState.SHUTDOWN, PowerState.CRASHED)


class Kind(StrEnum):
    POWERED_OFF = "powered_off"
    POWERED_ON = "powered_on"
    LOST = "lost"
    NOTE_POWER = "note_power"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class Step:
    """`row` is missing for a guest that no row of this host wants."""

    kind: Kind
    server_id: str
    row: Hosted | None = None
    power: Power = Power.NOSTATE


@dataclass
class Report:
    changed: list[Step] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def plan(wanted: Sequence[Hosted], seen: Sequence[SeenServer]) -> list[Step]:
    """What the host and the rows of its servers disagree about."""
    powers: Mapping[str, PowerState] = {guest.id: guest.power for guest in seen}
    steps = [step for row in wanted if (step := _step(row, powers.get(row.id))) is not None]
    known = {row.id for row in wanted}
    return steps + [Step(Kind.UNWANTED, guest.id) for guest in seen if guest.id not in known]


def _step(row: Hosted, power: PowerState | None) -> Step | None:
    if row.task_state is not None or row.vm_state not in (VmState.ACTIVE, VmState.STOPPED):
        return None
    if power is None:
        return Step(Kind.LOST, row.id, row)
    shown = POWER_OF[power]
    if row.vm_state == VmState.ACTIVE and power in OFF:
        return Step(Kind.POWERED_OFF, row.id, row, shown)
    if row.vm_state == VmState.STOPPED and power is PowerState.RUNNING:
        return Step(Kind.POWERED_ON, row.id, row, shown)
    return Step(Kind.NOTE_POWER, row.id, row, shown) if row.power_state != shown else None


class Reconciler:
    """`compared`: the hosts whose rows have been true once since this process began."""

    def __init__(self, parts: Parts, hosts: HostService, grace_s: float = 60.0):
        self.parts = parts
        self.hosts = hosts
        self.grace_s = grace_s
        self.store = ServerStore()
        self.compared: set[str] = set()
        self._suspects: dict[tuple[str, str], datetime] = {}

    def pass_once(self) -> dict[str, Report]:
        """All hosts that answer; a host that does not is looked at again at the next pass."""
        self.hosts.flush()
        reports: dict[str, Report] = {}
        for name in list(self.hosts.by_name()):
            if not (self.hosts.has_told(name) and self.hosts.is_usable(name)):
                continue
            try:
                reports[name] = self.pass_host(name)
            except Unavailable as error:
                log.warning("Host %s could not be compared: %s", name, error)
        return reports

    def pass_host(self, host: str) -> Report:
        wanted = self.store.on_host(self.parts.db.read(), host)
        seen = self.parts.drivers[host].list_servers()
        steps = plan(wanted, seen)
        doubted = {(host, step.server_id) for step in steps if step.kind in (Kind.UNWANTED, Kind.LOST)}
        self._suspects = {key: at for key, at in self._suspects.items() if key[0] != host or key in doubted}
        report = Report()
        for step in steps:
            self._apply(host, step, report)
        self.compared.add(host)
        return report

    def _apply(self, host: str, step: Step, report: Report) -> None:
        match step.kind:
            case Kind.UNWANTED:
                if self._is_ripe(host, step.server_id) and not self._is_wanted(host, step.server_id):
                    self.parts.drivers[host].remove_server(step.server_id)
                    report.removed.append(step.server_id)
            case Kind.LOST:
                if self._is_ripe(host, step.server_id):
                    fault = Fault(500, "The host lost the guest of this server.", self.parts.db.clock.now())
                    self._write(step, {"vm_state": VmState.ERROR, "fault": fault}, report)
            case Kind.POWERED_OFF:
                self._write(step, {"vm_state": VmState.STOPPED}, report)
            case Kind.POWERED_ON:
                # Somebody started it past the cloud; the state that its owner asked for is kept.
                self.parts.drivers[host].stop(step.server_id, self.parts.settings.stop_grace_s)
                report.changed.append(step)
            case Kind.NOTE_POWER:
                self._write(step, {}, report)

    def _is_ripe(self, host: str, server_id: str) -> bool:
        """Whether the doubt is as old as the grace."""
        now = self.parts.db.clock.now()
        since = self._suspects.setdefault((host, server_id), now)
        return (now - since).total_seconds() >= self.grace_s

    def _is_wanted(self, host: str, server_id: str) -> bool:
        row = self.store.get(self.parts.db.read(), server_id)
        return row is not None and row.deleted_at is None and row.host == host

    def _write(self, step: Step, values: dict[str, object], report: Report) -> None:
        assert step.row is not None, "only an unwanted guest has no row"
        values = {**values, "power_state": int(step.power)}
        now = self.parts.db.clock.now()
        with self.parts.db.begin(SYSTEM) as tx:
            done = self.store.change(tx, step.server_id, now, values, None, step.row.generation)
        if done:
            report.changed.append(step)
