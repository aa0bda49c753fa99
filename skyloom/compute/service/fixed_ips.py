"""Further addresses on a server's port, as the calls before 2.44 gave them; the network decides which."""

from typing import Any

from skyloom.access import Caller
from skyloom.compute.errors import RequestInvalid
from skyloom.compute.service.security_groups import Ports
from skyloom.compute.service.servers import ServerService
from skyloom.network import FixedIp, NicInfo

RULE = "os_compute_api:os-multinic"


class FixedIpService:
    def __init__(self, servers: ServerService, network: Any):
        """`network` has the collection `ports`."""
        self.servers = servers
        self.network = network

    def add(self, caller: Caller, server_id: str, network_id: str) -> None:
        """One more address of the first subnet that the server's port on the network is in."""
        for nic in self.servers.addresses(caller, server_id, f"{RULE}:add"):
            if nic.network_id == network_id and nic.fixed_ips:
                more = FixedIp(nic.fixed_ips[0].subnet_id, "")
                self._set(caller, nic, [*_held(nic), more])
                return
        raise RequestInvalid(f"Instance {server_id} has no port on network {network_id}.", field="networkId")

    def remove(self, caller: Caller, server_id: str, address: str) -> None:
        for nic in self.servers.addresses(caller, server_id, f"{RULE}:remove"):
            if any(each.address == address for each in nic.fixed_ips):
                self._set(caller, nic, [each for each in _held(nic) if each.ip_address != address])
                return
        raise RequestInvalid(f"Fixed IP {address} is not of instance {server_id}.", field="address")

    def _set(self, caller: Caller, nic: NicInfo, fixed_ips: list[FixedIp]) -> None:
        ports: Ports = self.network.ports
        ports.update(caller, nic.port_id, {"fixed_ips": fixed_ips})


def _held(nic: NicInfo) -> list[FixedIp]:
    return [FixedIp(each.subnet_id, each.address) for each in nic.fixed_ips]
