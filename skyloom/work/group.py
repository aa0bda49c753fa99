"""Boundaries of several threads written by one commit, because a durable commit costs more than what is in it.

The first thread that comes leads: it writes its own boundary and those that gather meanwhile lead next. A group that
does not go through whole is rolled back, and each thread then settles its own boundary alone.
"""

import logging
import threading

from sqlalchemy.exc import DBAPIError

from skyloom.access import SYSTEM
from skyloom.db import Contradiction, DatabaseBusy
from skyloom.work import store
from skyloom.work.service import Work
from skyloom.work.task import Task

logger = logging.getLogger(__name__)


class Entry:
    def __init__(self, moved: Task):
        self.moved = moved
        self.called = threading.Event()
        self.leads = False
        self.is_saved = False


class Refused(Exception):
    """Rolls the group's transaction back."""


class Group:
    def __init__(self, work: Work):
        self._work = work
        self._lock = threading.Lock()
        self._waiting: list[Entry] = []
        self._has_leader = False

    def save(self, moved: Task) -> bool:
        """True when it is committed. False: settle it alone."""
        entry = Entry(moved)
        with self._lock:
            self._waiting.append(entry)
            entry.leads = not self._has_leader
            self._has_leader = True
        if not entry.leads:
            entry.called.wait()
        if entry.leads:
            self._lead()
        return entry.is_saved

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            is_saved = self._commit([entry.moved for entry in group])
            for entry in group:
                entry.is_saved = is_saved
        finally:
            with self._lock:
                following = next(iter(self._waiting), None)
                self._has_leader = following is not None
            if following is not None:
                following.leads = True
                following.called.set()
            # Those of a group that raised go alone and meet the error themselves.
            for entry in group:
                entry.called.set()

    def _commit(self, moved: list[Task]) -> bool:
        try:
            with self._work.database.begin(SYSTEM) as tx:
                if not store.save(tx, moved, self._work.clock.now()):
                    raise Refused
        except Refused:
            return False
        except (DBAPIError, Contradiction, DatabaseBusy):
            logger.warning("a group of %d boundaries failed; each goes alone", len(moved), exc_info=True)
            return False
        return True
