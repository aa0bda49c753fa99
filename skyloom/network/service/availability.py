"""How many addresses of each network and subnet are used."""

from collections.abc import Mapping, Sequence

from skyloom.db import Sql
from skyloom.network import addresses, store
from skyloom.network.errors import NetworkNotFound
from skyloom.network.model import Network, Subnet
from skyloom.network.store import quotas

MOST = 2**64 - 1
"""The largest number that our JSON holds; an IPv6 network has more addresses."""


def ip_availability(sql: Sql, network_id: str | None) -> Sequence[Mapping[str, object]]:
    """Of one network or of all, as the API shows it. Raises NetworkNotFound."""
    networks = store.NETWORKS.find(sql) if network_id is None else store.NETWORKS.find(sql, id=network_id)
    if network_id is not None and not networks:
        raise NetworkNotFound(f"Network {network_id} could not be found.", id=network_id)
    subnets: dict[str, list[Subnet]] = {}
    for subnet in store.SUBNETS.find(sql, network_id=[network.id for network in networks]):
        subnets.setdefault(subnet.network_id, []).append(subnet)
    used = quotas.addresses_in_use(sql, [subnet.id for those in subnets.values() for subnet in those])
    return [_of_network(network, subnets.get(network.id, ()), used) for network in networks]


def _of_network(network: Network, subnets: Sequence[Subnet], used: Mapping[str, int]) -> Mapping[str, object]:
    totals = [_total(subnet) for subnet in subnets]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": min(sum(totals), MOST),
        "used_ips": sum(used.get(subnet.id, 0) for subnet in subnets),
        "subnet_ip_availability": [
            {
                "subnet_id": subnet.id,
                "subnet_name": subnet.name,
                "cidr": subnet.cidr,
                "ip_version": subnet.ip_version,
                "total_ips": min(total, MOST),
                "used_ips": used.get(subnet.id, 0),
            }
            for subnet, total in zip(subnets, totals, strict=True)
        ],
    }


def _total(subnet: Subnet) -> int:
    return sum(last - first + 1 for first, last in map(addresses.span, subnet.allocation_pools))
