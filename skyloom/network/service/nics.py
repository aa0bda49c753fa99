"""NICs of servers, as compute asks for them: checked first, made by a flow, released by another.

Every verb finds by id what an earlier call of it made, so a flow may repeat its step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from skyloom.access import SYSTEM, Caller
from skyloom.db import Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    IpAddressInUse,
    NetworkNotFound,
    NicNetworkUnusable,
    NicPortInUse,
    OverQuota,
    PortNotFound,
    TooManyNetworks,
)
from skyloom.network.model import (
    METADATA_OWNER,
    DevicePort,
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
    Status,
    Subnet,
)
from skyloom.network.service.core import Core
from skyloom.network.service.ports import add_port, blank_port, erase_port, subnets_of, visible_network
from skyloom.network.service.security_groups import SecurityGroups, ensure_default_group
from skyloom.network.store import ports as port_store
from skyloom.network.store import quotas

COMPUTE = "compute:"


class Nics:
    def __init__(self, core: Core, groups: SecurityGroups):
        self.core = core
        self.groups = groups
        self.listeners: list[Callable[[Sequence[str]], None]] = []

    def check(
        self, caller: Caller, requests: Sequence[NicRequest] | None, count: int, group_ids: Sequence[str]
    ) -> list[NicPlan]:
        if requests is None:
            return []
        sql = self.core.db.read()
        wanted = list(requests) or self._only_network(sql, caller)
        plans = [self._plan(sql, caller, request, count, group_ids) for request in wanted]
        given = [plan.port_id for plan in plans if plan.is_given]
        if len(set(given)) < len(given):
            raise NicPortInUse(f"Port {given[0]} is named more than once; a port is one NIC.", id=given[0])
        self._check_quota(sql, caller, count * (len(plans) - len(given)))
        return plans

    def ensure(self, server_id: str, project_id: str, host: str, zone: str, plans: Sequence[NicPlan]) -> list[NicInfo]:
        with self.core.db.begin(SYSTEM) as tx:
            there = store.PORTS.by_ids(tx, [plan.port_id for plan in plans])
            for plan in plans:
                port = there.get(plan.port_id)
                if port is None:
                    if plan.is_given:
                        raise PortNotFound(f"Port {plan.port_id} could not be found.", id=plan.port_id)
                    port = self._make(tx, server_id, project_id, host, zone, plan)
                else:
                    self._bind(tx, port, server_id, host, zone)
        found = {nic.port_id: nic for nic in self.of_servers(None, [server_id])[server_id]}
        return [found[plan.port_id] for plan in plans]

    def release(self, server_id: str, port_id: str | None = None) -> None:
        with self.core.db.begin(SYSTEM) as tx:
            for port in store.PORTS.find(tx, device_id=server_id):
                if not port.device_owner.startswith(COMPUTE) or port_id not in (None, port.id):
                    continue
                if port.is_server_made:
                    erase_port(self.core, tx, port)
                else:
                    self._unbind(tx, port)

    def of_servers(self, sql: Sql | None, server_ids: Sequence[str]) -> Mapping[str, list[NicInfo]]:
        sql = sql or self.core.db.read()
        ports = store.DEVICE_PORTS.find(sql, device_id=server_ids)
        network_ids = sorted({port.network_id for port in ports})
        networks = store.NETWORKS.by_ids(sql, network_ids)
        subnets = store.SUBNETS.find(sql, network_id=network_ids)
        served = store.DEVICE_PORTS.find(sql, network_id=network_ids, device_owner=METADATA_OWNER)
        metadata_ips = {ip.subnet_id: ip.ip_address for port in served for ip in port.fixed_ips}
        ground = _Ground(
            networks,
            {subnet.id: _nic_subnet(subnet, metadata_ips.get(subnet.id)) for subnet in subnets},
            {port.network_id: _metadata_port(port, subnets) for port in served},
        )
        floating: dict[str, list[FloatingIp]] = {}
        for floatingip in store.FLOATINGIPS.find(sql, port_id=[port.id for port in ports]):
            floating.setdefault(floatingip.port_id or "", []).append(floatingip)
        found: dict[str, list[NicInfo]] = {server_id: [] for server_id in server_ids}
        for port in ports:
            found[port.device_id].append(_nic(port, ground, floating.get(port.id, ())))
        return found

    def links_are(self, links: Mapping[str, bool]) -> None:
        """What the driver saw of ports' links: the only writer of the status of a guest's port."""
        risen: set[str] = set()
        with self.core.db.begin(SYSTEM) as tx:
            ports = store.PORTS.by_ids(tx, list(links))
            for port_id, is_up in links.items():
                port, status = ports.get(port_id), Status.ACTIVE if is_up else Status.DOWN
                if port is None or port.status == status or port.device_owner.startswith("network:"):
                    continue
                port_store.set_status(tx, port_id, status)
                if is_up and port.device_id:
                    risen.add(port.device_id)
        for listener in self.listeners if risen else ():
            listener(sorted(risen))

    def _only_network(self, sql: Sql, caller: Caller) -> list[NicRequest]:
        mine = store.NETWORKS.find(sql, by=caller.project_id, is_external=False)
        if len(mine) > 1:
            raise TooManyNetworks("Multiple possible networks found, use a Network ID to be more specific.")
        return [NicRequest(network_id=network.id) for network in mine]

    def _plan(self, sql: Sql, caller: Caller, request: NicRequest, count: int, group_ids: Sequence[str]) -> NicPlan:
        if request.port_id is not None:
            return self._given(sql, caller, request, request.port_id, count)
        if request.network_id is None:
            raise NicNetworkUnusable("A NIC takes a network or a port; this one names neither.", field="networks")
        network = visible_network(sql, caller, request.network_id)
        subnets = subnets_of(sql, network.id)
        if not subnets and network.port_security_enabled:
            raise NicNetworkUnusable(
                f"Network {network.id} requires a subnet in order to boot instances on.", id=network.id
            )
        if request.fixed_ip is not None:
            self._check_fixed_ip(sql, network, subnets, request.fixed_ip, count)
        return NicPlan(
            port_id=str(uuid4()),
            network_id=network.id,
            fixed_ip=request.fixed_ip,
            security_group_ids=tuple(group_ids) if network.port_security_enabled else (),
            tag=request.tag,
        )

    def _given(self, sql: Sql, caller: Caller, request: NicRequest, port_id: str, count: int) -> NicPlan:
        port = store.PORTS.get(sql, port_id)
        if port is None or not (caller.is_admin or port.project_id == caller.project_id):
            raise PortNotFound(f"Port {port_id} could not be found.", id=port_id)
        if port.device_id:
            raise NicPortInUse(f"Port {port_id} is still in use by {port.device_id}.", id=port_id)
        if count > 1:
            raise NicNetworkUnusable(
                f"Port {port_id} can be the NIC of one server only; {count} are asked for.", field="networks"
            )
        if not port.fixed_ips and port.port_security_enabled:
            raise NicNetworkUnusable(f"Port {port_id} requires a FixedIP in order to be used.", id=port_id)
        return NicPlan(
            port_id=port.id,
            network_id=port.network_id,
            is_given=True,
            security_group_ids=tuple(port.security_group_ids),
            tag=request.tag,
        )

    def _check_fixed_ip(self, sql: Sql, network: Network, subnets: Sequence[Subnet], address: str, count: int) -> None:
        if not any(addresses.usable(subnet.cidr, address) for subnet in subnets):
            raise NicNetworkUnusable(
                f"Fixed IP {address} is not a valid ip address for network {network.id}.", field="fixed_ip"
            )
        if count > 1 or port_store.device_at(sql, network.id, address) is not None:
            raise IpAddressInUse(
                f"Unable to complete operation for network {network.id}. The IP address {address} is in use.",
                field="fixed_ip",
            )

    def _check_quota(self, sql: Sql, caller: Caller, more: int) -> None:
        own = quotas.own_quota(sql, caller.project_id or "", "port")
        quota = self.core.settings.quotas["port"] if own is None else own
        used = quotas.used(sql, caller.project_id or "").get("port", 0)
        if 0 <= quota < used + more:
            raise OverQuota(f"Quota exceeded for resources: ['port']. {used} of {quota} ports are in use.")

    def _make(self, tx: Tx, server_id: str, project_id: str, host: str, zone: str, plan: NicPlan) -> Port:
        network = store.NETWORKS.get(tx, plan.network_id)
        if network is None:
            raise NetworkNotFound(f"Network {plan.network_id} could not be found.", id=plan.network_id)
        groups = list(plan.security_group_ids)
        if not groups and network.port_security_enabled:
            default = ensure_default_group(self.core, tx, project_id)
            groups = [default] if default else []
        port = blank_port(
            self.core,
            network.id,
            project_id,
            id=plan.port_id,
            device_id=server_id,
            device_owner=f"{COMPUTE}{zone}",
            host_id=host,
            security_group_ids=groups if network.port_security_enabled else [],
            port_security_enabled=network.port_security_enabled,
            is_server_made=True,
        )
        wanted = None if plan.fixed_ip is None else [FixedIp("", plan.fixed_ip)]
        made = add_port(self.core, tx, port, wanted)
        tx.record("create_port", "port", made.id)
        return made

    def _bind(self, tx: Tx, port: Port, server_id: str, host: str, zone: str) -> None:
        owner = f"{COMPUTE}{zone}"
        if (port.device_id, port.host_id, port.device_owner) == (server_id, host, owner):
            return
        held = store.PORTS.get(tx, port.id) if store.PORTS.touch(tx, port.id, self.core.now()) else None
        if held is None:
            raise PortNotFound(f"Port {port.id} could not be found.", id=port.id)
        if held.device_id not in ("", server_id):
            raise NicPortInUse(f"Port {port.id} is still in use by {held.device_id}.", id=port.id)
        values = {"device_id": server_id, "device_owner": owner, "host_id": host}
        store.PORTS.change(tx, port.id, self.core.now(), values)
        tx.record("update_port", "port", port.id)
        self.core.changed(tx, ("port", port.id))

    def _unbind(self, tx: Tx, port: Port) -> None:
        values = {"device_id": "", "device_owner": "", "host_id": ""}
        store.PORTS.change(tx, port.id, self.core.now(), values)
        tx.record("update_port", "port", port.id)
        self.core.changed(tx, ("port", port.id))


@dataclass(frozen=True)
class _Ground:
    """What the NICs on a network share, by the ids of networks and subnets."""

    networks: Mapping[str, Network]
    subnets: Mapping[str, NicSubnet]
    metadata_ports: Mapping[str, MetadataPort]


def _nic(port: DevicePort, ground: _Ground, floating: Sequence[FloatingIp]) -> NicInfo:
    network = ground.networks[port.network_id]
    return NicInfo(
        server_id=port.device_id,
        port_id=port.id,
        network_id=network.id,
        network_name=network.name,
        mac=port.mac_address,
        mtu=network.mtu,
        fixed_ips=[
            NicAddress(
                address=ip.ip_address,
                version=addresses.version_of(ip.ip_address),
                subnet_id=ip.subnet_id,
                floating_ips=[f.floating_ip_address for f in floating if f.fixed_ip_address == ip.ip_address],
            )
            for ip in port.fixed_ips
        ],
        is_up=port.status == Status.ACTIVE,
        subnets=[ground.subnets[ip.subnet_id] for ip in port.fixed_ips],
        metadata_port=ground.metadata_ports.get(network.id),
        security_group_ids=port.security_group_ids,
        port_security=port.port_security_enabled,
    )


def _metadata_port(port: DevicePort, subnets: Sequence[Subnet]) -> MetadataPort:
    lengths = {subnet.id: subnet.cidr.partition("/")[2] for subnet in subnets}
    with_prefix = [f"{ip.ip_address}/{lengths[ip.subnet_id]}" for ip in port.fixed_ips]
    return MetadataPort(port_id=port.id, mac=port.mac_address, addresses=with_prefix)


def _nic_subnet(subnet: Subnet, metadata_ip: str | None) -> NicSubnet:
    return NicSubnet(
        id=subnet.id,
        cidr=subnet.cidr,
        ip_version=subnet.ip_version,
        gateway_ip=subnet.gateway_ip,
        enable_dhcp=subnet.enable_dhcp,
        ipv6_address_mode=subnet.ipv6_address_mode,
        dns_nameservers=subnet.dns_nameservers,
        host_routes=subnet.host_routes,
        metadata_ip=metadata_ip,
    )
