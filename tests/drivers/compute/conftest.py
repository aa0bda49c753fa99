"""Each hypervisor behind the contract as a rig: the driver, a way to restart its agent, and guests for it."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skyloom.clock import Clock, VirtualClock
from skyloom.compute.drivers.contract import HostedDriver, ImageSpec, Nic, Progress, ServerSpec
from skyloom.compute.drivers.libvirt import HostSettings, LibvirtDriver
from skyloom.compute.drivers.simulated import Delays, SimulatedDriver
from skyloom.parts.libvirtd import GUESTS_INSIDE, RUN_INSIDE, Libvirtd
from skyloom.parts.processes import Processes

from .boot_sector import Images, disk

RUNS = Path(tempfile.gettempdir()) / "skyloom-tests-libvirtd"
LIMIT_S = 60


def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


class Rig:
    """`deaf`: from now on guests that are built do not hear the power button."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.images = Images()
        self.deaf = False
        self.driver = self.make(self.clock)

    def make(self, clock: Clock) -> HostedDriver:
        raise NotImplementedError

    def restart_agent(self) -> None:
        self.driver.close()
        self.driver = self.make(self.clock)

    def kill_hypervisor(self) -> None:
        """SIGKILL to the hypervisor's own daemon, which is then started again."""

    def leftovers(self) -> list[str]:
        return []

    def image(self) -> ImageSpec:
        return self.images.add("deaf" if self.deaf else "obedient", disk(hears_button=not self.deaf))

    def spec(self, image: ImageSpec | None = None, nics: int = 1) -> ServerSpec:
        id = str(uuid.uuid4())
        drive = {"openstack/latest/meta_data.json": b"{}"}
        cards = [Nic(str(uuid.uuid4()), "n1", f"fa:16:3e:00:00:{number:02x}", 1442) for number in range(nics)]
        return ServerSpec(id, f"web <{id[:4]}> & co", "p1", 1, 32, 0, image or self.image(), cards, drive)

    def build(self, spec: ServerSpec | None = None) -> ServerSpec:
        spec = spec or self.spec()
        until(lambda: self.driver.ensure_server(spec) is Progress.DONE)
        self.ready(spec)
        return spec

    def ready(self, spec: ServerSpec, boots: int = 1) -> None:
        until(lambda: self.boots(spec) >= boots)

    def boots(self, spec: ServerSpec) -> int:
        return self.driver.console_output(spec.id, None).count("ready")

    def close(self) -> None:
        for seen in self.driver.list_servers():
            self.driver.remove_server(seen.id)
        self.driver.close()


class SimulatedRig(Rig):
    def __init__(self, folder: Path):
        self.folder = folder
        super().__init__()

    def make(self, clock: Clock) -> HostedDriver:
        return SimulatedDriver(self.folder, images=self.images, clock=clock)

    def spec(self, image: ImageSpec | None = None, nics: int = 1) -> ServerSpec:
        assert isinstance(self.driver, SimulatedDriver)
        self.driver.delays = Delays(stop_s=float("inf"), reboot_s=float("inf")) if self.deaf else Delays()
        return super().spec(image, nics)

    def leftovers(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]


class LibvirtRig(Rig):
    def __init__(self, part: Libvirtd):
        self.part = part
        super().__init__()

    def make(self, clock: Clock) -> HostedDriver:
        return LibvirtDriver(settings(self.part), self.images, clock)

    def kill_hypervisor(self) -> None:
        kill_libvirtd(self.part)
        self.part.ensure()

    def leftovers(self) -> list[str]:
        taps = [link for link in links(self.part) if link.startswith("tap")]
        part = self.part
        files = [*part.guests.glob("servers/*"), *part.logs.glob("qemu/*"), *part.run.glob("vnc/*")]
        files += [*part.run.glob("qemu/instance-*"), *part.folder.glob("etc/qemu/*.xml")]
        files += part.folder.glob("lib/qemu/domain-*")
        return [*taps, *map(str, files), *map(str, processes_of(self.part) - daemon_pids(self.part))]


def settings(part: Libvirtd, **more: object) -> HostSettings:
    return HostSettings(
        uri=part.uri,
        folder=part.guests,
        folder_inside=GUESTS_INSIDE,
        run_folder=part.run,
        run_inside=RUN_INSIDE,
        log_folder=part.logs,
        owner=part.owner,
        accelerator="tcg",
        **more,  # type: ignore[arg-type]
    )


def links(part: Libvirtd) -> list[str]:
    argv = ["nsenter", f"--net={part.netns}", "ip", "-br", "link"]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout
    return [line.split()[0] for line in told.splitlines()]


def kill_libvirtd(part: Libvirtd) -> None:
    record = part.processes.running(part.name)
    assert record is not None
    os.kill(record.pid, 9)
    until(lambda: part.processes.running(part.name) is None)


def daemon_pids(part: Libvirtd) -> set[int]:
    records = [part.processes.running(name) for name in part.processes.names()]
    return {record.pid for record in records if record is not None}


def processes_of(part: Libvirtd) -> set[int]:
    """By the folder they see, as the part itself finds them; said here once more, so that it is checked."""
    seen = set()
    mounted = str(part.folder / "lib").replace(" ", "\\040")
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                if mounted in (path / "mountinfo").read_text():
                    seen.add(int(path.name))
            except OSError:
                continue
    return seen


def make_part(folder: Path) -> Libvirtd:
    processes = Processes(folder / "processes", folder / "processes-log")
    namespace = f"skyt-{folder.name}"
    return Libvirtd(folder / "libvirt", processes, netns=f"/run/netns/{namespace}")


def clear_run(folder: Path) -> None:
    part = make_part(folder)
    part.remove()
    for name in part.processes.names():
        part.processes.stop(name)
    subprocess.run(["ip", "netns", "del", f"skyt-{folder.name}"], capture_output=True, timeout=20, check=False)
    shutil.rmtree(folder)


def new_run(name: str) -> Path:
    """A folder and a network namespace. What a killed run left behind is cleared first."""
    RUNS.mkdir(exist_ok=True)
    for left in RUNS.iterdir():
        if not Path("/proc", left.name.partition("-")[0]).exists():
            clear_run(left)
    folder = RUNS / f"{os.getpid()}-{name}"
    folder.mkdir()
    for words in (["netns", "add", f"skyt-{folder.name}"], ["-n", f"skyt-{folder.name}", "link", "set", "lo", "up"]):
        subprocess.run(["ip", *words], timeout=20, check=True)
    return folder


@pytest.fixture(scope="session")
def libvirtd() -> Iterator[Libvirtd]:
    """One for all tests, in a network namespace of its own."""
    folder = new_run("all")
    part = make_part(folder)
    try:
        part.ensure()
        yield part
    finally:
        clear_run(folder)


@pytest.fixture(params=["simulated", pytest.param("libvirt", marks=pytest.mark.needs("qemu"))])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made = SimulatedRig(tmp_path) if request.param == "simulated" else LibvirtRig(request.getfixturevalue("libvirtd"))
    yield made
    made.close()
    assert made.leftovers() == []
