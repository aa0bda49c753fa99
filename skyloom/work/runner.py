"""Runs one leased task from boundary to boundary.

A boundary is one commit: the step that comes next, the frame and the trail together, written only while the lease's
fence still holds. What a step changed in its frame is forgotten when it raises, exactly as if the process had died.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from skyloom.access import SYSTEM
from skyloom.db import DatabaseUnavailable
from skyloom.work import store
from skyloom.work.courtesy import Courtesy
from skyloom.work.flow import Abandon, Done, Flow, Next, Step, Wait
from skyloom.work.group import Group
from skyloom.work.service import Work, encode
from skyloom.work.task import Cancelled, DeadlinePassed, Interrupt, Problem, Task, TaskState, Told, problem_of

logger = logging.getLogger(__name__)
FAILED = "failed"
"""The name of `Flow.failed` in rows: the last thing an undoing task does."""


@dataclass(frozen=True)
class Pace:
    """How often and how long. A lease must be far longer than the clocks of two machines may differ."""

    first_pause_s: float = 0.1
    most_pause_s: float = 15.0
    lease_s: float = 15.0
    poll_s: float = 1.0
    threads: int = 8
    courtesy_s: float = 0.1


Probe = Callable[[str, Task], None]
"""Called with "before" and "after" around every step and undo; the crash harness dies in it."""


def quiet(moment: str, task: Task) -> None:
    """The probe of everyday life."""


class UnknownStep(Abandon):
    code = "work.unknown_step"


def by_name(flows: Iterable[Flow[Any]]) -> Mapping[str, Flow[Any]]:
    """The registry that workers run from. A flow that names what it does not have is refused here, at start."""
    registry: dict[str, Flow[Any]] = {}
    for flow in flows:
        names = [flow.first, *flow.undo.keys(), *flow.undo.values()]
        missing = [name for name in names if not callable(getattr(flow, name, None))]
        if missing:
            raise TypeError(f"the flow {flow.name} names {', '.join(missing)} and has no such step")
        if flow.name in registry:
            raise TypeError(f"two flows are called {flow.name}")
        registry[flow.name] = flow
    return registry


class Runner:
    def __init__(
        self, work: Work, flows: Mapping[str, Flow[Any]], pace: Pace, probe: Probe = quiet, seed: int | None = None
    ):
        self.work = work
        self.database = work.database
        self.clock = work.clock
        self.flows = flows
        self.pace = pace
        self.stopping = threading.Event()
        self.courtesy = Courtesy(pace.courtesy_s)
        self._group = Group(work)
        self._probe = probe
        self._random = random.Random(seed)
        self._decoders = {name: msgspec.json.Decoder(flow.frame) for name, flow in flows.items()}

    def run(self, task: Task) -> Task | None:
        """Until it ends, waits or is another's (None)."""
        current: Task | None = task
        while current is not None and current.lease_owner is not None:
            current = self._settle(current, self._advance(current))
        return current

    def _advance(self, task: Task) -> Task:
        """Run what the row names; the row as it should stand after it."""
        if self.stopping.is_set():
            return replace(task, lease_owner=None, lease_until=None, due_at=self.clock.now())
        if task.interrupt:
            return self._heed(task)
        if task.state is TaskState.UNDOING:
            return self._backward(task)
        if self.clock.now() >= task.deadline_at:
            late = DeadlinePassed(f"This ({task.flow}) did not end in time, at the step {task.step}; it was given up.")
            logger.warning("task %s of request %s passed its deadline at %s", task.id, task.request_id, task.step)
            return self._give_up(task, task.problem or problem_of(late, task))
        return self._forward(task)

    def _settle(self, task: Task, moved: Task) -> Task | None:
        """Commit the boundary. None: the lease was lost, so what this worker thinks of the task is void.

        A database that is away for a moment is waited for: what was done would only have to be done again. The same
        boundary may be written twice; the fence still holds and the values are the same.
        """
        limit = time.monotonic() + self.pace.lease_s
        if moved.lease_owner is not None:
            # The row may hold a later one by now, from the heartbeat; never shorten it.
            moved = replace(moved, lease_until=self.clock.now() + timedelta(seconds=self.pace.lease_s))
        while True:
            try:
                if not task.interrupt and self._group.save(moved):
                    return moved
                return self._settle_alone(task, moved)
            except DatabaseUnavailable:
                if time.monotonic() >= limit or self.stopping.wait(self.pace.first_pause_s):
                    raise

    def _settle_alone(self, task: Task, moved: Task) -> Task | None:
        with self.database.begin(SYSTEM) as tx:
            now = self.clock.now()
            current = store.get_locked(tx, task.id)
            if current is None or current.fence != task.fence:
                logger.warning("task %s: the lease was lost at %s", task.id, task.step)
                return None
            if current.interrupt != task.interrupt:
                moved = self._heed(replace(moved, interrupt=current.interrupt))
            if current.interrupt:
                tx.on_commit(self.work.hint)
            return moved if store.save(tx, [moved], now, current.interrupt) else None

    def _heed(self, task: Task) -> Task:
        """Do what the interrupt asks. One that comes after the end comes too late."""
        if task.interrupt is Interrupt.PREEMPT:
            if task.ended_at is not None:
                return task
            return self._end(task, TaskState.PREEMPTED)
        calm = replace(task, interrupt=Interrupt.NONE)
        if task.state is not TaskState.RUNNING:
            return calm
        return self._give_up(calm, problem_of(Cancelled(f"This ({task.flow}) was cancelled by an operator."), task))

    def _forward(self, task: Task) -> Task:
        flow = self.flows[task.flow]
        try:
            frame = self._decoders[task.flow].decode(task.frame)
            outcome = self._call(task, frame)
            step = self._next_step(flow, task, outcome)
            kept = encode(frame).decode()
        except Abandon as error:
            logger.info("task %s of request %s gives up at %s: %s", task.id, task.request_id, task.step, error)
            return self._give_up(task, problem_of(error, task))
        except Exception as error:  # noqa: BLE001  (_pause logs it)
            return self._pause(task, error)
        calm = replace(task, frame=kept, attempts=0, problem=None)
        if step is None:
            return self._end(calm, TaskState.DONE)
        if isinstance(outcome, Wait):
            return self._rest(calm, outcome.seconds)
        trail = task.trail if step in task.trail else (*task.trail, step)
        return replace(calm, step=step, trail=trail)

    def _call(self, task: Task, *arguments: object) -> Any:
        self.courtesy.wait()
        self._probe("before", task)
        outcome = getattr(self.flows[task.flow], task.step)(*arguments)
        self._probe("after", task)
        return outcome

    def _next_step(self, flow: Flow[Any], task: Task, outcome: Step) -> str | None:
        """None after the last."""
        match outcome:
            case Done():
                return None
            case Wait():
                return task.step
            case Next(step) if callable(getattr(flow, step, None)):
                return step
        raise UnknownStep(
            f"The step {task.step} of {task.flow} goes on with {outcome!r}, which the flow does not have."
        )

    def _backward(self, task: Task) -> Task:
        try:
            frame = self._decoders[task.flow].decode(task.frame)
            if task.step == FAILED:
                assert task.problem is not None, "an undoing task knows why"
                self._call(task, frame, Told(task.problem))
                return self._end(task, TaskState.FAILED)
            outcome = self._call(task, frame)
            kept = encode(frame).decode()
        except Exception as error:  # noqa: BLE001  (_pause logs it)
            return self._pause(task, error)
        calm = replace(task, frame=kept, attempts=0)
        if isinstance(outcome, Wait):
            return self._rest(calm, outcome.seconds)
        return self._to_undo(replace(calm, undone=task.undone + 1))

    def _give_up(self, task: Task, problem: Problem) -> Task:
        now = self.clock.now()
        return self._to_undo(replace(task, state=TaskState.UNDOING, due_at=now, problem=problem, undone=0, attempts=0))

    def _to_undo(self, task: Task) -> Task:
        """At the newest step whose undo has not run; past the oldest, at `failed`."""
        undo = self.flows[task.flow].undo
        for undone in range(task.undone, len(task.trail)):
            step = task.trail[-1 - undone]
            if step in undo:
                return replace(task, undone=undone, step=undo[step])
        return replace(task, undone=len(task.trail), step=FAILED)

    def _pause(self, task: Task, error: Exception) -> Task:
        """The same again after a pause that doubles; a step's last problem is what the user is told at the deadline."""
        pause_s = min(self.pace.most_pause_s, self.pace.first_pause_s * 2 ** min(task.attempts, 30))
        pause_s *= self._random.uniform(0.5, 1.0)
        logger.warning(
            "task %s of request %s: %s of %s failed (try %d), again in %.2f s: %r",
            *(task.id, task.request_id, task.step, task.flow, task.attempts + 1, pause_s, error),
            # The trace once; the same one at every try would drown the log.
            exc_info=None if task.attempts else error,
        )
        problem = problem_of(error, task) if task.state is TaskState.RUNNING else task.problem
        return self._rest(replace(task, attempts=task.attempts + 1, problem=problem), pause_s)

    def _rest(self, task: Task, seconds: float) -> Task:
        due_at = self.clock.now() + timedelta(seconds=seconds)
        if task.state is TaskState.RUNNING:
            due_at = min(due_at, task.deadline_at)
        return replace(task, due_at=due_at, lease_owner=None, lease_until=None)

    def _end(self, task: Task, state: TaskState) -> Task:
        now = self.clock.now()
        return replace(task, state=state, ended_at=now, due_at=now, lease_owner=None, lease_until=None)
