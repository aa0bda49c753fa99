"""A libvirtd of our own for one host of one cloud: it neither sees nor disturbs the machine's own or another cloud's.

libvirt has its folders compiled in, so each daemon runs in a mount namespace where folders of ours lie over them. The
namespace is made anew at each start and dies with its processes: no mount can leak. Guests are no children of ours to
keep: they outlive libvirtd, which finds them again by its run folder. That one lies under /run, since what it tells
must vanish with a reboot, and since a socket's path may have 107 bytes only.

What must stay true: every process that was started here, guests too, sees our `lib` folder at /var/lib/libvirt. By that
(never by a name) `remove` finds each of them.
"""

import os
import platform
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from skyloom.errors import Unavailable
from skyloom.parts.processes import Daemon, DaemonFailed, Processes, Record, end, start_ticks

GUESTS_INSIDE = Path("/var/lib/libvirt/guests")
"""Where QEMU sees `Libvirtd.guests`."""

RUN_INSIDE = Path("/run/libvirt")
LIB_INSIDE = Path("/var/lib/libvirt")
QEMU_USER = "libvirt-qemu"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

LIBVIRTD_CONF = """\
host_uuid = "{host_uuid}"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
unix_sock_ro_perms = "0700"
"""

# Ownership is ours to set (dynamic_ownership would follow backing files shared by many guests). No cgroups: they would
# be left over, and differ between machines with and without systemd.
QEMU_CONF = """\
user = "{user}"
group = "{user}"
dynamic_ownership = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "logd"
"""

VIRTLOGD_CONF = """\
max_size = {console_bytes}
max_backups = 1
"""

CONSOLE_BYTES = 512 * 1024
"""A guest can write to its console for ever; so much of it is kept, and once more as the older half."""


class PartMissing(Unavailable):
    code = "part.missing"


