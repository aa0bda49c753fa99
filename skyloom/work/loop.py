"""A reconciler's thread: it runs its pass when kicked and on a timer, and no error ends it."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Loop:
    """`pass_once` runs every `interval_s` and soon after each kick; kicks during a pass make one more pass, not many.

    A pass that fails is tried again after `first_pause_s`, doubling up to `interval_s`; a kick does not shorten that.
    """

    def __init__(self, name: str, pass_once: Callable[[], None], interval_s: float, first_pause_s: float = 0.5):
        self.name = name
        self._pass_once = pass_once
        self._interval_s = interval_s
        self._first_pause_s = min(first_pause_s, interval_s)
        self._failures = 0
        self._kicked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"loop-{name}", daemon=True)

    def start(self) -> None:
        """The first pass comes at once."""
        self._thread.start()

    def kick(self) -> None:
        self._kicked.set()

    def stop(self) -> None:
        """Returns when the pass that runs has ended."""
        self._stopping.set()
        self._kicked.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._kicked.clear()
            if self._passes():
                self._kicked.wait(self._interval_s)
            else:
                self._stopping.wait(min(self._interval_s, self._first_pause_s * 2 ** min(self._failures - 1, 30)))

    def _passes(self) -> bool:
        try:
            self._pass_once()
        except Exception:
            self._failures += 1
            logger.exception("the loop %s failed %d times in a row", self.name, self._failures)
            return False
        self._failures = 0
        return True
