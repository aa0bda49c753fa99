"""All verbs of compute by noun, made of the parts that the assembly hands over."""

from typing import Any

from skyloom.compute.flows import CreateServer, DeleteServer, RebootServer, StartServer, StopServer
from skyloom.compute.metadata import MetadataService
from skyloom.compute.parts import Parts
from skyloom.compute.reconcile import Reconciler
from skyloom.compute.service.creation import ServerCreation
from skyloom.compute.service.fixed_ips import FixedIpService
from skyloom.compute.service.flavors import FlavorService
from skyloom.compute.service.groups import GroupService
from skyloom.compute.service.hosts import HostService
from skyloom.compute.service.items import ItemService
from skyloom.compute.service.keypairs import KeyPairService
from skyloom.compute.service.quotas import QuotaService
from skyloom.compute.service.security_groups import SecurityGroupService
from skyloom.compute.service.servers import ServerService, key_of
from skyloom.work import Flow


class ComputeService:
    def __init__(self, parts: Parts):
        self.parts = parts
        self.quotas = QuotaService(parts)
        self.flavors = FlavorService(parts)
        self.keypairs = KeyPairService(parts, self.quotas)
        self.hosts = HostService(parts)
        self.groups = GroupService(parts, self.quotas)
        self.servers = ServerService(parts, self.hosts)
        self.items = ItemService(parts, self.servers, self.quotas)
        self.security_groups = SecurityGroupService(parts, self.servers, parts.network)
        self.fixed_ips = FixedIpService(self.servers, parts.network)
        self.creation = ServerCreation(parts, self.flavors, self.quotas, self.hosts, self.groups)
        self.metadata = MetadataService(parts, self.hosts)
        self.reconciler = Reconciler(parts, self.hosts)
        parts.network.on_ports_up(lambda server_ids: parts.work.kick(*map(key_of, server_ids)))

    def flows(self) -> list[Flow[Any]]:
        """What the workers of this cloud must be able to run."""
        return [
            CreateServer(self.parts, self.hosts, self.metadata),
            DeleteServer(self.parts, self.hosts),
            StartServer(self.parts),
            StopServer(self.parts),
            RebootServer(self.parts),
        ]
