"""What an operator may set of compute."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_LIMITS: Mapping[str, int] = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    "metadata_items": 128,
    "key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "floating_ips": -1,
    "fixed_ips": -1,
    "security_groups": -1,
    "security_group_rules": -1,
}
"""Nova's own defaults. The four of the network are kept for old clients; the network has its own quotas."""


@dataclass(frozen=True)
class Settings:
    """`host_patience_s`: a host unheard of for longer is down. `port_patience_s`: how long a build waits for its ports.

    `ratios` are allocation ratios by resource class, `reserved_memory_mib` is what a host keeps for itself.
    """

    limits: Mapping[str, int] = field(default_factory=lambda: DEFAULT_LIMITS)
    ratios: Mapping[str, float] = field(default_factory=lambda: {"VCPU": 4.0, "MEMORY_MB": 1.0, "DISK_GB": 1.0})
    reserved_memory_mib: int = 512
    default_zone: str = "nova"
    host_patience_s: float = 60.0
    port_patience_s: float = 300.0
    stop_grace_s: float = 60.0
    build_attempts: int = 3
    most_servers_listed: int = 1000
