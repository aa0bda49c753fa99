"""The least MTU that the subnets of a network need."""

from collections.abc import Mapping

from skyloom.network.errors import NetworkMTUSubnetConflict

LEAST: Mapping[int, int] = {4: 68, 6: 1280}


def require_mtu(network_id: str, mtu: int, ip_version: int) -> None:
    """Raises NetworkMTUSubnetConflict."""
    if mtu < LEAST[ip_version]:
        raise NetworkMTUSubnetConflict(
            f"The MTU of network {network_id} is {mtu}; an IPv{ip_version} subnet needs {LEAST[ip_version]}.",
            field="mtu",
        )
