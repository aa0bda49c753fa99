"""The crash harness: every flow is driven to each of its ends, by every road.

A scenario builds the outside world and the services of one flow, starts it through its service, and says what the good
end and the clean slate look like. The harness fails each step and undo, and kills the worker at every *point*: before
and after each step and undo, and before and after each commit, also those inside a step. A kill is an exception that
nothing of ours catches; the worker is thrown away as it stands and a new one goes on from the database.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from skyloom.access import SYSTEM, Caller
from skyloom.clock import VirtualClock
from skyloom.db import Database, Tx, metadata
from skyloom.work import Abandon, Drill, Flow, NeverEnds, Pace, Task, TaskState, Work

W = TypeVar("W")


class Scenario(ABC, Generic[W]):
    """One way through `flow`. The world `W` holds what outlives a crash: the work, the database, simulated drivers."""

    flow: ClassVar[type[Flow[Any]]]
    is_preemptible: ClassVar[bool] = False
    """The scenario has a `preempt` and an `assert_preempted`."""

    @abstractmethod
    def build(self, work: Work) -> W:
        """A world of its own for each run; the database is empty."""

    @abstractmethod
    def flows(self, world: W) -> Sequence[Flow[Any]]:
        """The flow objects with fresh services around the world: called again after each crash."""

    @abstractmethod
    def start(self, world: W) -> None:
        """Ask the service for the operation; exactly one task of `flow` comes of it."""

    @abstractmethod
    def assert_done(self, world: W) -> None: ...

    @abstractmethod
    def assert_clean(self, world: W) -> None:
        """After a failure: nothing is left of it but a resource in its error state."""

    def preempt(self, world: W) -> None:
        """Ask the service for what overtakes the flow, a delete as a rule."""
        raise NotImplementedError

    def assert_preempted(self, world: W) -> None:
        raise NotImplementedError


class Kill(BaseException):
    """The process died here."""


class Broken(Exception):
    """A step failed, as steps do."""


PACE = Pace(first_pause_s=10, most_pause_s=300)
"""Long pauses: a deadline is reached in a few tries."""

ROADS = (
    *("succeeds", "each_step_fails_once", "each_step_fails_for_ever", "each_undo_fails_once"),
    *("killed_everywhere", "killed_everywhere_while_undoing", "killed_twice"),
)
"""The methods of `Harness` that every flow goes through; `preempted_everywhere` is for those that may be overtaken."""

Plan = Callable[[int, str], None]
"""Called at each point with its number and its name, such as "before place"; it may raise Kill or an error."""


class MortalDatabase(Database):
    """A database whose process may die around each commit."""

    strike: Callable[[str], None] | None = None

    @contextmanager
    def begin(self, caller: Caller) -> Iterator[Tx]:
        if self.strike is not None:
            self.strike("before a commit")
        with super().begin(caller) as tx:
            yield tx
        if self.strike is not None:
            self.strike("after a commit")


class Run(Generic[W]):
    """One world driven to the end of all its tasks. `points` names every point that was passed, in order."""

    def __init__(self, scenario: Scenario[W], database: Database, clock: VirtualClock):
        assert isinstance(database, MortalDatabase)
        self.scenario = scenario
        self.database: MortalDatabase = database
        self.clock = clock
        self.points: list[str] = []
        self.crashes = 0
        self.plan: Plan = lambda number, name: None
        _empty(database)
        self.work = Work(database)
        self.world = scenario.build(self.work)
        scenario.start(self.world)
        started = self.work.tasks(database.read(), flow=scenario.flow.name)
        assert len(started) == 1, f"one task of {scenario.flow.name} should have been started, not {len(started)}"
        self.task_id = started[0].id

    def drive(self, plan: Plan | None = None, seed: int = 0) -> Task:
        """The task of the scenario's flow as it ended."""
        self.plan = plan or self.plan
        chance = random.Random(seed)
        while True:
            flows = self.scenario.flows(self.world)
            drill = Drill(self.work, self.clock, flows, "drill", PACE, self._probe, seed)
            if self.crashes:
                # Either its leases run out, or the node comes back before that and takes them.
                if chance.random() < 0.5:
                    self.clock.advance(PACE.lease_s)
                else:
                    drill.claims.release_earlier_lives()
            self.database.strike = self._point
            try:
                drill.run_until_idle(most_runs=500)
                break
            except Kill:
                self.crashes += 1
            finally:
                self.database.strike = None
        return self.work.get(self.database.read(), self.task_id)

    def _probe(self, moment: str, task: Task) -> None:
        self._point(f"{moment} {task.step}")

    def _point(self, name: str) -> None:
        self.points.append(name)
        self.plan(len(self.points) - 1, name)


