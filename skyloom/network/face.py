"""What other domains ask of the network: compute for the NICs of its servers, the metadata service for who is asking.

`NetworkService` offers all of it; callers and their fakes are written against this protocol. Every verb may be
repeated: a repeat finds what the first call made.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from skyloom.access import Caller
from skyloom.db import Sql
from skyloom.network.model import NicInfo, NicPlan, NicRequest


class ServerNetworking(Protocol):
    def check_nics(
        self,
        caller: Caller,
        requests: Sequence[NicRequest] | None,
        count: int,
        security_group_ids: Sequence[str] = (),
    ) -> list[NicPlan]:
        """What `count` servers with these NICs each will get; nothing is made.

        The plan is that of one server; `another(plan)` makes that of the next. No requests: the project's only network,
        none without one (None asks for no NIC at all). `security_group_ids` are for the ports that will be made.

        Raises NicNetworkUnusable, PortNotFound, NetworkNotFound, NicPortInUse, TooManyNetworks, IpAddressInUse,
        OverQuota.
        """
        ...

    def find_security_groups(self, caller: Caller, names_or_ids: Sequence[str]) -> list[str]:
        """Their ids, in order, each once. Raises SecurityGroupNotFound; a name that several groups bear is refused."""
        ...

    def ensure_server_ports(
        self, server_id: str, project_id: str, host: str, availability_zone: str, plans: Sequence[NicPlan]
    ) -> list[NicInfo]:
        """The ports of the plans, made where missing, all of them bound to `host`; in the order of the plans."""
        ...

    def release_server_ports(self, server_id: str) -> None:
        """The ports made for the server go; those that were given to it are unbound."""
        ...

    def release_server_port(self, server_id: str, port_id: str) -> None:
        """The same for one NIC (an interface is detached)."""
        ...

    def nics_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[NicInfo]]:
        """Server id -> its NICs with floating IPs, in order of creation; five statements, however many servers."""
        ...

    def security_groups_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[str]]:
        """Server id -> the names of the security groups of its ports, sorted; one statement."""
        ...

    def ports_are_up(self, port_ids: Sequence[str]) -> bool: ...

    def on_ports_up(self, callback: Callable[[Sequence[str]], None]) -> None:
        """Call it with the ids of the servers of whose ports a link has come up; a hint that may be lost."""
        ...

    def server_at(self, network_id: str, ip_address: str) -> str | None:
        """The id of the server that has this fixed address on the network."""
        ...


def another(plans: Sequence[NicPlan]) -> list[NicPlan]:
    """The plan of one more server with the same NICs: its own port ids. A given port cannot be had twice."""
    return [replace(plan, port_id=str(uuid.uuid4())) for plan in plans]
