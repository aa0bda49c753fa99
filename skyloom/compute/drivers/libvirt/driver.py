"""The contract by libvirt.

The record of a server is what libvirt and its folder hold, nothing else: `servers/ID/` with the root disk, the config
drive, the console, `image` (whose image its disk lies on), `built` (it was powered on once; from then on its power is
the user's matter) and `request.json` (a stop or reboot under way, since when). Every step can be repeated after a crash
at any point, of this process, of libvirtd and of the guest.
"""

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt
import msgspec

from skyloom.clock import Clock
from skyloom.compute.drivers.contract import (
    BuildFailed,
    HostResources,
    ImageSource,
    PowerState,
    Progress,
    SeenServer,
    ServerSpec,
)
from skyloom.compute.drivers.libvirt.config_drive import write_config_drive
from skyloom.compute.drivers.libvirt.connection import Connection, server_gone, translated
from skyloom.compute.drivers.libvirt.disks import ImageCache, ensure_root_disk, full_disk_told, own, remove_folder
from skyloom.compute.drivers.libvirt.domain_xml import Disk, Layout, domain_name, domain_xml
from skyloom.compute.drivers.libvirt.plug import Switch

GIB = 1024**3
PRESS_AGAIN_S = 10.0
"""A guest that still boots does not hear the power button: it is pressed again."""

UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)

POWER = {
    libvirt.VIR_DOMAIN_PAUSED: PowerState.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: PowerState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: PowerState.SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: PowerState.CRASHED,
}


@dataclass(frozen=True)
class HostSettings:
    """`folder`: for guests' files; `folder_inside`, `run_inside`: the same as QEMU sees them.

    `owner`: uid and gid of QEMU. `accelerator`: "kvm" or "tcg". `switch` None: the taps hang free.
    """

    uri: str
    folder: Path
    folder_inside: Path
    run_folder: Path
    run_inside: Path
    log_folder: Path
    owner: tuple[int, int]
    accelerator: str
    switch: Switch | None = None
    userspace_datapath: bool = False


class Request(msgspec.Struct):
    """What a guest was asked for; `asked_at`, `pressed_at` in epoch seconds."""

    verb: str
    asked_at: float
    pressed_at: float


