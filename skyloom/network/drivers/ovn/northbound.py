"""Our replica of OVN's northbound database, and the draft of one transaction on it.

Rows carry our own ids: a network's switch has the network's id as its row's UUID, what is derived from several things
has a UUID made of their ids. So a row is found by its key in the replica's table, without an index or a scan, and
writing the same thing twice meets the same row. No two tables may share a UUID: the library keeps the rows of a
transaction by UUID alone.

The replica has one thread (ovsdbapp's) that speaks to the server; a second one tells of links, so that a slow listener
cannot hold the first. Nothing here waits longer than `timeout_s`.
"""

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ovs.db import idl as ovs_idl
from ovsdbapp import exceptions
from ovsdbapp.backend.ovs_idl import connection, transaction

from skyloom.network.drivers.contract import INCOMPLETE, BackendAway, BackendRefused
from skyloom.network.drivers.ovn.stream import hasten

SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")
ID = "skyloom:id"
REVISION = "skyloom:revision"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "NB_Global": ("options",),
    "Logical_Switch": ("name", "ports", "acls", "other_config", "external_ids"),
    "Logical_Switch_Port": (
        *("name", "type", "options", "tag", "addresses", "port_security", "up", "enabled"),
        *("dhcpv4_options", "dhcpv6_options", "external_ids"),
    ),
    "Logical_Router": ("name", "ports", "static_routes", "enabled", "nat", "options", "external_ids"),
    "Logical_Router_Port": ("name", "ha_chassis_group", "networks", "mac", "ipv6_ra_configs", "external_ids"),
    "Logical_Router_Static_Route": ("ip_prefix", "nexthop", "output_port"),
    "NAT": ("external_ip", "logical_ip", "type", "external_ids"),
    "ACL": ("priority", "direction", "match", "action"),
    "Port_Group": ("name", "ports", "acls", "external_ids"),
    "DHCP_Options": ("cidr", "options", "external_ids"),
    "HA_Chassis": ("chassis_name", "priority"),
    "HA_Chassis_Group": ("name", "ha_chassis"),
}
LOG = logging.getLogger(__name__)
Row = Any
_DERIVED = uuid.UUID("9d3a4d7e-52c0-4f0e-9b0c-6a4f6d0f5c11")


def derived(*parts: str) -> uuid.UUID:
    """The key of a row that belongs to several things."""
    return uuid.uuid5(_DERIVED, " ".join(parts))


def marks(id: str, revision: int, **more: str) -> dict[str, str]:
    """What a row of ours carries: the thing's id and revision, and `more` under our own prefix."""
    return {ID: id, REVISION: str(revision), **{f"skyloom:{key}": value for key, value in more.items()}}


class Draft:
    """One transaction in the making. A row that is not root lives as long as its parent's column names it."""

    def __init__(self, txn: Any, tables: Mapping[str, Any]):
        self._txn = txn
        self._tables = tables
        self._loose: set[uuid.UUID] = set()

    def find(self, table: str, key: str | uuid.UUID) -> Row | None:
        return self._tables[table].rows.get(key if isinstance(key, uuid.UUID) else uuid.UUID(key))

    def rows(self, table: str) -> list[Row]:
        return list(self._tables[table].rows.values())

    def put(self, table: str, key: str | uuid.UUID, **columns: object) -> Row:
        """The row with these columns, made if it is not there."""
        row = self.find(table, key)
        if row is None:
            key = key if isinstance(key, uuid.UUID) else uuid.UUID(key)
            row = self._txn.insert(self._tables[table], key, persist_uuid=True)
            self._loose.add(key)
        for column, value in columns.items():
            setattr(row, column, value)
        return row

    def attach(self, parent: Row, column: str, row: Row) -> None:
        """Put a row that has no parent into one's column; one that has is left where it is."""
        if row.uuid in self._loose:
            self._loose.discard(row.uuid)
            parent.addvalue(column, row)

    def detach(self, parent: Row, column: str, row: Row) -> None:
        self._loose.add(row.uuid)
        parent.delvalue(column, row)

    def children(self, row: Row, column: str) -> list[Row]:
        return list(getattr(row, column)) if hasattr(row, column) else []

    def keep(self, parent: Row, column: str, kept: set[uuid.UUID]) -> None:
        """Detach all children but these."""
        for child in self.children(parent, column):
            if child.uuid not in kept:
                self.detach(parent, column, child)

    def remove(self, row: Row, *columns: str) -> None:
        """A root row; `columns` name its children."""
        for column in columns:
            self._loose.update(child.uuid for child in self.children(row, column))
        row.delete()

    def doubt(self, row: Row) -> None:
        """What the row names is gone: it is not seen at its revision until its spec was sent again."""
        row.setkey("external_ids", REVISION, str(INCOMPLETE))


class Replica(connection.OvsdbIdl):
    """Tells `on_port` of each port row that came, went or changed its link; called on the connection's thread."""

    def __init__(self, remote: str, helper: Any, on_port: Callable[[str, bool], None]):
        super().__init__(remote, helper)
        self._on_port = on_port
        self._marks: dict[uuid.UUID, tuple[Row, tuple[str | None, int]]] = {}

    def marks_of(self, row: Row) -> tuple[str | None, int]:
        """Id (None: not a thing of ours) and revision."""
        kept = self._marks.get(row.uuid)
        # After a reconnect rows may be new objects, and then no change was told.
        if kept is None or kept[0] is not row:
            found = row.external_ids
            kept = self._marks[row.uuid] = (row, (found.get(ID), int(found.get(REVISION, INCOMPLETE))))
        return kept[1]

    def cooperative_yield(self) -> None:
        """Nothing to yield to: these are threads."""

    def notify(self, event: str, row: Row, updates: Row | None = None) -> None:
        if event == ovs_idl.ROW_DELETE or hasattr(updates, "external_ids"):
            self._marks.pop(row.uuid, None)
        if row._table.name != "Logical_Switch_Port":
            return
        if event == ovs_idl.ROW_UPDATE and not hasattr(updates, "up"):
            return
        id = row.external_ids.get(ID)
        if id is not None:
            self._on_port(id, event != ovs_idl.ROW_DELETE and row.up == [True])


