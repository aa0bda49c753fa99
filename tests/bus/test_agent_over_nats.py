"""The agent protocol whole, with the rights that a host's credential really gives it."""

import hashlib
import os
import signal
import threading

import pytest

from skyloom.agent import (
    Agent,
    BusImageSource,
    Heartbeat,
    Hosts,
    ImagePart,
    MetadataAnswer,
    MetadataGet,
    MetadataSource,
    hear_hosts,
    serve_images,
    serve_metadata,
)
from skyloom.bus.nats import NatsBus
from skyloom.compute.drivers.contract import HostResources, ImageSource, PowerState, SeenServer, ServerGone
from skyloom.parts.nats import NAME

pytestmark = pytest.mark.needs("nats")
LIMIT_S = 20.0
IMAGE = os.urandom(1 << 20) * 16


class FetchingDriver:
    """As much of a driver as these tests ask for: `start` fetches the image named like the server."""

    capabilities = frozenset({"console"})

    def __init__(self, images: ImageSource):
        self.images = images
        self.fetched: dict[str, str] = {}

    def resources(self) -> HostResources:
        return HostResources("QEMU", 7002000, "x86_64", 8, 16384, 500)

    def list_servers(self) -> list[SeenServer]:
        return [SeenServer(f"{n:036d}", PowerState.RUNNING) for n in range(5000)]

    def start(self, server_id: str) -> None:
        digest = hashlib.md5()
        for part in self.images.read(server_id):
            digest.update(part)
        self.fetched[server_id] = digest.hexdigest()

    def console_output(self, server_id: str, lines: int | None) -> str:
        raise ServerGone(f"Server {server_id} is not here; build it again.")


@pytest.fixture
def cloud(nats_server):
    core, host = NatsBus(nats_server.ensure()), NatsBus(nats_server.add_host("node.1"))
    heartbeat = Heartbeat(every_s=0.05)
    driver = FetchingDriver(BusImageSource(host, "node.1"))
    agent = Agent("node.1", host, driver, heartbeat=heartbeat)
    yield core, host, driver
    agent.stop()
    heartbeat.stop()
    host.close()
    core.close()


def test_verbs_errors_and_the_beat_pass_the_broker(cloud):
    core, _, _ = cloud
    alive = threading.Event()
    hear_hosts(core, lambda name, told: alive.set() if name == "node.1" else None)
    host = Hosts(core)["node.1"]
    assert len(host.list_servers()) == 5000
    assert host.capabilities == {"console"}
    with pytest.raises(ServerGone):
        host.console_output("x", None)
    assert alive.wait(LIMIT_S)


def test_metadata_passes_the_broker(cloud):
    core, host, _ = cloud
    serve_metadata(core, lambda name, request: MetadataAnswer(200, "text/plain", name.encode()))
    assert MetadataSource(host, "node.1").get(MetadataGet("net", "10.0.0.5", "/")).body == b"node.1"


def test_an_image_arrives_whole_though_the_broker_is_killed_in_the_middle(cloud, nats_server):
    core, _, driver = cloud
    halfway, reads = threading.Event(), []

    def reader(image_id: str, offset: int, length: int) -> ImagePart:
        reads.append(offset)
        if offset >= len(IMAGE) // 2:
            halfway.set()
        return ImagePart(IMAGE[offset : offset + length], len(IMAGE), hashlib.md5(IMAGE).hexdigest())

    serve_images(core, reader)
    fetching = threading.Thread(target=driver.start, args=["i"])
    fetching.start()
    assert halfway.wait(LIMIT_S)
    record = nats_server.processes.running(NAME)
    os.kill(record.pid, signal.SIGKILL)
    os.waitpid(record.pid, 0)
    nats_server.ensure()
    fetching.join(60)
    assert driver.fetched == {"i": hashlib.md5(IMAGE).hexdigest()}
    assert reads.count(0) == 1
