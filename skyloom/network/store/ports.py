"""What ports hold in tables of their own: addresses, security groups. And the questions that are asked by address."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, or_, select

from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free
from skyloom.network import tables as t
from skyloom.network.model import FixedIp, Port
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


def with_fixed_ip(criteria: Mapping[str, Sequence[str]]) -> list[ColumnElement[bool]]:
    """Ports with such an address: `subnet_id`, `ip_address`, `ip_address_substr`, each any of its values."""
    c = t.ip_allocation.c
    conditions: list[ColumnElement[bool]] = []
    for name, values in criteria.items():
        if name == "ip_address_substr":
            match: ColumnElement[bool] = or_(*(c.ip_address.contains(value, autoescape=True) for value in values))
        else:
            match = c[name].in_(values)
        conditions.append(exists().where(c.port_id == t.port.c.id, match))
    return conditions


def in_security_group(group_ids: Sequence[str]) -> ColumnElement[bool]:
    c = t.port_security_group.c
    return exists().where(c.port_id == t.port.c.id, c.security_group_id.in_(group_ids))


def ports_of_devices(sql: Sql, device_ids: Sequence[str]) -> list[Port]:
    return PORTS.find_in(sql, t.port.c.device_id, device_ids)


def device_at(sql: Sql, network_id: str, ip_address: str) -> tuple[str, str] | None:
    """(device id, device owner) of the port with this address."""
    row = sql.execute(DEVICE_AT, {"network": network_id, "address": ip_address}).first()
    return None if row is None else (row.device_id, row.device_owner)


def count_up(sql: Sql, port_ids: Sequence[str]) -> int:
    return sum(row[0] for row in in_chunks(sql, COUNT_UP, port_ids))


def group_names_of_devices(sql: Sql, device_ids: Sequence[str]) -> dict[str, list[str]]:
    """Device id -> the names of the security groups its ports are in, each once, sorted."""
    found: dict[str, list[str]] = {}
    for device_id, name in in_chunks(sql, GROUP_NAMES, device_ids):
        found.setdefault(device_id, []).append(name)
    return found
