"""A server comes to be: a host is chosen and claimed, ports made, the guest built, and the server shown as active.

The host is chosen in one step and kept in the frame; the claim is keyed by the server, so a repeat finds the same one.
A host that is full or away is left for another, a few times. What cannot be saved is undone whole: the server stays as
a row in ERROR that says why and holds nothing.
"""

from collections.abc import Sequence, Set

from skyloom.access import SYSTEM
from skyloom.compute.drivers.contract import (
    BuildFailed,
    HostFull,
    ImageGone,
    ImageSpec,
    MetadataPort,
    Nic,
    Progress,
    ServerSpec,
)
from skyloom.compute.flows.frame import ServerFrame
from skyloom.compute.metadata import MetadataService
from skyloom.compute.model import Fault, Power, Server, TaskState, VmState
from skyloom.compute.parts import Parts
from skyloom.compute.service.history import record_end
from skyloom.compute.service.hosts import HostService
from skyloom.compute.store import GroupStore, ServerStore
from skyloom.db import Sql, Tx
from skyloom.errors import SkyloomError, Unavailable
from skyloom.network import NicInfo, NicPlan
from skyloom.placement import DISK_GB, MEMORY_MB, VCPU
from skyloom.work import Abandon, Done, Flow, Next, Step, Wait

BUILDING = (TaskState.SCHEDULING, TaskState.SPAWNING)
POLL_S = 0.5
HOST_TRIES = 6
"""With pauses that double, 15 s in all: an agent or hypervisor that died is back before its servers go elsewhere."""
CANDIDATES = 8


class NoValidHost(Abandon):
    code = "server.no_valid_host"


class PortsNotUp(Abandon):
    code = "server.ports_not_up"


class BuildRefused(Abandon):
    code = "server.build_refused"


class ServerIsGone(Abandon):
    code = "server.is_gone"


class CreateFrame(ServerFrame):
    """`left` are the hosts that were tried and why they were left. `ports_until`: when patience with them ends."""

    plans: list[NicPlan]
    forced_host: str | None = None
    host: str | None = None
    left: dict[str, str] = {}
    tries: int = 0
    nics: list[Nic] = []
    ports_until: float | None = None


