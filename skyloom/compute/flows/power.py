"""A guest is started, stopped or rebooted. Each is one step that is repeated until the guest did it."""

from typing import ClassVar

from skyloom.access import SYSTEM
from skyloom.compute.drivers.contract import ComputeDriver, Progress, ServerGone
from skyloom.compute.flows.frame import ServerFrame
from skyloom.compute.model import Fault, Power, TaskState, VmState
from skyloom.compute.parts import Parts
from skyloom.compute.service.history import record_end
from skyloom.compute.store import ServerStore
from skyloom.errors import SkyloomError
from skyloom.work import Abandon, Done, Flow, Step, Wait

POLL_S = 0.5


class GuestLost(Abandon):
    code = "server.guest_lost"


class PowerFrame(ServerFrame):
    hard: bool = False


class PowerFlow(Flow[PowerFrame]):
    """What the three have in common: the row is in one of `tasks` meanwhile and in `reached` afterwards."""

    frame = PowerFrame
    first = "act"
    deadline_s = 600
    tasks: ClassVar[tuple[TaskState, ...]]
    reached: ClassVar[VmState]
    power: ClassVar[Power]

    def __init__(self, parts: Parts):
        self.parts = parts
        self.store = ServerStore()

    def ask(self, driver: ComputeDriver, frame: PowerFrame) -> Progress:
        raise NotImplementedError

    def act(self, frame: PowerFrame) -> Step:
        server = self.store.get(self.parts.db.read(), frame.server_id)
        if server is None or server.deleted_at is not None or server.host is None:
            raise GuestLost(f"Server {frame.server_id} has no guest any more.")
        try:
            progress = self.ask(self.parts.drivers[server.host], frame)
        except ServerGone as error:
            raise GuestLost(f"The host lost the guest of server {server.id}.") from error
        if progress is Progress.RUNNING:
            return Wait(POLL_S)
        values: dict[str, object] = {
            "vm_state": self.reached,
            "task_state": None,
            "power_state": int(self.power),
            "fault": None,
        }
        self._end(frame, values, is_good=True)
        return Done()

    def failed(self, frame: PowerFrame, problem: SkyloomError) -> None:
        """The server stays what it was; only a lost guest makes it an error."""
        values: dict[str, object] = {}
        if problem.code == GuestLost.code:
            values = {"vm_state": VmState.ERROR, "fault": Fault(500, problem.sentence, self.parts.db.clock.now())}
        self._end(frame, values, is_good=False)

    def _end(self, frame: PowerFrame, values: dict[str, object], is_good: bool) -> None:
        with self.parts.db.begin(SYSTEM) as tx:
            now = self.parts.db.clock.now()
            if self.store.change(tx, frame.server_id, now, {**values, "task_state": None}, tasks=self.tasks):
                record_end(tx, frame.caller, now, self.name, frame.server_id, is_good)


class StartServer(PowerFlow):
    name = "start_server"
    tasks = (TaskState.POWERING_ON,)
    reached = VmState.ACTIVE
    power = Power.RUNNING

    def ask(self, driver: ComputeDriver, frame: PowerFrame) -> Progress:
        driver.start(frame.server_id)
        return Progress.DONE


class StopServer(PowerFlow):
    name = "stop_server"
    tasks = (TaskState.POWERING_OFF,)
    reached = VmState.STOPPED
    power = Power.SHUTDOWN

    def ask(self, driver: ComputeDriver, frame: PowerFrame) -> Progress:
        return driver.stop(frame.server_id, self.parts.settings.stop_grace_s)


class RebootServer(PowerFlow):
    name = "reboot_server"
    tasks = (TaskState.REBOOTING, TaskState.REBOOTING_HARD)
    reached = VmState.ACTIVE
    power = Power.RUNNING

    def ask(self, driver: ComputeDriver, frame: PowerFrame) -> Progress:
        return driver.reboot(frame.server_id, frame.hard, self.parts.settings.stop_grace_s)
