"""The beat at which agents tell that they are alive: one thread, however many agents share it."""

import logging
import threading
from collections.abc import Callable

from skyloom.errors import Unavailable

log = logging.getLogger(__name__)


class Heartbeat:
    """Each announcement is made once when it is added, and then every `every_s` seconds."""

    def __init__(self, every_s: float = 3.0):
        self.every_s = every_s
        self._announcements: list[Callable[[], None]] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def add(self, announce: Callable[[], None]) -> None:
        _announce(announce)
        with self._changed:
            self._announcements.append(announce)

    def remove(self, announce: Callable[[], None]) -> None:
        with self._changed:
            if announce in self._announcements:
                self._announcements.remove(announce)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _beat(self) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopped, self.every_s):
                    return
                announcements = list(self._announcements)
            for announce in announcements:
                _announce(announce)


def _announce(announce: Callable[[], None]) -> None:
    try:
        announce()
    except Unavailable as error:
        log.warning("A host could not tell that it is alive: %s", error)
    except Exception:
        log.exception("A host could not tell that it is alive; it tries again at the next beat")