class Harness(Generic[W]):
    def __init__(self, scenario: Scenario[W], database: Database, clock: VirtualClock):
        self.scenario = scenario
        self._database = database
        self._clock = clock

    def new_run(self) -> Run[W]:
        return Run(self.scenario, self._database, self._clock)

    def succeeds(self) -> None:
        self._good(self.new_run(), None)

    def each_step_fails_once(self) -> None:
        for number, name in self._steps():
            self._good(self.new_run(), _once(number, Broken(name)), f"failing once {name}")

    def each_step_fails_for_ever(self) -> None:
        """By errors until the deadline, and by giving up at once; before the step did its work, and after."""
        for number, name in self._steps():
            for error in (Broken(name), Abandon(f"No way on {name}.")):
                self._undone(self.new_run(), _always(name, number, error), f"{type(error).__name__} {name}")

    def each_undo_fails_once(self) -> None:
        for step in self._step_names():
            for number, name in self._undo_points(step):
                plan = _both(_always(f"after {step}", 0, Abandon("No way on.")), _once(number, Broken(name)))
                self._undone(self.new_run(), plan, f"undoing from {step}, failing once {name}")

    def killed_everywhere(self) -> None:
        for number, name in enumerate(self._points()):
            self._good(self.new_run(), _once(number, Kill(name)), f"killed {name} ({number})")

    def killed_everywhere_while_undoing(self) -> None:
        for step in self._step_names():
            give_up = _always(f"after {step}", 0, Abandon("No way on."))
            run = self.new_run()
            run.drive(give_up)
            for number, name in enumerate(run.points):
                if number > run.points.index(f"after {step}"):
                    plan = _both(give_up, _once(number, Kill(name)))
                    self._undone(self.new_run(), plan, f"undoing from {step}, killed {name} ({number})")

    def killed_twice(self, tries: int = 20) -> None:
        """The second time soon after the first, while the repeat is under way."""
        many = len(self._points())
        for seed in range(tries):
            chance = random.Random(seed)
            first = chance.randrange(many)
            second = first + 1 + chance.randrange(6)
            plan = _both(_once(first, Kill()), _once(second, Kill()))
            self._good(self.new_run(), plan, f"killed at {first} and {second}", seed)

    def preempted_everywhere(self) -> None:
        """The overtaking starts at every step and undo, with and without the worker's death in the same moment."""
        self._preempted(self.new_run(), -1, False, None)
        for number, name in self._steps():
            for kills in (False, True):
                self._preempted(self.new_run(), number, kills, None, name)
        for step in self._step_names():
            give_up = _always(f"after {step}", 0, Abandon("No way on."))
            for number, name in self._undo_points(step):
                self._preempted(self.new_run(), number, False, give_up, name)

    def _good(self, run: Run[W], plan: Plan | None, how: str = "undisturbed", seed: int = 0) -> None:
        with _told(self.scenario, how):
            task = run.drive(plan, seed)
            assert task.state is TaskState.DONE, f"the task is {task.state}: {task.problem}"
            self.scenario.assert_done(run.world)

    def _undone(self, run: Run[W], plan: Plan, how: str) -> None:
        with _told(self.scenario, how):
            task = run.drive(plan)
            assert task.state is TaskState.FAILED, f"the task is {task.state}: {task.problem}"
            self.scenario.assert_clean(run.world)

    def _preempted(self, run: Run[W], at: int, kills: bool, before: Plan | None, name: str = "the start") -> None:
        def plan(number: int, point: str) -> None:
            if number == at:
                strike, run.database.strike = run.database.strike, None
                self.scenario.preempt(run.world)
                run.database.strike = strike
                if kills:
                    raise Kill(point)
            if before is not None:
                before(number, point)

        if at < 0:
            self.scenario.preempt(run.world)
        with _told(self.scenario, f"pre-empted {name}{' and killed' if kills else ''}"):
            run.drive(plan)
            self.scenario.assert_preempted(run.world)

    def _points(self) -> list[str]:
        run = self.new_run()
        run.drive()
        return run.points

    def _steps(self) -> list[tuple[int, str]]:
        """The points around steps, as (number, name), of a run that nothing disturbs."""
        return _around_steps(self._points())

    def _step_names(self) -> list[str]:
        return list(dict.fromkeys(name.split(" ", 1)[1] for _, name in self._steps()))

    def _undo_points(self, step: str) -> list[tuple[int, str]]:
        run = self.new_run()
        run.drive(_always(f"after {step}", 0, Abandon("No way on.")))
        given_up = run.points.index(f"after {step}")
        return [point for point in _around_steps(run.points) if point[0] > given_up]


def _around_steps(points: Sequence[str]) -> list[tuple[int, str]]:
    return [(number, name) for number, name in enumerate(points) if not name.endswith(" a commit")]


def _once(at: int, error: BaseException) -> Plan:
    def plan(number: int, name: str) -> None:
        if number == at:
            raise error.with_traceback(None)

    return plan


def _always(at: str, since: int, error: BaseException) -> Plan:
    def plan(number: int, name: str) -> None:
        if name == at and number >= since:
            raise error.with_traceback(None)

    return plan


def _both(first: Plan, second: Plan) -> Plan:
    def plan(number: int, name: str) -> None:
        second(number, name)
        first(number, name)

    return plan


@contextmanager
def _told(scenario: Scenario[Any], how: str) -> Iterator[None]:
    """An error says on which road it was met."""
    try:
        yield
    except (AssertionError, NeverEnds) as error:
        raise AssertionError(f"{type(scenario).__name__}, {how}: {error}") from error


def _empty(database: Database) -> None:
    with database.begin(SYSTEM) as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(table.delete())
