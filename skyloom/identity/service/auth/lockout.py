"""Wrong passwords on end lock a user out. The count is in the database, for guesses may go to several processes.

What must stay true: every refusal does the same work, whether the user is unknown, disabled, locked or just mistaken:
one read and one write here. So failures of unknown users are written too, in a few rows that count nothing. Without the
setting nothing is read or written.
"""

import hashlib
import logging
from datetime import datetime, timedelta

from skyloom.access import SYSTEM
from skyloom.db import Contradiction, Database
from skyloom.db.types import EPOCH
from skyloom.identity.model import User
from skyloom.identity.service.directories import Directories
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.log_ins import LogIns

log = logging.getLogger(__name__)
EXEMPT = "ignore_lockout_failure_attempts"


class Lockout:
    def __init__(self, db: Database, directories: Directories, store: LogIns, settings: IdentitySettings):
        self.db = db
        self.directories = directories
        self.store = store
        self.most = settings.lockout_failure_attempts
        self.duration = timedelta(seconds=settings.lockout_duration) if settings.lockout_duration else None

    def admits(self, method: str, user: User | None, called: str, is_right: bool, opens: bool) -> bool:
        """Whether a log-in goes on. `called`: by what name the user was looked for; `is_right`: the secret was;
        `opens`: nothing else stands against it. Each method is counted alone, or a right password would clear the
        count of wrong one-time passwords."""
        if self.most is None:
            return opens
        counted = user if user is not None and self._counts(user) else None
        key = f"{user.id}/{method}" if user else f"?{hashlib.sha256(called.encode()).hexdigest()[:2]}/{method}"
        found, now = self.store.failures(self.db.read(), key), self.db.clock.now()
        free_at = now - self.duration if self.duration else EPOCH
        is_locked = counted is not None and found is not None and found[0] >= self.most and found[1] > free_at
        if opens and not is_locked and (counted is None or found is None or self._clear(key, self.most, free_at)):
            return True
        if is_locked:
            log.info("user %s is locked out", key)
        try:
            with self.db.begin(SYSTEM) as tx:
                count = 1 if counted is not None and not is_right else 0
                self.store.fail(tx, key, user.id if user else None, count, now, self.most, free_at)
        except Contradiction:
            log.info("user %s has just been deleted", key)
        return False

    def _counts(self, user: User) -> bool:
        """Those of a directory are that directory's to lock."""
        return not user.options.get(EXEMPT) and self.directories.place(user.id) is None

    def _clear(self, key: str, most: int, free_at: datetime) -> bool:
        """False when it was locked since it was read."""
        with self.db.begin(SYSTEM) as tx:
            return self.store.clear(tx, key, most, free_at) or self.store.failures(tx, key) is None
