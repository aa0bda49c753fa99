"""The only SQL of the network domain; rows in, model structs out."""

from skyloom.network.store.nouns import (
    FLOATINGIPS,
    IS_INTERFACE,
    IS_METADATA,
    NETWORKS,
    PORTS,
    ROUTERS,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETPOOLS,
    SUBNETS,
    with_rules,
    with_subnets,
)

__all__ = [
    "FLOATINGIPS",
    "IS_INTERFACE",
    "IS_METADATA",
    "NETWORKS",
    "PORTS",
    "ROUTERS",
    "SECURITY_GROUPS",
    "SECURITY_GROUP_RULES",
    "SUBNETPOOLS",
    "SUBNETS",
    "with_rules",
    "with_subnets",
]
