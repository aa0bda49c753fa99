"""The network domain (Neutron's API v2.0). Other domains import from here only."""

from skyloom.network import errors
from skyloom.network.face import ServerNetworking, another
from skyloom.network.model import (
    FixedIp,
    FloatingIp,
    MetadataPort,
    Network,
    NicAddress,
    NicInfo,
    NicPlan,
    NicRequest,
    NicSubnet,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)

__all__ = [
    "FixedIp",
    "FloatingIp",
    "MetadataPort",
    "Network",
    "NicAddress",
    "NicInfo",
    "NicPlan",
    "NicRequest",
    "NicSubnet",
    "Port",
    "Router",
    "SecurityGroup",
    "SecurityGroupRule",
    "ServerNetworking",
    "Subnet",
    "another",
    "errors",
]
