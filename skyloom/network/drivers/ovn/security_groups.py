"""Security groups as port groups with rules; beneath them one group of all guarded ports in which nothing passes.

Rules of stateful groups let answers in by connection tracking; those of stateless groups look at each packet alone.
Guests always may ask for their addresses (DHCP) and find their neighbours.
"""

import ipaddress

from skyloom.network.drivers.contract import INCOMPLETE, RuleSpec, SecurityGroupSpec
from skyloom.network.drivers.ovn.northbound import Draft, derived, marks

GROUND = str(derived("ground"))
GROUND_NAME = "skyloom_ground"
DROP, ALLOW = 1001, 1002
NEIGHBOURS = "(nd || nd_rs || nd_ra || mldv1 || mldv2)"
ALWAYS = {
    "drop out": (DROP, "from-lport", f"inport == @{GROUND_NAME} && ip", "drop"),
    "drop in": (DROP, "to-lport", f"outport == @{GROUND_NAME} && ip", "drop"),
    "dhcp": (
        *(ALLOW, "from-lport"),
        f"inport == @{GROUND_NAME} && ip4 && udp.src == 68 && udp.dst == 67",
        "allow-stateless",
    ),
    "dhcpv6": (
        *(ALLOW, "from-lport"),
        f"inport == @{GROUND_NAME} && ip6 && udp.src == 546 && udp.dst == 547",
        "allow-stateless",
    ),
    "neighbours out": (ALLOW, "from-lport", f"inport == @{GROUND_NAME} && {NEIGHBOURS}", "allow-stateless"),
    "neighbours in": (ALLOW, "to-lport", f"outport == @{GROUND_NAME} && {NEIGHBOURS}", "allow-stateless"),
}
NUMBERS = {
    **{"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4},
    **{"ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43},
    **{"ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112},
}
WITH_PORTS = {6: "tcp", 17: "udp", 132: "sctp"}


def ensure_ground(draft: Draft) -> None:
    if draft.find("Port_Group", GROUND) is not None:
        return
    group = draft.put("Port_Group", GROUND, name=GROUND_NAME)
    for name, (priority, direction, match, action) in ALWAYS.items():
        key = derived("ground", name)
        rule = draft.put("ACL", key, priority=priority, direction=direction, match=match, action=action)
        draft.attach(group, "acls", rule)


def announce(draft: Draft, id: str) -> None:
    """Make the bare group: groups of one transaction may name each other."""
    if draft.find("Port_Group", id) is None:
        draft.put("Port_Group", id, name=group_name(id))


def ensure(draft: Draft, spec: SecurityGroupSpec) -> None:
    remotes = {rule.remote_group_id for rule in spec.rules if rule.remote_group_id is not None}
    absent = {id for id in remotes if id != spec.id and draft.find("Port_Group", id) is None}
    group = draft.put(
        "Port_Group",
        spec.id,
        name=group_name(spec.id),
        external_ids=marks(spec.id, INCOMPLETE if absent else spec.revision, remotes=" ".join(sorted(remotes))),
    )
    kept = set()
    for rule in spec.rules:
        if rule.remote_group_id in absent:
            continue
        row = draft.put(
            "ACL",
            rule.id,
            priority=ALLOW,
            direction="from-lport" if rule.direction == "egress" else "to-lport",
            match=match_of(rule, spec.id),
            action="allow-related" if spec.stateful else "allow-stateless",
        )
        draft.attach(group, "acls", row)
        kept.add(row.uuid)
    draft.keep(group, "acls", kept)


def remove(draft: Draft, id: str) -> None:
    group = draft.find("Port_Group", id)
    if group is None:
        return
    for port in draft.children(group, "ports"):
        groups = set(port.external_ids["skyloom:groups"].split()) - {id}
        port.setkey("external_ids", "skyloom:groups", " ".join(sorted(groups)))
        draft.doubt(port)
    for other in draft.rows("Port_Group"):
        if other is not group and id in other.external_ids.get("skyloom:remotes", "").split():
            draft.doubt(other)
    draft.remove(group, "acls")


def group_name(id: str) -> str:
    """A name OVN's expressions can hold; its addresses are in the sets NAME_ip4 and NAME_ip6, kept by northd."""
    return f"pg_{id.replace('-', '_')}"


def match_of(rule: RuleSpec, group_id: str) -> str:
    is_egress = rule.direction == "egress"
    ip = "ip4" if rule.ethertype == "IPv4" else "ip6"
    far = f"{ip}.dst" if is_egress else f"{ip}.src"
    parts = [f"{'inport' if is_egress else 'outport'} == @{group_name(group_id)}", ip]
    if rule.remote_ip_prefix is not None:
        prefix = ipaddress.ip_network(rule.remote_ip_prefix, strict=False)
        if prefix.prefixlen:
            parts.append(f"{far} == {prefix}")
    if rule.remote_group_id is not None:
        parts.append(f"{far} == ${group_name(rule.remote_group_id)}_{ip}")
    return " && ".join([*parts, *_of_protocol(rule, ip)])


def _of_protocol(rule: RuleSpec, ip: str) -> list[str]:
    number = _number(rule.protocol)
    low, high = rule.port_range_min, rule.port_range_max
    if number is None:
        return []
    if number in (NUMBERS["icmp"], NUMBERS["icmpv6"]):
        icmp = "icmp4" if ip == "ip4" else "icmp6"
        fields = [f"{icmp}.type == {low}"] if low is not None else []
        return [icmp, *fields, *([f"{icmp}.code == {high}"] if low is not None and high is not None else [])]
    if number not in WITH_PORTS:
        return [f"ip.proto == {number}"]
    name = WITH_PORTS[number]
    if low is None or high is None:
        return [name]
    return [name, f"{name}.dst == {low}"] if low == high else [name, f"{name}.dst >= {low}", f"{name}.dst <= {high}"]


def _number(protocol: str | None) -> int | None:
    """None for any protocol."""
    if protocol is None or protocol.lower() in ("any", "0"):
        return None
    return NUMBERS[protocol.lower()] if protocol.lower() in NUMBERS else int(protocol)
