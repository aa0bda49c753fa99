"""Ports: where something is plugged into a network. Those of routers and floating IPs are made by their own nouns."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from skyloom.access import Caller
from skyloom.db import Sql, Tx
from skyloom.network import store
from skyloom.network.errors import (
    AddressPairAndPortSecurityRequired,
    ExternalNetworkForbidden,
    HTTPBadRequest,
    InvalidInput,
    L3PortInUse,
    MacAddressInUse,
    NetworkNotFound,
    PortInUse,
    PortSecurityPortHasSecurityGroup,
    SecurityGroupConflict,
    SecurityGroupNotFound,
)
from skyloom.network.model import (
    METADATA_OWNER,
    ROUTER_OWNERS,
    AddressPair,
    FixedIp,
    Network,
    Port,
    Status,
    Subnet,
)
from skyloom.network.resources import PORT
from skyloom.network.service.addressing import Addressing
from skyloom.network.service.collection import Collection
from skyloom.network.service.core import Core, looker
from skyloom.network.service.security_groups import ensure_default_group
from skyloom.network.store import ports as port_store

MAC_PREFIX = "fa:16:3e"
FIXED_IP_CRITERIA = frozenset({"subnet_id", "ip_address", "ip_address_substr"})


def blank_port(core: Core, network_id: str, project_id: str, **values: Any) -> Port:
    """A port with nothing but what is given."""
    now = core.now()
    port = Port(
        id=str(uuid4()),
        project_id=project_id,
        name="",
        description="",
        network_id=network_id,
        mac_address="",
        admin_state_up=True,
        status=Status.DOWN,
        device_id="",
        device_owner="",
        fixed_ips=[],
        security_group_ids=[],
        port_security_enabled=False,
        allowed_address_pairs=[],
        dns_name="",
        host_id="",
        vnic_type="normal",
        binding_profile={},
        is_server_made=False,
        tags=[],
        revision_number=1,
        created_at=now,
        updated_at=now,
    )
    return replace(port, **values)


def subnets_of(sql: Sql, network_id: str) -> Sequence[Subnet]:
    return store.SUBNETS.find(sql, network_id=network_id)


def add_port(
    core: Core, tx: Tx, port: Port, wanted: Sequence[FixedIp] | None, subnets: Sequence[Subnet] | None = None
) -> Port:
    """Write the port with a MAC address and the `wanted` fixed IPs (None: one of each IP version); count it.

    The addresses are of `subnets`, without them of all that the network has.

    Raises MacAddressInUse, OverQuota and what `Addressing` raises.
    """
    if counts(port):
        core.claim(tx, port.project_id, "port")
    mac = port.mac_address or _free_mac(core, tx, port.network_id)
    subnets = subnets_of(tx, port.network_id) if subnets is None else subnets
    addressing = Addressing(core, tx, port.network_id, subnets, port.id, mac)
    made = replace(port, mac_address=mac, fixed_ips=addressing.take(wanted, port.device_owner))
    if not port_store.add_port(tx, made):
        raise _mac_in_use(made.mac_address, made.network_id)
    core.changed(tx, ("port", made.id))
    return made


def erase_port(core: Core, tx: Tx, port: Port) -> None:
    """The port, its addresses and memberships; floating IPs that led to it lead nowhere."""
    _disassociate(core, tx, port.id, None)
    store.PORTS.remove(tx, port.id)
    if counts(port):
        core.release(tx, port.project_id, "port")
    core.changed(tx, ("port", port.id))


def counts(port: Port) -> bool:
    """Whether it weighs on its project's quota: what the cloud plugs in for itself does not."""
    return bool(port.project_id) and port.device_owner != METADATA_OWNER


def _disassociate(core: Core, tx: Tx, port_id: str, kept: Sequence[FixedIp] | None) -> None:
    """Take floating IPs off the addresses that the port has no more; `kept` None: off all of them."""
    addresses = {ip.ip_address for ip in kept or ()}
    for floatingip in store.FLOATINGIPS.find(tx, port_id=port_id):
        if floatingip.fixed_ip_address in addresses:
            continue
        nothing = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": Status.DOWN}
        store.FLOATINGIPS.change(tx, floatingip.id, core.now(), nothing)
        core.changed(tx, ("floatingip", floatingip.id))


def _free_mac(core: Core, tx: Tx, network_id: str) -> str:
    while True:
        octets = core.chance.randbytes(3)
        mac = f"{MAC_PREFIX}:{octets.hex(':')}"
        if not port_store.is_mac_taken(tx, network_id, mac):
            return mac


