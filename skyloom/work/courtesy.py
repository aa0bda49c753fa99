"""Steps of tasks give way to requests.

Both are Python in one process, which runs one thread at a time. Somebody waits for the answer of a request; nobody sees
whether a step begins a moment later. So steps begin in the pauses of requests, and when there is none for long, they
begin all the same: tasks go on however much is asked (docs/decisions/steps-give-way.md).
"""

import threading
import time
from collections.abc import Callable

LOOK_S = 0.003


def never() -> bool:
    return False


class Courtesy:
    """`is_busy` tells whether a request is at work or waits. A step waits for `most_s` at most."""

    def __init__(self, most_s: float, is_busy: Callable[[], bool] = never):
        self.most_s = most_s
        self.is_busy = is_busy
        self._looking = threading.Lock()

    def wait(self) -> None:
        """Until there is a pause. One thread looks for it, the others wait for that one: many that look would be a load
        of their own."""
        if not self.is_busy():
            return
        deadline = time.monotonic() + self.most_s
        if not self._looking.acquire(timeout=self.most_s):
            return
        try:
            while self.is_busy() and time.monotonic() < deadline:
                time.sleep(LOOK_S)
        finally:
            self._looking.release()
