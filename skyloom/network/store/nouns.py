"""One `Rows` a noun, what each caller sees of it, and the parts of a thing that stand in other tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, or_, select

from skyloom.db import Sql
from skyloom.network import tables as t
from skyloom.network.model import (
    FloatingIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetPool,
)
from skyloom.network.store.rows import CHUNK, Rows

NETWORKS = Rows(t.network, Network)
SUBNETS = Rows(
    t.subnet,
    Subnet,
    select(*t.subnet.c, t.network.c.is_shared).join_from(t.subnet, t.network, t.network.c.id == t.subnet.c.network_id),
)
SUBNETPOOLS = Rows(t.subnetpool, SubnetPool)
PORTS = Rows(t.port, Port)
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


def networks_seen_by(project_id: str | None) -> ColumnElement[bool]:
    c = t.network.c
    return or_(c.project_id == project_id, c.is_shared, c.is_external)


def subnets_seen_by(project_id: str | None) -> ColumnElement[bool]:
    owned = t.network.c.project_id == project_id
    return or_(t.subnet.c.project_id == project_id, owned, t.network.c.is_shared)


def ports_seen_by(project_id: str | None) -> ColumnElement[bool]:
    """One's own, and all on one's own networks."""
    owned = select(t.network.c.id).where(t.network.c.project_id == project_id)
    return or_(t.port.c.project_id == project_id, t.port.c.network_id.in_(owned))


def subnetpools_seen_by(project_id: str | None) -> ColumnElement[bool]:
    return or_(t.subnetpool.c.project_id == project_id, t.subnetpool.c.is_shared)


def with_subnets(sql: Sql, networks: Sequence[Network]) -> list[Network]:
    c = t.subnet.c
    found = _grouped(sql, [network.id for network in networks], c.network_id, c.id)
    return [replace(network, subnet_ids=[row.id for row in found.get(network.id, ())]) for network in networks]


def with_rules(sql: Sql, groups: Sequence[SecurityGroup]) -> list[SecurityGroup]:
    c = t.security_group_rule.c
    found = _grouped(sql, [group.id for group in groups], c.security_group_id, *c)
    return [replace(group, rules=[SecurityGroupRule(*row[1:]) for row in found.get(group.id, ())]) for group in groups]


def _grouped(sql: Sql, ids: Sequence[str], key: Any, *columns: Any) -> Mapping[str, list[Any]]:
    """Rows (key, *columns) of a child table by parent, in the order of creation."""
    found: dict[str, list[Any]] = {}
    for start in range(0, len(ids), CHUNK):
        statement = select(key.label("parent"), *columns).where(key.in_(ids[start : start + CHUNK]))
        for row in sql.execute(statement.order_by(key.table.c.created_at, key.table.c.id)):
            found.setdefault(row[0], []).append(row)
    return found
