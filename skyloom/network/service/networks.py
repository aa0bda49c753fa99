"""Networks: overlay ones for everybody, provider ones for admins."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from skyloom.access import Caller
from skyloom.db import Contradiction, Sql, Tx
from skyloom.network import store
from skyloom.network.errors import InvalidInput, NetworkInUse, ProviderNetworkInUse
from skyloom.network.model import (
    EXTERNAL_MTU,
    FLOATING_OWNER,
    GATEWAY_OWNER,
    METADATA_OWNER,
    OVERLAY_MTU,
    Network,
    Port,
    Status,
)
from skyloom.network.resources import NETWORK
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core
from skyloom.network.service.mtu import require_mtu
from skyloom.network.service.ports import erase_port
from skyloom.network.service.security_groups import ensure_default_group
from skyloom.network.store.networks import take_segment, with_subnets

MAX_VNI = 65535
MAX_VLAN = 4094
TRIES = 50


class Networks(Collection[Network]):
    resource = NETWORK

    def __init__(self, core: Core):
        super().__init__(core, store.NETWORKS)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Network]:
        made: list[Network] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                self.resource.require_new(self.core.policy, caller, values, {"project_id": project_id})
                self.core.claim(tx, project_id, "network")
                ensure_default_group(self.core, tx, project_id)
                made.append(self._add(tx, project_id, values))
                tx.record("create_network", "network", made[-1].id)
            self.core.changed(tx, *(("network", network.id) for network in made))
        return made

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> Network:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_network")
            self.resource.require_changes(self.core.policy, caller, values, self.target(tx, before))
            _check_mtu(values, before.provider_network_type)
            self._refuse_mtu_below_subnets(tx, before, values)
            if before.is_external and values.get("is_external") is False:
                self._refuse_while_external_is_used(tx, before)
            self.rows.change(tx, id, self.core.now(), values)
            tx.record("update_network", "network", id)
            self.core.changed(tx, ("network", id))
            return self.found(tx, id)

    def delete(self, caller: Caller, id: str) -> None:
        """Its subnets, metadata port and unassociated floating IPs go with it. Raises NetworkInUse."""
        try:
            with self.core.db.begin(caller) as tx:
                network = self.hold(tx, caller, id, "delete_network")
                self._empty(tx, network)
                self.rows.remove(tx, id)
                self.core.release(tx, network.project_id, "network")
                tx.record("delete_network", "network", id)
                self.core.changed(tx, ("network", id))
        except Contradiction as error:
            raise _in_use(id) from error

    def complete(self, sql: Sql, things: Sequence[Network]) -> Sequence[Network]:
        return with_subnets(sql, things)

    def _add(self, tx: Tx, project_id: str, values: Mapping[str, Any]) -> Network:
        full = self.resource.with_defaults(values)
        id, now = str(uuid4()), self.core.now()
        kind, physical, segmentation_id = self._segment(tx, id, full)
        _check_mtu(full, kind)
        _check_zones(self.core, full["availability_zone_hints"])
        network = Network(
            id=id,
            project_id=project_id,
            name=full["name"],
            description=full["description"],
            admin_state_up=full["admin_state_up"],
            status=Status.ACTIVE,
            is_shared=full["is_shared"],
            is_external=full["is_external"],
            is_default=full["is_default"],
            mtu=full.get("mtu") or _max_mtu(kind),
            provider_network_type=kind,
            provider_physical_network=physical,
            provider_segmentation_id=segmentation_id,
            port_security_enabled=full["port_security_enabled"],
            dns_domain=full["dns_domain"],
            availability_zone_hints=full["availability_zone_hints"],
            tags=[],
            revision_number=1,
            created_at=now,
            updated_at=now,
        )
        self.rows.add(tx, network)
        return network

    def _segment(self, tx: Tx, id: str, full: Mapping[str, Any]) -> tuple[str, str | None, int | None]:
        kind = full["provider_network_type"] or "geneve"
        physical, number = full["provider_physical_network"], full["provider_segmentation_id"]
        if kind == "geneve":
            if physical is not None:
                raise _provider("provider:physical_network cannot be specified for geneve provider network")
            return kind, None, self._take_segment(tx, id, kind, "", number, MAX_VNI)
        if physical not in self.core.settings.physical_networks:
            known = ", ".join(sorted(self.core.settings.physical_networks))
            raise _provider(f"provider:physical_network '{physical}' is unknown for {kind}; there are: {known}")
        if kind == "flat":
            if number is not None:
                raise _provider("provider:segmentation_id cannot be specified for flat provider network")
            self._take_segment(tx, id, kind, physical, 0, 0)
            return kind, physical, None
        return kind, physical, self._take_segment(tx, id, kind, physical, number, MAX_VLAN)

    def _take_segment(self, tx: Tx, id: str, kind: str, physical: str, wanted: int | None, highest: int) -> int:
        if wanted is not None and not min(1, highest) <= wanted <= highest:
            raise _provider(f"provider:segmentation_id {wanted} is not between 1 and {highest}")
        numbers = [wanted] if wanted is not None else [self.core.chance.randint(1, highest) for _ in range(TRIES)]
        for number in numbers:
            if take_segment(tx, id, kind, physical, number):
                return number
        where = f"on physical network {physical} " if physical else ""
        raise ProviderNetworkInUse(f"Unable to create the {kind} network: its segment {where}is in use.")

    def _refuse_mtu_below_subnets(self, tx: Tx, network: Network, values: Mapping[str, Any]) -> None:
        for subnet in store.SUBNETS.find(tx, network_id=network.id) if "mtu" in values else ():
            require_mtu(network.id, values["mtu"], subnet.ip_version)

    def _refuse_while_external_is_used(self, tx: Tx, network: Network) -> None:
        if store.PORTS.find(tx, network_id=network.id, device_owner=[GATEWAY_OWNER, FLOATING_OWNER]):
            raise NetworkInUse(
                f"External network {network.id} cannot be updated to be made non-external, since it has existing "
                "gateway ports.",
                id=network.id,
            )

    def _empty(self, tx: Tx, network: Network) -> None:
        left: list[Port] = []
        for port in store.PORTS.find(tx, network_id=network.id):
            if port.device_owner == METADATA_OWNER:
                erase_port(self.core, tx, port)
            elif port.device_owner != FLOATING_OWNER or not self._erase_floatingip(tx, port):
                left.append(port)
        if left:
            raise _in_use(network.id)
        for subnet in store.SUBNETS.find(tx, network_id=network.id):
            store.SUBNETS.remove(tx, subnet.id)
            self.core.release(tx, subnet.project_id, "subnet")

    def _erase_floatingip(self, tx: Tx, port: Port) -> bool:
        """Away with a floating IP that is not associated; False for one that is."""
        for floatingip in store.FLOATINGIPS.find(tx, floating_port_id=port.id):
            if floatingip.port_id is not None:
                return False
            store.FLOATINGIPS.remove(tx, floatingip.id)
            self.core.release(tx, floatingip.project_id, "floatingip")
        erase_port(self.core, tx, port)
        return True


def _in_use(id: str) -> NetworkInUse:
    return NetworkInUse(
        f"Unable to complete operation on network {id}. There are one or more ports still in use on the network.", id=id
    )


def _provider(rule: str) -> InvalidInput:
    return InvalidInput(f"Invalid input for operation: {rule}.", field="provider")


def _max_mtu(kind: str) -> int:
    return OVERLAY_MTU if kind == "geneve" else EXTERNAL_MTU


def _check_mtu(values: Mapping[str, Any], kind: str) -> None:
    if values.get("mtu", 0) > _max_mtu(kind):
        raise InvalidInput(
            f"Invalid input for operation: Requested MTU is too big, maximum is {_max_mtu(kind)}.", field="mtu"
        )


def _check_zones(core: Core, hints: Sequence[str]) -> None:
    if unknown := [zone for zone in hints if zone not in core.settings.availability_zones]:
        raise InvalidInput(f"AvailabilityZone {unknown[0]} could not be found.", field="availability_zone_hints")
