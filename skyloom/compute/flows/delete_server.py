"""A server goes, with all it holds. It pre-empts whatever else is being done to the server and answers for its rest.

A host that is down does not keep its servers from being deleted: the rows, ports and the claim go now, and the guest is
taken by the reconciler when the host is back, because no row wants it any more.
"""

from skyloom.access import SYSTEM
from skyloom.compute.flows.frame import ServerFrame
from skyloom.compute.model import Fault, Power, TaskState, Usage, VmState
from skyloom.compute.parts import Parts
from skyloom.compute.service.history import record_end
from skyloom.compute.service.hosts import HostService
from skyloom.compute.store import QuotaStore, ServerStore
from skyloom.errors import SkyloomError
from skyloom.work import Done, Flow, Next, Step


class DeleteServer(Flow[ServerFrame]):
    name = "delete_server"
    frame = ServerFrame
    first = "remove_guest"
    deadline_s = 3600

    def __init__(self, parts: Parts, hosts: HostService):
        self.parts = parts
        self.hosts = hosts
        self.store = ServerStore()
        self.quotas = QuotaStore()

    def remove_guest(self, frame: ServerFrame) -> Step:
        """An agent that does not answer is tried again until its host counts as down."""
        server = self.store.get(self.parts.db.read(), frame.server_id)
        if server is not None and server.host is not None and self.hosts.is_usable(server.host):
            self.parts.drivers[server.host].remove_server(server.id)
        return Next("unplug")

    def unplug(self, frame: ServerFrame) -> Step:
        self.parts.network.release_server_ports(frame.server_id)
        return Next("forget")

    def forget(self, frame: ServerFrame) -> Step:
        """Claim, quota and row in one transaction: what a project holds and what it sees never differ."""
        now = self.parts.db.clock.now()
        values = {
            "vm_state": VmState.DELETED,
            "task_state": None,
            "power_state": int(Power.NOSTATE),
            "terminated_at": now,
            "deleted_at": now,
        }
        with self.parts.db.begin(SYSTEM) as tx:
            server = self.store.get(tx, frame.server_id)
            if server is not None and self.store.change(tx, server.id, now, values):
                self.parts.placement.release(server.id, tx)
                used = Usage(1, server.flavor.vcpus, server.flavor.memory_mib)
                self.quotas.release(tx, server.project_id, used)
                record_end(tx, frame.caller, self.parts.db.clock.now(), self.name, frame.server_id, is_good=True)
        return Done()

    def failed(self, frame: ServerFrame, problem: SkyloomError) -> None:
        now = self.parts.db.clock.now()
        fault = Fault(500, f"It could not be deleted: {problem.sentence} Delete it again.", now)
        values = {"vm_state": VmState.ERROR, "task_state": None, "fault": fault}
        with self.parts.db.begin(SYSTEM) as tx:
            if self.store.change(tx, frame.server_id, now, values, tasks=(TaskState.DELETING,)):
                record_end(tx, frame.caller, self.parts.db.clock.now(), self.name, frame.server_id, is_good=False)
