"""What a network back end must do for us: make the logical network equal to the specs it is handed.

The driver works beside the core, on the central side of the back end (OVN: the northbound database). It is given
whole specs, never differences, each with the revision of the row it was read from; `seen` tells the revision that is in
force, so the reconciler knows what is missing, stale or left over without comparing contents.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from skyloom.errors import SkyloomError, Unavailable


class HostRoute(msgspec.Struct, frozen=True):
    destination: str
    nexthop: str


class SubnetSpec(msgspec.Struct, frozen=True):
    """`metadata_ip`: the address of the network's metadata port here, the next hop to 169.254.169.254 (IPv4 only)."""

    id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None
    enable_dhcp: bool
    dns_nameservers: Sequence[str] = ()
    host_routes: Sequence[HostRoute] = ()
    ipv6_address_mode: str | None = None
    metadata_ip: str | None = None


class NetworkSpec(msgspec.Struct, frozen=True, tag="network"):
    """`physical_network` names the provider network it lies on (VLAN if it has a `segmentation_id`), None: overlay."""

    id: str
    revision: int
    name: str
    mtu: int
    enabled: bool
    physical_network: str | None = None
    segmentation_id: int | None = None
    subnets: Sequence[SubnetSpec] = ()


class FixedIp(msgspec.Struct, frozen=True):
    subnet_id: str
    ip_address: str


class AddressPair(msgspec.Struct, frozen=True):
    ip_address: str
    mac_address: str


class PortSpec(msgspec.Struct, frozen=True, tag="port"):
    """`kind`: "guest" for a tap, "metadata" for the one on every host; router ports come with their router.

    Without `port_security` neither addresses nor security groups are enforced.
    """

    id: str
    revision: int
    network_id: str
    mac: str
    enabled: bool
    fixed_ips: Sequence[FixedIp] = ()
    kind: str = "guest"
    port_security: bool = True
    security_group_ids: Sequence[str] = ()
    address_pairs: Sequence[AddressPair] = ()
    host: str | None = None
    dns_name: str = ""


class RouterPort(msgspec.Struct, frozen=True):
    """`addresses` with prefix lengths: 10.0.0.1/24."""

    port_id: str
    network_id: str
    mac: str
    addresses: Sequence[str]


class Gateway(msgspec.Struct, frozen=True):
    """`next_hops`: where what has no other route goes (one an IP version). `snat_ip` None: no address translation."""

    port: RouterPort
    next_hops: Sequence[str]
    snat_ip: str | None


class RouterSpec(msgspec.Struct, frozen=True, tag="router"):
    id: str
    revision: int
    name: str
    enabled: bool
    interfaces: Sequence[RouterPort] = ()
    gateway: Gateway | None = None
    routes: Sequence[HostRoute] = ()


class FloatingIpSpec(msgspec.Struct, frozen=True, tag="floatingip"):
    """Only floating IPs that are associated have a spec."""

    id: str
    revision: int
    router_id: str
    port_id: str
    floating_ip_address: str
    fixed_ip_address: str


class RuleSpec(msgspec.Struct, frozen=True):
    """Fields as in the Network API's security group rule; `protocol` a name or a number as text, None for any."""

    id: str
    direction: str
    ethertype: str
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None


class SecurityGroupSpec(msgspec.Struct, frozen=True, tag="security_group"):
    id: str
    revision: int
    stateful: bool
    rules: Sequence[RuleSpec] = ()


Spec = NetworkSpec | PortSpec | RouterSpec | FloatingIpSpec | SecurityGroupSpec
NOUNS: tuple[str, ...] = ("security_group", "network", "router", "port", "floatingip")
"""In the order in which things can be made; they are removed in the reverse one."""


class Ensure(msgspec.Struct, frozen=True):
    spec: Spec


class Remove(msgspec.Struct, frozen=True):
    noun: str
    id: str


Change = Ensure | Remove

INCOMPLETE = -1
"""The revision `seen` tells of a thing in which a reference was left out: it equals no row's, so it is sent again."""


def in_order(changes: Sequence[Change]) -> list[Change]:
    """Removals before the rest, each noun after those it needs; of two changes of one thing the later counts."""
    last: dict[tuple[str, str], Change] = {}
    for change in changes:
        last[noun_of(change), change.id if isinstance(change, Remove) else change.spec.id] = change
    rank = {noun: place for place, noun in enumerate(NOUNS)}
    removals = [change for change in last.values() if isinstance(change, Remove)]
    others = [change for change in last.values() if isinstance(change, Ensure)]
    return [
        *sorted(removals, key=lambda change: -rank[change.noun]),
        *sorted(others, key=lambda change: rank[noun_of(change)]),
    ]


def noun_of(change: Change) -> str:
    return change.noun if isinstance(change, Remove) else str(change.spec.__struct_config__.tag)


class BackendAway(Unavailable):
    code = "network.backend_away"


class BackendRefused(SkyloomError):
    """The back end will not take these specs as they are: to send them again is no use, to send each alone may be."""

    code = "network.backend_refused"


class NetworkDriver(Protocol):
    capabilities: frozenset[str]

    def apply(self, changes: Sequence[Change]) -> None:
        """All of them in one transaction, in any order of nouns; to remove what is not there is no error.

        A spec may name a thing that is not there yet (a port's group, a rule's remote group, a router port's network):
        the driver leaves that reference out, and `seen` tells INCOMPLETE until the spec was sent again with the other
        thing there. What cannot be made at all (a port without its network, a floating IP without its router) is left
        out whole, and not seen. What lies on a removed thing goes with it.

        Raises BackendAway, within seconds, when the back end does not answer; nothing was changed then, or all of it.
        Raises BackendRefused if the back end rejects the transaction; nothing was changed.
        """
        ...

    def seen(self) -> Mapping[str, Mapping[str, int]]:
        """noun -> id -> revision in force, for each of NOUNS; only what this driver made."""
        ...

    def watch(self, on_port: Callable[[str, bool], None]) -> None:
        """Call `on_port(port_id, is_up)` at each change of a port's link from now on, and once for each port now."""
        ...

    def close(self) -> None: ...
