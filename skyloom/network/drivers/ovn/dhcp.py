"""DHCP per subnet, answered by OVN itself on the guest's own host.

A subnet without DHCP has its row too, so that ports can name it and are not written again when DHCP is switched on. Its
prefix is one that holds no port's address: OVN then answers nothing, and does not complain of options it misses.
"""

import hashlib
import ipaddress

from skyloom.network.drivers.contract import SubnetSpec
from skyloom.network.drivers.ovn.northbound import Draft, Row

LEASE_S = 43200
NO_ADDRESS = {4: "0.0.0.0/32", 6: "::/128"}
METADATA = "169.254.169.254/32"


def ensure(draft: Draft, subnet: SubnetSpec, mtu: int) -> None:
    options: dict[str, str] = {}
    if subnet.enable_dhcp:
        options = _options_v4(subnet, mtu) if subnet.ip_version == 4 else _options_v6(subnet)
    mode = {"skyloom:mode": subnet.ipv6_address_mode} if subnet.ipv6_address_mode else {}
    draft.put(
        "DHCP_Options",
        subnet.id,
        cidr=subnet.cidr if options else NO_ADDRESS[subnet.ip_version],
        options=options,
        external_ids={"skyloom:subnet": subnet.id, "skyloom:cidr": subnet.cidr, **mode},
    )


def remove(draft: Draft, subnet_id: str) -> None:
    row = draft.find("DHCP_Options", subnet_id)
    if row is not None:
        draft.remove(row)


def address_mode(rows: list[Row], cidr: str) -> str | None:
    """How hosts on the subnet with this prefix get their IPv6 addresses."""
    for row in rows:
        if row.external_ids["skyloom:cidr"] == cidr:
            mode = row.external_ids.get("skyloom:mode")
            return {"dhcpv6-stateful": "dhcpv6_stateful", "dhcpv6-stateless": "dhcpv6_stateless"}.get(mode, mode)
    return None


def _options_v4(subnet: SubnetSpec, mtu: int) -> dict[str, str]:
    server = subnet.gateway_ip or subnet.metadata_ip or str(ipaddress.IPv4Network(subnet.cidr)[1])
    options = {"server_id": server, "server_mac": _mac(subnet.id), "lease_time": str(LEASE_S), "mtu": str(mtu)}
    if subnet.gateway_ip:
        options["router"] = subnet.gateway_ip
    if subnet.dns_nameservers:
        options["dns_server"] = "{" + ", ".join(subnet.dns_nameservers) + "}"
    routes = [(METADATA, subnet.metadata_ip)] if subnet.metadata_ip else []
    routes += [(route.destination, route.nexthop) for route in subnet.host_routes]
    if routes:
        # A client that takes option 121 passes over the router option, so the default route stands in both.
        routes += [("0.0.0.0/0", subnet.gateway_ip)] if subnet.gateway_ip else []
        options["classless_static_route"] = (
            "{" + ", ".join(f"{destination},{nexthop}" for destination, nexthop in routes) + "}"
        )
    return options


def _options_v6(subnet: SubnetSpec) -> dict[str, str]:
    if subnet.ipv6_address_mode == "slaac":
        return {}
    options = {"server_id": _mac(subnet.id)}
    if subnet.ipv6_address_mode == "dhcpv6-stateless":
        options["dhcpv6_stateless"] = "true"
    if subnet.dns_nameservers:
        options["dns_server"] = "{" + ", ".join(subnet.dns_nameservers) + "}"
    return options


def _mac(subnet_id: str) -> str:
    """The same for a subnet each time, so that a lease's server does not seem to change."""
    digest = hashlib.sha256(subnet_id.encode()).digest()
    return "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in digest[:3])
