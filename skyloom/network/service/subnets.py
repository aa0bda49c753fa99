"""Subnets: a range of addresses on a network, and how its hosts come by them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from skyloom.access import Caller
from skyloom.db import Contradiction, Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    GatewayConflictWithAllocationPools,
    GatewayIpInUse,
    InvalidInput,
    NetworkNotFound,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
    SubnetInUse,
)
from skyloom.network.model import INTERFACE_OWNER, METADATA_OWNER, ROUTER_OWNERS, Network, Pool, Subnet
from skyloom.network.resources import SUBNET
from skyloom.network.service.addressing import Addressing, is_automatic
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core, looker
from skyloom.network.service.metadata import settle_metadata_port
from skyloom.network.service.mtu import require_mtu
from skyloom.network.service.ports import subnets_of
from skyloom.network.service.subnetpools import SubnetPools
from skyloom.network.store import ports as port_store


class Subnets(Collection[Subnet]):
    resource = SUBNET

    def __init__(self, core: Core, pools: SubnetPools):
        super().__init__(core, store.SUBNETS)
        self.pools = pools

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Subnet]:
        with self.core.db.begin(caller) as tx:
            made = [self._create(tx, caller, values) for values in bodies]
            return [self.found(tx, subnet.id) for subnet in made]

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> Subnet:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_subnet")
            store.NETWORKS.touch(tx, before.network_id, self.core.now())
            _check_routes(before.ip_version, values.get("host_routes", ()))
            gateway = values.get("gateway_ip", before.gateway_ip)
            pools = values.get("allocation_pools", before.allocation_pools)
            _check_gateway(before.cidr, gateway)
            if gateway != before.gateway_ip:
                self._refuse_while_gateway_is_used(tx, before)
            _check_pools(before.cidr, pools, gateway)
            if not values.get("enable_dhcp", True) and (before.ipv6_ra_mode or before.ipv6_address_mode):
                raise _modes_need_dhcp()
            self.rows.change(tx, id, self.core.now(), values)
            settle_metadata_port(self.core, tx, before.network_id)
            self._tell_routers(tx, before.network_id)
            tx.record("update_subnet", "subnet", id)
            self.core.changed(tx, ("network", before.network_id))
            return self.found(tx, id)

    def delete(self, caller: Caller, id: str) -> None:
        try:
            with self.core.db.begin(caller) as tx:
                subnet = self.hold(tx, caller, id, "delete_subnet")
                store.NETWORKS.touch(tx, subnet.network_id, self.core.now())
                self._take_back_addresses(tx, subnet)
                self.rows.remove(tx, id)
                self.core.release(tx, subnet.project_id, "subnet")
                settle_metadata_port(self.core, tx, subnet.network_id)
                tx.record("delete_subnet", "subnet", id)
                self.core.changed(tx, ("network", subnet.network_id))
        except Contradiction as error:
            raise _in_use(id) from error

    def target(self, sql: Sql, thing: Subnet) -> Mapping[str, object]:
        network = store.NETWORKS.get(sql, thing.network_id)
        return {"project_id": thing.project_id, "network:project_id": network.project_id if network else ""}

    def _create(self, tx: Tx, caller: Caller, values: Mapping[str, Any]) -> Subnet:
        project_id = self.core.owner(caller, values)
        network = self._network(tx, caller, values["network_id"])
        target = {"project_id": project_id, "network:project_id": network.project_id}
        self.resource.require_new(self.core.policy, caller, values, target)
        store.NETWORKS.touch(tx, network.id, self.core.now())
        full = self.resource.with_defaults(values)
        full["project_id"] = project_id
        full = {**full, **self.pools.cidr_for(tx, caller, full)}
        subnet = self._from(tx, project_id, full)
        require_mtu(network.id, network.mtu, subnet.ip_version)
        self.core.claim(tx, project_id, "subnet")
        self.rows.add(tx, subnet)
        settle_metadata_port(self.core, tx, network.id)
        if is_automatic(subnet):
            self._give_addresses(tx, subnet)
        tx.record("create_subnet", "subnet", subnet.id)
        self.core.changed(tx, ("network", network.id))
        return subnet

    def _network(self, sql: Sql, caller: Caller, network_id: str) -> Network:
        network = store.NETWORKS.get_visible(sql, network_id, looker(caller))
        if network is None:
            raise NetworkNotFound(f"Network {network_id} could not be found.", id=network_id)
        return network

    def _from(self, sql: Sql, project_id: str, full: Mapping[str, Any]) -> Subnet:
        cidr, version = full["cidr"], full["ip_version"]
        _check_cidr(cidr, version)
        _check_modes(full, cidr, version)
        _check_routes(version, full["host_routes"])
        for other in subnets_of(sql, full["network_id"]):
            if addresses.overlap(cidr, other.cidr):
                raise InvalidInput(
                    f"Invalid input for operation: Requested subnet with cidr: {cidr} for network: "
                    f"{full['network_id']} overlaps with another subnet.",
                    field="cidr",
                )
        gateway = full["gateway_ip"] if "gateway_ip" in full else addresses.first_host(cidr)
        _check_gateway(cidr, gateway)
        pools = full.get("allocation_pools")
        if pools is None:
            pools = addresses.default_pools(cidr, gateway)
        _check_pools(cidr, pools, gateway)
        now = self.core.now()
        return Subnet(
            id=str(uuid4()),
            project_id=project_id,
            name=full["name"],
            description=full["description"],
            network_id=full["network_id"],
            ip_version=version,
            cidr=cidr,
            gateway_ip=gateway,
            enable_dhcp=full["enable_dhcp"],
            ipv6_ra_mode=full["ipv6_ra_mode"],
            ipv6_address_mode=full["ipv6_address_mode"],
            allocation_pools=pools,
            dns_nameservers=full["dns_nameservers"],
            host_routes=full["host_routes"],
            subnetpool_id=full["subnetpool_id"],
            dns_publish_fixed_ip=full["dns_publish_fixed_ip"],
            service_types=[],
            tags=[],
            revision_number=1,
            created_at=now,
            updated_at=now,
        )

    def _give_addresses(self, tx: Tx, subnet: Subnet) -> None:
        """Ports that are there make themselves an address in a new subnet of automatic addresses."""
        for port in store.PORTS.find(tx, network_id=subnet.network_id):
            if port.device_owner in (*ROUTER_OWNERS, METADATA_OWNER):
                continue
            addressing = Addressing(self.core, tx, subnet.network_id, [subnet], port.id, port.mac_address)
            fixed_ips = [*port.fixed_ips, *addressing.take(None, port.device_owner)]
            store.PORTS.change(tx, port.id, self.core.now(), {"fixed_ips": fixed_ips})
            self.core.changed(tx, ("port", port.id))

    def _take_back_addresses(self, tx: Tx, subnet: Subnet) -> None:
        for port in port_store.ports_on_subnet(tx, subnet.id):
            goes_along = port.device_owner == METADATA_OWNER
            if not goes_along and not (is_automatic(subnet) and port.device_owner not in ROUTER_OWNERS):
                raise _in_use(subnet.id)
            kept = [ip for ip in port.fixed_ips if ip.subnet_id != subnet.id]
            for ip in port.fixed_ips:
                if ip.subnet_id == subnet.id:
                    port_store.give_back_address(tx, ip)
            store.PORTS.change(tx, port.id, self.core.now(), {"fixed_ips": kept})
            self.core.changed(tx, ("port", port.id))

    def _refuse_while_gateway_is_used(self, sql: Sql, subnet: Subnet) -> None:
        if subnet.gateway_ip is None:
            return
        found = port_store.device_at(sql, subnet.network_id, subnet.gateway_ip)
        if found is not None and found[1] == INTERFACE_OWNER:
            raise GatewayIpInUse(
                f"Current gateway ip {subnet.gateway_ip} already in use by a port of router {found[0]}. "
                "Unable to update.",
                field="gateway_ip",
            )

    def _tell_routers(self, tx: Tx, network_id: str) -> None:
        """The next hop of a router is the gateway of the external subnet."""
        for router in store.ROUTERS.find(tx, gateway_network_id=network_id):
            store.ROUTERS.touch(tx, router.id, self.core.now())
            self.core.changed(tx, ("router", router.id))


def _in_use(id: str) -> SubnetInUse:
    return SubnetInUse(
        f"Unable to complete operation on subnet {id}: One or more ports have an IP allocation from this subnet.", id=id
    )


def _check_cidr(cidr: str, version: int) -> None:
    network = addresses.network_of(cidr)
    if version not in (4, 6) or network.version != version:
        raise InvalidInput(
            f"Invalid input for operation: cidr '{cidr}' does not match the ip_version '{version}'.", field="ip_version"
        )
    if network.prefixlen == 0 or network.is_multicast or network.is_loopback:
        raise InvalidInput(
            f"Invalid input for operation: {cidr} cannot be the cidr of a subnet: it has no usable addresses.",
            field="cidr",
        )


def _check_modes(full: Mapping[str, Any], cidr: str, version: int) -> None:
    ra, address = full["ipv6_ra_mode"], full["ipv6_address_mode"]
    if ra is None and address is None:
        return
    if version == 4:
        raise InvalidInput(
            "Invalid input for operation: ipv6_ra_mode or ipv6_address_mode cannot be set for an IPv4 subnet.",
            field="ipv6_ra_mode",
        )
    if not full["enable_dhcp"]:
        raise _modes_need_dhcp()
    if ra is not None and address is not None and ra != address:
        raise InvalidInput(
            f"Invalid input for operation: ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not "
            "valid. If both attributes are set, they must be the same value.",
            field="ipv6_ra_mode",
        )
    if (address or ra) != "dhcpv6-stateful" and addresses.network_of(cidr).prefixlen != 64:
        raise InvalidInput(
            f"Invalid input for operation: Invalid CIDR {cidr} for IPv6 address mode: hosts that make their addresses "
            "themselves (EUI-64) need a prefix of /64.",
            field="cidr",
        )


def _modes_need_dhcp() -> InvalidInput:
    return InvalidInput(
        "Invalid input for operation: ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is False.",
        field="enable_dhcp",
    )


def _check_routes(version: int, routes: Sequence[Any]) -> None:
    for route in routes:
        if addresses.version_of(route.nexthop) != version:
            raise InvalidInput(
                f"Invalid input for operation: route {route.destination} via {route.nexthop} is not of IPv{version}.",
                field="host_routes",
            )


def _check_gateway(cidr: str, gateway: str | None) -> None:
    if gateway is None or gateway.lower().startswith("fe80:"):
        return
    if addresses.version_of(gateway) != addresses.version_of(cidr) or not addresses.contains(cidr, gateway):
        raise InvalidInput("Invalid input for operation: Gateway is not valid on subnet.", field="gateway_ip")


def _check_pools(cidr: str, pools: Sequence[Pool], gateway: str | None) -> None:
    for pool in pools:
        if not (addresses.contains(cidr, pool.start) and addresses.contains(cidr, pool.end)):
            raise OutOfBoundsAllocationPool(
                f"The allocation pool {pool.start}-{pool.end} spans beyond the subnet cidr {cidr}.",
                field="allocation_pools",
            )
        if gateway is not None and addresses.contains(cidr, gateway) and addresses.is_in([pool], gateway):
            raise GatewayConflictWithAllocationPools(
                f"Gateway ip {gateway} conflicts with allocation pool {pool.start}-{pool.end}.", field="gateway_ip"
            )
    clash = addresses.overlapping(pools)
    if clash is not None:
        one, other = clash
        raise OverlappingAllocationPools(
            f"Found overlapping allocation pools: {one.start}-{one.end}, {other.start}-{other.end} for subnet {cidr}.",
            field="allocation_pools",
        )
