"""What ports hold in tables of their own: addresses, security groups. And the questions that are asked by address."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, exists, func, select, update

from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free
from skyloom.network import tables as t
from skyloom.network.model import INTERFACE_OWNER, FixedIp, Port
from skyloom.network.store.nouns import PORTS
from skyloom.network.store.rows import in_chunks, one_of

TAKE = insert_if_free(t.ip_allocation)
GIVE_BACK = delete(t.ip_allocation).where(
    t.ip_allocation.c.subnet_id == bindparam("subnet"), t.ip_allocation.c.ip_address == bindparam("address")
)
TAKEN = select(t.ip_allocation.c.ip_address).where(t.ip_allocation.c.subnet_id == bindparam("subnet"))
ADD_PORT = insert_if_free(t.port)
ADD_GROUP = t.port_security_group.insert()
DROP_GROUPS = delete(t.port_security_group).where(t.port_security_group.c.port_id == bindparam("port"))
MAC_TAKEN = select(t.port.c.id).where(
    t.port.c.network_id == bindparam("network"), t.port.c.mac_address == bindparam("mac")
)
DEVICE_AT = (
    select(t.port.c.device_id, t.port.c.device_owner)
    .join(t.ip_allocation, t.ip_allocation.c.port_id == t.port.c.id)
    .where(t.ip_allocation.c.network_id == bindparam("network"), t.ip_allocation.c.ip_address == bindparam("address"))
)
ON_SUBNET = PORTS.query.where(
    t.port.c.id.in_(select(t.ip_allocation.c.port_id).where(t.ip_allocation.c.subnet_id == bindparam("subnet")))
).order_by(t.port.c.created_at, t.port.c.id)
HAS_ADDRESS_ON = exists().where(
    t.ip_allocation.c.port_id == t.port.c.id, t.ip_allocation.c.subnet_id == bindparam("subnet")
)
ROUTER_BETWEEN = (
    select(t.router.c.id)
    .join(t.port, t.port.c.device_id == t.router.c.id)
    .where(
        t.port.c.network_id == bindparam("network"),
        t.port.c.device_owner == INTERFACE_OWNER,
        HAS_ADDRESS_ON,
        t.router.c.gateway_network_id == bindparam("external"),
    )
    .order_by(t.router.c.created_at)
)
SET_STATUS = update(t.port).where(t.port.c.id == bindparam("port")).values(status=bindparam("to"))
COUNT_UP = select(func.count()).select_from(t.port).where(one_of(t.port.c.id), t.port.c.status == "ACTIVE")
GROUP_NAMES = (
    select(t.port.c.device_id, t.security_group.c.name)
    .join(t.port_security_group, t.port_security_group.c.port_id == t.port.c.id)
    .join(t.security_group, t.security_group.c.id == t.port_security_group.c.security_group_id)
    .where(one_of(t.port.c.device_id))
    .distinct()
    .order_by(t.security_group.c.name)
)


def take_address(tx: Tx, network_id: str, port_id: str, ip: FixedIp) -> bool:
    """Claim the address for the port that is about to be written; False when another port has it."""
    values = {
        "subnet_id": ip.subnet_id,
        "ip_address": ip.ip_address,
        "port_id": port_id,
        "network_id": network_id,
    }
    return tx.execute(TAKE, values).rowcount == 1


def give_back_address(tx: Tx, ip: FixedIp) -> None:
    tx.execute(GIVE_BACK, {"subnet": ip.subnet_id, "address": ip.ip_address})


def taken_addresses(sql: Sql, subnet_id: str) -> set[str]:
    return {row[0] for row in sql.execute(TAKEN, {"subnet": subnet_id})}


def is_mac_taken(sql: Sql, network_id: str, mac: str) -> bool:
    return sql.execute(MAC_TAKEN, {"network": network_id, "mac": mac}).first() is not None


def add_port(tx: Tx, port: Port) -> bool:
    """False when its id or its MAC address was taken meanwhile; nothing is written then."""
    if tx.execute(ADD_PORT, PORTS.values(port)).rowcount != 1:
        return False
    if port.security_group_ids:
        tx.execute(ADD_GROUP, [_member(port.id, group_id) for group_id in port.security_group_ids])
    return True


def set_security_groups(tx: Tx, port_id: str, group_ids: Sequence[str]) -> None:
    """The table by which ports are found by group; the row of the port is written by its own change."""
    tx.execute(DROP_GROUPS, {"port": port_id})
    if group_ids:
        tx.execute(ADD_GROUP, [_member(port_id, group_id) for group_id in group_ids])


def _member(port_id: str, group_id: str) -> dict[str, str]:
    return {"port_id": port_id, "security_group_id": group_id}


def ports_on_subnet(sql: Sql, subnet_id: str) -> list[Port]:
    """Those that have an address of it."""
    return [Port(*row) for row in sql.execute(ON_SUBNET, {"subnet": subnet_id})]


def device_at(sql: Sql, network_id: str, ip_address: str) -> tuple[str, str] | None:
    """(device id, device owner) of the port with this address."""
    row = sql.execute(DEVICE_AT, {"network": network_id, "address": ip_address}).first()
    return None if row is None else (row.device_id, row.device_owner)


def router_between(sql: Sql, network_id: str, subnet_id: str, external_id: str) -> str | None:
    """The id of the oldest router that leads from the network's subnet to the external network."""
    asked = {"network": network_id, "subnet": subnet_id, "external": external_id}
    return sql.execute(ROUTER_BETWEEN, asked).scalar()


def set_status(tx: Tx, port_id: str, status: str) -> None:
    """The revision stays, for no spec tells of it."""
    tx.execute(SET_STATUS, {"port": port_id, "to": status})


def count_up(sql: Sql, port_ids: Sequence[str]) -> int:
    return sum(row[0] for row in in_chunks(sql, COUNT_UP, port_ids))


def group_names_of_devices(sql: Sql, device_ids: Sequence[str]) -> dict[str, list[str]]:
    """Device id -> the names of the security groups its ports are in, each once, sorted."""
    found: dict[str, list[str]] = {}
    for device_id, name in in_chunks(sql, GROUP_NAMES, device_ids):
        found.setdefault(device_id, []).append(name)
    return found
