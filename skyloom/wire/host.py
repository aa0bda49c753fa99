"""The host side of a cloud: an agent for each host, with the driver that the plan chose."""

from collections.abc import Callable, Mapping

from skyloom.agent import Agent, BusImageSource, Heartbeat, MetadataGet, MetadataSource
from skyloom.agent.guest_networks import GuestNetworks
from skyloom.bus import Bus
from skyloom.compute.drivers.contract import HostedDriver
from skyloom.compute.drivers.simulated import Shape, SimulatedDriver
from skyloom.home import Home
from skyloom.network.host.metadata import MetadataHost
from skyloom.wire.machine import HOST, Machine

SIMULATED = Shape(vcpus=64, memory_mib=262_144, disk_gib=4096)


def names(machine: Machine) -> list[str]:
    if machine.libvirtd is not None:
        return [HOST]
    return [f"host-{number}" for number in range(1, machine.choice.hosts + 1)]


class Hosts:
    """All agents of this machine. `bus_of` gives each host its own connection (or all of them the one in process)."""

    def __init__(self, home: Home, machine: Machine, bus_of: Callable[[str], Bus]):
        self.heartbeat = Heartbeat()
        self.drivers: list[HostedDriver] = []
        self.agents: list[Agent] = []
        self.metadata: MetadataHost | None = None
        for name in names(machine):
            bus = bus_of(name)
            driver = self._driver(home, machine, name, bus)
            self.drivers.append(driver)
            networks = self._networks(home, machine, name, bus)
            self.agents.append(Agent(name, bus, driver, heartbeat=self.heartbeat, networks=networks))

    def _driver(self, home: Home, machine: Machine, name: str, bus: Bus) -> HostedDriver:
        images = BusImageSource(bus, name)
        if machine.libvirtd is not None:
            return machine.driver(images)
        folder = home.folder / "hosts" / name
        folder.mkdir(parents=True, exist_ok=True)
        return SimulatedDriver(folder, shape=SIMULATED)

    def _networks(self, home: Home, machine: Machine, name: str, bus: Bus) -> GuestNetworks | None:
        if machine.ovn is None or machine.libvirtd is None:
            return None
        source = MetadataSource(bus, name)

        def ask(network_id: str, source_ip: str, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
            answer = source.get(MetadataGet(network_id, source_ip, path, dict(headers)))
            return answer.status, answer.content_type, answer.body

        self.metadata = MetadataHost(machine.ovn.chassis.switch, ask)
        networks = GuestNetworks(home.folder / "guest-networks", self.metadata)
        networks.restore()
        return networks

    def stop(self) -> None:
        """Guests go on."""
        for agent in self.agents:
            agent.stop()
        self.heartbeat.stop()
        if self.metadata is not None:
            self.metadata.close()
        for driver in self.drivers:
            driver.close()