class CreateServer(Flow[CreateFrame]):
    name = "create_server"
    frame = CreateFrame
    first = "schedule"
    undo = {"schedule": "release", "plug": "unplug", "build": "remove_guest", "publish": "unpublish"}
    deadline_s = 1800

    def __init__(self, parts: Parts, hosts: HostService, metadata: MetadataService):
        self.parts = parts
        self.hosts = hosts
        self.metadata = metadata
        self.store = ServerStore()
        self.groups = GroupStore()

    def schedule(self, frame: CreateFrame) -> Step:
        server = self._server(frame)
        held = self.parts.placement.allocation_of(server.id)
        if held is not None:
            frame.host = held.provider
        else:
            frame.host = self._claim(server, frame)
        frame.tries = 0
        return Next("plug") if frame.plans else Next("build")

    def _claim(self, server: Server, frame: CreateFrame) -> str:
        """The host that was claimed, in the transaction that also writes it into the server's row."""
        resources = resources_of(server)
        names: Sequence[str]
        if frame.forced_host is not None:
            names = [] if frame.forced_host in frame.left else [frame.forced_host]
        else:
            unfit = self.hosts.unfit(server.availability_zone)
            unfit = unfit | frame.left.keys() if frame.left else unfit
            names = self._near(server, self.parts.placement.candidates(resources, CANDIDATES, unfit), unfit)
        for name in names:
            with self.parts.db.begin(SYSTEM) as tx:
                is_near = frame.forced_host is not None or self._is_near(tx, server, name)
                if is_near and self.parts.placement.claim(
                    tx, server.id, server.project_id, server.user_id, name, resources
                ):
                    values = {"host": name, "task_state": TaskState.SPAWNING}
                    if not self.store.change(tx, server.id, self.parts.db.clock.now(), values, tasks=BUILDING):
                        raise ServerIsGone(f"Server {server.id} was deleted while it was built.")
                    return name
            if not is_near:
                # Another member of its group was placed since the candidates were chosen.
                return self._claim(server, frame)
        reasons = "".join(f" {name}: {reason}" for name, reason in frame.left.items())
        raise NoValidHost(f"No valid host was found. There are not enough hosts available.{reasons}")

    def _near(self, server: Server, names: Sequence[str], unfit: Set[str]) -> Sequence[str]:
        """What the server's group leaves of the candidates."""
        group = None if server.group_id is None else self.groups.get(self.parts.db.read(), server.group_id)
        if group is None:
            return names
        taken = self._taken(self.parts.db.read(), server, group.id)
        if group.policy == "affinity" and taken:
            return [name for name in taken if name not in unfit]
        if group.policy == "anti-affinity":
            resources = resources_of(server)
            return self.parts.placement.candidates(resources, CANDIDATES, unfit | taken)
        wants_near = group.policy == "soft-affinity"
        return sorted(names, key=lambda name: (name in taken) != wants_near)

    def _is_near(self, tx: Tx, server: Server, host: str) -> bool:
        """Whether the server's group still allows the host; until the transaction ends no other member is placed."""
        if server.group_id is None:
            return True
        tx.lock(f"members of {server.group_id}")
        group = self.groups.get(tx, server.group_id)
        taken = self._taken(tx, server, server.group_id)
        if group is None or not taken:
            return True
        return {"affinity": host in taken, "anti-affinity": host not in taken}.get(group.policy, True)

    def _taken(self, sql: Sql, server: Server, group_id: str) -> set[str]:
        """Hosts of the group's other servers."""
        members = self.store.members(sql, [group_id])[group_id]
        return {host for member, host in members if host is not None and member != server.id}

    def release(self, frame: CreateFrame) -> None:
        with self.parts.db.begin(SYSTEM) as tx:
            self.parts.placement.release(frame.server_id, tx)
            self.store.change(tx, frame.server_id, self.parts.db.clock.now(), {"host": None}, tasks=BUILDING)

    def plug(self, frame: CreateFrame) -> Step:
        server = self._server(frame)
        host = _chosen(frame)
        zone = self.hosts.zone_of(host)
        infos = self.parts.network.ensure_server_ports(server.id, server.project_id, host, zone, frame.plans)
        frame.nics = [_nic(info) for info in infos]
        return Next("build")

    def unplug(self, frame: CreateFrame) -> None:
        self.parts.network.release_server_ports(frame.server_id)

    def build(self, frame: CreateFrame) -> Step:
        server = self._server(frame)
        host = _chosen(frame)
        try:
            progress = self.parts.drivers[host].ensure_server(self._spec(server, frame))
        except HostFull as error:
            return self._leave(frame, error)
        except Unavailable as error:
            frame.tries += 1
            if self.hosts.is_usable(host) and frame.tries < HOST_TRIES:
                return Wait(POLL_S * 2 ** (frame.tries - 1))
            return self._leave(frame, error)
        except (BuildFailed, ImageGone) as error:
            raise BuildRefused(f"Build of instance {server.id} aborted: {error.sentence}") from error
        if progress is Progress.RUNNING:
            return Wait(POLL_S)
        return Next("publish") if self._ports_are_up(frame) else Next("await_ports")

    def _leave(self, frame: CreateFrame, error: SkyloomError) -> Step:
        frame.left[_chosen(frame)] = error.sentence
        return Next("reschedule")

    def reschedule(self, frame: CreateFrame) -> Step:
        """Take the guest off a host that could not do it, and choose again."""
        self.remove_guest(frame)
        self.release(frame)
        frame.host = None
        if len(frame.left) >= self.parts.settings.build_attempts or frame.forced_host is not None:
            reasons = " ".join(f"{name}: {reason}" for name, reason in frame.left.items())
            raise NoValidHost(f"No valid host was found. Exceeded maximum number of retries. {reasons}")
        return Next("schedule")

    def remove_guest(self, frame: CreateFrame) -> None:
        """A host that is away keeps what it has until it is back: no row wants it then, and the reconciler takes it."""
        if frame.host is None or not self.hosts.is_usable(frame.host):
            return
        try:
            self.parts.drivers[frame.host].remove_server(frame.server_id)
        except Unavailable as error:
            frame.left.setdefault(frame.host, error.sentence)

    def await_ports(self, frame: CreateFrame) -> Step:
        now = self.parts.db.clock.now().timestamp()
        if frame.ports_until is None:
            frame.ports_until = now + self.parts.settings.port_patience_s
        if self._ports_are_up(frame):
            return Next("publish")
        if now >= frame.ports_until:
            raise PortsNotUp(
                f"Build of instance {frame.server_id} aborted: its ports did not come up within "
                f"{self.parts.settings.port_patience_s:.0f} seconds."
            )
        return Wait(2.0)

    def publish(self, frame: CreateFrame) -> Step:
        now = self.parts.db.clock.now()
        values = {
            "vm_state": VmState.ACTIVE,
            "task_state": None,
            "power_state": int(Power.RUNNING),
            "launched_at": now,
        }
        with self.parts.db.begin(SYSTEM) as tx:
            if self.store.change(tx, frame.server_id, now, values, tasks=BUILDING):
                record_end(tx, frame.caller, self.parts.db.clock.now(), self.name, frame.server_id, is_good=True)
        return Done()

    def unpublish(self, frame: CreateFrame) -> None:
        """Only this flow can have brought the server out of its task: while it lives, its key lets no other in."""
        values = {"vm_state": VmState.BUILDING, "task_state": TaskState.SPAWNING, "launched_at": None}
        with self.parts.db.begin(SYSTEM) as tx:
            self.store.change(tx, frame.server_id, self.parts.db.clock.now(), values, tasks=None)

    def failed(self, frame: CreateFrame, problem: SkyloomError) -> None:
        now = self.parts.db.clock.now()
        fault = Fault(500, problem.sentence, now)
        values = {"vm_state": VmState.ERROR, "task_state": None, "fault": fault, "power_state": int(Power.NOSTATE)}
        with self.parts.db.begin(SYSTEM) as tx:
            if self.store.change(tx, frame.server_id, now, values, tasks=BUILDING):
                record_end(tx, frame.caller, self.parts.db.clock.now(), self.name, frame.server_id, is_good=False)

    def _server(self, frame: CreateFrame) -> Server:
        server = self.store.get(self.parts.db.read(), frame.server_id)
        if server is None or server.deleted_at is not None:
            raise ServerIsGone(f"Server {frame.server_id} was deleted while it was built.")
        return server

    def _ports_are_up(self, frame: CreateFrame) -> bool:
        return not frame.nics or self.parts.network.ports_are_up([nic.port_id for nic in frame.nics])

    def _spec(self, server: Server, frame: CreateFrame) -> ServerSpec:
        image = server.image
        return ServerSpec(
            id=server.id,
            name=server.instance_name,
            project_id=server.project_id,
            vcpus=server.flavor.vcpus,
            memory_mib=server.flavor.memory_mib,
            disk_gib=server.flavor.disk_gib,
            image=None if image is None else ImageSpec(image.id, image.disk_format, image.size, image.checksum),
            nics=frame.nics,
            config_drive=self.metadata.config_drive(server) if server.config_drive else None,
        )


def _chosen(frame: CreateFrame) -> str:
    if frame.host is None:
        raise ServerIsGone(f"Server {frame.server_id} has no host at a step that needs one.")
    return frame.host


def resources_of(server: Server) -> dict[str, int]:
    """What a server takes of its host; swap is a disk too."""
    flavor = server.flavor
    disk_gib = flavor.disk_gib + flavor.ephemeral_gib + -(-flavor.swap_mib // 1024)
    return {VCPU: flavor.vcpus, MEMORY_MB: flavor.memory_mib, DISK_GB: disk_gib}


def _nic(info: NicInfo) -> Nic:
    served = info.metadata_port
    metadata = None if served is None else MetadataPort(served.port_id, served.mac, list(served.addresses))
    return Nic(info.port_id, info.network_id, info.mac, info.mtu, metadata)
