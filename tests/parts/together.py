"""Several threads that do the same in the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from skyloom.errors import SkyloomError

T = TypeVar("T")
LIMIT_S = 60


def together(count: int, act: Callable[[int], T]) -> tuple[Sequence[T], Sequence[SkyloomError]]:
    """What `act(0)` … `act(count - 1)` returned, and what they were refused with; any other error is raised."""
    start = threading.Barrier(count)

    def run(number: int) -> T | SkyloomError:
        start.wait(LIMIT_S)
        try:
            return act(number)
        except SkyloomError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(run, range(count), timeout=LIMIT_S))
    done = [each for each in outcomes if not isinstance(each, SkyloomError)]
    return done, [each for each in outcomes if isinstance(each, SkyloomError)]
