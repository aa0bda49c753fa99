"""The flows of servers, each on a small cloud of simulated hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skyloom.clock import VirtualClock
from skyloom.compute import Settings
from skyloom.compute.drivers.contract import PowerState
from skyloom.compute.flows import CreateServer, DeleteServer, RebootServer, StartServer, StopServer
from skyloom.compute.model import VmState
from skyloom.compute.service.creation import ServerRequest
from skyloom.compute.service.servers import HARD_REBOOT, START, STOP
from skyloom.work import Flow, Work
from tests.flows.harness import Scenario
from tests.parts.compute import IMAGE, MEMBER, PROJECT, Cloud, Neighbours


@dataclass
class World:
    work: Work
    outside: Neighbours
    server_id: str = ""

    def cloud(self) -> Cloud:
        """A new life of the process around what outlives it; its hosts are heard again."""
        clock = self.work.clock
        assert isinstance(clock, VirtualClock)
        # The hosts beat all the while: none counts as down because a drill lets an hour pass.
        cloud = Cloud(self.work, clock, self.outside, Settings(host_patience_s=1e9))
        cloud.announce()
        return cloud

    def guests(self) -> list[tuple[str, PowerState]]:
        return [(seen.id, seen.power) for driver in self.outside.drivers.values() for seen in driver.list_servers()]


class ServerScenario(Scenario[World]):
    is_preemptible = True

    def build(self, work: Work) -> World:
        clock = work.clock
        assert isinstance(clock, VirtualClock)
        outside = Neighbours()
        for name in ("h1", "h2"):
            outside.add_host(name, clock)
        world = World(work, outside)
        cloud = world.cloud()
        cloud.compute.flavors.ensure_first()
        self.prepare(world, cloud)
        return world

    def prepare(self, world: World, cloud: Cloud) -> None:
        """The server as it is before the flow; none for the one that makes it."""

    def flows(self, world: World) -> Sequence[Flow[Any]]:
        return world.cloud().compute.flows()

    def preempt(self, world: World) -> None:
        world.cloud().compute.servers.delete(MEMBER, world.server_id)

    def assert_preempted(self, world: World) -> None:
        assert_gone(world)


class CreateServerScenario(ServerScenario):
    flow = CreateServer

    def start(self, world: World) -> None:
        world.server_id = make_server(world.cloud())

    def assert_done(self, world: World) -> None:
        cloud = world.cloud()
        server = cloud.compute.servers.get(MEMBER, world.server_id)
        assert (server.vm_state, server.task_state) == (VmState.ACTIVE, None)
        assert world.guests() == [(server.id, PowerState.RUNNING)]
        held = cloud.placement.allocation_of(server.id)
        assert held is not None and held.provider == server.host
        assert cloud.placement.discrepancies() == []
        assert len(world.outside.network.ports) == 1
        assert set(world.outside.network.hosts.values()) == {server.host}

    def assert_clean(self, world: World) -> None:
        cloud = world.cloud()
        server = cloud.compute.servers.get(MEMBER, world.server_id)
        assert (server.vm_state, server.task_state, server.host) == (VmState.ERROR, None, None)
        assert server.fault is not None
        assert_holds_nothing(world, cloud)


class DeleteServerScenario(ServerScenario):
    flow = DeleteServer
    is_preemptible = False

    def prepare(self, world: World, cloud: Cloud) -> None:
        world.server_id = make_server(cloud)
        cloud.run()

    def start(self, world: World) -> None:
        world.cloud().compute.servers.delete(MEMBER, world.server_id)

    def assert_done(self, world: World) -> None:
        assert_gone(world)

    def assert_clean(self, world: World) -> None:
        """What a delete took is not put back; it says what stood in its way and may be asked again."""
        server = world.cloud().compute.servers.store.get(world.work.database.read(), world.server_id)
        assert server is not None
        if server.deleted_at is None:
            assert (server.vm_state, server.task_state) == (VmState.ERROR, None)
            assert server.fault is not None


class PowerScenario(ServerScenario):
    reached = VmState.ACTIVE
    power = PowerState.RUNNING

    def prepare(self, world: World, cloud: Cloud) -> None:
        world.server_id = make_server(cloud)
        cloud.run()

    def assert_done(self, world: World) -> None:
        server = world.cloud().compute.servers.get(MEMBER, world.server_id)
        assert (server.vm_state, server.task_state) == (self.reached, None)
        assert world.guests() == [(server.id, self.power)]

    def assert_clean(self, world: World) -> None:
        """The server is in no task any more; what its guest did meanwhile the reconciler tells."""
        assert world.cloud().compute.servers.get(MEMBER, world.server_id).task_state is None


class StopServerScenario(PowerScenario):
    flow = StopServer
    reached = VmState.STOPPED
    power = PowerState.SHUTDOWN

    def start(self, world: World) -> None:
        world.cloud().compute.servers.power(MEMBER, world.server_id, STOP)


class StartServerScenario(PowerScenario):
    flow = StartServer

    def prepare(self, world: World, cloud: Cloud) -> None:
        super().prepare(world, cloud)
        cloud.compute.servers.power(MEMBER, world.server_id, STOP)
        cloud.run()

    def start(self, world: World) -> None:
        world.cloud().compute.servers.power(MEMBER, world.server_id, START)


class RebootServerScenario(PowerScenario):
    flow = RebootServer

    def start(self, world: World) -> None:
        world.cloud().compute.servers.power(MEMBER, world.server_id, HARD_REBOOT)


def make_server(cloud: Cloud) -> str:
    return cloud.compute.creation.create(MEMBER, ServerRequest(name="s", image_id=IMAGE, flavor_id="1")).servers[0].id


def assert_gone(world: World) -> None:
    cloud = world.cloud()
    server = cloud.compute.servers.store.get(world.work.database.read(), world.server_id)
    assert server is not None and server.deleted_at is not None
    assert cloud.compute.quotas.detail(MEMBER, PROJECT)[1]["instances"] == 0
    assert_holds_nothing(world, cloud)


def assert_holds_nothing(world: World, cloud: Cloud) -> None:
    assert world.guests() == []
    assert world.outside.network.ports == {}
    assert cloud.placement.allocation_of(world.server_id) is None
    assert cloud.placement.discrepancies() == []
