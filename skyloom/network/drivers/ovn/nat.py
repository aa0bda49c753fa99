"""Address translation on routers: floating IPs, each for one port, and the router's own address for the rest."""

import ipaddress

from skyloom.network.drivers.contract import FloatingIpSpec, RouterSpec
from skyloom.network.drivers.ovn.northbound import ID, Draft, Row, derived, marks


def ensure(draft: Draft, spec: FloatingIpSpec) -> None:
    router = draft.find("Logical_Router", spec.router_id)
    before = draft.find("NAT", spec.id)
    if before is not None and before.external_ids["skyloom:router"] != spec.router_id:
        remove(draft, spec.id)
    if router is None:
        remove(draft, spec.id)
        return
    row = draft.put(
        "NAT",
        spec.id,
        type="dnat_and_snat",
        external_ip=spec.floating_ip_address,
        logical_ip=spec.fixed_ip_address,
        external_ids=marks(spec.id, spec.revision, router=spec.router_id),
    )
    draft.attach(router, "nat", row)


def remove(draft: Draft, id: str) -> None:
    row = draft.find("NAT", id)
    router = draft.find("Logical_Router", row.external_ids["skyloom:router"]) if row is not None else None
    if router is not None:
        draft.detach(router, "nat", row)


def ensure_snat(draft: Draft, router: Row, spec: RouterSpec) -> None:
    """What leaves any of the router's IPv4 networks takes the gateway's address, unless it has a floating IP."""
    kept = {row.uuid for row in draft.children(router, "nat") if ID in row.external_ids}
    if spec.gateway is not None and spec.gateway.snat_ip is not None:
        for network in _inner_networks(spec):
            key = derived(spec.id, "snat", network)
            row = draft.put("NAT", key, type="snat", external_ip=spec.gateway.snat_ip, logical_ip=network)
            draft.attach(router, "nat", row)
            kept.add(key)
    draft.keep(router, "nat", kept)


def _inner_networks(spec: RouterSpec) -> list[str]:
    networks = [ipaddress.ip_interface(address).network for port in spec.interfaces for address in port.addresses]
    return sorted({str(network) for network in networks if network.version == 4})
