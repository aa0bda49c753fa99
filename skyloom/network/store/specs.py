"""What a driver is told of: the rows that have a spec, and the revisions that they are at."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, select

from skyloom.db import Sql
from skyloom.network import tables as t
from skyloom.network.model import ROUTER_OWNERS

HAS_SPEC: Mapping[str, Sequence[ColumnElement[bool]]] = {
    "security_group": (),
    "network": (),
    "router": (),
    "port": (t.port.c.device_owner.not_in(ROUTER_OWNERS),),
    "floatingip": (t.floatingip.c.port_id.is_not(None),),
}
TABLES = (t.security_group, t.network, t.router, t.port, t.floatingip)
REVISIONS = {table.name: select(table.c.id, table.c.revision_number).where(*HAS_SPEC[table.name]) for table in TABLES}


def revisions(sql: Sql) -> dict[str, dict[str, int]]:
    """noun -> id -> revision of everything that has a spec now; one statement a noun."""
    return {
        noun: {row.id: row.revision_number for row in sql.execute(statement)} for noun, statement in REVISIONS.items()
    }
