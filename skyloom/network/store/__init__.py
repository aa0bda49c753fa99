"""The only SQL of the network domain; rows in, model structs out."""

from skyloom.network.store.nouns import (
    FLOATINGIPS,
    NETWORKS,
    PORTS,
    ROUTERS,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETPOOLS,
    SUBNETS,
    networks_seen_by,
    ports_seen_by,
    subnetpools_seen_by,
    subnets_seen_by,
    with_rules,
    with_subnets,
)

__all__ = [
    "FLOATINGIPS",
    "NETWORKS",
    "PORTS",
    "ROUTERS",
    "SECURITY_GROUPS",
    "SECURITY_GROUP_RULES",
    "SUBNETPOOLS",
    "SUBNETS",
    "networks_seen_by",
    "ports_seen_by",
    "subnetpools_seen_by",
    "subnets_seen_by",
    "with_rules",
    "with_subnets",
]
