"""Boundaries that share a commit: all of them saved, and one that is refused spoils no other."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from msgspec.structs import replace

from skyloom.access import Caller
from skyloom.clock import VirtualClock
from skyloom.db import Database, Tx
from skyloom.work.group import Group
from tests.parts.databases import Open
from tests.store.work.flows import Stage, Walk

LIMIT_S = 30


class GatedDatabase(Database):
    """Counts transactions; each waits for the gate."""

    gate: threading.Event | None = None
    begun = 0

    @contextmanager
    def begin(self, caller: Caller) -> Iterator[Tx]:
        if self.gate is not None:
            self.begun += 1
            assert self.gate.wait(LIMIT_S)
        with super().begin(caller) as tx:
            yield tx


def test_boundaries_that_come_during_a_commit_share_the_next_one(databases: Open) -> None:
    clock = VirtualClock()
    database = databases(clock, GatedDatabase)
    assert isinstance(database, GatedDatabase)
    stage = Stage(database, clock)
    ids = [stage.start(key=f"server:{number}") for number in range(6)]
    tasks = stage.drill(Walk()).claims.take(6)
    group, moved = Group(stage.work), [replace(task, step="two") for task in tasks]
    stale = replace(moved[5], fence=0)

    database.gate = threading.Event()
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(group.save, moved[0])
        _wait(lambda: database.begun == 1)
        others = [pool.submit(group.save, each) for each in moved[1:5]]
        _wait(lambda: len(group._waiting) == 4)
        database.gate.set()
        assert [future.result(LIMIT_S) for future in [first, *others]] == [True] * 5
        assert database.begun == 2
        assert [stage.task(task_id).step for task_id in ids].count("two") == 5

        database.gate.clear()
        first = pool.submit(group.save, moved[0])
        _wait(lambda: database.begun == 3)
        others = [pool.submit(group.save, replace(each, step="three")) for each in (moved[1], stale)]
        _wait(lambda: len(group._waiting) == 2)
        database.gate.set()
        assert first.result(LIMIT_S)
        assert [future.result(LIMIT_S) for future in others] == [False, False]
    assert stage.task(moved[1].id).step == "two", "rolled back whole; each goes alone then"


def _wait(is_so: object) -> None:
    assert callable(is_so)
    done = threading.Event()
    for _ in range(LIMIT_S * 200):
        if is_so():
            return
        done.wait(0.005)
    raise AssertionError("the condition did not come")
