"""Routers: interfaces on subnets, a gateway on an external network, static routes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from msgspec import Struct

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    HTTPBadRequest,
    InvalidRoutes,
    NetworkNotFound,
    PortInUse,
    PortNotFound,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceInUseByRoute,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
    RoutesExhausted,
    SubnetNotFound,
)
from skyloom.network.model import (
    GATEWAY_OWNER,
    INTERFACE_OWNER,
    FixedIp,
    HostRoute,
    Port,
    Router,
    Status,
    Subnet,
)
from skyloom.network.resources import ROUTER
from skyloom.network.service.addressing import Addressing
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core, looker
from skyloom.network.service.ports import add_port, blank_port, erase_port, subnets_of

NO_GATEWAY = {"gateway_port_id": None, "gateway_network_id": None, "enable_snat": True}


class Interface(Struct, frozen=True):
    """What adding and removing an interface answers."""

    id: str
    tenant_id: str
    project_id: str
    port_id: str
    network_id: str
    subnet_id: str
    subnet_ids: Sequence[str]


class Routers(Collection[Router]):
    resource = ROUTER

    def __init__(self, core: Core):
        super().__init__(core, store.ROUTERS)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Router]:
        ids: list[str] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                target = {"project_id": project_id}
                self.resource.require_new(self.core.policy, caller, values, target)
                self._require_gateway(caller, "create_router", values, target)
                self.core.claim(tx, project_id, "router")
                router = self._from(project_id, self.resource.with_defaults(values))
                self.rows.add(tx, router)
                self._set_gateway(tx, caller, router, values.get("external_gateway_info"))
                tx.record("create_router", "router", router.id)
                self.core.changed(tx, ("router", router.id))
                ids.append(router.id)
            return [self.found(tx, id) for id in ids]

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> Router:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_router")
            target = self.target(tx, before)
            self.resource.require_changes(self.core.policy, caller, values, target)
            self._require_gateway(caller, "update_router", values, target)
            if "external_gateway_info" in values:
                self._set_gateway(tx, caller, before, values["external_gateway_info"])
            if "routes" in values:
                self._check_routes(tx, id, values["routes"])
            self.rows.change(tx, id, self.core.now(), values)
            tx.record("update_router", "router", id)
            self.core.changed(tx, ("router", id))
            return self.found(tx, id)

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            router = self.hold(tx, caller, id, "delete_router")
            if self._interfaces(tx, id):
                raise RouterInUse(f"Router {id} still has ports; remove its interfaces first.", id=id)
            self._set_gateway(tx, caller, router, None)
            self.rows.remove(tx, id)
            self.core.release(tx, router.project_id, "router")
            tx.record("delete_router", "router", id)
            self.core.changed(tx, ("router", id))

    def add_interface(self, caller: Caller, id: str, subnet_id: str | None, port_id: str | None) -> Interface:
        """On a subnet, with its gateway address; or by a port that has an address there."""
        if (subnet_id is None) == (port_id is None):
            raise HTTPBadRequest("Bad router request: Either subnet_id or port_id must be specified, and not both.")
        with self.core.db.begin(caller) as tx:
            router = self.hold(tx, caller, id, "add_router_interface")
            if port_id is not None:
                port, subnets = self._plug(tx, caller, router, port_id)
            else:
                port, subnets = self._plug_subnet(tx, caller, router, str(subnet_id))
            tx.record("add_router_interface", "router", id)
            self.core.changed(tx, ("router", id), ("port", port.id))
        return _interface(router, port, subnets)

    def remove_interface(self, caller: Caller, id: str, subnet_id: str | None, port_id: str | None) -> Interface:
        if subnet_id is None and port_id is None:
            raise HTTPBadRequest("Invalid input for operation: Either subnet_id or port_id must be specified.")
        with self.core.db.begin(caller) as tx:
            router = self.hold(tx, caller, id, "remove_router_interface")
            port = self._interface_port(tx, id, subnet_id, port_id)
            gone = [ip.subnet_id for ip in port.fixed_ips if subnet_id in (None, ip.subnet_id) or port_id is not None]
            for gone_id in gone:
                self._refuse_while_used(tx, router, gone_id)
            self._unplug(tx, port, gone)
            tx.record("remove_router_interface", "router", id)
            self.core.changed(tx, ("router", id), ("port", port.id))
        return _interface(router, port, gone)

    def add_routes(self, caller: Caller, id: str, routes: Sequence[HostRoute]) -> Router:
        return self._reroute(caller, id, "add_extraroutes", routes, add=True)

    def remove_routes(self, caller: Caller, id: str, routes: Sequence[HostRoute]) -> Router:
        return self._reroute(caller, id, "remove_extraroutes", routes, add=False)

    def _reroute(self, caller: Caller, id: str, action: str, routes: Sequence[HostRoute], add: bool) -> Router:
        with self.core.db.begin(caller) as tx:
            router = self.hold(tx, caller, id, action)
            left = [route for route in router.routes if route not in routes]
            after = [*left, *routes] if add else left
            if add:
                self._check_routes(tx, id, after)
            self.rows.change(tx, id, self.core.now(), {"routes": after})
            tx.record(action, "router", id)
            self.core.changed(tx, ("router", id))
            return self.found(tx, id)

    def _from(self, project_id: str, full: Mapping[str, Any]) -> Router:
        now = self.core.now()
        return Router(
            id=str(uuid4()),
            project_id=project_id,
            name=full["name"],
            description=full["description"],
            admin_state_up=full["admin_state_up"],
            status=Status.ACTIVE,
            gateway_port_id=None,
            gateway_network_id=None,
            enable_snat=True,
            routes=[],
            availability_zone_hints=full["availability_zone_hints"],
            tags=[],
            revision_number=1,
            created_at=now,
            updated_at=now,
        )

    def _require_gateway(
        self, caller: Caller, action: str, values: Mapping[str, Any], target: Mapping[str, object]
    ) -> None:
        info = values.get("external_gateway_info")
        if info is None:
            return
        self.core.policy.require(caller, f"{action}:external_gateway_info", target)
        for name in ("enable_snat", "external_fixed_ips"):
            if name in info:
                self.core.policy.require(caller, f"{action}:external_gateway_info:{name}", target)

    def _set_gateway(self, tx: Tx, caller: Caller, router: Router, info: Mapping[str, Any] | None) -> None:
        if info is not None and info["network_id"] == router.gateway_network_id:
            self._change_gateway(tx, router, info)
            return
        if router.gateway_port_id is not None:
            self._drop_gateway(tx, router)
        if info is None:
            return
        network = store.NETWORKS.get_visible(tx, info["network_id"], looker(caller))
        if network is None:
            raise NetworkNotFound(f"Network {info['network_id']} could not be found.", id=info["network_id"])
        if not network.is_external:
            raise HTTPBadRequest(
                f"Bad router request: Network {network.id} is not an external network.", field="external_gateway_info"
            )
        self._refuse_overlap(tx, router.id, subnets_of(tx, network.id))
        port = blank_port(
            self.core, network.id, "", device_id=router.id, device_owner=GATEWAY_OWNER, status=Status.ACTIVE
        )
        made = add_port(self.core, tx, port, info.get("external_fixed_ips"))
        values = {
            "gateway_port_id": made.id,
            "gateway_network_id": network.id,
            "enable_snat": info.get("enable_snat", True),
        }
        self.rows.change(tx, router.id, self.core.now(), values)

    def _change_gateway(self, tx: Tx, router: Router, info: Mapping[str, Any]) -> None:
        wanted = info.get("external_fixed_ips")
        port = store.PORTS.get(tx, router.gateway_port_id or "")
        if wanted is not None and port is not None:
            subnets = subnets_of(tx, port.network_id)
            addressing = Addressing(self.core, tx, port.network_id, subnets, port.id, port.mac_address)
            fixed_ips = addressing.change(port.fixed_ips, wanted, GATEWAY_OWNER)
            store.PORTS.change(tx, port.id, self.core.now(), {"fixed_ips": fixed_ips})
        snat = info.get("enable_snat", True)
        self.rows.change(tx, router.id, self.core.now(), {"enable_snat": snat})

    def _drop_gateway(self, tx: Tx, router: Router) -> None:
        if store.FLOATINGIPS.find(tx, router_id=router.id):
            raise RouterExternalGatewayInUseByFloatingIp(
                f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
                f"{router.gateway_network_id} is required by one or more floating IPs.",
                id=router.id,
            )
        self.rows.change(tx, router.id, self.core.now(), NO_GATEWAY)
        port = store.PORTS.get(tx, router.gateway_port_id or "")
        if port is not None:
            erase_port(self.core, tx, port)

    def _interfaces(self, sql: Sql, id: str) -> Sequence[Port]:
        return store.PORTS.find(sql, device_id=id, device_owner=INTERFACE_OWNER)

    def _connected(self, sql: Sql, id: str) -> Sequence[Subnet]:
        ids = {ip.subnet_id for port in self._interfaces(sql, id) for ip in port.fixed_ips}
        return list(store.SUBNETS.by_ids(sql, sorted(ids)).values())

    def _refuse_overlap(self, sql: Sql, id: str, subnets: Sequence[Subnet]) -> None:
        for new in subnets:
            for old in self._connected(sql, id):
                if old.id == new.id:
                    raise HTTPBadRequest(f"Bad router request: Router already has a port on subnet {new.id}.")
                if addresses.overlap(old.cidr, new.cidr):
                    raise HTTPBadRequest(
                        f"Bad router request: Cidr {new.cidr} of subnet {new.id} overlaps with cidr {old.cidr} of "
                        f"subnet {old.id}."
                    )

    def _plug_subnet(self, tx: Tx, caller: Caller, router: Router, subnet_id: str) -> tuple[Port, Sequence[str]]:
        subnet = store.SUBNETS.get_visible(tx, subnet_id, looker(caller))
        if subnet is None:
            raise SubnetNotFound(f"Subnet {subnet_id} could not be found.", id=subnet_id)
        if subnet.gateway_ip is None:
            raise HTTPBadRequest("Bad router request: Subnet for router interface must have a gateway IP.")
        self._refuse_overlap(tx, router.id, [subnet])
        ip = FixedIp(subnet.id, subnet.gateway_ip)
        shared = self._port_for_more(tx, router.id, subnet)
        if shared is not None:
            addressing = Addressing(self.core, tx, subnet.network_id, [subnet], shared.id, shared.mac_address)
            fixed_ips = [*shared.fixed_ips, *addressing.take([ip], INTERFACE_OWNER)]
            store.PORTS.change(tx, shared.id, self.core.now(), {"fixed_ips": fixed_ips})
            return shared, [subnet.id]
        port = blank_port(
            self.core,
            subnet.network_id,
            router.project_id,
            device_id=router.id,
            device_owner=INTERFACE_OWNER,
            status=Status.ACTIVE,
        )
        return add_port(self.core, tx, port, [ip]), [subnet.id]

    def _port_for_more(self, sql: Sql, id: str, subnet: Subnet) -> Port | None:
        """All IPv6 prefixes of a network are advertised from one port."""
        if subnet.ip_version == 4:
            return None
        for port in self._interfaces(sql, id):
            versions = {addresses.version_of(ip.ip_address) for ip in port.fixed_ips}
            if port.network_id == subnet.network_id and versions == {6}:
                return port
        return None

    def _plug(self, tx: Tx, caller: Caller, router: Router, port_id: str) -> tuple[Port, Sequence[str]]:
        store.PORTS.touch(tx, port_id, self.core.now())
        port = store.PORTS.get_visible(tx, port_id, looker(caller))
        if port is None:
            raise PortNotFound(f"Port {port_id} could not be found.", id=port_id)
        if port.device_id:
            raise PortInUse(
                f"Unable to complete operation on port {port_id} for network {port.network_id}. Port already has an "
                f"attached device {port.device_id}.",
                id=port_id,
            )
        if not port.fixed_ips:
            raise HTTPBadRequest("Bad router request: A port with no IP addresses cannot be a router interface.")
        if sum(addresses.version_of(ip.ip_address) == 4 for ip in port.fixed_ips) > 1:
            raise HTTPBadRequest("Bad router request: Cannot have multiple IPv4 subnets on router port.")
        subnets = store.SUBNETS.by_ids(tx, [ip.subnet_id for ip in port.fixed_ips])
        self._refuse_overlap(tx, router.id, list(subnets.values()))
        values = {"device_id": router.id, "device_owner": INTERFACE_OWNER, "status": Status.ACTIVE}
        store.PORTS.change(tx, port.id, self.core.now(), values)
        return port, list(subnets)

    def _interface_port(self, sql: Sql, id: str, subnet_id: str | None, port_id: str | None) -> Port:
        for port in self._interfaces(sql, id):
            on = [ip.subnet_id for ip in port.fixed_ips]
            if port_id not in (None, port.id):
                continue
            if subnet_id is not None and subnet_id not in on:
                if port_id is not None:
                    raise HTTPBadRequest(f"Port {port_id} is not on subnet {subnet_id}.", field="subnet_id")
                continue
            return port
        if port_id is not None:
            raise RouterInterfaceNotFound(f"Router {id} does not have an interface with id {port_id}.", id=id)
        raise RouterInterfaceNotFoundForSubnet(f"Router {id} has no interface on subnet {subnet_id}.", id=id)

    def _refuse_while_used(self, sql: Sql, router: Router, subnet_id: str) -> None:
        subnet = store.SUBNETS.get(sql, subnet_id)
        if subnet is None:
            return
        for floatingip in store.FLOATINGIPS.find(sql, router_id=router.id):
            if addresses.contains(subnet.cidr, floatingip.fixed_ip_address or ""):
                raise RouterInterfaceInUseByFloatingIP(
                    f"Router interface for subnet {subnet_id} on router {router.id} cannot be deleted, as it is "
                    "required by one or more floating IPs.",
                    id=router.id,
                )
        if any(addresses.contains(subnet.cidr, route.nexthop) for route in router.routes):
            raise RouterInterfaceInUseByRoute(
                f"Router interface for subnet {subnet_id} on router {router.id} cannot be deleted, as it is required "
                "by one or more routes.",
                id=router.id,
            )

    def _unplug(self, tx: Tx, port: Port, gone: Sequence[str]) -> None:
        left = [ip for ip in port.fixed_ips if ip.subnet_id not in gone]
        if not left:
            erase_port(self.core, tx, port)
            return
        addressing = Addressing(self.core, tx, port.network_id, [], port.id, port.mac_address)
        store.PORTS.change(
            tx, port.id, self.core.now(), {"fixed_ips": addressing.change(port.fixed_ips, left, INTERFACE_OWNER)}
        )

    def _check_routes(self, sql: Sql, id: str, routes: Sequence[HostRoute]) -> None:
        if len(routes) > self.core.settings.max_routes:
            raise RoutesExhausted(
                f"Unable to complete operation for {id}. The number of routes exceeds the maximum "
                f"{self.core.settings.max_routes}.",
                field="routes",
            )
        router = self.found(sql, id)
        reached = list(self._connected(sql, id))
        if router.gateway_network_id is not None:
            reached += subnets_of(sql, router.gateway_network_id)
        own = {ip.ip_address for port in self._interfaces(sql, id) for ip in port.fixed_ips}
        own |= {ip.ip_address for ip in router.gateway_ips or ()}
        for route in routes:
            if not any(addresses.contains(subnet.cidr, route.nexthop) for subnet in reached):
                raise _route_invalid(route, "the nexthop is not connected with router")
            if route.nexthop in own:
                raise _route_invalid(route, "the nexthop is used by router")


def _route_invalid(route: HostRoute, reason: str) -> InvalidRoutes:
    return InvalidRoutes(
        f"Invalid format for routes: {route.destination} via {route.nexthop}, {reason}.", field="routes"
    )


def _interface(router: Router, port: Port, subnet_ids: Sequence[str]) -> Interface:
    project_id = router.project_id
    return Interface(router.id, project_id, project_id, port.id, port.network_id, subnet_ids[0], subnet_ids)
