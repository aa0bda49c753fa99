"""The network driver over OVN: whole specs in, one northbound transaction out.

Our own database is the truth. The northbound database holds nothing that the specs do not give again, so a lost one is
seen as empty and filled by the reconciler.
"""

from collections.abc import Callable, Mapping, Sequence

from skyloom.network.drivers.contract import (
    Change,
    Ensure,
    FloatingIpSpec,
    NetworkSpec,
    PortSpec,
    RouterSpec,
    SecurityGroupSpec,
    Spec,
    in_order,
)
from skyloom.network.drivers.ovn import nat, ports, routers, security_groups, switches
from skyloom.network.drivers.ovn.northbound import Draft, Northbound

TABLES: Mapping[str, str] = {
    "security_group": "Port_Group",
    "network": "Logical_Switch",
    "router": "Logical_Router",
    "port": "Logical_Switch_Port",
    "floatingip": "NAT",
}
REMOVALS: Mapping[str, Callable[[Draft, str], None]] = {
    "security_group": security_groups.remove,
    "network": switches.remove,
    "router": routers.remove,
    "port": ports.remove,
    "floatingip": nat.remove,
}


class OvnNetwork:
    """`gateways`: the chassis that carry routers' ways out, the first one by preference. Ids must be UUIDs."""

    capabilities = frozenset({"dhcp", "floating_ips", "packets", "provider_networks", "stateless_security_groups"})

    def __init__(self, northbound: str, gateways: Sequence[str], timeout_s: float = 5.0):
        self._gateways = tuple(gateways)
        self._northbound = Northbound(northbound, timeout_s)

    def apply(self, changes: Sequence[Change]) -> None:
        ordered = in_order(changes)
        if ordered:
            self._northbound.commit(lambda draft: self._write(draft, ordered))

    def seen(self) -> Mapping[str, Mapping[str, int]]:
        return {noun: self._northbound.marked(table) for noun, table in TABLES.items()}

    def watch(self, on_port: Callable[[str, bool], None]) -> None:
        self._northbound.watch(on_port)

    def close(self) -> None:
        self._northbound.close()

    def _write(self, draft: Draft, changes: Sequence[Change]) -> None:
        security_groups.ensure_ground(draft)
        routers.ensure_gateways(draft, self._gateways)
        for change in changes:
            if isinstance(change, Ensure) and isinstance(change.spec, SecurityGroupSpec):
                security_groups.announce(draft, change.spec.id)
        for change in changes:
            if isinstance(change, Ensure):
                _ensure(draft, change.spec)
            else:
                REMOVALS[change.noun](draft, change.id)


def _ensure(draft: Draft, spec: Spec) -> None:
    match spec:
        case SecurityGroupSpec():
            security_groups.ensure(draft, spec)
        case NetworkSpec():
            switches.ensure(draft, spec)
        case RouterSpec():
            routers.ensure(draft, spec)
        case PortSpec():
            ports.ensure(draft, spec)
        case FloatingIpSpec():
            nat.ensure(draft, spec)
