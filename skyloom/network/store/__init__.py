"""The only SQL of the network domain; rows in, model structs out."""

from skyloom.network.store.nouns import (
    DEVICE_PORTS,
    FLOATINGIPS,
    NETWORKS,
    PORTS,
    ROUTERS,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETPOOLS,
    SUBNETS,
)

__all__ = [
    "DEVICE_PORTS",
    "FLOATINGIPS",
    "NETWORKS",
    "PORTS",
    "ROUTERS",
    "SECURITY_GROUPS",
    "SECURITY_GROUP_RULES",
    "SUBNETPOOLS",
    "SUBNETS",
]
