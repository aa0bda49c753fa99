"""What a hypervisor must do for us. It runs on the host, inside the agent: no database, no HTTP, no foreign settings.

Every verb may be repeated: `ensure_` on what is so and `remove_` on what is gone are no errors. A driver keeps its own
record of what it made under the state folder it was given, so that `list_servers` tells the truth after any crash.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

import msgspec

from skyloom.errors import Conflict, NotFound, SkyloomError, Unavailable


class PowerState(StrEnum):
    """What the guest does now, as the hypervisor sees it."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    CRASHED = "crashed"


class Progress(StrEnum):
    RUNNING = "running"
    DONE = "done"


class MetadataPort(msgspec.Struct, frozen=True):
    """The port by which a network's guests reach the metadata service; `addresses` with prefix lengths."""

    port_id: str
    mac: str
    addresses: list[str]


class Nic(msgspec.Struct, frozen=True):
    """`port_id` is what the network knows the tap by (OVN: external_ids:iface-id).

    `metadata` None: the network's guests are not served (no IPv4 subnet with DHCP).
    """

    port_id: str
    network_id: str
    mac: str
    mtu: int
    metadata: MetadataPort | None = None


class ImageSpec(msgspec.Struct, frozen=True):
    """`size` in bytes; `disk_format` as the image API has it (raw, qcow2)."""

    id: str
    disk_format: str
    size: int
    checksum: str | None = None


class ServerSpec(msgspec.Struct, frozen=True):
    """All that a host is told to make a server of. `config_drive`: path in the drive -> content, None for no drive."""

    id: str
    name: str
    project_id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    image: ImageSpec | None
    nics: list[Nic]
    config_drive: dict[str, bytes] | None = None


class SeenServer(msgspec.Struct, frozen=True):
    id: str
    power: PowerState


class HostResources(msgspec.Struct, frozen=True):
    """Whole amounts, before any reservation or overcommit. `version` as Nova shows it (7002000 for 7.2.0)."""

    hypervisor_type: str
    hypervisor_version: int
    cpu_arch: str
    vcpus: int
    memory_mib: int
    disk_gib: int


class ImageSource(Protocol):
    """Where the agent fetches an image's bytes from; raises `ImageGone` when the cloud has it no more."""

    def read(self, image_id: str) -> Iterator[bytes]: ...


class ServerGone(NotFound):
    code = "host.server_gone"


class ImageGone(NotFound):
    code = "host.image_gone"


class HostFull(Conflict):
    code = "host.full"


class BuildFailed(SkyloomError):
    """The hypervisor refused for a reason that a repeat will not change (an unusable image, an impossible shape)."""

    code = "host.build_failed"


class HostBusy(Unavailable):
    """The hypervisor does not answer now; a repeat may succeed."""

    code = "host.busy"


class ComputeDriver(Protocol):
    """A hypervisor. `capabilities` are declared: a behaviour test is skipped only for one that is not in it."""

    @property
    def capabilities(self) -> frozenset[str]: ...

    def resources(self) -> HostResources: ...

    def ensure_server(self, spec: ServerSpec) -> Progress:
        """Make disk, drive and guest of `spec` and power it on the first time. RUNNING: ask again a little later.

        A server that was built before keeps its disk and its power state.
        """
        ...

    def remove_server(self, server_id: str) -> None:
        """Guest, disk, drive, taps: afterwards the host holds nothing of it."""
        ...

    def list_servers(self) -> list[SeenServer]: ...

    def start(self, server_id: str) -> None: ...

    def stop(self, server_id: str, grace_s: float) -> Progress:
        """Ask the guest to power off; pull the plug when `grace_s` seconds have passed since the first request."""
        ...

    def reboot(self, server_id: str, hard: bool, grace_s: float) -> Progress:
        """Soft: the guest is asked, and reset when `grace_s` have passed. Hard: reset at once."""
        ...

    def console_output(self, server_id: str, lines: int | None) -> str:
        """The last `lines` of the serial console, all that is kept for None."""
        ...


class HostedDriver(ComputeDriver, Protocol):
    """The driver as its own host holds it; the core cannot close it."""

    def close(self) -> None:
        """Let go of threads and connections; guests go on."""
        ...
