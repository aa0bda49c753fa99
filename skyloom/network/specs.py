"""From rows to what a driver is told. A thing has a spec as long as the driver must know it.

What must stay true: a spec is made of its row and of rows whose writers raise that row's revision, so equal revisions
mean equal specs.
"""

from collections.abc import Callable, Mapping, Sequence

from skyloom.db import Sql
from skyloom.network import addresses, store
from skyloom.network.drivers import contract
from skyloom.network.drivers.contract import (
    FloatingIpSpec,
    Gateway,
    NetworkSpec,
    PortSpec,
    RouterPort,
    RouterSpec,
    RuleSpec,
    SecurityGroupSpec,
    Spec,
    SubnetSpec,
)
from skyloom.network.model import (
    INTERFACE_OWNER,
    METADATA_OWNER,
    FixedIp,
    Network,
    Port,
    Router,
    SecurityGroupRule,
    Subnet,
)
from skyloom.network.resources import normalized_cidr
from skyloom.network.store.security_groups import with_rules
from skyloom.network.store.specs import HAS_SPEC

Ids = Sequence[str]


def specs(sql: Sql, noun: str, ids: Ids) -> list[Spec]:
    """The specs of those of `ids` that have one, in a number of statements that does not grow with them."""
    return MAKERS[noun](sql, ids)


def _security_groups(sql: Sql, ids: Ids) -> list[Spec]:
    groups = with_rules(sql, store.SECURITY_GROUPS.find(sql, id=ids))
    return [SecurityGroupSpec(g.id, g.revision_number, g.stateful, [_rule(rule) for rule in g.rules]) for g in groups]


def _rule(rule: SecurityGroupRule) -> RuleSpec:
    protocol = rule.protocol
    if rule.ethertype == "IPv6" and protocol in ("icmp", "icmpv6", "1"):
        protocol = "ipv6-icmp"
    return RuleSpec(
        id=rule.id,
        direction=rule.direction,
        ethertype=rule.ethertype,
        protocol=protocol,
        port_range_min=rule.port_range_min,
        port_range_max=rule.port_range_max,
        remote_ip_prefix=normalized_cidr(rule),
        remote_group_id=rule.remote_group_id,
    )


def _networks(sql: Sql, ids: Ids) -> list[Spec]:
    networks = store.NETWORKS.find(sql, id=ids)
    subnets: dict[str, list[Subnet]] = {}
    for subnet in store.SUBNETS.find(sql, network_id=ids):
        subnets.setdefault(subnet.network_id, []).append(subnet)
    served: dict[str, str] = {}
    for port in store.PORTS.find(sql, network_id=ids, device_owner=METADATA_OWNER):
        served.update((ip.subnet_id, ip.ip_address) for ip in port.fixed_ips)
    return [_network(network, subnets.get(network.id, ()), served) for network in networks]


def _network(network: Network, subnets: Sequence[Subnet], served: Mapping[str, str]) -> NetworkSpec:
    return NetworkSpec(
        id=network.id,
        revision=network.revision_number,
        name=network.name,
        mtu=network.mtu,
        enabled=network.admin_state_up,
        physical_network=network.provider_physical_network,
        segmentation_id=network.provider_segmentation_id if network.provider_physical_network else None,
        subnets=[
            SubnetSpec(
                id=subnet.id,
                cidr=subnet.cidr,
                ip_version=subnet.ip_version,
                gateway_ip=subnet.gateway_ip,
                enable_dhcp=subnet.enable_dhcp,
                dns_nameservers=subnet.dns_nameservers,
                host_routes=[contract.HostRoute(route.destination, route.nexthop) for route in subnet.host_routes],
                ipv6_address_mode=subnet.ipv6_address_mode,
                metadata_ip=served.get(subnet.id),
            )
            for subnet in subnets
        ],
    )


def _ports(sql: Sql, ids: Ids) -> list[Spec]:
    return [_port(port) for port in store.PORTS.find(sql, *HAS_SPEC["port"], id=ids)]


