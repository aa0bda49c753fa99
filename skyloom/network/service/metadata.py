"""The metadata port: where the metadata service listens on a network, an address in each IPv4 subnet with DHCP."""

from msgspec.structs import replace

from skyloom.db import Tx
from skyloom.network import addresses, store
from skyloom.network.model import METADATA_OWNER, FixedIp, Port, Status, Subnet
from skyloom.network.service.core import Core
from skyloom.network.service.ports import add_port, blank_port, erase_port, subnets_of
from skyloom.network.store import ports as port_store

TRIES = 8


def settle_metadata_port(core: Core, tx: Tx, network_id: str) -> None:
    """Make the port's addresses what the subnets ask for now; to repeat it changes nothing.

    A subnet without a free address gets none: its guests have the config drive.
    """
    port = _port_of(tx, network_id)
    served = [subnet for subnet in subnets_of(tx, network_id) if subnet.ip_version == 4 and subnet.enable_dhcp]
    if port is None and not served:
        return
    if not served and port is not None:
        erase_port(core, tx, port)
        return
    if port is None:
        port = _make(core, tx, network_id)
    wanted = {subnet.id for subnet in served}
    kept = [ip for ip in port.fixed_ips if ip.subnet_id in wanted]
    for ip in port.fixed_ips:
        if ip not in kept:
            port_store.give_back_address(tx, ip)
    having = {ip.subnet_id for ip in kept}
    claims = [_claim(core, tx, port, subnet) for subnet in served if subnet.id not in having]
    new = [ip for ip in claims if ip is not None]
    if [*kept, *new] != port.fixed_ips:
        store.PORTS.change(tx, port.id, core.now(), {"fixed_ips": [*kept, *new]})
        core.changed(tx, ("port", port.id))


def _port_of(tx: Tx, network_id: str) -> Port | None:
    found = store.PORTS.find(tx, network_id=network_id, device_owner=METADATA_OWNER)
    return found[0] if found else None


def _make(core: Core, tx: Tx, network_id: str) -> Port:
    network = store.NETWORKS.get(tx, network_id)
    port = blank_port(core, network_id, network.project_id if network else "")
    device_id = f"ovnmeta-{network_id}"
    return add_port(
        core, tx, replace(port, device_id=device_id, device_owner=METADATA_OWNER, status=Status.ACTIVE), wanted=[]
    )


def _claim(core: Core, tx: Tx, port: Port, subnet: Subnet) -> FixedIp | None:
    """The lowest free address: people who give out addresses by hand expect it at the start."""
    for _ in range(TRIES):
        free = addresses.lowest_free(subnet.allocation_pools, port_store.taken_addresses(tx, subnet.id))
        if free is None:
            return None
        picked = FixedIp(subnet.id, free)
        if port_store.take_address(tx, port.network_id, port.id, picked):
            return picked
    return None
