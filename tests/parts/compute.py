"""A whole compute domain around simulated hosts, with doubles of its neighbours' faces; what outlives a crash is here.

`Neighbours` are the outside world: images, the network, hosts. `Cloud` is one life of the process around them.
"""

import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skyloom.access import Caller, Policy
from skyloom.clock import VirtualClock
from skyloom.compute import ComputeService, Parts, Settings
from skyloom.compute.api import api
from skyloom.compute.drivers.simulated import Delays, Faults, Shape, SimulatedDriver
from skyloom.compute.policy import RULES
from skyloom.db import Database, Sql
from skyloom.errors import NotFound, Unauthorized
from skyloom.network import NicAddress, NicInfo, NicPlan, NicRequest, NicSubnet
from skyloom.network.policy import RULES as NETWORK_RULES
from skyloom.placement import PlacementService
from skyloom.web.app import Application
from skyloom.web.http import Request
from skyloom.work import Drill, Pace, Work

PROJECT, OTHER = "d" * 32, "e" * 32
MEMBER = Caller(user_id="alice", project_id=PROJECT, roles=frozenset({"member", "reader"}))
READER = Caller(user_id="rita", project_id=PROJECT, roles=frozenset({"reader"}))
STRANGER = Caller(user_id="mallory", project_id=OTHER, roles=frozenset({"member", "reader"}))
ADMIN = Caller(user_id="root", project_id="a" * 32, roles=frozenset({"admin", "member", "reader"}))
CALLERS = {"member": MEMBER, "reader": READER, "stranger": STRANGER, "admin": ADMIN}
IMAGE = "11111111-1111-4111-8111-111111111111"
NETWORK = "22222222-2222-4222-8222-222222222222"
SUBNET = "33333333-3333-4333-8333-333333333333"
GROUP = "44444444-4444-4444-8444-444444444444"
POLICY = Policy([RULES, NETWORK_RULES])


@dataclass(frozen=True)
class FakeImage:
    id: str
    name: str | None = "tiny"
    status: str = "active"
    disk_format: str | None = "raw"
    size: int | None = 1024
    checksum: str | None = None
    min_disk_gib: int = 0
    min_ram_mib: int = 0


class FakeImages:
    def __init__(self) -> None:
        self.images = {IMAGE: FakeImage(IMAGE)}

    def get(self, caller: Caller, image_id: str) -> FakeImage:
        if image_id not in self.images:
            raise NotFound(f"No image {image_id}.")
        return self.images[image_id]


