"""The verbs of servers that exist. What takes time is a flow: a verb marks the row and starts it in one transaction."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from skyloom.access import Caller
from skyloom.compute.errors import (
    HostAway,
    InterfaceNotFound,
    RequestInvalid,
    ServerChanged,
    ServerHasNoHost,
    ServerInWrongState,
    ServerLocked,
    ServerNotFound,
)
from skyloom.compute.flows import DeleteServer, PowerFrame, RebootServer, ServerFrame, StartServer, StopServer
from skyloom.compute.model import Action, Server, TaskState, VmState
from skyloom.compute.parts import Parts
from skyloom.compute.service.history import actions_of
from skyloom.compute.service.hosts import HostService
from skyloom.compute.store import ServerFilter, ServerStore
from skyloom.db import Tx
from skyloom.db.listing import Page
from skyloom.network import NicInfo

__all__ = ["ServerDetail", "ServerFilter", "ServerService"]

SHOW = "os_compute_api:servers:show"
UPDATABLE = (VmState.ACTIVE, VmState.STOPPED)


@dataclass(frozen=True, slots=True)
class ServerDetail:
    """A server with what other domains know of it."""

    server: Server
    nics: Sequence[NicInfo]
    security_groups: Sequence[str]
    zone: str
    host_status: str
    groups: Sequence[str] = ()


@dataclass(frozen=True)
class PowerVerb:
    """What an action asks of the state, and which state it puts the server into while it runs."""

    name: str
    policy: str
    vm_states: Collection[VmState]
    task: TaskState
    flow: type[StartServer] | type[StopServer] | type[RebootServer]
    hard: bool = False


START = PowerVerb("start", "os_compute_api:servers:start", (VmState.STOPPED,), TaskState.POWERING_ON, StartServer)
STOP = PowerVerb(
    "stop", "os_compute_api:servers:stop", (VmState.ACTIVE, VmState.ERROR), TaskState.POWERING_OFF, StopServer
)
REBOOT = PowerVerb("reboot", "os_compute_api:servers:reboot", (VmState.ACTIVE,), TaskState.REBOOTING, RebootServer)
HARD_REBOOT = PowerVerb(
    "reboot",
    "os_compute_api:servers:reboot",
    (VmState.ACTIVE, VmState.STOPPED, VmState.ERROR),
    TaskState.REBOOTING_HARD,
    RebootServer,
    hard=True,
)


class ServerService:
    def __init__(self, parts: Parts, hosts: HostService):
        self.parts = parts
        self.hosts = hosts
        self.store = ServerStore()

    # reading

    def get(self, caller: Caller, server_id: str, action: str = SHOW) -> Server:
        """Raises ServerNotFound, also for one of another project, and PolicyForbids."""
        found = self.store.get(self.parts.db.read(), server_id)
        if found is None or not (caller.is_admin or found.project_id == caller.project_id):
            raise ServerNotFound(server_id)
        self.parts.policy.require(caller, action, {"project_id": found.project_id, "user_id": found.user_id})
        if found.deleted_at is not None:
            raise ServerNotFound(server_id)
        return found

    def show(self, caller: Caller, server_id: str, action: str = SHOW) -> ServerDetail:
        return self.with_groups(self.details([self.get(caller, server_id, action)])[0])

    def with_groups(self, detail: ServerDetail) -> ServerDetail:
        group_id = detail.server.group_id
        return detail if group_id is None else replace(detail, groups=(group_id,))

    def details(self, servers: Sequence[Server]) -> list[ServerDetail]:
        """A fixed number of statements, however many servers."""
        ids = [server.id for server in servers]
        sql = self.parts.db.read()
        nics = self.parts.network.nics_of_servers(sql, ids) if ids else {}
        groups = self.parts.network.security_groups_of_servers(sql, ids) if ids else {}
        known = self.hosts.by_name()
        names = {server.host for server in servers if server.host is not None and server.host in known}
        up = {name: self.hosts.is_up(known[name]) for name in names}
        return [
            ServerDetail(
                server=server,
                nics=nics.get(server.id, ()),
                security_groups=groups.get(server.id, ()),
                zone=known[server.host].availability_zone if server.host and server.host in known else "",
                host_status=_host_status(server.host, up),
            )
            for server in servers
        ]

    def page(
        self,
        caller: Caller,
        action: str,
        want: ServerFilter,
        page: Page,
        name: str | None = None,
        addresses: Sequence[str] = (),
    ) -> list[Server]:
        """`action`: index or detail. `name` and `addresses` are regular expressions, as Nova's filters are.

        `want.project_id` None asks for all projects. Raises RequestInvalid for a marker that is not there.
        """
        target = {"project_id": caller.project_id, "user_id": caller.user_id}
        self.parts.policy.require(caller, f"os_compute_api:servers:{action}", target)
        if want.project_id != caller.project_id:
            self.parts.policy.require(caller, f"os_compute_api:servers:{action}:get_all_tenants", target)
        if name is not None or addresses:
            want = replace(want, ids=self._matching(want, name, addresses))
        found = self.store.page(self.parts.db.read(), want, page)
        if found is None:
            raise RequestInvalid(f"marker [{page.marker}] not found", field="marker")
        return found

    def _matching(self, want: ServerFilter, name: str | None, addresses: Sequence[str]) -> list[str]:
        sql = self.parts.db.read()
        named = self.store.names(sql, want)
        if name is not None:
            pattern = _pattern(name)
            named = [each for each in named if pattern.search(each[1])]
        ids = [each[0] for each in named]
        if addresses:
            nics = self.parts.network.nics_of_servers(sql, ids) if ids else {}
            patterns = [_pattern(address) for address in addresses]
            ids = [each for each in ids if all(_has_address(nics.get(each, ()), pattern) for pattern in patterns)]
        return ids

    def addresses(self, caller: Caller, server_id: str, action: str) -> Sequence[NicInfo]:
        """`action`: the policy of the call."""
        server = self.get(caller, server_id, action)
        return self.parts.network.nics_of_servers(None, [server.id]).get(server.id, ())

    def interface(self, caller: Caller, server_id: str, port_id: str) -> NicInfo:
        for nic in self.addresses(caller, server_id, "os_compute_api:os-attach-interfaces:show"):
            if nic.port_id == port_id:
                return nic
        raise InterfaceNotFound(port_id)

    def history(self, caller: Caller, server_id: str, action: str) -> list[Action]:
        """Also of a server that is deleted."""
        found = self.store.get(self.parts.db.read(), server_id)
        if found is None or not (caller.is_admin or found.project_id == caller.project_id):
            raise ServerNotFound(server_id)
        self.parts.policy.require(caller, action, {"project_id": found.project_id})
        return actions_of(self.parts.db.read(), server_id)

    def console_output(self, caller: Caller, server_id: str, lines: int | None) -> str:
        """The last `lines` of the console, all for None. Raises ServerHasNoHost, HostAway.

        Counted as Nova counts: what follows the last line break is a line too, empty or not.
        """
        server = self.get(caller, server_id, "os_compute_api:os-console-output")
        if server.host is None or server.launched_at is None:
            raise ServerHasNoHost(server_id)
        if not self.hosts.is_usable(server.host):
            raise HostAway(server.host)
        output = self.parts.drivers[server.host].console_output(server_id, lines)
        return output if lines is None else "\n".join(output.split("\n")[-lines:] if lines else [])

    # changing

    def change(self, caller: Caller, server: Server, values: Mapping[str, object], action: str) -> Server:
        """Write columns of the row as it was read. Raises ServerChanged when somebody was faster."""
        with self.parts.db.begin(caller) as tx:
            self._write(tx, server, values, action)
        return self.get(caller, server.id, action)

    def _write(self, tx: Tx, server: Server, values: Mapping[str, object], action: str) -> None:
        now = self.parts.db.clock.now()
        if not self.store.change(tx, server.id, now, values, generation=server.generation):
            raise ServerChanged(server.id)
        tx.record(action, "server", server.id)

    def update(self, caller: Caller, server_id: str, values: Mapping[str, object]) -> ServerDetail:
        """`values`: columns that the update call may write."""
        action = "os_compute_api:servers:update"
        server = self.get(caller, server_id, action)
        changed = self.change(caller, server, values, action) if values else server
        return self.with_groups(self.details([changed])[0])

    def lock(self, caller: Caller, server_id: str, reason: str | None) -> None:
        action = "os_compute_api:os-lock-server:lock"
        server = self.get(caller, server_id, action)
        self.change(caller, server, {"locked": True, "locked_reason": reason}, action)

    def unlock(self, caller: Caller, server_id: str) -> None:
        action = "os_compute_api:os-lock-server:unlock"
        server = self.get(caller, server_id, action)
        self.change(caller, server, {"locked": False, "locked_reason": None}, action)

    def reset_state(self, caller: Caller, server_id: str, vm_state: VmState) -> None:
        action = "os_compute_api:os-admin-actions:reset_state"
        server = self.get(caller, server_id, action)
        values: dict[str, object] = {"vm_state": vm_state, "task_state": None}
        self.change(caller, server, values | ({"fault": None} if vm_state is VmState.ACTIVE else {}), action)

    def power(self, caller: Caller, server_id: str, verb: PowerVerb) -> None:
        """Start the flow of `verb`. Raises ServerInWrongState, ServerLocked."""
        server = self.get(caller, server_id, verb.policy)
        self._check_lock(caller, server)
        if server.vm_state not in verb.vm_states or server.host is None:
            raise ServerInWrongState(server.id, verb.name, "vm_state", server.vm_state)
        if server.task_state is not None:
            raise ServerInWrongState(server.id, verb.name, "task_state", server.task_state)
        frame = PowerFrame(server.id, caller.user_id, server.project_id, caller.request_id, verb.hard)
        with self.parts.db.begin(caller) as tx:
            self._write(tx, server, {"task_state": verb.task}, verb.policy)
            self.parts.work.start(tx, verb.flow, key_of(server.id), frame)

    def delete(self, caller: Caller, server_id: str) -> None:
        """Whatever else is being done to the server ends; a repeat is no error as long as the row is there."""
        action = "os_compute_api:servers:delete"
        server = self.get(caller, server_id, action)
        self._check_lock(caller, server)
        frame = ServerFrame(server.id, caller.user_id, server.project_id, caller.request_id)
        with self.parts.db.begin(caller) as tx:
            now = self.parts.db.clock.now()
            if not self.store.change(tx, server.id, now, {"task_state": TaskState.DELETING}):
                raise ServerNotFound(server.id)
            self.parts.work.start(tx, DeleteServer, key_of(server.id), frame, preempt=True)
            tx.record(action, "server", server.id)

    def _check_lock(self, caller: Caller, server: Server) -> None:
        override = "os_compute_api:os-lock-server:unlock:unlock_override"
        if server.locked and not self.parts.policy.allows(caller, override, {"project_id": server.project_id}):
            raise ServerLocked(server.id)

    def require_settled(self, server: Server, action: str) -> None:
        if server.vm_state not in UPDATABLE:
            raise ServerInWrongState(server.id, action, "vm_state", server.vm_state)


def key_of(server_id: str) -> str:
    """What the flows of a server are kept under."""
    return f"server:{server_id}"


def _host_status(host: str | None, up: Mapping[str, bool]) -> str:
    if host is None:
        return ""
    return "UP" if up.get(host) else "DOWN"


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise RequestInvalid(f"{text!r} is no regular expression: {error}.") from error


def _has_address(nics: Sequence[NicInfo], pattern: re.Pattern[str]) -> bool:
    return any(
        pattern.search(address)
        for nic in nics
        for fixed in nic.fixed_ips
        for address in (fixed.address, *fixed.floating_ips)
    )
