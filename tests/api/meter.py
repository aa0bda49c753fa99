"""What a request costs, as steps of SQLite's machine: a number that is the same on a slow machine and a quick one."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import event

from tests.cloud import Cloud

STEPS_A_TICK = 5
TRIES = 4
SLACK = 150
"""Steps that a call may take more: B-trees get deeper, pages split. One that reads 200 rows takes 800 and more."""
Call = Callable[[], object]


class Meter:
    """Ticks of SQLite's progress handler, by thread."""

    def __init__(self, cloud: Cloud):
        self._ticks: Counter[int] = Counter()
        event.listen(cloud.db.engine, "checkout", self._watch)
        cloud.db.close()  # every connection is checked out anew

    def _watch(self, connection: Any, *rest: object) -> None:
        connection.set_progress_handler(self._tick, STEPS_A_TICK)

    def _tick(self) -> int:
        self._ticks[threading.get_ident()] += 1
        return 0

    def once(self, call: Call) -> int:
        """Steps in the thread that calls."""
        self._ticks.clear()
        call()
        return self._ticks[threading.get_ident()] * STEPS_A_TICK

    def steps(self, call: Call) -> int:
        """The least of some tries: the first may read what is remembered from then on."""
        return min(self.once(call) for _ in range(TRIES))

    def all(self) -> int:
        """Steps of all threads since the last count."""
        ticks = sum(list(self._ticks.values()))
        self._ticks.clear()
        return ticks * STEPS_A_TICK


def grown(few: Mapping[str, int], many: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Steps before and after, of the calls that take more now."""
    return {name: (few[name], many[name]) for name in few if many[name] > few[name] * 1.25 + SLACK}
