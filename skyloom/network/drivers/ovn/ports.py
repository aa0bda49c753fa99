"""Guests' and metadata ports as switch ports, with what they may send and the groups they are in.

A port's row remembers its groups, so that a change is told from the row alone: a group's own list of ports may be long.
"""

from skyloom.network.drivers.contract import INCOMPLETE, PortSpec
from skyloom.network.drivers.ovn.northbound import Draft, Row, marks
from skyloom.network.drivers.ovn.security_groups import GROUND


def ensure(draft: Draft, spec: PortSpec) -> None:
    switch = draft.find("Logical_Switch", spec.network_id)
    if switch is None:
        remove(draft, spec.id)
        return
    before = draft.find("Logical_Switch_Port", spec.id)
    old_groups = group_ids(before) if before is not None else set()
    groups = _wanted_groups(spec)
    present = {id: group for id in groups if (group := draft.find("Port_Group", id)) is not None}
    dhcp, has_subnets = _dhcp_rows(draft, spec)
    is_whole = has_subnets and present.keys() == groups
    port = draft.put(
        "Logical_Switch_Port",
        spec.id,
        name=spec.id,
        type="localport" if spec.kind == "metadata" else "",
        enabled=[spec.enabled],
        addresses=_addresses(spec),
        port_security=_allowed(spec) if _is_guarded(spec) else [],
        options={"requested-chassis": spec.host} if spec.host else {},
        dhcpv4_options=dhcp[4],
        dhcpv6_options=dhcp[6],
        external_ids=marks(
            spec.id,
            spec.revision if is_whole else INCOMPLETE,
            network=spec.network_id,
            groups=" ".join(sorted(present)),
        ),
    )
    draft.attach(switch, "ports", port)
    for id in present.keys() - old_groups:
        present[id].addvalue("ports", port)
    for id in old_groups - present.keys():
        if (group := draft.find("Port_Group", id)) is not None:
            group.delvalue("ports", port)


def remove(draft: Draft, id: str) -> None:
    port = draft.find("Logical_Switch_Port", id)
    if port is None:
        return
    switch = draft.find("Logical_Switch", port.external_ids["skyloom:network"])
    if switch is not None:
        draft.detach(switch, "ports", port)


def group_ids(port: Row) -> set[str]:
    return set(port.external_ids.get("skyloom:groups", "").split())


def _is_guarded(spec: PortSpec) -> bool:
    return spec.port_security and spec.kind == "guest"


def _wanted_groups(spec: PortSpec) -> set[str]:
    return {GROUND, *spec.security_group_ids} if _is_guarded(spec) else set()


def _own(spec: PortSpec) -> str:
    return " ".join([spec.mac, *(fixed.ip_address for fixed in spec.fixed_ips)])


def _addresses(spec: PortSpec) -> list[str]:
    """Where the switch sends what. An address pair's own MAC is known too; its IPs may wander, so they are not."""
    if spec.kind == "guest" and not spec.port_security:
        return [_own(spec), "unknown"]
    pairs = {pair.mac_address for pair in spec.address_pairs} - {spec.mac}
    return [_own(spec), *sorted(pairs)]


def _allowed(spec: PortSpec) -> list[str]:
    """MAC and IPs that the guest may send from."""
    allowed = {spec.mac: [fixed.ip_address for fixed in spec.fixed_ips]}
    for pair in spec.address_pairs:
        allowed.setdefault(pair.mac_address, []).append(pair.ip_address)
    return [" ".join([mac, *dict.fromkeys(addresses)]) for mac, addresses in allowed.items()]


def _dhcp_rows(draft: Draft, spec: PortSpec) -> tuple[dict[int, list[Row]], bool]:
    """The rows of the port's first subnet of each IP version, and whether all its subnets are there."""
    rows: dict[int, list[Row]] = {4: [], 6: []}
    has_all = True
    for fixed in spec.fixed_ips:
        row = draft.find("DHCP_Options", fixed.subnet_id)
        if row is None:
            has_all = False
        elif spec.kind == "guest" and not rows[version := 6 if ":" in fixed.ip_address else 4]:
            rows[version] = [row]
    return rows, has_all
