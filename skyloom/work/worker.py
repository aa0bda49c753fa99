"""The threads of one process that run tasks, and the drill that runs them without threads.

Any number of processes may work on one database. Each claims what it has idle threads for, renews its leases while they
run, and gives them back when it stops; what a killed one held runs out. `node` names the only such process of its
machine: a new life of it takes what the earlier one held at once, so two processes of one node name must never run.
"""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from skyloom.access import SYSTEM
from skyloom.clock import VirtualClock
from skyloom.db import DatabaseUnavailable
from skyloom.work import store
from skyloom.work.flow import Flow
from skyloom.work.runner import Pace, Probe, Runner, by_name, quiet
from skyloom.work.service import Work
from skyloom.work.task import Task

logger = logging.getLogger(__name__)


class Claims:
    """The leases of one life of one process."""

    def __init__(self, work: Work, flows: Iterable[str], node: str, pace: Pace):
        self.owner = f"{node}:{secrets.token_hex(8)}"
        self._work = work
        self._flows = list(flows)
        self._node = node
        self._lease = timedelta(seconds=pace.lease_s)

    def take(self, most: int) -> list[Task]:
        now = self._work.clock.now()
        with self._work.database.begin(SYSTEM) as tx:
            return store.claim(tx, now, self._flows, self.owner, now + self._lease, most)

    def renew(self, ids: Iterable[str]) -> None:
        held = list(ids)
        if not held:
            return
        with self._work.database.begin(SYSTEM) as tx:
            store.renew(tx, held, self.owner, self._work.clock.now() + self._lease)

    def give_back(self, held: Iterable[str]) -> None:
        """Free all leases but those of `held`: what was claimed by a commit whose answer was lost runs nowhere."""
        with self._work.database.begin(SYSTEM) as tx:
            freed = store.give_back(tx, self.owner, list(held))
        if freed:
            logger.info("gave back %d tasks whose claims were in doubt", freed)

    def release_earlier_lives(self) -> None:
        with self._work.database.begin(SYSTEM) as tx:
            released = store.release_node(tx, self._node, self.owner, self._work.clock.now())
        if released:
            logger.info("took over %d tasks of an earlier life of %s", released, self._node)


