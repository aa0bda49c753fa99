"""The tiny guest, booted by plain QEMU: what a cloud may expect of it."""

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skyloom.guest import TinyImage

pytestmark = pytest.mark.needs("qemu")

PATIENCE_S = 120.0  # QEMU without KVM, on a machine that may be busy with other tests
SERVER_ID = "0f3c6d58-7a0e-4a3d-9a55-6e1d1c1b7f10"
ROOT_SIZE_MIB = "df -m / | awk 'NR == 2 { print $2 }'"
USER_DATA = "#!/bin/sh\necho ran >> /root/user-data-runs\n"


def wait_until(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PlainGuest:
    """One run of QEMU, with SSH forwarded to a port on the loopback interface."""

    def __init__(self, folder: Path, key: Path, media: list[str], network: str = "user"):
        self.console_path = folder / "console.log"
        self.console_path.unlink(missing_ok=True)
        self._qmp_path = folder / "qmp"
        self._key = key
        self._port = free_port()
        argv = shlex.split(
            # The guest ends with this test run, even one that is killed.
            "setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,tb-size=64 -machine pc -m 128"
            " -nodefaults -display none -device virtio-net-pci,netdev=n,romfile="
        )
        argv += ["-serial", f"file:{self.console_path}", "-qmp", f"unix:{self._qmp_path},server=on,wait=off"]
        argv += ["-netdev", f"{network},id=n,hostfwd=tcp:127.0.0.1:{self._port}-:22"]
        self._qemu = subprocess.Popen([*argv, *media], stdin=subprocess.DEVNULL)

    @property
    def console(self) -> str:
        return self.console_path.read_text(errors="replace") if self.console_path.exists() else ""

    def ready(self) -> dict[str, str]:
        """The facts of the line with which the guest says that it is ready: host, metadata, addresses."""
        wait_until("the guest is ready", lambda: "tiny: ready" in self.console or self._qemu.poll() is not None)
        line = re.search(r"tiny: ready (.*)", self.console)
        assert line, self.console
        return dict(fact.split("=") for fact in line[1].split())

    def ssh(self, command: str) -> str:
        argv = shlex.split(
            "ssh -q -F none -o BatchMode=yes -o IdentitiesOnly=yes"
            " -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1"
        )
        done = subprocess.run(
            [*argv, "-p", str(self._port), "-i", self._key, command],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def press_power_button(self) -> None:
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.settimeout(PATIENCE_S)
            qmp.connect(str(self._qmp_path))
            with qmp.makefile("rw") as lines:
                lines.readline()
                for command in ("qmp_capabilities", "system_powerdown"):
                    lines.write(json.dumps({"execute": command}))
                    lines.flush()
                    while "return" not in json.loads(lines.readline()):
                        pass
        assert self._qemu.wait(PATIENCE_S) == 0

    def end(self) -> None:
        self._qemu.kill()
        self._qemu.wait(PATIENCE_S)


@contextmanager
def running(*arguments, **named) -> Iterator[PlainGuest]:
    guest = PlainGuest(*arguments, **named)
    try:
        yield guest
    finally:
        guest.end()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return tmp_path / "key"


@pytest.fixture
def metadata(key: Path) -> str:
    public = key.with_suffix(".pub").read_text()
    return json.dumps({"uuid": SERVER_ID, "hostname": "web-1.example.org", "public_keys": {"mine": public}})


def disk(image: TinyImage, folder: Path) -> list[str]:
    """A disk of half a GiB over the image, as a flavor would ask for."""
    path = folder / "disk.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image.qcow2, path, "512M"], check=True
    )
    return ["-drive", f"if=virtio,file={path},format=qcow2"]


def config_drive(kind: str, metadata: str, folder: Path) -> list[str]:
    latest = folder / "drive/openstack/latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text(metadata)
    (latest / "user_data").write_text(USER_DATA)
    path = folder / "config.img"
    if kind == "iso9660":
        tool = ["genisoimage", "-quiet", "-J", "-r", "-V", "config-2", "-o", path, folder / "drive"]
        subprocess.run(tool, check=True)
        return ["-drive", f"media=cdrom,file={path},format=raw"]
    subprocess.run(["/sbin/mkfs.vfat", "-n", "config-2", "-C", path, "2048"], check=True, capture_output=True)
    subprocess.run(["mcopy", "-s", "-i", path, folder / "drive/openstack", "::/"], check=True)
    return ["-drive", f"if=virtio,file={path},format=raw"]


def test_a_server_keeps_its_disk_over_power_off_and_start(tiny_image, tmp_path, key, metadata):
    media = disk(tiny_image, tmp_path) + config_drive("iso9660", metadata, tmp_path)

    with running(tmp_path, key, media) as guest:
        facts = guest.ready()
        assert facts["host"] == "web-1"
        assert facts["metadata"] == "config-drive"
        assert "10.0.2.15/24" in facts["addresses"]
        wait_until("user data ran", lambda: "tiny: user data ended with 0" in guest.console)
        wait_until("the console asks for a login", lambda: "web-1 login:" in guest.console)
        assert guest.ssh("hostname") == "web-1"
        wait_until("the root fills the flavor's disk", lambda: int(guest.ssh(ROOT_SIZE_MIB)) > 400)
        host_key = guest.ssh("dropbearkey -y -f /etc/dropbear/key")
        guest.ssh("echo kept > /root/note")
        guest.press_power_button()

    with running(tmp_path, key, media) as guest:
        guest.ready()
        assert guest.ssh("cat /root/note") == "kept"
        assert guest.ssh("cat /root/user-data-runs") == "ran", "user data runs once in the life of a server"
        assert guest.ssh("dropbearkey -y -f /etc/dropbear/key") == host_key
        assert guest.ssh("dmesg | grep -c 'EXT4-fs error' || true") == "0"


def test_a_config_drive_may_be_a_vfat_disk(tiny_image, tmp_path, key, metadata):
    media = disk(tiny_image, tmp_path) + config_drive("vfat", metadata, tmp_path)

    with running(tmp_path, key, media) as guest:
        facts = guest.ready()
        assert (facts["host"], facts["metadata"]) == ("web-1", "config-drive")


ANSWER_ONE_REQUEST = """
import json, pathlib, sys
request = sys.stdin.readline()
while sys.stdin.readline().strip():
    pass
folder = pathlib.Path(sys.argv[1])
with (folder / "requests").open("a") as requests:
    requests.write(request)
is_early = len((folder / "requests").read_text().splitlines()) <= 3
body = None if is_early else json.loads((folder / "answers").read_text()).get(request.split()[1])
status = "404 Not Found" if body is None else "200 OK"
print(f"HTTP/1.0 {status}\\r\\nContent-Length: {len(body or '')}\\r\\n\\r\\n{body or ''}", end="", flush=True)
"""


@pytest.mark.parametrize("source", ["openstack", "ec2"])
def test_a_server_without_a_disk_asks_the_metadata_service_until_it_answers(
    source, tiny_image, tmp_path, key, metadata
):
    answers = {
        "openstack": {"/openstack/latest/meta_data.json": metadata, "/openstack/latest/user_data": USER_DATA},
        "ec2": {
            "/latest/meta-data/instance-id": "i-00000001",
            "/latest/meta-data/hostname": "web-1.example.org",
            "/latest/meta-data/public-keys/0/openssh-key": key.with_suffix(".pub").read_text().strip(),
            "/latest/user-data": USER_DATA,
        },
    }
    (tmp_path / "answers").write_text(json.dumps(answers[source]))
    (tmp_path / "answer.py").write_text(ANSWER_ONE_REQUEST)
    answer = shlex.join([sys.executable, "-S", str(tmp_path / "answer.py"), str(tmp_path)])
    network = f"user,net=169.254.0.0/16,host=169.254.0.1,guestfwd=tcp:169.254.169.254:80-cmd:{answer}"
    media = ["-kernel", str(tiny_image.kernel), "-initrd", str(tiny_image.initrd), "-append", "console=ttyS0 quiet"]

    with running(tmp_path, key, media, network=network) as guest:
        facts = guest.ready()
        assert (facts["host"], facts["metadata"]) == ("web-1", source)
        wait_until("user data ran", lambda: "tiny: user data ended with 0" in guest.console)
        assert guest.ssh("cat /root/user-data-runs") == "ran"
        guest.press_power_button()
