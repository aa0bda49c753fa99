"""How the parts of a cloud talk: requests with a reply, and announcements. Truth never depends on a message.

Delivery is at most once. A lost message costs delay, since whoever asked asks again and every reconciler also runs on
a timer. A request whose reply did not come may have been carried out all the same, so what is asked must be repeatable.

Subjects are words joined by dots. A pattern may have `*` for one word and, at its end, `>` for one or more.
"""

import re
from collections.abc import Callable
from typing import Protocol

from skyloom.bus.problem import Problem
from skyloom.errors import Forbidden, TooLarge, Unavailable

MAX_PAYLOAD_BYTES = 1024 * 1024

Handler = Callable[[str, bytes], bytes]
"""Subject and payload to reply. It runs in any thread, several at once, and bounds its own waiting."""

Listener = Callable[[str, bytes], None]

_WORD = r"[^\s.*>]+"
_SUBJECT = re.compile(rf"{_WORD}(\.{_WORD})*")
_PATTERN = re.compile(rf"(({_WORD}|\*)\.)*({_WORD}|\*|>)")


class NoResponder(Unavailable):
    code = "bus.no_responder"

    def __init__(self, subject: str):
        super().__init__(f"Nobody serves {subject}; start the process that should, or wait for it.", subject=subject)


class RequestTimeout(Unavailable):
    code = "bus.timeout"

    def __init__(self, subject: str, timeout_s: float):
        super().__init__(f"{subject} was not answered within {timeout_s:g} s; ask again.", subject=subject)


class ConnectionLost(Unavailable):
    code = "bus.connection_lost"

    def __init__(self, broker: str):
        super().__init__(f"The connection to the message broker {broker} is down; ask again when it is back.")


class BusClosed(Unavailable):
    code = "bus.closed"

    def __init__(self) -> None:
        super().__init__("This process is shutting down and sends no more messages; ask another one.")


class HandlerFailed(Unavailable):
    """The one who served the request raised an error; `problem` is what it told."""

    code = "bus.handler_failed"

    def __init__(self, problem: Problem):
        super().__init__(problem.sentence, **problem.details)
        self.problem = problem


class HandlerBusy(Unavailable):
    """More requests wait at the one who serves them than it is willing to keep."""

    code = "bus.busy"

    def __init__(self, subject: str):
        super().__init__(f"Too many requests wait at {subject}; ask again a little later.", subject=subject)


class NotAllowed(Forbidden):
    code = "bus.not_allowed"

    def __init__(self, subject: str):
        super().__init__(f"The broker does not let this credential use {subject}.", subject=subject)


class PayloadTooLarge(TooLarge):
    code = "bus.payload_too_large"

    def __init__(self, subject: str, size: int):
        super().__init__(
            f"A message of {size} bytes to {subject} is over the limit of {MAX_PAYLOAD_BYTES}; send it in parts.",
            subject=subject,
            size=size,
        )


class Subscription(Protocol):
    def close(self) -> None:
        """Nothing new comes in after this; what a thread of the bus handles now is waited for a few seconds.

        Closing twice is no error.
        """
        ...


class Bus(Protocol):
    def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        """The reply of one of those who serve `subject`.

        Raises NoResponder at once when there is none, RequestTimeout when the reply took longer than `timeout_s`,
        HandlerFailed when the handler raised, and ConnectionLost, NotAllowed, PayloadTooLarge or BusClosed.
        """
        ...

    def serve(self, pattern: str, handler: Handler, workers: int = 8) -> Subscription:
        """Answer requests, at most `workers` at once where the bus has threads of its own.

        When several serve a subject, one of them is picked for each request.
        """
        ...

    def publish(self, subject: str, payload: bytes) -> None:
        """Tell whoever listens now. It never waits for a listener; with the broker away the message is lost."""
        ...

    def subscribe(self, pattern: str, listener: Listener) -> Subscription:
        """Hear what is published from now on, one message after the other, in the order of each publisher."""
        ...

    def close(self) -> None: ...


def check_message(subject: str, payload: bytes) -> None:
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"{subject!r} is no subject")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(subject, len(payload))


def check_pattern(pattern: str) -> None:
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{pattern!r} is no subject pattern")
