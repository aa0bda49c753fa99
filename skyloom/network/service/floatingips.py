"""Floating IPs: an address of an external network that leads to a fixed address behind a router."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from skyloom.access import Caller
from skyloom.db import Contradiction, Sql, Tx
from skyloom.network import addresses, store
from skyloom.network.errors import (
    ExternalGatewayForFloatingIPNotFound,
    ExternalIpAddressExhausted,
    FloatingIPPortAlreadyAssociated,
    HTTPBadRequest,
    IpAddressGenerationFailure,
    NetworkNotFound,
    PortNotFound,
)
from skyloom.network.model import FLOATING_OWNER, FixedIp, FloatingIp, Port, Status
from skyloom.network.resources import FLOATINGIP
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core, looker
from skyloom.network.service.ports import add_port, blank_port, erase_port, subnets_of
from skyloom.network.store.ports import router_between

NOWHERE = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": Status.DOWN}


class FloatingIps(Collection[FloatingIp]):
    resource = FLOATINGIP

    def __init__(self, core: Core):
        super().__init__(core, store.FLOATINGIPS)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[FloatingIp]:
        made: list[FloatingIp] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                self.resource.require_new(self.core.policy, caller, values, {"project_id": project_id})
                full = self.resource.with_defaults(values)
                self.core.claim(tx, project_id, "floatingip")
                made.append(self._add(tx, caller, project_id, full))
                tx.record("create_floatingip", "floatingip", made[-1].id)
        return made

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> FloatingIp:
        try:
            with self.core.db.begin(caller) as tx:
                before = self.hold(tx, caller, id, "update_floatingip")
                changes = {**values, **self._association(tx, caller, before, values)}
                self.rows.change(tx, id, self.core.now(), changes)
                tx.record("update_floatingip", "floatingip", id)
                self.core.changed(tx, ("floatingip", id))
                return self.found(tx, id)
        except Contradiction as error:
            raise _associated_already(str(values.get("port_id")), "") from error

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            floatingip = self.hold(tx, caller, id, "delete_floatingip")
            self.rows.remove(tx, id)
            port = store.PORTS.get(tx, floatingip.floating_port_id)
            if port is not None:
                erase_port(self.core, tx, port)
            self.core.release(tx, floatingip.project_id, "floatingip")
            tx.record("delete_floatingip", "floatingip", id)
            self.core.changed(tx, ("floatingip", id))

    def _add(self, tx: Tx, caller: Caller, project_id: str, full: Mapping[str, Any]) -> FloatingIp:
        id, now = str(uuid4()), self.core.now()
        port = self._floating_port(tx, caller, id, full)
        blank = FloatingIp(
            id=id,
            project_id=project_id,
            description=full["description"],
            floating_network_id=full["floating_network_id"],
            floating_ip_address=port.fixed_ips[0].ip_address,
            floating_port_id=port.id,
            port_id=None,
            fixed_ip_address=None,
            router_id=None,
            status=Status.DOWN,
            dns_domain=full["dns_domain"],
            dns_name=full["dns_name"],
            tags=[],
            revision_number=1,
            created_at=now,
            updated_at=now,
        )
        self.rows.add(tx, blank)
        if full["port_id"] is not None:
            self.rows.change(tx, id, now, self._association(tx, caller, blank, full))
        elif full["fixed_ip_address"] is not None:
            raise _needs_port()
        self.core.changed(tx, ("floatingip", id))
        return self.found(tx, id)

    def _floating_port(self, tx: Tx, caller: Caller, id: str, full: Mapping[str, Any]) -> Port:
        network_id = full["floating_network_id"]
        network = store.NETWORKS.get_visible(tx, network_id, looker(caller))
        if network is None:
            raise NetworkNotFound(f"Network {network_id} could not be found.", id=network_id)
        if not network.is_external:
            raise HTTPBadRequest(
                f"Bad floatingip request: Network {network_id} is not a valid external network.",
                field="floating_network_id",
            )
        wanted = None
        if full["subnet_id"] or full["floating_ip_address"]:
            wanted = [FixedIp(full["subnet_id"] or "", full["floating_ip_address"] or "")]
        port = blank_port(self.core, network_id, "", device_id=id, device_owner=FLOATING_OWNER, status="N/A")
        subnets = [subnet for subnet in subnets_of(tx, network_id) if subnet.ip_version == 4]
        try:
            made = add_port(self.core, tx, port, wanted, subnets)
        except IpAddressGenerationFailure as error:
            raise _used_up(network_id) from error
        if not made.fixed_ips:
            raise _used_up(network_id)
        return made

    def _association(
        self, tx: Tx, caller: Caller, before: FloatingIp, values: Mapping[str, Any]
    ) -> Mapping[str, object]:
        port_id, fixed_ip = values.get("port_id", before.port_id), values.get("fixed_ip_address")
        if not values:
            return NOWHERE  # Neutron reads a change of nothing so.
        if "port_id" not in values and "fixed_ip_address" not in values:
            return {}
        if port_id is None:
            if fixed_ip is not None:
                raise _needs_port()
            return NOWHERE
        port = store.PORTS.get_visible(tx, port_id, looker(caller))
        if port is None:
            raise PortNotFound(f"Port {port_id} could not be found.", id=port_id)
        inner = _inner_address(port, fixed_ip)
        there = self.rows.find(tx, port_id=port.id, fixed_ip_address=inner.ip_address)
        if any(other.id != before.id for other in there):
            raise _associated_already(port.id, inner.ip_address)
        router_id = self._router_between(tx, before.floating_network_id, port.network_id, inner.subnet_id)
        return {
            "port_id": port.id,
            "fixed_ip_address": inner.ip_address,
            "router_id": router_id,
            "status": Status.ACTIVE,
        }

    def _router_between(self, sql: Sql, external_id: str, network_id: str, subnet_id: str) -> str:
        router_id = router_between(sql, network_id, subnet_id, external_id)
        if router_id is None:
            raise ExternalGatewayForFloatingIPNotFound(
                f"External network {external_id} is not reachable from subnet {subnet_id}. Therefore, cannot associate "
                "a port of it with a Floating IP; connect both by a router.",
            )
        return router_id


def _inner_address(port: Port, fixed_ip: str | None) -> FixedIp:
    ipv4 = [ip for ip in port.fixed_ips if addresses.version_of(ip.ip_address) == 4]
    if fixed_ip is not None:
        for ip in ipv4:
            if ip.ip_address == fixed_ip:
                return ip
        raise HTTPBadRequest(
            f"Bad floatingip request: Port {port.id} does not have fixed ip {fixed_ip}.", field="fixed_ip_address"
        )
    if not ipv4:
        raise HTTPBadRequest(
            f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses.",
            field="port_id",
        )
    if len(ipv4) > 1:
        raise HTTPBadRequest(
            f"Bad floatingip request: Port {port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 "
            "address when assigning a floating IP.",
            field="fixed_ip_address",
        )
    return ipv4[0]


def _needs_port() -> HTTPBadRequest:
    return HTTPBadRequest(
        "Bad floatingip request: fixed_ip_address cannot be specified without a port_id.", field="fixed_ip_address"
    )


def _used_up(network_id: str) -> ExternalIpAddressExhausted:
    return ExternalIpAddressExhausted(f"Unable to find any IP address on external network {network_id}.", id=network_id)


def _associated_already(port_id: str, fixed_ip: str) -> FloatingIPPortAlreadyAssociated:
    return FloatingIPPortAlreadyAssociated(
        f"Cannot associate the floating IP with port {port_id} using fixed IP {fixed_ip}, as that fixed IP already has "
        "a floating IP.",
        port_id=port_id,
    )