class Worker:
    """`start` it once; `stop` waits until the steps that run have ended and their leases are given back."""

    def __init__(
        self, work: Work, flows: Iterable[Flow[Any]], node: str, pace: Pace | None = None, probe: Probe = quiet
    ):
        self.pace = pace or Pace()
        registry = by_name(flows)
        self.runner = Runner(work, registry, self.pace, probe)
        self.claims = Claims(work, registry, node, self.pace)
        self._clock = work.clock
        self._wake = threading.Condition()
        self._is_hinted = True
        self._look_at = 0.0
        # By id and fence: a task that rests may be claimed again before the thread that ran it has left.
        self._running: dict[tuple[str, int], Task] = {}
        self._late: set[str] = set()
        self._is_in_doubt = False
        self._handed: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        names = [("work-claims", self._claim), ("work-leases", self._renew)]
        names += [(f"work-{number}", self._work_off) for number in range(self.pace.threads)]
        self._threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in names]
        work.listen(self.hint)

    def start(self) -> None:
        self.claims.release_earlier_lives()
        for thread in self._threads:
            thread.start()

    def stop(self, limit_s: float = 30.0) -> None:
        """A step that outlasts `limit_s` is left to die with the process; its lease then runs out."""
        limit = time.monotonic() + limit_s
        self.runner.stopping.set()
        claimer, renewer, *workers = self._threads
        with self._wake:
            self._wake.notify_all()
        _join([claimer], limit)
        for _ in workers:
            self._handed.put(None)
        _join(workers, limit)
        # Last, for the steps that were still running had leases to renew.
        self._stopped.set()
        _join([renewer], limit)

    def give_way_to(self, is_busy: Callable[[], bool]) -> None:
        """Begin steps in the pauses of what `is_busy` tells of."""
        self.runner.courtesy.is_busy = is_busy

    def hint(self) -> None:
        """Something may be due now."""
        with self._wake:
            self._is_hinted = True
            self._wake.notify_all()

    def _claim(self) -> None:
        while (room := self._room()) > 0:
            try:
                self._give_back_doubtful()
                tasks = self.claims.take(room)
            except DatabaseUnavailable:
                logger.warning("no tasks are claimed while the database is away")
                self._is_in_doubt = True
                tasks = []
            except Exception:
                logger.exception("tasks cannot be claimed now; again in %.1f s", self.pace.poll_s)
                tasks = []
            with self._wake:
                # As many as were asked for: there may be more.
                self._is_hinted = self._is_hinted or len(tasks) == room
                self._running.update(((task.id, task.fence), task) for task in tasks)
            for task in tasks:
                self._handed.put(task)

    def _give_back_doubtful(self) -> None:
        """After an outage a row may be leased to us that no thread of ours has."""
        if self._is_in_doubt:
            with self._wake:
                self._is_in_doubt = False
                held = [id for id, _ in self._running]
            self.claims.give_back(held)

    def _room(self) -> int:
        """Waits until there are idle threads and a reason to look; how many are idle. 0: the worker stops."""
        with self._wake:
            while not self.runner.stopping.is_set():
                idle = self.pace.threads - len(self._running)
                left_s = self._look_at - self._clock.monotonic()
                if idle > 0 and (self._is_hinted or left_s <= 0):
                    self._is_hinted = False
                    self._look_at = self._clock.monotonic() + self.pace.poll_s
                    return idle
                self._wake.wait(left_s if idle > 0 else None)
            return 0

    def _work_off(self) -> None:
        while (task := self._handed.get()) is not None:
            left, is_lost = None, False
            try:
                left = self.runner.run(task)
            except DatabaseUnavailable:
                logger.warning("task %s is left until the database is back", task.id)
                is_lost = True
            except Exception:
                logger.exception("task %s is left until its lease runs out", task.id)
            with self._wake:
                del self._running[task.id, task.fence]
                self._is_in_doubt = self._is_in_doubt or is_lost
                if left is not None and left.ended_at is None:
                    # Others would find it by their polls; we know when it is due.
                    left_s = (left.due_at - self._clock.now()).total_seconds()
                    self._look_at = min(self._look_at, self._clock.monotonic() + max(left_s, 0.0))
                self._wake.notify_all()

    def _renew(self) -> None:
        while not self._stopped.wait(self.pace.lease_s / 3):
            with self._wake:
                held = list(self._running.values())
            self._warn_of_late(held)
            try:
                self.claims.renew(task.id for task in held)
            except Exception:
                logger.exception("leases cannot be renewed now")

    def _warn_of_late(self, held: list[Task]) -> None:
        """A step that does not return cannot be stopped; it must not pass its deadline silently."""
        self._late &= {task.id for task in held}
        for task in held:
            if task.id not in self._late and self._clock.now() > task.deadline_at:
                self._late.add(task.id)
                logger.error("task %s (%s, %s) runs past its deadline", task.id, task.flow, task.key)


def _join(threads: Sequence[threading.Thread], limit: float) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, limit - time.monotonic()))
            if thread.is_alive():
                logger.warning("%s did not end in time", thread.name)


class NeverEnds(RuntimeError):
    """A drill whose tasks go on and on."""


class Drill:
    """A worker without threads, on a virtual clock: the same claims and the same boundaries, one after the other."""

    def __init__(
        self,
        work: Work,
        clock: VirtualClock,
        flows: Iterable[Flow[Any]],
        node: str = "drill",
        pace: Pace | None = None,
        probe: Probe = quiet,
        seed: int = 0,
    ):
        self.pace = pace or Pace()
        registry = by_name(flows)
        self.runner = Runner(work, registry, self.pace, probe, seed)
        self.claims = Claims(work, registry, node, self.pace)
        self._clock = clock
        self._work = work

    def run_due(self) -> bool:
        """Run one due task until it ends or waits. False: nothing is due now."""
        tasks = self.claims.take(1)
        for task in tasks:
            self.runner.run(task)
        return bool(tasks)

    def run_until_idle(self, most_runs: int = 10_000) -> None:
        """Until no live task is left, jumping to the next due time. `NeverEnds` after `most_runs`."""
        for _ in range(most_runs):
            if self.run_due():
                continue
            due_at = store.next_due(self._work.database.read())
            if due_at is None:
                return
            self._clock.advance(max(0.0, (due_at - self._clock.now()).total_seconds()))
        live = self._work.tasks(self._work.database.read(), is_live=True)
        raise NeverEnds(
            f"still live after {most_runs} runs: {', '.join(f'{task.flow} at {task.step}' for task in live)}"
        )
