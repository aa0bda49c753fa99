"""One `Rows` a noun, and what each caller sees of it."""

from sqlalchemy import exists, or_, select

from skyloom.network import tables as t
from skyloom.network.model import (
    DevicePort,
    FloatingIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetPool,
)
from skyloom.network.store.rows import LOOKER, Rows

ADDRESS, MEMBER = t.ip_allocation.c, t.port_security_group.c
HAS_ADDRESS = exists().where(ADDRESS.port_id == t.port.c.id)
PORTS_AT = select(ADDRESS.port_id)
IN_GROUP = exists().where(MEMBER.port_id == t.port.c.id)
OWN_NETWORKS = select(t.network.c.id).where(t.network.c.project_id == LOOKER)
SHARED = select(t.network.c.id).where(t.network.c.is_shared)
NETWORKS = Rows(
    t.network,
    Network,
    seen=or_(t.network.c.project_id == LOOKER, t.network.c.is_shared, t.network.c.is_external),
)
SUBNETS = Rows(
    t.subnet,
    Subnet,
    select(*t.subnet.c, t.network.c.is_shared).join_from(t.subnet, t.network, t.network.c.id == t.subnet.c.network_id),
    or_(t.subnet.c.project_id == LOOKER, t.subnet.c.network_id.in_(OWN_NETWORKS), t.subnet.c.network_id.in_(SHARED)),
)
SUBNETPOOLS = Rows(t.subnetpool, SubnetPool, seen=or_(t.subnetpool.c.project_id == LOOKER, t.subnetpool.c.is_shared))
PORTS = Rows(
    t.port,
    Port,
    seen=or_(t.port.c.project_id == LOOKER, t.port.c.network_id.in_(OWN_NETWORKS)),
    elsewhere={
        "security_groups": lambda ids: IN_GROUP.where(MEMBER.security_group_id.in_(ids)),
        "subnet_id": lambda ids: HAS_ADDRESS.where(ADDRESS.subnet_id.in_(ids)),
        "ip_address": lambda addresses: t.port.c.id.in_(PORTS_AT.where(ADDRESS.ip_address.in_(addresses))),
        "ip_address_substr": lambda parts: HAS_ADDRESS.where(
            or_(*(ADDRESS.ip_address.contains(part, autoescape=True) for part in parts))
        ),
    },
)
"""One's own, and all on one's own networks."""
DEVICE_PORTS = Rows(t.port, DevicePort, select(*(t.port.c[name] for name in DevicePort.__struct_fields__)))
"""The same rows, for lists of servers: two in three columns of a port are not read."""
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
