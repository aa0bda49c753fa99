"""Routers: their ports on both sides, routes, and address translation of what they let out.

A router's way out is carried by one chassis at a time, chosen from one group for the whole cloud.
"""

import ipaddress
from collections.abc import Sequence

from skyloom.network.drivers.contract import INCOMPLETE, RouterPort, RouterSpec
from skyloom.network.drivers.ovn import dhcp, nat
from skyloom.network.drivers.ovn.northbound import Draft, Row, derived, marks
from skyloom.network.drivers.ovn.switches import mtu, subnet_ids

GATEWAYS = derived("gateways")


def ensure_gateways(draft: Draft, names: Sequence[str]) -> None:
    wanted = {name: 100 - place for place, name in enumerate(names)}
    group = draft.find("HA_Chassis_Group", GATEWAYS)
    if group is not None and {row.chassis_name: row.priority for row in group.ha_chassis} == wanted:
        return
    group = draft.put("HA_Chassis_Group", GATEWAYS, name="skyloom-gateways")
    for name, priority in wanted.items():
        chassis = draft.put("HA_Chassis", derived("gateway", name), chassis_name=name, priority=priority)
        draft.attach(group, "ha_chassis", chassis)
    draft.keep(group, "ha_chassis", {derived("gateway", name) for name in names})


def ensure(draft: Draft, spec: RouterSpec) -> None:
    ports = [*spec.interfaces, *([spec.gateway.port] if spec.gateway else [])]
    present = [port for port in ports if draft.find("Logical_Switch", port.network_id) is not None]
    router = draft.put(
        "Logical_Router",
        spec.id,
        name=spec.id,
        enabled=[spec.enabled],
        options={"always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true"},
        external_ids=marks(spec.id, spec.revision if len(present) == len(ports) else INCOMPLETE, name=spec.name),
    )
    wanted = {port.port_id for port in present}
    for old in draft.children(router, "ports"):
        if old.external_ids["skyloom:port"] not in wanted:
            _drop_port(draft, router, old)
    for port in present:
        _ensure_port(draft, router, spec, port)
    _ensure_routes(draft, router, spec)
    nat.ensure_snat(draft, router, spec)


def remove(draft: Draft, id: str) -> None:
    router = draft.find("Logical_Router", id)
    if router is None:
        return
    for port in draft.children(router, "ports"):
        _drop_port(draft, router, port)
    draft.remove(router, "ports", "static_routes", "nat")


def _ensure_port(draft: Draft, router: Row, spec: RouterSpec, port: RouterPort) -> None:
    is_gateway = spec.gateway is not None and port is spec.gateway.port
    switch = draft.find("Logical_Switch", port.network_id)
    inner = draft.put(
        "Logical_Router_Port",
        derived(port.port_id, "inner"),
        name=_name(port),
        mac=port.mac,
        networks=list(port.addresses),
        ha_chassis_group=[draft.find("HA_Chassis_Group", GATEWAYS)] if is_gateway else [],
        ipv6_ra_configs={} if is_gateway else _advertisement(draft, switch, port),
        external_ids={"skyloom:port": port.port_id},
    )
    draft.attach(router, "ports", inner)
    outer = draft.put(
        "Logical_Switch_Port",
        port.port_id,
        name=port.port_id,
        type="router",
        addresses=["router"],
        options={"router-port": _name(port), **({"nat-addresses": "router"} if is_gateway else {})},
        external_ids={"skyloom:network": port.network_id, "skyloom:router": spec.id},
    )
    draft.attach(switch, "ports", outer)


def _drop_port(draft: Draft, router: Row, port: Row) -> None:
    draft.detach(router, "ports", port)
    outer = draft.find("Logical_Switch_Port", port.external_ids["skyloom:port"])
    if outer is None or "skyloom:router" not in outer.external_ids:
        return
    switch = draft.find("Logical_Switch", outer.external_ids["skyloom:network"])
    if switch is not None:
        draft.detach(switch, "ports", outer)


def _name(port: RouterPort) -> str:
    return f"router-{port.port_id}"


def _advertisement(draft: Draft, switch: Row, port: RouterPort) -> dict[str, str]:
    rows = [row for id in subnet_ids(switch) if (row := draft.find("DHCP_Options", id)) is not None]
    for address in port.addresses:
        network = ipaddress.ip_interface(address).network
        mode = dhcp.address_mode(rows, str(network)) if network.version == 6 else None
        if mode is not None:
            return {"address_mode": mode, "send_periodic": "true", "mtu": mtu(switch)}
    return {}


def _ensure_routes(draft: Draft, router: Row, spec: RouterSpec) -> None:
    wanted = [(route.destination, route.nexthop, "") for route in spec.routes]
    if spec.gateway is not None:
        out = _name(spec.gateway.port)
        wanted += [("::/0" if ":" in hop else "0.0.0.0/0", hop, out) for hop in spec.gateway.next_hops]
    kept = set()
    for destination, hop, out in wanted:
        key = derived(spec.id, "route", destination, hop)
        route = draft.put(
            "Logical_Router_Static_Route",
            key,
            ip_prefix=destination,
            nexthop=hop,
            output_port=[out] if out else [],
        )
        draft.attach(router, "static_routes", route)
        kept.add(key)
    draft.keep(router, "static_routes", kept)
