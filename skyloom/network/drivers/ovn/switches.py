"""Networks as logical switches, each with the DHCP rows of its subnets and, on a provider network, its way out."""

from skyloom.network.drivers.contract import NetworkSpec
from skyloom.network.drivers.ovn import dhcp
from skyloom.network.drivers.ovn.northbound import Draft, Row, derived, marks


def ensure(draft: Draft, spec: NetworkSpec) -> None:
    before = draft.find("Logical_Switch", spec.id)
    old_subnets = subnet_ids(before) if before is not None else set()
    subnets = {subnet.id for subnet in spec.subnets}
    switch = draft.put(
        "Logical_Switch",
        spec.id,
        name=spec.id,
        other_config={"mcast_snoop": "false"},
        external_ids=marks(
            spec.id, spec.revision, name=spec.name, mtu=str(spec.mtu), subnets=" ".join(sorted(subnets))
        ),
    )
    for subnet in spec.subnets:
        dhcp.ensure(draft, subnet, spec.mtu)
    for id in old_subnets - subnets:
        dhcp.remove(draft, id)
    _ensure_way_out(draft, switch, spec)
    _ensure_closed(draft, switch, spec)


def remove(draft: Draft, id: str) -> None:
    switch = draft.find("Logical_Switch", id)
    if switch is None:
        return
    for subnet_id in subnet_ids(switch):
        dhcp.remove(draft, subnet_id)
    for port in draft.children(switch, "ports"):
        router_id = port.external_ids.get("skyloom:router")
        if router_id is not None and (router := draft.find("Logical_Router", router_id)) is not None:
            draft.doubt(router)
    draft.remove(switch, "ports", "acls")


def subnet_ids(switch: Row) -> set[str]:
    return set(switch.external_ids.get("skyloom:subnets", "").split())


def mtu(switch: Row) -> str:
    return str(switch.external_ids["skyloom:mtu"])


def _ensure_way_out(draft: Draft, switch: Row, spec: NetworkSpec) -> None:
    key = derived(spec.id, "localnet")
    if spec.physical_network is not None:
        port = draft.put(
            "Logical_Switch_Port",
            key,
            name=str(key),
            type="localnet",
            addresses=["unknown"],
            tag=[] if spec.segmentation_id is None else [spec.segmentation_id],
            options={"network_name": spec.physical_network},
        )
        draft.attach(switch, "ports", port)
    elif (old := draft.find("Logical_Switch_Port", key)) is not None:
        draft.detach(switch, "ports", old)


def _ensure_closed(draft: Draft, switch: Row, spec: NetworkSpec) -> None:
    """A disabled network passes nothing: OVN has no switch for that, so two rules above all others drop it all."""
    kept = set()
    for direction in () if spec.enabled else ("from-lport", "to-lport"):
        key = derived(spec.id, "closed", direction)
        rule = draft.put("ACL", key, priority=32767, direction=direction, match="1", action="drop")
        draft.attach(switch, "acls", rule)
        kept.add(key)
    draft.keep(switch, "acls", kept)
