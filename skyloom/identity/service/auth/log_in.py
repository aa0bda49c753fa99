"""Whether a password opens its user's account, and what a log-in leaves.

What must stay true: whatever a refusal's cause, one hash is computed and the answer is the same; the log tells which.
Only who knows a password that has ended is told so, since nothing but changing it helps.
"""

import logging

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.identity.errors import AuthenticationFailed, PasswordEnded
from skyloom.identity.model import User
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.auth.lockout import Lockout
from skyloom.identity.service.auth.password_rules import PasswordRules
from skyloom.identity.service.directories import Directories
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.log_ins import LogIns

log = logging.getLogger(__name__)


class LogIn:
    def __init__(
        self, db: Database, directories: Directories, passwords: Passwords, store: LogIns, settings: IdentitySettings
    ):
        self.db = db
        self.directories = directories
        self.passwords = passwords
        self.store = store
        self.rules = PasswordRules(settings, passwords, store, db.clock)
        self.lockout = Lockout(db, directories, store, settings)
        self.notes_activity = settings.disable_user_account_days_inactive is not None

    def by_password(self, user: User | None, called: str, password: str, may_have_ended: bool = False) -> User:
        """The user whose password it is. `called`: by what name the user was looked for. `may_have_ended`: the password
        is about to be changed, so one that has ended will do. Raises AuthenticationFailed, PasswordEnded."""
        is_right = self.directories.verify_password(user, password)
        cause = self._obstacle(user, is_right)
        if not self.lockout.admits("password", user, called, is_right, cause is None):
            log.info("a log-in of user %s is refused: %s", user.id if user else "unknown", cause or "locked out")
            raise AuthenticationFailed()
        assert user is not None
        if may_have_ended:
            return user
        if self.rules.has_ended(user):
            raise PasswordEnded(user.id)
        if user.password_hash is not None and not self.passwords.is_own(user.password_hash):
            self._rehash(user, user.password_hash, password)
        return user

    def _obstacle(self, user: User | None, is_right: bool) -> str | None:
        if user is None or not is_right:
            return "user or secret is wrong"
        if not self.rules.is_enabled(user):
            return "disabled"
        return None

    def _rehash(self, user: User, old: str, password: str) -> None:
        new = self.passwords.hash(password)
        with self.db.begin(SYSTEM) as tx:
            self.store.rehash(tx, user.id, old, new)

    def note_activity(self, user: User) -> None:
        """The user was here; written once a day, and only where somebody asks for it."""
        now = self.db.clock.now()
        if not self.notes_activity or (user.last_active_at and user.last_active_at.date() == now.date()):
            return
        with self.db.begin(SYSTEM) as tx:
            self.store.seen(tx, user.id, now)