class Libvirtd:
    """`guests`: the folder for guests' disks, that QEMU sees as GUESTS_INSIDE. `run`: short, under /run."""

    def __init__(
        self,
        folder: Path,
        processes: Processes,
        *,
        name: str = "libvirtd",
        netns: str | None = None,
        environment: Mapping[str, str] | None = None,
        kvm: bool = False,
    ):
        """`name` tells hosts of one machine apart. `netns`: where taps are made. `kvm`: whether it may be used.

        `environment` is what libvirtd's own helpers need (OVS_RUNDIR, to plug taps into the right Open vSwitch).
        """
        self.folder = folder.absolute()
        self.processes = processes
        self.name = name
        self.netns = netns
        self.environment = {**(environment or {}), "PATH": SYSTEM_PATH}
        self.kvm = kvm
        self.guests = self.folder / "lib" / "guests"
        self.logs = self.folder / "log"
        try:
            user = pwd.getpwnam(QEMU_USER)
        except KeyError:
            user = pwd.getpwuid(os.geteuid())
        self.user = user.pw_name
        self.owner = (user.pw_uid, user.pw_gid)

    @property
    def run(self) -> Path:
        path = self.folder / "run-folder"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft")
            draft.write_text(f"/run/skyloom-{secrets.token_hex(4)}")
            draft.rename(path)
        return Path(path.read_text())

    @property
    def socket(self) -> Path:
        return self.run / "libvirt-sock"

    @property
    def uri(self) -> str:
        return f"qemu+unix:///system?socket={self.socket}"

    def ensure(self, limit_s: float = 30.0) -> None:
        """Start what does not run, and wait until it answers."""
        self._prepare()
        self._ensure_daemon(f"{self.name}-virtlogd", "virtlogd", self.run / "virtlogd-sock", limit_s)
        self._ensure_daemon(self.name, "libvirtd", self.socket, limit_s)

    def _ensure_daemon(self, name: str, program: str, path: Path, limit_s: float) -> None:
        """Ready is when this very process has written its pid: a helper of a killed one may still hold its socket."""
        pid = self.processes.ensure(Daemon(name, self._command(program), self.environment, self.netns))
        deadline = time.monotonic() + limit_s
        while not (_pid_in(self.run / f"{program}.pid") == pid and _answers(path)):
            if self.processes.running(name) is None or time.monotonic() > deadline:
                raise DaemonFailed(f"{name} does not answer; see {self.processes.log(name)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the daemons; guests go on, and the next `ensure` finds them again."""
        self.processes.stop(self.name)
        self.processes.stop(f"{self.name}-virtlogd")

    def remove(self) -> None:
        """Pull the plug of each guest, end the daemons; only the state folder's files stay."""
        self.remove_guests()
        self.stop()
        self.remove_guests()
        run_folder = self.folder / "run-folder"
        if run_folder.exists():
            shutil.rmtree(self.run, ignore_errors=True)
            run_folder.unlink()

    def _prepare(self) -> None:
        for path in (self.folder / "etc", self.logs, self.folder / "cache", self.guests, self.run / "vnc"):
            path.mkdir(parents=True, exist_ok=True)
        for path in (self.folder / "lib", self.guests, self.run):
            path.chmod(0o711)  # QEMU's user passes through, whatever the umask is
        os.chown(self.run / "vnc", *self.owner)
        nothing = self.folder / "nothing"
        nothing.touch()
        nothing.chmod(0)
        _write_once(self.folder / "etc" / "libvirtd.conf", LIBVIRTD_CONF.format(host_uuid=uuid.uuid4()))
        _write_once(self.folder / "etc" / "qemu.conf", QEMU_CONF.format(user=self.user))
        _write_once(self.folder / "etc" / "virtlogd.conf", VIRTLOGD_CONF.format(console_bytes=CONSOLE_BYTES))

    def _command(self, program: str) -> list[str]:
        path = shutil.which(program, path=SYSTEM_PATH)
        if path is None:
            raise PartMissing(f"{program} is not installed; apt install libvirt-daemon-system qemu-system-x86")
        # As a slave the namespace still follows the machine's mounts, and holds none of them (a network namespace's
        # file, a disk) that the machine lets go.
        enter = ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-ec", self._mounts(), "sh"]
        return [*enter, path, "--pid-file", str(RUN_INSIDE / f"{program}.pid")]

    def _mounts(self) -> str:
        """The script that lays our folders over libvirt's, then becomes the daemon."""
        lay = {
            self.folder / "etc": Path("/etc/libvirt"),
            self.folder / "lib": LIB_INSIDE,
            self.folder / "cache": Path("/var/cache/libvirt"),
            self.logs: Path("/var/log/libvirt"),
            self.run: RUN_INSIDE,
        }
        # sysfs shows the network devices of the namespace it was mounted in; a fresh one has no cgroups.
        lines = ["mount -t sysfs sysfs /sys"]
        # Without the system's D-Bus no guest becomes a unit of systemd's.
        lines.append("if [ -d /run/dbus ]; then mount -t tmpfs tmpfs /run/dbus; fi")
        lines += [f"mkdir -p {there}" for there in lay.values()]
        for hidden in self._hidden():
            lines.append(_bind(self.folder / "nothing", hidden))
        lines += [_bind(ours, there) for ours, there in lay.items()]
        return "\n".join([*lines, 'exec "$@"'])

    def _hidden(self) -> Iterator[Path]:
        """A KVM that may not be used, and the QEMUs of other machines (libvirt asks each one for 2 s what it can)."""
        if not self.kvm and Path("/dev/kvm").exists():
            yield Path("/dev/kvm")
        for path in sorted(Path("/usr/bin").glob("qemu-system-*")):
            if path.name != f"qemu-system-{platform.machine()}" and not path.is_symlink():
                yield path

    def remove_guests(self) -> None:
        """All at once, then each until it is gone; libvirtd, if it lives, then clears up after them (OVS ports)."""
        ours = list(self._guests())
        for record in ours:
            with suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGTERM)
        for record in ours:
            end(record, grace_s=10)
        deadline = time.monotonic() + 10
        status_files = self.folder / "run-folder"
        while status_files.exists() and self._libvirtd_tidies() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _libvirtd_tidies(self) -> bool:
        return self.processes.running(self.name) is not None and any((self.run / "qemu").glob("instance-*.xml"))

    def _guests(self) -> Iterator[Record]:
        try:
            lib = (self.folder / "lib").stat()
        except FileNotFoundError:
            return
        records = (self.processes.running(name) for name in (self.name, f"{self.name}-virtlogd"))
        daemons = {record.pid for record in records if record is not None}
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()):
            ticks = start_ticks(pid)
            try:
                seen = os.stat(f"/proc/{pid}/root{LIB_INSIDE}")
            except OSError:
                continue  # It ended meanwhile, is a kernel thread, or has no such folder.
            if ticks is not None and pid not in daemons and os.path.samestat(seen, lib):
                yield Record(pid, ticks, [])


def _bind(ours: Path, there: Path) -> str:
    return f"mount --bind {shlex.quote(str(ours))} {shlex.quote(str(there))}"


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(path)


def _pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
