"""A real guest from the request to its SSH, beside the same image in plain QEMU on the same machine, in turns.

SSH is there when the guest's server says its name; that costs the emulated guest nothing, as a login would.
"""

import contextlib
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from skyloom import guest
from skyloom.cli.image import default_folder
from tests.bench.figures import Figure
from tests.bench.load import Client
from tests.bench.running import Running

LIMIT_S = 180
QEMU = (
    "setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,tb-size=64 -machine pc -m 128 -nodefaults -display none"
    " -serial null -device virtio-net-pci,netdev=n,romfile= -netdev user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22"
    " -drive if=virtio,file={disk},format=qcow2 -drive media=cdrom,file={drive},format=raw"
)


def real_guest() -> Iterator[Figure]:
    image = guest.build(default_folder(), print)
    with Running("--hypervisor", "qemu", "--network", "ovn") as cloud:
        client = Client(cloud)
        frame = _frame(client, image.qcow2.read_bytes())
        first_s, _ = _in_the_cloud(client, frame), _plain(image)
        ours_s, plain_s = _in_the_cloud(client, frame), _plain(image)
    yield Figure(
        "guest", ours_s - plain_s, f"{ours_s:.1f} s against {plain_s:.1f} s; the host's first guest {first_s:.1f} s"
    )


def _frame(client: Client, content: bytes) -> dict[str, str]:
    """A network with a way out, rules that let SSH in, and the image."""
    image = {"name": "tiny", "disk_format": "qcow2", "container_format": "bare"}
    image_id = client("POST", "/image/v2/images", image)["id"]
    octets = {"Content-Type": "application/octet-stream"}
    client.raw("PUT", f"/image/v2/images/{image_id}/file", content, octets)
    (flavor,) = (each for each in client("GET", "/compute/v2.1/flavors")["flavors"] if each["name"] == "tiny")
    (public,) = client("GET", "/network/v2.0/networks?router:external=true")["networks"]
    network_id = client("POST", "/network/v2.0/networks", {"network": {"name": "guests"}})["network"]["id"]
    subnet = {"network_id": network_id, "ip_version": 4, "cidr": "10.202.0.0/24"}
    subnet_id = client("POST", "/network/v2.0/subnets", {"subnet": subnet})["subnet"]["id"]
    router = {"external_gateway_info": {"network_id": public["id"]}}
    router_id = client("POST", "/network/v2.0/routers", {"router": router})["router"]["id"]
    client("PUT", f"/network/v2.0/routers/{router_id}/add_router_interface", {"subnet_id": subnet_id})
    group = {"name": "ssh"}
    group_id = client("POST", "/network/v2.0/security-groups", {"security_group": group})["security_group"]["id"]
    rule = {
        "security_group_id": group_id,
        "direction": "ingress",
        "protocol": "tcp",
        "port_range_min": 22,
        "port_range_max": 22,
    }
    client("POST", "/network/v2.0/security-group-rules", {"security_group_rule": rule})
    return {
        "image": image_id,
        "flavor": flavor["id"],
        "network": network_id,
        "public": public["id"],
        "group": group_id,
    }


def _in_the_cloud(client: Client, frame: dict[str, str]) -> float:
    """The guest is gone afterwards, so the next one has the machine for itself."""
    port = {"network_id": frame["network"], "security_groups": [frame["group"]]}
    port_id = client("POST", "/network/v2.0/ports", {"port": port})["port"]["id"]
    floating = {"floating_network_id": frame["public"], "port_id": port_id}
    address = client("POST", "/network/v2.0/floatingips", {"floatingip": floating})["floatingip"]["floating_ip_address"]
    server = {
        "name": "guest",
        "flavorRef": frame["flavor"],
        "imageRef": frame["image"],
        "networks": [{"port": port_id}],
    }
    began = time.perf_counter()
    server_id = client("POST", "/compute/v2.1/servers", {"server": server})["server"]["id"]
    _await_ssh(address, 22)
    seconds = time.perf_counter() - began
    client("DELETE", f"/compute/v2.1/servers/{server_id}")
    deadline = time.monotonic() + LIMIT_S
    while client("GET", "/compute/v2.1/servers")["servers"] and time.monotonic() < deadline:
        time.sleep(0.2)
    return seconds


def _plain(image: guest.TinyImage) -> float:
    folder = Path(tempfile.mkdtemp(prefix="skyloom-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        latest = folder / "drive/openstack/latest"
        latest.mkdir(parents=True)
        (latest / "meta_data.json").write_text('{"uuid": "bench", "hostname": "plain"}')
        disk, drive = folder / "disk.qcow2", folder / "drive.iso"
        subprocess.run(
            ["genisoimage", "-quiet", "-J", "-r", "-V", "config-2", "-o", drive, folder / "drive"], check=True
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        began = time.perf_counter()
        backing = ["-b", str(image.qcow2), "-F", "qcow2"]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(disk), "1G"], check=True)
        qemu = subprocess.Popen(shlex.split(QEMU.format(port=port, disk=disk, drive=drive)), stdin=subprocess.DEVNULL)
        stack.callback(qemu.wait)
        stack.callback(qemu.kill)
        _await_ssh("127.0.0.1", port)
        return time.perf_counter() - began


def _await_ssh(address: str, port: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not _says_ssh(address, port):
        assert time.monotonic() < deadline, f"no SSH at {address} port {port} within {LIMIT_S} s"
        time.sleep(0.05)


def _says_ssh(address: str, port: int) -> bool:
    """A try is short: what was sent before the guest listened is sent again only after a second."""
    try:
        with socket.create_connection((address, port), timeout=0.5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
