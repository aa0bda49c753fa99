"""Flows for the engine's own tests; each writes down what it did."""

import threading
from collections.abc import Callable

import msgspec

from skyloom.access import Caller
from skyloom.clock import VirtualClock
from skyloom.db import Database, Tx
from skyloom.errors import SkyloomError
from skyloom.work import Done, Drill, Flow, Next, Pace, Step, Task, Work

USER = Caller(user_id="u1", project_id="p1", request_id="req-1")


class Frame(msgspec.Struct):
    name: str = ""
    seen: list[str] = []


class Walk(Flow[Frame]):
    """Three steps whose behaviour a test replaces by `on`, and two undos."""

    name = "tests.walk"
    frame = Frame
    first = "one"
    undo = {"one": "undo_one", "three": "undo_three"}
    deadline_s = 600

    def __init__(self, **on: Callable[[Frame], Step | None]):
        self.on = on
        self.log: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.changed = threading.Condition()

    def _do(self, name: str, frame: Frame, otherwise: Step | None) -> Step | None:
        with self.changed:
            self.log.append(name)
            self.changed.notify_all()
        return self.on[name](frame) if name in self.on else otherwise

    def one(self, frame: Frame) -> Step | None:
        frame.seen.append("one")
        return self._do("one", frame, Next("two"))

    def two(self, frame: Frame) -> Step | None:
        frame.seen.append("two")
        return self._do("two", frame, Next("three"))

    def three(self, frame: Frame) -> Step | None:
        frame.seen.append("three")
        return self._do("three", frame, Done())

    def undo_one(self, frame: Frame) -> Step | None:
        return self._do("undo_one", frame, None)

    def undo_three(self, frame: Frame) -> Step | None:
        return self._do("undo_three", frame, None)

    def failed(self, frame: Frame, problem: SkyloomError) -> None:
        self.problems.append((problem.code, problem.sentence))
        self._do("failed", frame, None)

    def reach(self, name: str, times: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.log.count(name) >= times, 60), self.log


class Overtake(Walk):
    name = "tests.overtake"


class Stage:
    """A database, its clock, and drills of several nodes over the same flows."""

    def __init__(self, database: Database, clock: VirtualClock, pace: Pace | None = None):
        self.database = database
        self.clock = clock
        self.pace = pace or Pace()
        self.work = Work(database)

    def start(self, flow: type[Walk] = Walk, key: str = "server:s1", preempt: bool = False) -> str:
        with self.database.begin(USER) as tx:
            return self.start_in(tx, flow, key, preempt)

    def start_in(self, tx: Tx, flow: type[Walk] = Walk, key: str = "server:s1", preempt: bool = False) -> str:
        tx.record("server:create", "server", key)
        return self.work.start(tx, flow, key, Frame("n"), preempt=preempt)

    def drill(self, *flows: Walk, node: str = "n1") -> Drill:
        return Drill(self.work, self.clock, flows, node, self.pace)

    def task(self, task_id: str) -> Task:
        return self.work.get(self.database.read(), task_id)
