"""What an operator may choose about networks."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`physical_networks`: names of the provider networks that the hosts reach. Quotas: -1 is no limit."""

    physical_networks: frozenset[str] = frozenset({"public"})
    availability_zones: tuple[str, ...] = ("nova",)
    max_routes: int = 30
    quotas: Mapping[str, int] = field(
        default_factory=lambda: {
            "network": 100,
            "subnet": 100,
            "subnetpool": -1,
            "port": 500,
            "router": 10,
            "floatingip": 50,
            "security_group": 10,
            "security_group_rule": 100,
        }
    )
