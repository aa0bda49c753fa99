"""What a request costs does not grow with what other projects have, nor one about one thing with the other things of
its project.

Measured as the steps of SQLite's machine in the thread that answers: a number that is the same on a slow machine and a
quick one. A missing index, or a list that reads what it does not show, stands out at a few hundred things already.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.meter import Call, Meter, grown
from tests.cloud import Cloud

OTHERS = 200
FLOATING_IPS = 100
VERSION = {"openstack-api-version": "compute 2.79"}
UNLIMITED = {"network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule"}


class Tenant:
    """A project with one of everything, and the means to have more."""

    numbers = itertools.count()

    def __init__(self, cloud: Cloud, name: str):
        self.cloud = cloud
        self.name = name
        self.external = self._external()
        project_id = cloud.callers[name].project_id
        quota = {"instances": -1, "cores": -1, "ram": -1, "force": True}
        self.ask("PUT", f"/compute/v2.1/os-quota-sets/{project_id}", {"quota_set": quota}, "admin")
        self.ask("PUT", f"/network/v2.0/quotas/{project_id}", {"quota": dict.fromkeys(sorted(UNLIMITED), -1)}, "admin")
        flavor = {"name": f"flat-{name}", "ram": 1, "vcpus": 1, "disk": 1}
        self.flavor = self.ask("POST", "/compute/v2.1/flavors", {"flavor": flavor}, "admin")["flavor"]["id"]
        self.image = self.new_image()
        self.ask("PUT", f"/image/v2/images/{self.image}/file", b"bytes")
        self.network, self.subnet = self.new_network("10.9.0.0/16")
        gateway = {"name": "flat", "external_gateway_info": {"network_id": self.external}}
        self.router = self.ask("POST", "/network/v2.0/routers", {"router": gateway})["router"]["id"]
        joined = {"subnet_id": self.subnet}
        self.ask("PUT", f"/network/v2.0/routers/{self.router}/add_router_interface", joined)
        self.group = self.new("security-groups", "security_group")["id"]

    def ask(self, method: str, url: str, body: Any = None, by: str = "") -> Any:
        headers = {**VERSION, **({"content-type": "application/octet-stream"} if isinstance(body, bytes) else {})}
        answer = self.cloud(method, url, self.cloud.tokens[by or self.name], body, headers)
        assert answer.status < 300, (method, url, answer.status, answer.body)
        return answer.json if answer.body else None

    def new(self, collection: str, noun: str, **values: Any) -> Any:
        return self.ask("POST", f"/network/v2.0/{collection}", {noun: values})[noun]

    def once(self, collection: str, noun: str, **values: Any) -> None:
        """Made and deleted."""
        self.ask("DELETE", f"/network/v2.0/{collection}/{self.new(collection, noun, **values)['id']}")

    def new_image(self) -> str:
        image = {"name": f"flat-{next(self.numbers)}", "disk_format": "raw", "container_format": "bare", "kind": "flat"}
        return str(self.ask("POST", "/image/v2/images", image)["id"])

    def new_network(self, cidr: str) -> tuple[str, str]:
        network = self.new("networks", "network", name=f"flat-{next(self.numbers)}")["id"]
        return network, self.new("subnets", "subnet", network_id=network, ip_version=4, cidr=cidr)["id"]

    def new_servers(self, count: int) -> str:
        """The id of the first, when all are built."""
        server = {
            "name": f"flat-{next(self.numbers)}",
            "flavorRef": self.flavor,
            "imageRef": self.image,
            "networks": [{"uuid": self.network}],
            "min_count": count,
            "max_count": count,
        }
        made = self.ask("POST", "/compute/v2.1/servers", {"server": server})["server"]["id"]
        building = "/compute/v2.1/servers?status=BUILD&limit=1"
        self.wait(lambda: not self.ask("GET", building)["servers"])
        return str(made)

    def wait(self, condition: Callable[[], bool]) -> None:
        """In another thread, so that its steps are not counted."""
        with ThreadPoolExecutor(1) as other:
            other.submit(self.cloud.until, condition).result()

    def grow(self) -> None:
        for _ in range(OTHERS // 50):
            self.new_servers(50)
        for number in range(OTHERS):
            self.new_image()
            self.new_network("10.8.0.0/24")
            self.new("security-groups", "security_group", name=f"flat-{number}")
            self.new("routers", "router", name=f"flat-{number}")
        for _ in range(FLOATING_IPS):
            self.new("floatingips", "floatingip", floating_network_id=self.external)

    def _external(self) -> str:
        found = self.ask("GET", "/network/v2.0/networks?router:external=true")["networks"]
        if found:
            return str(found[0]["id"])
        network = {"name": "outside", "router:external": True}
        made = self.ask("POST", "/network/v2.0/networks", {"network": network}, "admin")["network"]["id"]
        subnet = {"network_id": made, "ip_version": 4, "cidr": "198.51.100.0/24"}
        self.ask("POST", "/network/v2.0/subnets", {"subnet": subnet}, "admin")
        return str(made)


READS = (
    "/compute/v2.1/servers/{server}",
    "/compute/v2.1/servers/detail?limit=5",
    "/compute/v2.1/servers/detail?name=flat",
    "/compute/v2.1/servers/{server}/ips",
    "/compute/v2.1/servers/{server}/os-interface",
    "/compute/v2.1/servers/{server}/os-security-groups",
    "/compute/v2.1/servers/{server}/os-instance-actions",
    "/compute/v2.1/limits",
    "/compute/v2.1/os-quota-sets/{project}/detail",
    "/compute/v2.1/os-server-groups",
    "/compute/v2.1/os-keypairs",
    "/image/v2/images/{image}",
    "/image/v2/images?limit=5",
    "/image/v2/images?name=flat",
    "/network/v2.0/networks/{network}",
    "/network/v2.0/networks?limit=5",
    "/network/v2.0/networks?name=flat",
    "/network/v2.0/subnets/{subnet}",
    "/network/v2.0/subnets?limit=5",
    "/network/v2.0/ports/{port}",
    "/network/v2.0/ports?limit=5",
    "/network/v2.0/ports?device_id={server}",
    "/network/v2.0/ports?fixed_ips=ip_address%3D10.9.0.77",
    "/network/v2.0/ports?fixed_ips=subnet_id%3D{subnet}",
    "/network/v2.0/routers/{router}",
    "/network/v2.0/routers?limit=5",
    "/network/v2.0/security-groups/{group}",
    "/network/v2.0/security-groups?limit=5",
    "/network/v2.0/security-group-rules?limit=5",
    "/network/v2.0/floatingips?limit=5",
    "/network/v2.0/subnetpools",
)
LISTED = ("limit=", "?name=", "subnet_id", "availabilities")
"""What reads more where a project has more: lists in an order of their own or of all that fit, and what is counted."""
AS_ADMIN = ["/compute/v2.1/os-hypervisors", "/network/v2.0/network-ip-availabilities/{network}"]


def calls_of(demo: Tenant) -> dict[str, Call]:
    server = demo.new_servers(1)
    port = demo.ask("GET", f"/network/v2.0/ports?device_id={server}")["ports"][0]["id"]
    project = demo.cloud.callers[demo.name].project_id
    ids = {**vars(demo), "server": server, "port": port, "project": project}
    rule = {"security_group_id": demo.group, "direction": "ingress", "protocol": "tcp", "port_range_min": 7}

    def image_once() -> None:
        demo.ask("DELETE", f"/image/v2/images/{demo.new_image()}")

    def server_once() -> None:
        """Only the requests: the build and the removal are others' work."""
        made = demo.new_servers(1)
        demo.ask("DELETE", f"/compute/v2.1/servers/{made}")
        demo.wait(
            lambda: demo.cloud("GET", f"/compute/v2.1/servers/{made}", demo.cloud.tokens[demo.name]).status == 404
        )

    rename = {"server": {"name": "flat"}}
    writes: dict[str, Call] = {
        "a server renamed": lambda: demo.ask("PUT", f"/compute/v2.1/servers/{server}", rename),
        "a port renamed": lambda: demo.ask("PUT", f"/network/v2.0/ports/{port}", {"port": {"name": "flat"}}),
        "an image made and deleted": image_once,
        "a network": lambda: demo.once("networks", "network"),
        "a port": lambda: demo.once("ports", "port", network_id=demo.network),
        "a router": lambda: demo.once("routers", "router"),
        "a group": lambda: demo.once("security-groups", "security_group", name="once"),
        "a rule": lambda: demo.once("security-group-rules", "security_group_rule", **rule, port_range_max=7),
        "a floating IP": lambda: demo.once("floatingips", "floatingip", floating_network_id=demo.external),
        "one with a port": lambda: demo.once(
            "floatingips", "floatingip", floating_network_id=demo.external, port_id=port
        ),
        "a sign-in": lambda: demo.cloud._token(demo.name),
        "a server": server_once,
    }
    reads = {url: _read(demo, url.format(**ids), "") for url in READS}
    return {**reads, **{url: _read(demo, url.format(**ids), "admin") for url in AS_ADMIN}, **writes}


def _read(demo: Tenant, url: str, by: str) -> Call:
    return lambda: demo.ask("GET", url, None, by)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    found = Cloud()
    yield found
    found.close()


def test_what_others_have_costs_a_project_nothing(cloud: Cloud) -> None:
    demo, other = Tenant(cloud, "demo"), Tenant(cloud, "other")
    calls, meter = calls_of(demo), Meter(cloud)
    few = {name: meter.steps(call) for name, call in calls.items()}
    other.grow()
    many = {name: meter.steps(call) for name, call in calls.items()}
    assert grown(few, many) == {}, "steps before and after"
    assert all(few.values()), "each of them asks the database"


def test_what_a_project_has_costs_one_thing_of_it_nothing(cloud: Cloud) -> None:
    demo = Tenant(cloud, "demo")
    calls, meter = calls_of(demo), Meter(cloud)
    calls = {name: call for name, call in calls.items() if not any(word in name for word in LISTED)}
    few = {name: meter.steps(call) for name, call in calls.items()}
    demo.grow()
    many = {name: meter.steps(call) for name, call in calls.items()}
    assert grown(few, many) == {}, "steps before and after"
