"""How a port comes by its addresses. What must stay true: an address is claimed by the row that makes it unique.

A free address is found by trying a few at random: cheap however large the subnet is. Only when the pools are mostly
full is the set of taken ones read.
"""

from collections.abc import Sequence

from skyloom.db import Tx
from skyloom.network import addresses
from skyloom.network.errors import (
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
)
from skyloom.network.model import ROUTER_OWNERS, FixedIp, Subnet
from skyloom.network.service.core import Core
from skyloom.network.store import ports

TRIES = 8


class Addressing:
    """The addresses of one port on one network, inside one transaction."""

    def __init__(self, core: Core, tx: Tx, network_id: str, subnets: Sequence[Subnet], port_id: str, mac: str):
        self.core = core
        self.tx = tx
        self.network_id = network_id
        self.subnets = subnets
        self.port_id = port_id
        self.mac = mac

    def take(self, wanted: Sequence[FixedIp] | None, owner: str) -> list[FixedIp]:
        """Addresses as asked for; None: one of each IP version that the network has.

        Raises InvalidInput, InvalidIpForSubnet, InvalidIpForNetwork, IpAddressAlreadyAllocated,
        IpAddressGenerationFailure.
        """
        taken: list[FixedIp] = []
        if wanted is None:
            for version in (4, 6):
                subnets = [s for s in self.subnets if s.ip_version == version and not is_automatic(s)]
                if subnets:
                    taken.append(self._any_of(subnets))
        else:
            taken = [self._one(ip, owner) for ip in wanted]
        if owner not in ROUTER_OWNERS and (wanted is None or wanted):
            having = {ip.subnet_id for ip in taken}
            taken += [self._automatic(s) for s in self.subnets if is_automatic(s) and s.id not in having]
        return taken

    def change(self, before: Sequence[FixedIp], wanted: Sequence[FixedIp], owner: str) -> list[FixedIp]:
        """Keep what is wanted still (a bare subnet keeps the address it has there), give back the rest."""
        left = list(before)
        kept: list[FixedIp] = []
        new: list[FixedIp] = []
        for ip in wanted:
            match = next((old for old in left if _means(ip, old)), None)
            if match is None:
                new.append(ip)
            else:
                left.remove(match)
                kept.append(match)
        for ip in left:
            ports.give_back_address(self.tx, ip)
        return kept + [self._one(ip, owner) for ip in new]

    def _one(self, ip: FixedIp, owner: str) -> FixedIp:
        subnet = self._subnet_of(ip)
        if ip.ip_address:
            self._check(subnet, ip.ip_address, owner)
            return self._claim(FixedIp(subnet.id, ip.ip_address))
        if is_automatic(subnet) and owner not in ROUTER_OWNERS:
            return self._automatic(subnet)
        return self._any_of([subnet])

    def _subnet_of(self, ip: FixedIp) -> Subnet:
        if ip.subnet_id:
            for subnet in self.subnets:
                if subnet.id == ip.subnet_id:
                    return subnet
            raise InvalidInput(
                f"Invalid input for operation: Failed to create port on network {self.network_id}, because fixed_ips "
                f"included invalid subnet {ip.subnet_id}.",
                field="fixed_ips",
            )
        if not ip.ip_address:
            raise InvalidInput(
                "Invalid input for operation: fixed_ips take a subnet_id or an ip_address.", field="fixed_ips"
            )
        for subnet in self.subnets:
            if addresses.contains(subnet.cidr, ip.ip_address):
                return subnet
        raise InvalidIpForNetwork(
            f"IP address {ip.ip_address} is not a valid IP for any of the subnets on the specified network.",
            field="fixed_ips",
        )

    def _check(self, subnet: Subnet, address: str, owner: str) -> None:
        if not addresses.usable(subnet.cidr, address):
            raise InvalidIpForSubnet(
                f"IP address {address} is not a valid IP for the specified subnet.", field="fixed_ips"
            )
        if is_automatic(subnet) and owner not in ROUTER_OWNERS and address != addresses.eui64(subnet.cidr, self.mac):
            raise InvalidInput(
                f"Invalid input for operation: IPv6 address {address} can not be directly assigned to a port on subnet "
                f"{subnet.id} as the subnet is configured for automatic addresses.",
                field="fixed_ips",
            )

    def _automatic(self, subnet: Subnet) -> FixedIp:
        return self._claim(FixedIp(subnet.id, addresses.eui64(subnet.cidr, self.mac)))

    def _claim(self, ip: FixedIp) -> FixedIp:
        if not ports.take_address(self.tx, self.network_id, self.port_id, ip):
            raise IpAddressAlreadyAllocated(
                f"IP address {ip.ip_address} already allocated in subnet {ip.subnet_id}.", field="fixed_ips"
            )
        return ip

    def _any_of(self, subnets: Sequence[Subnet]) -> FixedIp:
        for subnet in subnets:
            for address in addresses.picks(subnet.allocation_pools, TRIES, self.core.chance):
                if self._try(subnet, address):
                    return FixedIp(subnet.id, address)
            found = self._lowest_free(subnet)
            if found is not None:
                return found
        raise IpAddressGenerationFailure(
            f"No more IP addresses available on network {self.network_id}; add a subnet or widen a pool.",
            network_id=self.network_id,
        )

    def _lowest_free(self, subnet: Subnet) -> FixedIp | None:
        # Another request may take the address between reading and claiming; each round sees what it took.
        while True:
            taken = ports.taken_addresses(self.tx, subnet.id)
            address = addresses.lowest_free(subnet.allocation_pools, taken)
            if address is None:
                return None
            if self._try(subnet, address):
                return FixedIp(subnet.id, address)

    def _try(self, subnet: Subnet, address: str) -> bool:
        return ports.take_address(self.tx, self.network_id, self.port_id, FixedIp(subnet.id, address))


def is_automatic(subnet: Subnet) -> bool:
    """Its hosts make their addresses themselves, out of the prefix and their MAC address."""
    return any(mode in addresses.MODES_WITHOUT_ALLOCATION for mode in (subnet.ipv6_address_mode, subnet.ipv6_ra_mode))


def _means(wanted: FixedIp, old: FixedIp) -> bool:
    if wanted.ip_address:
        return wanted.ip_address == old.ip_address and wanted.subnet_id in ("", old.subnet_id)
    return bool(wanted.subnet_id) and wanted.subnet_id == old.subnet_id
