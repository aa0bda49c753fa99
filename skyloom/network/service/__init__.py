"""The verbs of the network domain; the only writer of its rows."""

import random
from collections.abc import Callable, Mapping, Sequence

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.db import Database, Sql
from skyloom.network import store
from skyloom.network.model import Network, NicInfo, NicPlan, NicRequest, Pool
from skyloom.network.service.availability import ip_availability
from skyloom.network.service.core import Core, Thing
from skyloom.network.service.floatingips import FloatingIps
from skyloom.network.service.networks import Networks
from skyloom.network.service.nics import Nics
from skyloom.network.service.ports import Ports
from skyloom.network.service.quotas import Quotas
from skyloom.network.service.routers import Routers
from skyloom.network.service.security_groups import SecurityGroupRules, SecurityGroups
from skyloom.network.service.subnetpools import SubnetPools
from skyloom.network.service.subnets import Subnets
from skyloom.network.settings import Settings
from skyloom.network.store import ports as port_store

__all__ = ["NetworkService"]


class NetworkService:
    """One collection a noun of the API, and what `face.ServerNetworking` promises to other domains."""

    def __init__(
        self, db: Database, policy: Policy, settings: Settings | None = None, chance: random.Random | None = None
    ):
        self.core = Core(db, policy, settings or Settings(), chance)
        self.networks = Networks(self.core)
        self.subnetpools = SubnetPools(self.core)
        self.subnets = Subnets(self.core, self.subnetpools)
        self.ports = Ports(self.core)
        self.routers = Routers(self.core)
        self.floatingips = FloatingIps(self.core)
        self.security_groups = SecurityGroups(self.core)
        self.security_group_rules = SecurityGroupRules(self.core, self.security_groups)
        self.quotas = Quotas(self.core)
        self.nics = Nics(self.core, self.security_groups)

    def on_change(self, kick: Callable[[Sequence[Thing]], None]) -> None:
        """Call `kick([(noun, id), ...])` after each commit that changed what a driver is told."""
        self.core.kick = kick

    def bootstrap(
        self,
        project_id: str,
        cidr: str,
        gateway_ip: str | None,
        pool: tuple[str, str],
        name: str = "public",
        physical_network: str = "public",
    ) -> Network:
        """The external network of the cloud with its IPv4 subnet; what is there already stays as it is.

        `project_id` owns it; `pool` is the first and the last address that routers and floating IPs get.
        """
        caller = Caller(user_id=SYSTEM.user_id, project_id=project_id, roles=SYSTEM.roles)
        found = store.NETWORKS.find(self.core.db.read(), name=name, is_external=True)
        if found:
            network = found[0]
        else:
            wanted = {
                "name": name,
                "is_external": True,
                "is_default": True,
                "provider_network_type": "flat",
                "provider_physical_network": physical_network,
            }
            network = self.networks.create(caller, [wanted])[0]
        if not store.SUBNETS.find(self.core.db.read(), network_id=network.id):
            subnet = {
                "name": f"{name}-v4",
                "network_id": network.id,
                "ip_version": 4,
                "cidr": cidr,
                "gateway_ip": gateway_ip,
                "allocation_pools": [Pool(*pool)],
                "enable_dhcp": False,
            }
            self.subnets.create(caller, [subnet])
        return self.networks.get(caller, network.id)

    def availability_zones(self, caller: Caller) -> Sequence[str]:
        self.core.policy.require(caller, "get_availability_zone")
        return self.core.settings.availability_zones

    def service_providers(self, caller: Caller) -> Sequence[Mapping[str, object]]:
        """Of services that one may choose a provider for, as a router's flavor; there is no choice here."""
        self.core.policy.require(caller, "get_service_provider")
        return []

    def agents(self, caller: Caller) -> Sequence[Mapping[str, object]]:
        """None, whoever asks: the hosts' network is kept by the back end's own controllers."""
        return []

    def ip_availability(self, caller: Caller, network_id: str | None) -> Sequence[Mapping[str, object]]:
        self.core.policy.require(caller, "get_network_ip_availability")
        return ip_availability(self.core.db.read(), network_id)

    def check_nics(
        self,
        caller: Caller,
        requests: Sequence[NicRequest] | None,
        count: int,
        security_group_ids: Sequence[str] = (),
    ) -> list[NicPlan]:
        return self.nics.check(caller, requests, count, security_group_ids)

    def find_security_groups(self, caller: Caller, names_or_ids: Sequence[str]) -> list[str]:
        return list(self.security_groups.find_ids(caller, names_or_ids))

    def ensure_server_ports(
        self, server_id: str, project_id: str, host: str, availability_zone: str, plans: Sequence[NicPlan]
    ) -> list[NicInfo]:
        return self.nics.ensure(server_id, project_id, host, availability_zone, plans)

    def release_server_ports(self, server_id: str) -> None:
        self.nics.release(server_id)

    def release_server_port(self, server_id: str, port_id: str) -> None:
        self.nics.release(server_id, port_id)

    def nics_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[NicInfo]]:
        return self.nics.of_servers(sql, server_ids)

    def security_groups_of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[str]]:
        return port_store.group_names_of_devices(sql or self.core.db.read(), server_ids)

    def ports_are_up(self, port_ids: Sequence[str]) -> bool:
        return port_store.count_up(self.core.db.read(), port_ids) == len(set(port_ids))

    def on_ports_up(self, callback: Callable[[Sequence[str]], None]) -> None:
        self.nics.listeners.append(callback)

    def server_at(self, network_id: str, ip_address: str) -> str | None:
        found = port_store.device_at(self.core.db.read(), network_id, ip_address)
        return found[0] if found is not None and found[1].startswith("compute:") else None
