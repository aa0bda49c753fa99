"""Nouns of compute, their states, and how a server's status follows from them. Words are those the API shows."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec

from skyloom.compute.drivers.contract import PowerState
from skyloom.states import Moves


class VmState(StrEnum):
    """What has become of the server."""

    BUILDING = "building"
    ACTIVE = "active"
    STOPPED = "stopped"
    ERROR = "error"
    DELETED = "deleted"


class TaskState(StrEnum):
    """What is being done to it; a row in one of these has a live task."""

    SCHEDULING = "scheduling"
    SPAWNING = "spawning"
    POWERING_ON = "powering-on"
    POWERING_OFF = "powering-off"
    REBOOTING = "rebooting"
    REBOOTING_HARD = "rebooting_hard"
    DELETING = "deleting"


class Power(IntEnum):
    """As Nova numbers them."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6


POWER_OF = {
    PowerState.RUNNING: Power.RUNNING,
    PowerState.PAUSED: Power.PAUSED,
    PowerState.SHUTDOWN: Power.SHUTDOWN,
    PowerState.CRASHED: Power.CRASHED,
}
MOVES = Moves(
    {
        VmState.BUILDING: {VmState.ACTIVE, VmState.ERROR, VmState.DELETED},
        VmState.ACTIVE: {VmState.STOPPED, VmState.ERROR, VmState.DELETED},
        VmState.STOPPED: {VmState.ACTIVE, VmState.ERROR, VmState.DELETED},
        VmState.ERROR: {VmState.ACTIVE, VmState.STOPPED, VmState.DELETED},
    }
)
STATUSES = {
    VmState.BUILDING: "BUILD",
    VmState.ACTIVE: "ACTIVE",
    VmState.STOPPED: "SHUTOFF",
    VmState.ERROR: "ERROR",
    VmState.DELETED: "DELETED",
}
TASK_STATUSES = {TaskState.REBOOTING: "REBOOT", TaskState.REBOOTING_HARD: "HARD_REBOOT"}
KNOWN_STATUSES = frozenset(
    (
        "ACTIVE",
        "BUILD",
        "DELETED",
        "ERROR",
        "HARD_REBOOT",
        "MIGRATING",
        "PASSWORD",
        "PAUSED",
        "REBOOT",
        "REBUILD",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHELVED",
        "SHELVED_OFFLOADED",
        "SHUTOFF",
        "SOFT_DELETED",
        "SUSPENDED",
        "UNKNOWN",
        "VERIFY_RESIZE",
    )
)
"""Every status of the API, also those that no server here can have yet; a filter may name them."""


def status_of(vm_state: str, task_state: str | None) -> str:
    if task_state in TASK_STATUSES and vm_state != VmState.ERROR:
        return TASK_STATUSES[TaskState(task_state)]
    return STATUSES[VmState(vm_state)]


class FlavorShape(msgspec.Struct, frozen=True):
    """The flavor as it was when the server was made; a flavor deleted later changes nothing."""

    flavor_id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    extra_specs: dict[str, str] = {}


class Fault(msgspec.Struct, frozen=True):
    """`details` are for the operator."""

    code: int
    message: str
    created: datetime
    details: str = ""


class ImageFacts(msgspec.Struct, frozen=True):
    """What of the image the host must be told; size in bytes."""

    id: str
    disk_format: str
    size: int
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """The fields are the columns of its row, in their order (tables.py).

    `availability_zone` is what was asked for; the zone it runs in is its host's. `user_data` is base64 text, as given.
    """

    id: str
    project_id: str
    user_id: str
    name: str
    vm_state: str
    task_state: str | None
    power_state: int
    host: str | None
    image_id: str | None
    flavor_id: str
    flavor: FlavorShape
    image: ImageFacts | None
    hostname: str
    description: str | None
    availability_zone: str | None
    key_name: str | None
    public_key: str | None
    user_data: str | None
    config_drive: bool
    access_ip_v4: str | None
    access_ip_v6: str | None
    disk_config: str
    metadata: Mapping[str, str]
    tags: Sequence[str]
    locked: bool
    locked_reason: str | None
    group_id: str | None
    reservation_id: str
    launch_index: int
    fault: Fault | None
    generation: int
    created_at: datetime
    updated_at: datetime
    launched_at: datetime | None
    terminated_at: datetime | None
    deleted_at: datetime | None

    @property
    def status(self) -> str:
        return status_of(self.vm_state, self.task_state)

    @property
    def host_id(self) -> str:
        """The host as its project may know it: servers on one host can be told, hosts cannot."""
        if self.host is None:
            return ""
        return hashlib.sha224(f"{self.project_id}{self.host}".encode()).hexdigest()

    @property
    def instance_name(self) -> str:
        return f"instance-{self.id[:8]}"


@dataclass(frozen=True, slots=True)
class Hosted:
    """What of a server is held against its host, some times a minute."""

    id: str
    name: str
    vm_state: str
    task_state: str | None
    power_state: int
    generation: int


@dataclass(frozen=True, slots=True)
class Flavor:
    """`id` is the one users see; memory in MiB, disks in GiB, swap in MiB."""

    id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    ephemeral_gib: int
    swap_mib: int
    rxtx_factor: float
    is_disabled: bool
    is_public: bool
    description: str | None
    extra_specs: Mapping[str, str]
    created_at: datetime

    @property
    def shape(self) -> FlavorShape:
        return FlavorShape(
            self.id,
            self.name,
            self.vcpus,
            self.memory_mib,
            self.disk_gib,
            self.ephemeral_gib,
            self.swap_mib,
            dict(self.extra_specs),
        )


@dataclass(frozen=True, slots=True)
class KeyPair:
    id: int
    user_id: str
    name: str
    kind: str
    fingerprint: str
    public_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with an agent. `id` is that of the hypervisor and of its compute service alike."""

    id: str
    number: int
    name: str
    availability_zone: str
    hypervisor_type: str
    hypervisor_version: int
    cpu_arch: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    address: str
    is_disabled: bool
    disabled_reason: str | None
    is_forced_down: bool
    seen_at: datetime
    created_at: datetime

    def is_up(self, now: datetime, patience_s: float) -> bool:
        return not self.is_forced_down and (now - self.seen_at).total_seconds() <= patience_s


@dataclass(frozen=True, slots=True)
class ServerGroup:
    id: str
    project_id: str
    user_id: str
    name: str
    policy: str
    rules: Mapping[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project holds; memory in MiB."""

    instances: int = 0
    cores: int = 0
    ram: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A step of an action on a server that ended: `result` is Success or Error."""

    name: str
    finished_at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class Action:
    """What a request did to a server, as os-instance-actions tells it."""

    name: str
    server_id: str
    request_id: str
    user_id: str
    project_id: str | None
    started_at: datetime
    updated_at: datetime
    message: str | None
    events: Sequence[Event]
