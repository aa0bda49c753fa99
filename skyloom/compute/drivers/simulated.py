"""A hypervisor without guests: the whole contract, at microseconds a call, for tests, drills and clouds of many hosts.

What must stay true: it keeps its record as a real one does (in its folder, so that a new process finds the same
servers), takes the time and makes the failures it is told to, and never says of a server what was not asked for.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skyloom.clock import Clock
from skyloom.compute.drivers.contract import (
    HostResources,
    ImageSource,
    ImageSpec,
    PowerState,
    Progress,
    SeenServer,
    ServerGone,
    ServerSpec,
)
from skyloom.compute.drivers.image_check import refuse_format, refuse_hostile, verified

KEPT_BOOTS = 8


@dataclass(frozen=True)
class Shape:
    """The hardware that the host pretends to have."""

    vcpus: int = 32
    memory_mib: int = 128 * 1024
    disk_gib: int = 2048
    cpu_arch: str = "x86_64"


@dataclass(frozen=True)
class Delays:
    """How long things take on the driver's clock. A guest that does not obey ACPI is one with an endless `stop_s`."""

    build_s: float = 0.0
    stop_s: float = 0.0
    reboot_s: float = 0.0


@dataclass
class Fault:
    """`verb` None: any verb. `server_id` None: any server. `times` None: for ever."""

    error: Exception
    verb: str | None = None
    server_id: str | None = None
    times: int | None = 1


