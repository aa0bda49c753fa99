"""The bus of a cloud that is one process: a request is a call, in the caller's thread and without a queue.

It keeps the whole contract (limits, errors as they travel, late replies refused), so that what works here works over
a broker too. One thing it cannot do is leave a handler that hangs: a late reply is refused when it comes.
"""

import logging
import time
from collections.abc import Callable

from skyloom.bus.contract import (
    BusClosed,
    Handler,
    HandlerFailed,
    Listener,
    NoResponder,
    RequestTimeout,
    check_message,
    check_pattern,
)
from skyloom.bus.mailbox import Mailbox
from skyloom.bus.problem import problem_of
from skyloom.bus.subjects import Subjects

log = logging.getLogger(__name__)


class InProcessBus:
    def __init__(self) -> None:
        self._handlers: Subjects[Handler] = Subjects()
        self._listening: Subjects[Mailbox[tuple[str, bytes]]] = Subjects()
        self._routes: set[_Route] = set()
        self._closed = False

    def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        check_message(subject, payload)
        self._require_open()
        handlers = self._handlers.match(subject)
        if not handlers:
            raise NoResponder(subject)
        started = time.monotonic()
        try:
            reply = handlers[0](subject, payload)
            check_message(subject, reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, it travels as a problem; problem_of logs it
            raise HandlerFailed(problem_of(error, subject)) from None
        if time.monotonic() - started > timeout_s:
            raise RequestTimeout(subject, timeout_s)
        return reply

    def serve(self, pattern: str, handler: Handler, workers: int = 8) -> "_Route":
        check_pattern(pattern)
        self._require_open()
        self._handlers.add(pattern, handler)
        return _Route(lambda: self._handlers.remove(pattern, handler))

    def publish(self, subject: str, payload: bytes) -> None:
        check_message(subject, payload)
        self._require_open()
        for mailbox in self._listening.match(subject):
            if not mailbox.put((subject, payload)):
                log.warning("%s is full; a message on %s is dropped", mailbox.name, subject)

    def subscribe(self, pattern: str, listener: Listener) -> "_Route":
        check_pattern(pattern)
        self._require_open()
        mailbox: Mailbox[tuple[str, bytes]] = Mailbox(f"bus {pattern}", lambda item: listener(*item), workers=1)

        def leave() -> None:
            self._listening.remove(pattern, mailbox)
            self._routes.discard(route)
            mailbox.close()

        route = _Route(leave)
        self._routes.add(route)
        self._listening.add(pattern, mailbox)
        return route

    def close(self) -> None:
        self._closed = True
        for route in list(self._routes):
            route.close()

    def _require_open(self) -> None:
        if self._closed:
            raise BusClosed


class _Route:
    def __init__(self, leave: Callable[[], None]):
        self._leave = leave

    def close(self) -> None:
        self._leave()
