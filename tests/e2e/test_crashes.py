"""`kill -9` of each process while servers are built and deleted on simulated hosts: all ends well and nothing leaks."""

import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from keystoneauth1.exceptions import ClientException

from skyloom.control import AGENT, CONTROL
from skyloom.parts.nats import NAME as BROKER
from tests.parts.agreement import await_settled, disagreements
from tests.parts.whole_cloud import WholeCloud, await_true

BUILDS = ["many*7", "one", "two", "three"]
SERVERS = 10
SEED = 20_240
MOMENTS = 8


class Site:
    """A project with an image, a network and room for many servers."""

    def __init__(self, cloud: WholeCloud):
        self.cloud = cloud
        self.admin = cloud.connect("skyloom-admin")
        self.client = cloud.connect()
        project = self.client.current_project_id
        self.admin.set_compute_quotas(project, instances=-1, cores=-1, ram=-1)
        self.image = self.client.image.create_image(
            name="some", disk_format="raw", container_format="bare", data=b"bytes", wait=True
        )
        self.network = self.client.network.create_network(name="crashes")
        self.client.network.create_subnet(network_id=self.network.id, ip_version=4, cidr="10.0.0.0/22")
        self.flavor = self.client.compute.find_flavor("tiny")

    def build(self, name: str) -> None:
        """`name` is NAME or NAME*COUNT, of which many are asked for by one request."""
        name, _, count = name.partition("*")
        with suppress_cut_off():
            self.client.compute.create_server(
                name=name,
                image_id=self.image.id,
                flavor_id=self.flavor.id,
                networks=[{"uuid": self.network.id}],
                min_count=int(count or 1),
            )

    def delete(self, server_id: str) -> None:
        with suppress_cut_off():
            self.client.compute.delete_server(server_id)

    def delete_all(self) -> None:
        for server in self.client.compute.servers():
            self.client.compute.delete_server(server)
        await_settled(self.cloud)
        assert list(self.client.compute.servers()) == []

    def check(self, states: set[str]) -> None:
        await_settled(self.cloud)
        assert disagreements(self.cloud, self.cloud.on_simulated_hosts()) == []
        for server in self.client.compute.servers():
            assert server.status in states, f"{server.name}: {server.status}, {server.fault}"
            assert server.status != "ERROR" or server.fault["message"], "an ERROR tells its cause"


@pytest.fixture(scope="module")
def site(clouds: Callable[..., WholeCloud]) -> Site:
    cloud = clouds("crashes", "--hypervisor", "simulated", "--hosts", "3")
    cloud.up()
    return Site(cloud)


@pytest.fixture(scope="module")
def bus_site(clouds: Callable[..., WholeCloud]) -> Site:
    cloud = clouds("crashes-nats", "--hypervisor", "simulated", "--hosts", "3", "--bus", "nats")
    cloud.up()
    return Site(cloud)


def moments(count: int, longest_s: float) -> list[float]:
    """Spread over the time that the work takes, and seeded, so that a failure can be had again."""
    dice = random.Random(SEED)
    return [longest_s * (number + dice.random()) / count for number in range(count)]


@contextmanager
def suppress_cut_off() -> Iterator[None]:
    """An answer that is cut off tells nothing: it may have been done or not."""
    try:
        yield
    except ClientException as error:
        assert getattr(error, "http_status", None) in (None, 503), f"a crash is no {error}"


def during(work: Callable[[str], None], names: list[str], after_s: float, strike: Callable[[], object]) -> None:
    """`strike` so long after the work on all names began."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        threads = [pool.submit(work, name) for name in names]
        threading.Event().wait(after_s)
        strike()
        for thread in threads:
            thread.result()


@pytest.mark.parametrize("after_s", moments(MOMENTS, 0.5), ids="{:.2f}s".format)
def test_servers_are_built_whenever_the_control_plane_is_killed(site, after_s):
    during(site.build, BUILDS, after_s, lambda: site.cloud.kill(CONTROL))
    site.cloud.up()

    site.check({"ACTIVE"})
    site.delete_all()
    assert disagreements(site.cloud, site.cloud.on_simulated_hosts()) == []


@pytest.mark.parametrize("after_s", moments(3, 0.3), ids="{:.2f}s".format)
def test_servers_go_whenever_the_control_plane_is_killed(site, after_s):
    for name in BUILDS:
        site.build(name)
    site.check({"ACTIVE"})
    ids = [server.id for server in site.client.compute.servers()]
    assert len(ids) == SERVERS

    during(site.delete, ids, after_s, lambda: site.cloud.kill(CONTROL))
    site.cloud.up()

    site.check({"ACTIVE"})
    site.delete_all()
    assert disagreements(site.cloud, site.cloud.on_simulated_hosts()) == []


@pytest.mark.needs("nats")
@pytest.mark.parametrize("part", [AGENT, BROKER])
@pytest.mark.parametrize("after_s", moments(2, 0.5), ids="{:.2f}s".format)
def test_servers_are_built_whenever_the_way_to_the_hosts_is_killed(bus_site, part, after_s):
    during(bus_site.build, BUILDS, after_s, lambda: bus_site.cloud.kill(part))

    await_true(f"{part} is back", lambda: bus_site.cloud.processes.running(part), 30)
    bus_site.check({"ACTIVE"})
    assert len(list(bus_site.client.compute.servers())) == SERVERS, "the API went on meanwhile"
    bus_site.delete_all()
    assert disagreements(bus_site.cloud, bus_site.cloud.on_simulated_hosts()) == []


def test_an_upload_that_a_crash_cut_can_be_done_again(site):
    image = site.client.image.create_image(name="cut", disk_format="raw", container_format="bare")
    images = site.cloud.home.folder / "images"
    with half_upload(site, image.id):
        await_true("half a file is there", lambda: list(images.glob("*.draft")))
        site.cloud.kill(CONTROL)
    site.cloud.up()

    await_true("the image is queued", lambda: site.client.image.get_image(image.id).status == "queued", 10)
    assert not list(images.glob("*.draft"))
    assert not (images / image.id).exists()
    image.data = b"whole"
    image.upload(site.client.image)
    assert site.client.image.get_image(image.id).status == "active"
    assert (images / image.id).read_bytes() == b"whole"


@contextmanager
def half_upload(site: Site, image_id: str) -> Iterator[None]:
    """A connection on which half an image was sent, and the rest never comes."""
    tls = ssl.create_default_context(cafile=site.cloud.home.ca)
    head = (
        f"PUT /image/v2/images/{image_id}/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n"
        f"Content-Type: application/octet-stream\r\nX-Auth-Token: {site.client.auth_token}\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", site.cloud.port), timeout=10) as plain,
        tls.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(head.encode() + b"x" * 2_000_000)
        yield
