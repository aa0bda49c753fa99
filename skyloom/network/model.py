"""The nouns of the Network API as they are kept: one frozen struct a row, its fields in the order of the columns.

Pure: no I/O. Field names are the API's, but for the few that are no Python names (`is_external` is `router:external`);
`skyloom.network.resources` holds how each is written on the wire. `revision_number` rises with every change of what a
driver is told of the thing, so it is the revision of its spec too.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

EXTERNAL_MTU = 1500
OVERLAY_MTU = 1442
METADATA_OWNER = "network:distributed"
INTERFACE_OWNER = "network:router_interface"
GATEWAY_OWNER = "network:router_gateway"
FLOATING_OWNER = "network:floatingip"
ROUTER_OWNERS = (INTERFACE_OWNER, GATEWAY_OWNER, FLOATING_OWNER)


class Status(StrEnum):
    ACTIVE = "ACTIVE"
    BUILD = "BUILD"
    DOWN = "DOWN"
    ERROR = "ERROR"


class FixedIp(Struct, frozen=True):
    subnet_id: str
    ip_address: str


class Pool(Struct, frozen=True):
    """Addresses that are given out by themselves; both ends belong to it."""

    start: str
    end: str


class HostRoute(Struct, frozen=True):
    destination: str
    nexthop: str


class AddressPair(Struct, frozen=True):
    ip_address: str
    mac_address: str


class Network(Struct, frozen=True):
    """`provider_*` are the API's `provider:*`; an overlay network has the network type geneve."""

    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    is_shared: bool
    is_external: bool
    is_default: bool
    mtu: int
    provider_network_type: str
    provider_physical_network: str | None
    provider_segmentation_id: int | None
    port_security_enabled: bool
    dns_domain: str
    availability_zone_hints: list[str]
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime
    subnet_ids: Sequence[str] = ()


class Subnet(Struct, frozen=True):
    """`is_shared` and `is_external` are those of its network."""

    id: str
    project_id: str
    name: str
    description: str
    network_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    enable_dhcp: bool
    ipv6_ra_mode: str | None
    ipv6_address_mode: str | None
    allocation_pools: list[Pool]
    dns_nameservers: list[str]
    host_routes: list[HostRoute]
    subnetpool_id: str | None
    dns_publish_fixed_ip: bool
    service_types: list[str]
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime
    is_shared: bool = False


class SubnetPool(Struct, frozen=True):
    id: str
    project_id: str
    name: str
    description: str
    ip_version: int
    prefixes: list[str]
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    default_quota: int | None
    is_shared: bool
    is_default: bool
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime


class Port(Struct, frozen=True):
    """`fixed_ips` and `security_group_ids` stand in tables of their own as well: to be unique, and to search by."""

    id: str
    project_id: str
    name: str
    description: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str
    fixed_ips: list[FixedIp]
    security_group_ids: list[str]
    port_security_enabled: bool
    allowed_address_pairs: list[AddressPair]
    dns_name: str
    host_id: str
    vnic_type: str
    binding_profile: dict[str, Any]
    is_server_made: bool
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime


class DevicePort(Struct, frozen=True):
    """What of a port its device shows."""

    id: str
    network_id: str
    mac_address: str
    status: str
    device_id: str
    fixed_ips: list[FixedIp]
    security_group_ids: list[str]
    port_security_enabled: bool


class Router(Struct, frozen=True):
    """`gateway_port_id` and what follows it are None without an external gateway; `gateway_ips` are the port's."""

    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    gateway_port_id: str | None
    gateway_network_id: str | None
    enable_snat: bool
    routes: list[HostRoute]
    availability_zone_hints: list[str]
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime
    gateway_ips: list[FixedIp] | None = None


class FloatingIp(Struct, frozen=True):
    """`floating_port_id` is the port that holds the address on the external network."""

    id: str
    project_id: str
    description: str
    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str | None
    fixed_ip_address: str | None
    router_id: str | None
    status: str
    dns_domain: str
    dns_name: str
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime


class SecurityGroupRule(Struct, frozen=True):
    id: str
    project_id: str
    description: str
    security_group_id: str
    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    remote_group_id: str | None
    revision_number: int
    created_at: datetime
    updated_at: datetime


class SecurityGroup(Struct, frozen=True):
    id: str
    project_id: str
    name: str
    description: str
    stateful: bool
    is_default: bool
    tags: list[str]
    revision_number: int
    created_at: datetime
    updated_at: datetime
    rules: Sequence[SecurityGroupRule] = ()


class NicRequest(Struct, frozen=True, kw_only=True):
    """One NIC that a new server is to have: on a network, perhaps with an address, or by a port that is there."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class NicPlan(Struct, frozen=True, kw_only=True):
    """What was decided for one NIC of one server, before anything is made. `is_given`: the port was there before."""

    port_id: str
    network_id: str
    fixed_ip: str | None = None
    is_given: bool = False
    security_group_ids: Sequence[str] = ()
    tag: str | None = None


class NicAddress(Struct, frozen=True, kw_only=True):
    """`floating_ips`: the floating addresses that lead to it."""

    address: str
    version: int
    subnet_id: str
    floating_ips: Sequence[str] = ()


class NicSubnet(Struct, frozen=True, kw_only=True):
    """What a guest must know of a subnet it has an address in."""

    id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None
    enable_dhcp: bool
    ipv6_address_mode: str | None
    dns_nameservers: Sequence[str]
    host_routes: Sequence[HostRoute]
    metadata_ip: str | None


class MetadataPort(Struct, frozen=True, kw_only=True):
    port_id: str
    mac: str
    addresses: Sequence[str]


class NicInfo(Struct, frozen=True, kw_only=True):
    """All that compute asks about one NIC of a server."""

    server_id: str
    port_id: str
    network_id: str
    network_name: str
    mac: str
    mtu: int
    fixed_ips: Sequence[NicAddress]
    is_up: bool
    subnets: Sequence[NicSubnet] = ()
    metadata_port: MetadataPort | None = None
    security_group_ids: Sequence[str] = ()
    port_security: bool = True