class Northbound:
    """`remote` as OVSDB writes it: unix:/run/x/nb.sock, tcp:10.0.0.1:6641."""

    def __init__(self, remote: str, timeout_s: float):
        helper = ovs_idl.SchemaHelper(location=str(SCHEMA))
        for table, columns in COLUMNS.items():
            helper.register_columns(table, list(columns))
        self.idl = Replica(remote, helper, self._link_moved)
        hasten(self.idl._session)
        # The library's pauses grow to 8 s, longer than a caller here waits for a restarted server.
        self.idl._session.reconnect.set_backoff(50, 500)
        self._remote = remote
        self._timeout_s = timeout_s
        self._connection = connection.Connection(self.idl, timeout_s)
        self._closing = threading.Event()
        self._watchers: list[Callable[[str, bool], None]] = []
        self._told: queue.Queue[tuple[Callable[[str, bool], None], str, bool] | None] = queue.Queue()
        self._teller = threading.Thread(target=self._tell, name="ovn-links", daemon=True)
        self._teller.start()
        self._starter = threading.Thread(target=self._connect, name="ovn-connect", daemon=True)
        self._starter.start()

    def commit(self, change: Callable[[Draft], None]) -> None:
        """Run `change` on a draft and commit it; it runs again if the server wants the transaction again."""
        txn = transaction.Transaction(self, self._connection, self._timeout_s, check_error=True, log_errors=False)
        txn.add(_Work(change, self.idl.tables))
        try:
            txn.commit()
        except exceptions.TimeoutException as error:
            raise self._away() from error
        except RuntimeError as error:
            # ovsdbapp has one class for a server that said no and for one that took too long; its words differ.
            if not str(error).startswith("OVSDB Error"):
                raise self._away() from error
            raise BackendRefused("OVN's northbound database refused the change; the log has its words") from error

    @contextmanager
    def tables(self) -> Iterator[Mapping[str, Any]]:
        """The replica's tables, standing still. An outage shorter than `timeout_s` is waited for."""
        deadline = time.monotonic() + self._timeout_s
        while not self._hold(deadline):
            if time.monotonic() > deadline:
                raise self._away()
            self._closing.wait(0.01)
        try:
            yield self.idl.tables
        finally:
            self._connection.lock.release()

    def _hold(self, deadline: float) -> bool:
        """Take the connection's lock if the replica is the server's present state."""
        if not self._connection.lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return False
        if self.idl._session.is_connected() and self.idl.state == ovs_idl.Idl.IDL_S_MONITORING:
            return True
        self._connection.lock.release()
        return False

    def marked(self, table: str) -> dict[str, int]:
        """Id -> revision of the table's rows of ours.

        To unpack a row's marks costs 20 us, so the replica keeps them until they change.
        """
        with self.tables() as tables:
            known = [self.idl.marks_of(row) for row in tables[table].rows.values()]
        return {id: revision for id, revision in known if id is not None}

    def watch(self, on_port: Callable[[str, bool], None]) -> None:
        try:
            with self.tables() as tables:
                self._watchers.append(on_port)
                for row in list(tables["Logical_Switch_Port"].rows.values()):
                    if ID in row.external_ids:
                        self._told.put((on_port, row.external_ids[ID], row.up == [True]))
        except BackendAway:
            # Each port is told when the replica is filled again.
            self._watchers.append(on_port)

    def close(self) -> None:
        self._closing.set()
        self._starter.join()
        # Not by the connection's stop(), which waits without a limit for room in its queue.
        self._connection.is_running = False
        self._connection.txns.alert_notify()
        if self._connection.thread is not None:
            self._connection.thread.join(self._timeout_s)
        self.idl.close()
        self._told.put(None)
        self._teller.join(self._timeout_s)

    def _connect(self) -> None:
        while not self._closing.is_set():
            try:
                self._connection.start()
                return
            except exceptions.TimeoutException:
                LOG.warning("OVN's northbound database (%s) does not answer yet", self._remote)

    def _away(self) -> BackendAway:
        return BackendAway(f"OVN's northbound database ({self._remote}) does not answer; it is tried again")

    def _link_moved(self, port_id: str, is_up: bool) -> None:
        for on_port in self._watchers:
            self._told.put((on_port, port_id, is_up))

    def _tell(self) -> None:
        while (told := self._told.get()) is not None:
            on_port, port_id, is_up = told
            try:
                on_port(port_id, is_up)
            except Exception:
                LOG.exception("A listener to links failed on port %s", port_id)


class _Work:
    """The shape in which ovsdbapp takes work for a transaction."""

    result = None

    def __init__(self, change: Callable[[Draft], None], tables: Mapping[str, Any]):
        self._change = change
        self._tables = tables

    def run_idl(self, txn: Any) -> None:
        self._change(Draft(txn, self._tables))

    def post_commit(self, txn: Any) -> None:
        """Nothing of the reply is needed: every row's key was known before."""