class LibvirtDriver:
    capabilities = frozenset({"power", "soft_reboot", "console_output", "config_drive", "guests"})

    def __init__(self, settings: HostSettings, images: ImageSource, clock: Clock | None = None):
        self.settings = settings
        self.clock = clock or Clock()
        self.servers = settings.folder / "servers"
        self.servers.mkdir(parents=True, exist_ok=True)
        self.servers.chmod(0o711)
        self.cache = ImageCache(settings.folder / "images", images, settings.owner)
        self.connection = Connection(settings.uri)
        self._locks = [threading.Lock() for _ in range(64)]

    def resources(self) -> HostResources:
        with translated():
            connection = self.connection.get()
            cpu_arch, memory_mib = connection.getInfo()[:2]
            version = connection.getVersion()
        disk = os.statvfs(self.settings.folder)
        disk_gib = disk.f_blocks * disk.f_frsize // GIB
        return HostResources("QEMU", version, cpu_arch, os.cpu_count() or 1, memory_mib, disk_gib)

    def ensure_server(self, spec: ServerSpec) -> Progress:
        with self._changing(spec.id) as folder:
            if (folder / "built").exists() and self._find(spec.id) is not None:
                return Progress.DONE
            if self._ensure_files(spec, folder) is Progress.RUNNING:
                return Progress.RUNNING
            domain = self._find(spec.id)
            if domain is None:
                domain = self.connection.get().defineXML(domain_xml(spec, self._layout(spec)))
            if not (folder / "built").exists():
                _power_on(domain)
                (folder / "built").touch()
            return Progress.DONE

    def remove_server(self, server_id: str) -> None:
        with self._changing(server_id) as folder:
            domain = self._find(server_id)
            if domain is not None:
                _power_off(domain)
                domain.undefineFlags(UNDEFINE)
            if self.settings.switch is not None:
                self.settings.switch.remove_ports(server_id)
            self._vnc_socket(self.settings.run_folder, server_id).unlink(missing_ok=True)
            (self.settings.log_folder / "qemu" / f"{domain_name(server_id)}.log").unlink(missing_ok=True)
            remove_folder(folder)
        self.cache.prune({_read(path).decode() for path in self.servers.glob("*/image")})

    def list_servers(self) -> list[SeenServer]:
        """Half-built and half-removed ones too: the host holds something of them."""
        folders = {path.name for path in self.servers.iterdir()}
        with translated():
            stats = self.connection.get().getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
            seen = {domain.UUIDString(): _power(told) for domain, told in stats}
        return [SeenServer(id, seen.get(id, PowerState.SHUTDOWN)) for id in sorted(folders | seen.keys())]

    def start(self, server_id: str) -> None:
        with self._changing(server_id) as folder:
            domain = self._get(server_id)
            (folder / "request.json").unlink(missing_ok=True)
            _power_on(domain)

    def stop(self, server_id: str, grace_s: float) -> Progress:
        with self._changing(server_id) as folder:
            return self._ask_to_power_off(self._get(server_id), folder, "stop", grace_s)

    def reboot(self, server_id: str, hard: bool, grace_s: float) -> Progress:
        """Power off and on, not a reset: a hung QEMU is replaced too."""
        with self._changing(server_id) as folder:
            domain = self._get(server_id)
            wait_s = 0.0 if hard else grace_s
            if self._ask_to_power_off(domain, folder, "reboot", wait_s) is Progress.RUNNING:
                return Progress.RUNNING
            _power_on(domain)
            return Progress.DONE

    def console_output(self, server_id: str, lines: int | None) -> str:
        folder = self._folder(server_id)
        if not folder.exists():
            raise server_gone(server_id)
        text = b"".join(_read(folder / name) for name in ("console.log.0", "console.log")).decode(errors="replace")
        if lines is None:
            return text
        kept = text.splitlines(keepends=True)
        return "".join(kept[max(0, len(kept) - lines) :])

    def close(self) -> None:
        self.cache.close()
        self.connection.close()

    @contextmanager
    def _changing(self, server_id: str) -> Iterator[Path]:
        """One change of a server at a time."""
        folder = self._folder(server_id)
        with self._locks[hash(server_id) % len(self._locks)], translated(server_id):
            yield folder

    def _folder(self, server_id: str) -> Path:
        try:
            canonical = str(uuid.UUID(server_id))
        except ValueError:
            canonical = ""
        if canonical != server_id:
            raise BuildFailed(f"{server_id!r} is no server id; libvirt takes UUIDs only.")
        return self.servers / server_id

    def _find(self, server_id: str) -> Any:
        """The libvirt domain, None if there is none."""
        try:
            return self.connection.get().lookupByUUIDString(server_id)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    def _get(self, server_id: str) -> Any:
        domain = self._find(server_id)
        if domain is None:
            raise server_gone(server_id)
        return domain

    def _ensure_files(self, spec: ServerSpec, folder: Path) -> Progress:
        with full_disk_told():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)
            image_path = None
            if spec.image is not None:
                image_path = self.cache.path(spec.image.id)
                (folder / "image").write_text(spec.image.id)  # before the fetch, so that no prune takes it away
                if self.cache.ensure(spec.image) is Progress.RUNNING:
                    return Progress.RUNNING
            ensure_root_disk(spec, image_path, folder / "root.qcow2", self.settings.owner)
            drive = folder / "config.iso"
            if spec.config_drive is not None and not drive.exists():
                write_config_drive(spec.config_drive, drive)
                own(drive, self.settings.owner, 0o400)
        return Progress.DONE

    def _layout(self, spec: ServerSpec) -> Layout:
        inside = self.settings.folder_inside / "servers" / spec.id
        if spec.image is None:
            disks = [Disk(inside / "root.qcow2", "qcow2")]
        else:
            image = self.settings.folder_inside / "images" / spec.image.id
            disks = [Disk(inside / "root.qcow2", "qcow2", image, spec.image.disk_format)]
        if spec.config_drive is not None:
            disks.append(Disk(inside / "config.iso", "raw", is_read_only=True))
        return Layout(
            accelerator=self.settings.accelerator,
            disks=tuple(disks),
            console_log=inside / "console.log",
            vnc_socket=self._vnc_socket(self.settings.run_inside, spec.id),
            bridge=self.settings.switch.bridge if self.settings.switch is not None else None,
            userspace_datapath=self.settings.userspace_datapath,
        )

    def _vnc_socket(self, run_folder: Path, server_id: str) -> Path:
        return run_folder / "vnc" / f"{server_id}.sock"

    def _ask_to_power_off(self, domain: Any, folder: Path, verb: str, grace_s: float) -> Progress:
        """Press the power button, pull the plug `grace_s` after it was first pressed for this `verb`."""
        kept = folder / "request.json"
        if not domain.isActive():
            kept.unlink(missing_ok=True)
            return Progress.DONE
        now = self.clock.now().timestamp()
        request = _read_request(kept)
        if request is None or request.verb != verb:
            request = Request(verb, now, 0.0)
        if now >= request.asked_at + grace_s:
            _power_off(domain)
            kept.unlink(missing_ok=True)
            return Progress.DONE
        if now >= request.pressed_at + PRESS_AGAIN_S:
            request.pressed_at = now
            draft = folder / "request.draft"
            draft.write_bytes(msgspec.json.encode(request))
            draft.rename(kept)
            _press_power_button(domain)
        return Progress.RUNNING


def _power(told: dict[str, int]) -> PowerState:
    state, reason = told["state.state"], told["state.reason"]
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason == libvirt.VIR_DOMAIN_SHUTOFF_CRASHED:
        return PowerState.CRASHED
    return POWER.get(state, PowerState.RUNNING)


def _power_on(domain: Any) -> None:
    if not domain.isActive():
        domain.create()


def _power_off(domain: Any) -> None:
    """The guest may end by itself meanwhile: that is what was wanted."""
    try:
        if domain.isActive():
            domain.destroy()
    except libvirt.libvirtError:
        if domain.isActive():
            raise


def _press_power_button(domain: Any) -> None:
    try:
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:  # it just ended, or is paused
            raise


def _read_request(path: Path) -> Request | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Request)
    except FileNotFoundError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