def _port(port: Port) -> PortSpec:
    return PortSpec(
        id=port.id,
        revision=port.revision_number,
        network_id=port.network_id,
        mac=port.mac_address,
        enabled=port.admin_state_up,
        fixed_ips=[contract.FixedIp(ip.subnet_id, ip.ip_address) for ip in port.fixed_ips],
        kind="metadata" if port.device_owner == METADATA_OWNER else "guest",
        port_security=port.port_security_enabled,
        security_group_ids=port.security_group_ids,
        address_pairs=[contract.AddressPair(pair.ip_address, pair.mac_address) for pair in port.allowed_address_pairs],
        host=port.host_id or None,
        dns_name=port.dns_name,
    )


def _routers(sql: Sql, ids: Ids) -> list[Spec]:
    routers = store.ROUTERS.find(sql, id=ids)
    interfaces: dict[str, list[Port]] = {}
    for port in store.PORTS.find(sql, device_id=ids, device_owner=INTERFACE_OWNER):
        interfaces.setdefault(port.device_id, []).append(port)
    gateways = store.PORTS.by_ids(sql, [router.gateway_port_id for router in routers if router.gateway_port_id])
    every = [*gateways.values(), *(port for ports in interfaces.values() for port in ports)]
    subnets = store.SUBNETS.by_ids(sql, sorted({ip.subnet_id for port in every for ip in port.fixed_ips}))
    return [
        _router(router, interfaces.get(router.id, ()), gateways.get(router.gateway_port_id or ""), subnets)
        for router in routers
    ]


def _router(router: Router, ports: Sequence[Port], gateway: Port | None, subnets: Mapping[str, Subnet]) -> RouterSpec:
    return RouterSpec(
        id=router.id,
        revision=router.revision_number,
        name=router.name,
        enabled=router.admin_state_up,
        interfaces=[_router_port(port, subnets) for port in ports],
        gateway=None if gateway is None else _gateway(router, gateway, subnets),
        routes=[contract.HostRoute(route.destination, route.nexthop) for route in router.routes],
    )


def _gateway(router: Router, port: Port, subnets: Mapping[str, Subnet]) -> Gateway:
    on = [subnets[ip.subnet_id] for ip in port.fixed_ips]
    ipv4 = [ip.ip_address for ip in port.fixed_ips if addresses.version_of(ip.ip_address) == 4]
    hops: dict[int, str] = {}
    for subnet in on:
        if subnet.gateway_ip is not None:
            hops.setdefault(subnet.ip_version, subnet.gateway_ip)
    return Gateway(
        port=_router_port(port, subnets),
        next_hops=[hops[version] for version in sorted(hops)],
        snat_ip=ipv4[0] if ipv4 and router.enable_snat else None,
    )


def _router_port(port: Port, subnets: Mapping[str, Subnet]) -> RouterPort:
    return RouterPort(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        addresses=[_with_prefix(ip, subnets[ip.subnet_id]) for ip in port.fixed_ips],
    )


def _with_prefix(ip: FixedIp, subnet: Subnet) -> str:
    return f"{ip.ip_address}/{subnet.cidr.partition('/')[2]}"


def _floatingips(sql: Sql, ids: Ids) -> list[Spec]:
    return [
        FloatingIpSpec(
            id=floatingip.id,
            revision=floatingip.revision_number,
            router_id=floatingip.router_id or "",
            port_id=floatingip.port_id or "",
            floating_ip_address=floatingip.floating_ip_address,
            fixed_ip_address=floatingip.fixed_ip_address or "",
        )
        for floatingip in store.FLOATINGIPS.find(sql, *HAS_SPEC["floatingip"], id=ids)
    ]


MAKERS: Mapping[str, Callable[[Sql, Ids], list[Spec]]] = {
    "security_group": _security_groups,
    "network": _networks,
    "router": _routers,
    "port": _ports,
    "floatingip": _floatingips,
}
