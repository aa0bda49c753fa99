"""How a request's thread says that it will be busy long without the interpreter, so that others need not wait for it.

Who runs requests (the HTTP server) leaves word in each of its threads what to do then; in other threads it is nothing.
"""

import threading
from collections.abc import Callable

_local = threading.local()


def on_step_aside(act: Callable[[], None]) -> None:
    """What `step_aside` does in this thread from now on."""
    _local.act = act


def step_aside() -> None:
    act: Callable[[], None] | None = getattr(_local, "act", None)
    if act is not None:
        act()