class Faults:
    """Failures on demand, by the contract's verb names. One object may serve many hosts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def fail(
        self, error: Exception, verb: str | None = None, server_id: str | None = None, times: int | None = 1
    ) -> Fault:
        fault = Fault(error, verb, server_id, times)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, verb: str, server_id: str | None = None) -> None:
        """Raise what was ordered for this call, the oldest order first."""
        if not self._faults:
            return
        with self._lock:
            for fault in self._faults:
                if fault.verb in (None, verb) and fault.server_id in (None, server_id):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._faults.remove(fault)
                    raise fault.error


class Kept(msgspec.Struct):
    """What the host knows of one server. `due_at`: when `pending` (build, stop, reboot) is done, in epoch seconds."""

    id: str
    name: str
    power: PowerState = PowerState.SHUTDOWN
    built: bool = False
    boots: int = 0
    pending: str | None = None
    due_at: float = 0.0


class SimulatedDriver:
    capabilities = frozenset({"power", "soft_reboot", "console_output", "config_drive"})

    def __init__(
        self,
        folder: Path | None = None,
        *,
        shape: Shape | None = None,
        delays: Delays | None = None,
        faults: Faults | None = None,
        images: ImageSource | None = None,
        clock: Clock | None = None,
    ):
        """`folder` None: the record is kept in memory only. `images` None: every image is believed to be there."""
        self.folder = folder
        self.shape = shape or Shape()
        self.delays = delays or Delays()
        self.faults = faults or Faults()
        self.images = images
        self.clock = clock or Clock()
        self._lock = threading.Lock()
        self._images_lock = threading.Lock()
        self._good_images: set[str] = set()
        self._servers: dict[str, Kept] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.server"):
                kept = msgspec.json.decode(path.read_bytes(), type=Kept)
                self._servers[kept.id] = kept

    def resources(self) -> HostResources:
        self.faults.strike("resources")
        shape = self.shape
        return HostResources("simulated", 1_000_000, shape.cpu_arch, shape.vcpus, shape.memory_mib, shape.disk_gib)

    def ensure_server(self, spec: ServerSpec) -> Progress:
        self.faults.strike("ensure_server", spec.id)
        if spec.image is not None and not self._is_built(spec.id):
            self._check_image(spec.image)
        with self._lock:
            kept = self._servers.setdefault(spec.id, Kept(spec.id, spec.name))
            if kept.built:
                return Progress.DONE
            if not self._passed(kept, "build", self.delays.build_s):
                return Progress.RUNNING
            kept.built = True
            self._boot(kept)
            return Progress.DONE

    def remove_server(self, server_id: str) -> None:
        self.faults.strike("remove_server", server_id)
        with self._lock:
            if self.folder is not None:
                (self.folder / f"{server_id}.server").unlink(missing_ok=True)
            self._servers.pop(server_id, None)

    def list_servers(self) -> list[SeenServer]:
        self.faults.strike("list_servers")
        with self._lock:
            return [SeenServer(kept.id, kept.power) for kept in self._servers.values()]

    def start(self, server_id: str) -> None:
        with self._changing("start", server_id) as kept:
            if kept.power is not PowerState.RUNNING or kept.pending is not None:
                self._boot(kept, again=kept.power is not PowerState.RUNNING)

    def stop(self, server_id: str, grace_s: float) -> Progress:
        with self._changing("stop", server_id) as kept:
            if kept.power is PowerState.SHUTDOWN:
                return Progress.DONE
            if not self._passed(kept, "stop", min(self.delays.stop_s, grace_s)):
                return Progress.RUNNING
            kept.power, kept.pending = PowerState.SHUTDOWN, None
            self._write(kept)
            return Progress.DONE

    def reboot(self, server_id: str, hard: bool, grace_s: float) -> Progress:
        with self._changing("reboot", server_id) as kept:
            running = kept.power is PowerState.RUNNING
            wait_s = min(self.delays.reboot_s, grace_s) if running and not hard else 0.0
            if not self._passed(kept, "reboot", wait_s):
                return Progress.RUNNING
            self._boot(kept)
            return Progress.DONE

    def console_output(self, server_id: str, lines: int | None) -> str:
        with self._changing("console_output", server_id) as kept:
            first = max(1, kept.boots - KEPT_BOOTS + 1)
            boots = [_boot_lines(kept.name, number) for number in range(first, kept.boots + 1)]
            output = [line for boot in boots for line in boot]
        if lines is not None:
            output = output[max(0, len(output) - lines) :]
        return "".join(f"{line}\n" for line in output)

    def close(self) -> None:
        """Nothing is held."""

    @contextmanager
    def _changing(self, verb: str, server_id: str) -> Iterator[Kept]:
        self.faults.strike(verb, server_id)
        with self._lock:
            kept = self._servers.get(server_id)
            if kept is None:
                raise ServerGone(f"This host has no server {server_id}; build it first.", server_id=server_id)
            yield kept

    def _is_built(self, server_id: str) -> bool:
        kept = self._servers.get(server_id)
        return kept is not None and kept.built

    def _passed(self, kept: Kept, pending: str, wait_s: float) -> bool:
        """Whether `wait_s` went by since `pending` was first asked for; what was pending before is forgotten."""
        if wait_s <= 0:
            return True
        now = self.clock.now().timestamp()
        if kept.pending != pending:
            kept.pending, kept.due_at = pending, now + wait_s
            self._write(kept)
        return now >= kept.due_at

    def _boot(self, kept: Kept, again: bool = True) -> None:
        kept.power, kept.pending = PowerState.RUNNING, None
        kept.boots += again
        self._write(kept)

    def _write(self, kept: Kept) -> None:
        """Whole or not at all after a killed process; after a lost machine a simulated guest is worth no fsync."""
        if self.folder is None:
            return
        draft = self.folder / f"{kept.id}.draft"
        draft.write_bytes(msgspec.json.encode(kept))
        draft.rename(self.folder / f"{kept.id}.server")

    def _check_image(self, image: ImageSpec) -> None:
        """Read the whole image as a real host would, once; nothing of it is kept."""
        refuse_format(image)
        if self.images is None or image.id in self._good_images:
            return
        with self._images_lock:
            if image.id in self._good_images:
                return
            head = b""
            for chunk in verified(image, self.images.read(image.id)):
                head = head or chunk
            refuse_hostile(image, head)
            self._good_images.add(image.id)


def _boot_lines(name: str, boot: int) -> list[str]:
    return [
        f"[    0.000000] Linux version 6.1.0-simulated (boot {boot})",
        "[    0.000000] Command line: root=LABEL=root console=ttyS0",
        "[    0.412907] virtio_blk virtio1: [vda] attached",
        "[    0.655310] virtio_net virtio0 eth0: link is up",
        f"[    1.204410] systemd[1]: Hostname set to <{name}>.",
        f"[    2.871002] cloud-init[301]: {name}: finished",
        f"{name} login: ready",
    ]
