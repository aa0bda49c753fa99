"""Messages that wait for their handler, so that whoever brings them never does.

Threads are started when work waits, end when there was none for a while, and are daemons: a handler that hangs in a
hypervisor's library must not keep the process from ending.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

IDLE_S = 30.0
CLOSE_S = 5.0


class Mailbox(Generic[T]):
    """With one worker, messages are handled in the order they came in."""

    def __init__(self, name: str, handle: Callable[[T], None], workers: int, limit: int = 10_000):
        self.name = name
        self._handle = handle
        self._workers = workers
        self._limit = limit
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._closed = False

    def put(self, item: T) -> bool:
        """False if it was not taken: the box is full or closed."""
        with self._changed:
            if self._closed or len(self._items) >= self._limit:
                return False
            self._items.append(item)
            if len(self._items) > self._idle and len(self._threads) < self._workers:
                thread = threading.Thread(target=self._work, name=self.name, daemon=True)
                self._threads.add(thread)
                thread.start()
            else:
                self._changed.notify()
        return True

    def close(self) -> None:
        """What waits is dropped; handlers that run are waited for up to CLOSE_S seconds."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        deadline = time.monotonic() + CLOSE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (item := self._take()) is not None:
            try:
                self._handle(item[0])
            except Exception:
                log.exception("A handler of %s failed", self.name)

    def _take(self) -> tuple[T] | None:
        """The next message, or None when this thread shall end."""
        with self._changed:
            while not self._items:
                self._idle += 1
                told = not self._closed and self._changed.wait(IDLE_S)
                self._idle -= 1
                if self._closed or not (told or self._items):
                    self._threads.discard(threading.current_thread())
                    return None
            return (self._items.popleft(),)
