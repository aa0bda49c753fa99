"""What networks hold in tables of their own: the ids of their subnets, segments."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import select

from skyloom.db import Sql, Tx
from skyloom.db.free import insert_if_free
from skyloom.network import tables as t
from skyloom.network.model import Network
from skyloom.network.store.rows import in_chunks, one_of

SUBNET_IDS = (
    select(t.subnet.c.network_id, t.subnet.c.id)
    .where(one_of(t.subnet.c.network_id))
    .order_by(t.subnet.c.created_at, t.subnet.c.id)
)
TAKE_SEGMENT = insert_if_free(t.segment)


def with_subnets(sql: Sql, networks: Sequence[Network]) -> list[Network]:
    found: dict[str, list[str]] = {}
    for network_id, id in in_chunks(sql, SUBNET_IDS, [network.id for network in networks]):
        found.setdefault(network_id, []).append(id)
    return [replace(network, subnet_ids=found.get(network.id, [])) for network in networks]


def take_segment(tx: Tx, network_id: str, kind: str, physical: str, number: int) -> bool:
    """Claim the segment for the network that is about to be written; False when another network has it."""
    row = {"network_type": kind, "physical_network": physical, "segmentation_id": number, "network_id": network_id}
    return tx.execute(TAKE_SEGMENT, row).rowcount == 1
