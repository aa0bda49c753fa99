"""One `Rows` a noun, what each caller sees of it, and the parts of a thing that stand in other tables."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import or_, select

from skyloom.db import Sql
from skyloom.network import tables as t
from skyloom.network.model import (
    INTERFACE_OWNER,
    METADATA_OWNER,
    FloatingIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetPool,
)
from skyloom.network.store.rows import LOOKER, Rows, in_chunks, one_of

OWN_NETWORKS = select(t.network.c.id).where(t.network.c.project_id == LOOKER)
NETWORKS = Rows(
    t.network,
    Network,
    seen=or_(t.network.c.project_id == LOOKER, t.network.c.is_shared, t.network.c.is_external),
)
SUBNETS = Rows(
    t.subnet,
    Subnet,
    select(*t.subnet.c, t.network.c.is_shared).join_from(t.subnet, t.network, t.network.c.id == t.subnet.c.network_id),
    or_(t.subnet.c.project_id == LOOKER, t.network.c.project_id == LOOKER, t.network.c.is_shared),
)
SUBNETPOOLS = Rows(t.subnetpool, SubnetPool, seen=or_(t.subnetpool.c.project_id == LOOKER, t.subnetpool.c.is_shared))
PORTS = Rows(t.port, Port, seen=or_(t.port.c.project_id == LOOKER, t.port.c.network_id.in_(OWN_NETWORKS)))
"""One's own, and all on one's own networks."""
ROUTERS = Rows(
    t.router,
    Router,
    select(*t.router.c, t.port.c.fixed_ips.label("gateway_ips")).outerjoin_from(
        t.router, t.port, t.port.c.id == t.router.c.gateway_port_id
    ),
)
FLOATINGIPS = Rows(t.floatingip, FloatingIp)
SECURITY_GROUPS = Rows(t.security_group, SecurityGroup)
SECURITY_GROUP_RULES = Rows(t.security_group_rule, SecurityGroupRule)
IS_METADATA = t.port.c.device_owner == METADATA_OWNER
IS_INTERFACE = t.port.c.device_owner == INTERFACE_OWNER
SUBNET_IDS = (
    select(t.subnet.c.network_id, t.subnet.c.id)
    .where(one_of(t.subnet.c.network_id))
    .order_by(t.subnet.c.created_at, t.subnet.c.id)
)
RULES = (
    select(*t.security_group_rule.c)
    .where(one_of(t.security_group_rule.c.security_group_id))
    .order_by(t.security_group_rule.c.created_at, t.security_group_rule.c.id)
)


def with_subnets(sql: Sql, networks: Sequence[Network]) -> list[Network]:
    found: dict[str, list[str]] = {}
    for network_id, id in in_chunks(sql, SUBNET_IDS, [network.id for network in networks]):
        found.setdefault(network_id, []).append(id)
    return [replace(network, subnet_ids=found.get(network.id, [])) for network in networks]


def with_rules(sql: Sql, groups: Sequence[SecurityGroup]) -> list[SecurityGroup]:
    found: dict[str, list[SecurityGroupRule]] = {}
    for row in in_chunks(sql, RULES, [group.id for group in groups]):
        found.setdefault(row.security_group_id, []).append(SecurityGroupRule(*row))
    return [replace(group, rules=found.get(group.id, [])) for group in groups]
