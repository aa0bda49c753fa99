"""Whatever happens in whatever order: a live task always becomes due, and none outlives its deadline silently."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from skyloom.access import SYSTEM
from skyloom.clock import VirtualClock
from skyloom.work import Abandon, Busy, Interrupt, Next, Step, Task, TaskEnded, TaskState, Wait, store
from skyloom.work.task import MOVES
from tests.parts.databases import Open
from tests.store.work.flows import Frame, Overtake, Stage, Walk

KEYS = ["server:1", "server:2", "server:3"]


class Whims:
    """Steps and undos that do as chance has it."""

    def __init__(self, chance: random.Random):
        self.chance = chance

    def step(self, frame: Frame) -> Step:
        roll = self.chance.random()
        if roll < 0.2:
            raise ValueError("a whim")
        if roll < 0.3:
            raise Abandon("A whim.")
        if roll < 0.6:
            return Wait(self.chance.choice([1, 30, 10**6]))
        return Next(self.chance.choice(["two", "three"]))

    def undo(self, frame: Frame) -> Step | None:
        if self.chance.random() < 0.3:
            raise ValueError("a whim")
        return Wait(1) if self.chance.random() < 0.2 else None

    def flow(self, kind: type[Walk]) -> Walk:
        steps = dict.fromkeys(("one", "two"), self.step)
        return kind(**steps, **dict.fromkeys(("undo_one", "undo_three", "failed"), self.undo))


class Turmoil:
    def __init__(self, stage: Stage, chance: random.Random):
        self.stage = stage
        self.chance = chance
        whims = Whims(chance)
        self.drills = [stage.drill(whims.flow(Walk), whims.flow(Overtake), node=node) for node in ("n1", "n2")]
        self.seen: dict[str, TaskState] = {}

    def act(self) -> None:
        drill = self.chance.choice(self.drills)
        key = self.chance.choice(KEYS)
        match self.chance.randrange(9):
            case 0 | 1:
                preempt = self.chance.random() < 0.3
                try:
                    self.stage.start(Overtake if preempt else Walk, key, preempt)
                except Busy:
                    self.stage.work.kick(key)
            case 2:
                drill.claims.take(1)  # and dies
            case 3:
                self.stage.clock.advance(self.chance.choice([1, 16, 400]))
            case 4:
                self.interfere()
            case _:
                drill.run_due()

    def interfere(self) -> None:
        live = self.live()
        if live:
            verb = self.chance.choice([self.stage.work.cancel, self.stage.work.retry])
            try:
                with self.stage.database.begin(SYSTEM) as tx:
                    verb(tx, self.chance.choice(live).id)
            except TaskEnded:
                return

    def live(self) -> list[Task]:
        return self.stage.work.tasks(self.stage.database.read(), is_live=True)

    def check(self) -> None:
        live = self.live()
        holders = Counter(task.key for task in live if task.interrupt is not Interrupt.PREEMPT)
        assert not [key for key, count in holders.items() if count > 1]
        for task in live:
            assert (task.lease_owner is None) == (task.lease_until is None)
            if task.state is TaskState.RUNNING:
                assert task.due_at <= max(task.deadline_at, self.stage.clock.now())
        assert (store.next_due(self.stage.database.read()) is None) == (not live)
        for task in self.stage.work.tasks(self.stage.database.read()):
            assert MOVES.allows(self.seen.get(task.id, TaskState.RUNNING), task.state) or (
                self.seen.get(task.id) is TaskState.RUNNING and task.state is TaskState.FAILED
            )
            assert (task.ended_at is not None) == (not MOVES.table.get(task.state))
            self.seen[task.id] = task.state


@pytest.mark.parametrize("seed", range(12))
def test_in_any_turmoil_every_task_comes_to_an_end(databases: Open, seed: int) -> None:
    clock = VirtualClock()
    stage = Stage(databases(clock), clock)
    turmoil = Turmoil(stage, random.Random(seed))
    for _ in range(60):
        turmoil.act()
        turmoil.check()
    latest = max([clock.now(), *(task.deadline_at for task in turmoil.live())])
    turmoil.drills[0].run_until_idle()
    assert turmoil.live() == []
    # Undoing takes a few tries after the last deadline, or after a lease that ran out there.
    assert clock.now() <= latest + timedelta(seconds=120)
    turmoil.check()