def _mac_in_use(mac: str, network_id: str) -> MacAddressInUse:
    return MacAddressInUse(
        f"Unable to complete operation for network {network_id}. The mac address {mac} is in use.", field="mac_address"
    )


class Ports(Collection[Port]):
    resource = PORT
    special = frozenset({"fixed_ips", "security_groups"})

    def __init__(self, core: Core):
        super().__init__(core, store.PORTS)

    def create(self, caller: Caller, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Port]:
        made: list[Port] = []
        with self.core.db.begin(caller) as tx:
            for values in bodies:
                project_id = self.core.owner(caller, values)
                network = visible_network(tx, caller, values["network_id"])
                target = {"project_id": project_id, "network:project_id": network.project_id}
                self.resource.require_new(self.core.policy, caller, values, target)
                self._require_addresses(caller, "create_port", values, target)
                port, wanted = self._from(caller, tx, project_id, network, values)
                made.append(add_port(self.core, tx, port, wanted))
                tx.record("create_port", "port", port.id)
        return made

    def update(self, caller: Caller, id: str, values: Mapping[str, Any]) -> Port:
        with self.core.db.begin(caller) as tx:
            before = self.hold(tx, caller, id, "update_port")
            target = self.target(tx, before)
            self.resource.require_changes(self.core.policy, caller, values, target)
            self._require_addresses(caller, "update_port", values, target)
            changes = self._changes(caller, tx, before, dict(values))
            self.rows.change(tx, id, self.core.now(), changes)
            tx.record("update_port", "port", id)
            self.core.changed(tx, ("port", id))
            self._tell_holder(tx, before)
            return self.found(tx, id)

    def delete(self, caller: Caller, id: str) -> None:
        with self.core.db.begin(caller) as tx:
            port = self.hold(tx, caller, id, "delete_port")
            if port.device_owner in ROUTER_OWNERS:
                raise L3PortInUse(
                    f"Port {id} cannot be deleted directly via the port API: has device owner {port.device_owner}.",
                    id=id,
                )
            erase_port(self.core, tx, port)
            self._tell_holder(tx, port)
            tx.record("delete_port", "port", id)

    def special_filters(self, special: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        filters = {name: list(values) for name, values in special.items() if name != "fixed_ips"}
        for text in special.get("fixed_ips", ()):
            name, _, value = text.partition("=")
            if name not in FIXED_IP_CRITERIA:
                known = ", ".join(sorted(FIXED_IP_CRITERIA))
                raise HTTPBadRequest(
                    f"fixed_ips={text} is no filter; it takes NAME=VALUE of {known}.", field="fixed_ips"
                )
            filters.setdefault(name, []).append(value)
        return filters

    def target(self, sql: Sql, thing: Port) -> Mapping[str, object]:
        network = store.NETWORKS.get(sql, thing.network_id)
        return {"project_id": thing.project_id, "network:project_id": network.project_id if network else ""}

    def _require_addresses(
        self, caller: Caller, action: str, values: Mapping[str, Any], target: Mapping[str, object]
    ) -> None:
        if any(ip.ip_address for ip in values.get("fixed_ips") or ()):
            self.core.policy.require(caller, f"{action}:fixed_ips:ip_address", target)

    def _from(
        self, caller: Caller, tx: Tx, project_id: str, network: Network, values: Mapping[str, Any]
    ) -> tuple[Port, Sequence[FixedIp] | None]:
        full = self.resource.with_defaults(values)
        secured = full.get("port_security_enabled", network.port_security_enabled)
        groups = self._groups(caller, tx, project_id, full, secured)
        port = blank_port(
            self.core,
            network.id,
            project_id,
            name=full["name"],
            description=full["description"],
            mac_address=full.get("mac_address", ""),
            admin_state_up=full["admin_state_up"],
            device_id=full["device_id"],
            device_owner=full["device_owner"],
            security_group_ids=groups,
            port_security_enabled=secured,
            dns_name=full["dns_name"],
            host_id=full["host_id"],
            vnic_type=full["vnic_type"],
            binding_profile=full["binding_profile"],
        )
        if full["allowed_address_pairs"]:
            mac = port.mac_address or _free_mac(self.core, tx, network.id)
            port = replace(port, mac_address=mac)
        pairs = _pairs(full["allowed_address_pairs"], port.mac_address, secured)
        return replace(port, allowed_address_pairs=pairs), full.get("fixed_ips")

    def _groups(self, caller: Caller, tx: Tx, project_id: str, full: Mapping[str, Any], secured: bool) -> Sequence[str]:
        given = full.get("security_group_ids")
        if given is None:
            default = ensure_default_group(self.core, tx, project_id)
            trusted = full["device_owner"].startswith("network:")
            return [default] if default and secured and not trusted else []
        if given and not secured:
            raise _groups_without_security()
        _require_groups(tx, caller, project_id, given)
        return list(given)

    def _tell_holder(self, tx: Tx, port: Port) -> None:
        """The specs of routers and networks hold addresses of their ports."""
        if port.device_owner in ROUTER_OWNERS and store.ROUTERS.touch(tx, port.device_id, self.core.now()):
            self.core.changed(tx, ("router", port.device_id))
        if port.device_owner == METADATA_OWNER:
            store.NETWORKS.touch(tx, port.network_id, self.core.now())
            self.core.changed(tx, ("network", port.network_id))

    def _changes(self, caller: Caller, tx: Tx, before: Port, values: dict[str, Any]) -> dict[str, Any]:
        secured = values.get("port_security_enabled", before.port_security_enabled)
        groups = values.get("security_group_ids", before.security_group_ids)
        mac = values.get("mac_address", before.mac_address)
        pairs = _pairs(values.get("allowed_address_pairs", before.allowed_address_pairs), mac, secured)
        if groups and not secured:
            raise _groups_without_security()
        if "security_group_ids" in values:
            _require_groups(tx, caller, before.project_id, groups)
            port_store.set_security_groups(tx, before.id, groups)
        if mac != before.mac_address:
            if before.host_id:
                raise PortInUse(f"Unable to complete operation on port {before.id}: it is bound, so its MAC stays.")
            if port_store.is_mac_taken(tx, before.network_id, mac):
                raise _mac_in_use(mac, before.network_id)
        if "fixed_ips" in values:
            subnets = subnets_of(tx, before.network_id)
            addressing = Addressing(self.core, tx, before.network_id, subnets, before.id, mac)
            values["fixed_ips"] = addressing.change(before.fixed_ips, values["fixed_ips"], before.device_owner)
            _disassociate(self.core, tx, before.id, values["fixed_ips"])
        _refuse_stolen_router_port(before, values)
        return {**values, "allowed_address_pairs": pairs}


def visible_network(sql: Sql, caller: Caller, network_id: str) -> Network:
    network = store.NETWORKS.get_visible(sql, network_id, looker(caller))
    if network is None:
        raise NetworkNotFound(f"Network {network_id} could not be found.", id=network_id)
    if network.is_external and not (network.is_shared or caller.is_admin or network.project_id == caller.project_id):
        raise ExternalNetworkForbidden(
            f"Network {network_id} is external: routers and floating IPs can use it, ports of this project cannot.",
            id=network_id,
        )
    return network


def _require_groups(sql: Sql, caller: Caller, project_id: str, ids: Sequence[str]) -> None:
    mine: Mapping[str, Any] = {} if caller.is_admin else {"project_id": [project_id, caller.project_id]}
    known = {group.id: group for group in store.SECURITY_GROUPS.find(sql, id=ids, **mine)}
    for id in ids:
        if id not in known:
            raise SecurityGroupNotFound(f"Security group {id} does not exist.", id=id)
    if len({group.stateful for group in known.values()}) > 1:
        raise SecurityGroupConflict(
            "Error while applying security groups: a port cannot be in stateful and stateless groups at once.",
            field="security_groups",
        )


def _groups_without_security() -> PortSecurityPortHasSecurityGroup:
    return PortSecurityPortHasSecurityGroup(
        "Port has security group associated. Cannot disable port security or ip address until security group is "
        "removed.",
        field="security_groups",
    )


def _pairs(pairs: Sequence[AddressPair], mac: str, secured: bool) -> Sequence[AddressPair]:
    if pairs and not secured:
        raise AddressPairAndPortSecurityRequired(
            "Port Security must be enabled in order to have allowed address pairs on a port.",
            field="allowed_address_pairs",
        )
    full = [replace(pair, mac_address=pair.mac_address or mac) for pair in pairs]
    if len(set(full)) < len(full):
        raise InvalidInput("Request contains duplicate address pair.", field="allowed_address_pairs")
    return full


def _refuse_stolen_router_port(before: Port, values: Mapping[str, Any]) -> None:
    """A router's port leaves its router by the router's own verbs only."""
    if before.device_owner not in ROUTER_OWNERS:
        return
    for name in ("device_id", "device_owner"):
        if values.get(name, getattr(before, name)) != getattr(before, name):
            raise InvalidInput(
                f"Invalid input for operation: the {name} of a port that a router holds cannot be changed.", field=name
            )
