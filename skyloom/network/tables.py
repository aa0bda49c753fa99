"""The tables of the network domain; columns stand in the order of the model's fields.

`ip_allocation` makes an address unique in its subnet, an index of `port` a MAC in its network: two requests that race
for one meet there, never in a check of ours. `quota_usage` holds what a project uses now; it is counted
up and down in the same transaction as the rows it counts.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from skyloom.db import Json, Timestamp, metadata
from skyloom.network.model import AddressPair, FixedIp, HostRoute, Pool


def _identity() -> list[Column[Any]]:
    return [Column("id", String(36), primary_key=True), Column("project_id", String(255), nullable=False)]


def _named() -> list[Column[Any]]:
    return [_text("name"), _text("description")]


def _text(name: str) -> Column[Any]:
    return Column(name, String(255), nullable=False)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False)


def _json(name: str) -> Column[Any]:
    return Column(name, Json, nullable=False)


def _tags() -> Column[Any]:
    return Column("tags", Json(list[str]), nullable=False)


def _to_come(column: str) -> ForeignKey:
    """What a thing needs is claimed before its row is written, in the same transaction."""
    return ForeignKey(column, ondelete="CASCADE", deferrable=True, initially="DEFERRED")


def _history() -> list[Column[Any]]:
    return [
        Column("revision_number", BigInteger, nullable=False),
        Column("created_at", Timestamp, nullable=False),
        Column("updated_at", Timestamp, nullable=False),
    ]


network = Table(
    "network",
    metadata,
    *_identity(),
    *_named(),
    _flag("admin_state_up"),
    Column("status", String(16), nullable=False),
    _flag("is_shared"),
    _flag("is_external"),
    _flag("is_default"),
    Column("mtu", Integer, nullable=False),
    Column("provider_network_type", String(32), nullable=False),
    Column("provider_physical_network", String(255)),
    Column("provider_segmentation_id", Integer),
    _flag("port_security_enabled"),
    _text("dns_domain"),
    _json("availability_zone_hints"),
    _tags(),
    *_history(),
    Index("ix_network_project_id_id", "project_id", "id"),
    Index("ix_network_is_shared", "is_shared"),
    Index("ix_network_is_external", "is_external"),
)

segment = Table(
    "network_segment",
    metadata,
    Column("network_type", String(32), primary_key=True),
    Column("physical_network", String(255), primary_key=True),
    Column("segmentation_id", Integer, primary_key=True),
    Column("network_id", _to_come("network.id"), nullable=False, index=True),
)

subnet = Table(
    "subnet",
    metadata,
    *_identity(),
    *_named(),
    Column("network_id", ForeignKey("network.id"), nullable=False),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", String(64), nullable=False),
    Column("gateway_ip", String(64)),
    _flag("enable_dhcp"),
    Column("ipv6_ra_mode", String(32)),
    Column("ipv6_address_mode", String(32)),
    Column("allocation_pools", Json(list[Pool]), nullable=False),
    _json("dns_nameservers"),
    Column("host_routes", Json(list[HostRoute]), nullable=False),
    Column("subnetpool_id", ForeignKey("subnetpool.id")),
    _flag("dns_publish_fixed_ip"),
    _json("service_types"),
    _tags(),
    *_history(),
    Index("ix_subnet_project_id_id", "project_id", "id"),
    Index("ix_subnet_network_id", "network_id"),
    Index("ix_subnet_subnetpool_id", "subnetpool_id"),
)

subnetpool = Table(
    "subnetpool",
    metadata,
    *_identity(),
    *_named(),
    Column("ip_version", Integer, nullable=False),
    _json("prefixes"),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer),
    _flag("is_shared"),
    _flag("is_default"),
    _tags(),
    *_history(),
    Index("ix_subnetpool_project_id_id", "project_id", "id"),
    Index("ix_subnetpool_is_shared", "is_shared"),
)

port = Table(
    "port",
    metadata,
    *_identity(),
    *_named(),
    Column("network_id", ForeignKey("network.id"), nullable=False),
    Column("mac_address", String(32), nullable=False),
    _flag("admin_state_up"),
    Column("status", String(16), nullable=False),
    _text("device_id"),
    _text("device_owner"),
    Column("fixed_ips", Json(list[FixedIp]), nullable=False),
    Column("security_group_ids", Json(list[str]), nullable=False),
    _flag("port_security_enabled"),
    Column("allowed_address_pairs", Json(list[AddressPair]), nullable=False),
    _text("dns_name"),
    _text("host_id"),
    Column("vnic_type", String(32), nullable=False),
    _json("binding_profile"),
    _flag("is_server_made"),
    _tags(),
    *_history(),
    Index("ix_port_project_id_id", "project_id", "id"),
    Index("ix_port_device_id", "device_id"),
    Index("ix_port_network_id_device_owner", "network_id", "device_owner"),
    Index("uq_port_network_id_mac_address", "network_id", "mac_address", unique=True),
)

ip_allocation = Table(
    "ip_allocation",
    metadata,
    Column("subnet_id", ForeignKey("subnet.id"), primary_key=True),
    Column("ip_address", String(64), primary_key=True),
    Column("port_id", _to_come("port.id"), nullable=False, index=True),
    Column("network_id", String(36), nullable=False),
    Index("ix_ip_allocation_network_id_ip_address", "network_id", "ip_address"),
    Index("ix_ip_allocation_ip_address", "ip_address"),
)

port_security_group = Table(
    "port_security_group",
    metadata,
    Column("port_id", _to_come("port.id"), primary_key=True),
    Column("security_group_id", ForeignKey("security_group.id"), primary_key=True, index=True),
)

router = Table(
    "router",
    metadata,
    *_identity(),
    *_named(),
    _flag("admin_state_up"),
    Column("status", String(16), nullable=False),
    Column("gateway_port_id", ForeignKey("port.id"), index=True),
    Column("gateway_network_id", ForeignKey("network.id"), index=True),
    _flag("enable_snat"),
    Column("routes", Json(list[HostRoute]), nullable=False),
    _json("availability_zone_hints"),
    _tags(),
    *_history(),
    Index("ix_router_project_id_id", "project_id", "id"),
)

floatingip = Table(
    "floatingip",
    metadata,
    *_identity(),
    _text("description"),
    Column("floating_network_id", ForeignKey("network.id"), nullable=False, index=True),
    Column("floating_ip_address", String(64), nullable=False),
    Column("floating_port_id", ForeignKey("port.id"), nullable=False),
    Column("port_id", ForeignKey("port.id")),
    Column("fixed_ip_address", String(64)),
    Column("router_id", ForeignKey("router.id"), index=True),
    Column("status", String(16), nullable=False),
    _text("dns_domain"),
    _text("dns_name"),
    _tags(),
    *_history(),
    Index("ix_floatingip_project_id_id", "project_id", "id"),
    Index("ix_floatingip_floating_port_id", "floating_port_id"),
    Index("uq_floatingip_port_id_fixed_ip_address", "port_id", "fixed_ip_address", unique=True),
)

security_group = Table(
    "security_group",
    metadata,
    *_identity(),
    *_named(),
    _flag("stateful"),
    _flag("is_default"),
    _tags(),
    *_history(),
    Index("ix_security_group_project_id_id", "project_id", "id"),
)

default_security_group = Table(
    "default_security_group",
    metadata,
    Column("project_id", String(255), primary_key=True),
    Column("security_group_id", String(36), nullable=False),
)

security_group_rule = Table(
    "security_group_rule",
    metadata,
    *_identity(),
    _text("description"),
    Column("security_group_id", ForeignKey("security_group.id", ondelete="CASCADE"), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("ethertype", String(16), nullable=False),
    Column("protocol", String(40)),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", String(64)),
    Column("remote_group_id", ForeignKey("security_group.id", ondelete="CASCADE"), index=True),
    *_history(),
    Index("ix_security_group_rule_project_id_id", "project_id", "id"),
    Index("ix_security_group_rule_security_group_id", "security_group_id"),
)

quota = Table(
    "network_quota",
    metadata,
    Column("project_id", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("quota", BigInteger, nullable=False),
)

quota_usage = Table(
    "network_quota_usage",
    metadata,
    Column("project_id", String(255), primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("used", BigInteger, nullable=False),
)