class FakeNetwork:
    """One network, `NETWORK`, with a subnet 10.0.0.0/16; ports are up at once unless `is_up` is off."""

    def __init__(self) -> None:
        self.ports: dict[str, NicInfo] = {}
        self.hosts: dict[str, str] = {}
        self.is_up = True
        self.callback: Callable[[Sequence[str]], None] = lambda server_ids: None
        self._addresses = itertools.count(5)

    def check_nics(
        self,
        caller: Caller,
        requests: Sequence[NicRequest] | None,
        count: int,
        security_group_ids: Sequence[str] = (),
    ) -> list[NicPlan]:
        if requests is None:
            return []
        wanted = requests or [NicRequest(network_id=NETWORK)]
        if any(each.network_id != NETWORK for each in wanted):
            raise NotFound("Network could not be found.")
        return [
            NicPlan(port_id=str(uuid.uuid4()), network_id=NETWORK, security_group_ids=list(security_group_ids))
            for _ in wanted
        ]

    def find_security_groups(self, caller: Caller, names_or_ids: Sequence[str]) -> list[str]:
        if any(name not in ("default", GROUP) for name in names_or_ids):
            raise NotFound("Security group could not be found.")
        return [GROUP for _ in names_or_ids]

    def ensure_server_ports(
        self, server_id: str, project_id: str, host: str, availability_zone: str, plans: Sequence[NicPlan]
    ) -> list[NicInfo]:
        for plan in plans:
            self.hosts[plan.port_id] = host
            if plan.port_id not in self.ports:
                self.ports[plan.port_id] = self._port(server_id, plan)
        return [self.ports[plan.port_id] for plan in plans]

    def _port(self, server_id: str, plan: NicPlan) -> NicInfo:
        number = next(self._addresses)
        subnet = NicSubnet(
            id=SUBNET,
            cidr="10.0.0.0/16",
            ip_version=4,
            gateway_ip="10.0.0.1",
            enable_dhcp=True,
            ipv6_address_mode=None,
            dns_nameservers=["203.0.113.53"],
            host_routes=[],
            metadata_ip="10.0.0.2",
        )
        return NicInfo(
            server_id=server_id,
            port_id=plan.port_id,
            network_id=NETWORK,
            network_name="private",
            mac=f"fa:16:3e:00:{number // 256:02x}:{number % 256:02x}",
            mtu=1442,
            fixed_ips=[NicAddress(address=f"10.0.{number // 256}.{number % 256}", version=4, subnet_id=SUBNET)],
            is_up=self.is_up,
            subnets=[subnet],
            security_group_ids=plan.security_group_ids or [GROUP],
        )

    def release_server_ports(self, server_id: str) -> None:
        self.ports = {port_id: nic for port_id, nic in self.ports.items() if nic.server_id != server_id}

    def release_server_port(self, server_id: str, port_id: str) -> None:
        self.ports.pop(port_id, None)

    def nics_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[NicInfo]]:
        found: dict[str, list[NicInfo]] = {}
        for nic in self.ports.values():
            found.setdefault(nic.server_id, []).append(nic)
        return {server_id: found[server_id] for server_id in server_ids if server_id in found}

    def security_groups_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[str]]:
        return {server_id: ["default"] for server_id in self.nics_of_servers(sql, server_ids)}

    def ports_are_up(self, port_ids: Sequence[str]) -> bool:
        return self.is_up

    def on_ports_up(self, callback: Callable[[Sequence[str]], None]) -> None:
        self.callback = callback

    def server_at(self, network_id: str, ip_address: str) -> str | None:
        for nic in self.ports.values():
            if nic.network_id == network_id and any(each.address == ip_address for each in nic.fixed_ips):
                return nic.server_id
        return None


@dataclass
class Neighbours:
    images: FakeImages = field(default_factory=FakeImages)
    network: Any = field(default_factory=FakeNetwork)
    drivers: dict[str, SimulatedDriver] = field(default_factory=dict)
    faults: dict[str, Faults] = field(default_factory=dict)

    def add_host(
        self, name: str, clock: VirtualClock, shape: Shape | None = None, delays: Delays | None = None
    ) -> None:
        self.faults[name] = Faults()
        self.drivers[name] = SimulatedDriver(shape=shape, delays=delays, faults=self.faults[name], clock=clock)


class Cloud:
    """`announce` makes the hosts heard; a test that lets time pass for a host to go down does not call it again."""

    def __init__(self, work: Work, clock: VirtualClock, outside: Neighbours, settings: Settings | None = None):
        self.clock = clock
        self.outside = outside
        self.work = work
        self.db = work.database
        self.placement = PlacementService(self.db)
        self.compute = ComputeService(
            Parts(
                db=self.db,
                policy=POLICY,
                work=work,
                placement=self.placement,
                images=outside.images,
                network=outside.network,
                drivers=outside.drivers,
                settings=settings or Settings(),
            )
        )
        self.application = Application([api(self.compute)], authenticate, "http", "skyloom")
        self.drill = Drill(work, clock, self.compute.flows(), "drill", Pace(first_pause_s=1, most_pause_s=30))

    def announce(self, *names: str) -> None:
        for name in names or tuple(self.outside.drivers):
            self.compute.hosts.hear(name, self.outside.drivers[name].resources())

    def run(self) -> None:
        self.drill.run_until_idle()


def authenticate(token: str, request: Request) -> Caller:
    if token not in CALLERS:
        raise Unauthorized("The token is unknown; authenticate again.")
    return CALLERS[token]


def small_cloud(database: Database, clock: VirtualClock, hosts: int = 2, settings: Settings | None = None) -> Cloud:
    """A cloud with a few hosts, the usual flavors, and nobody's servers."""
    outside = Neighbours()
    for number in range(1, hosts + 1):
        outside.add_host(f"h{number}", clock)
    cloud = Cloud(Work(database), clock, outside, settings)
    cloud.announce()
    cloud.compute.flavors.ensure_first()
    return cloud
