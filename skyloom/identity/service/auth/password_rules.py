"""What a new password must fulfil, when a password ends and who counts as away: Keystone's [security_compliance]."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from skyloom.clock import Clock
from skyloom.db import Sql
from skyloom.identity.errors import PasswordLocked, PasswordRepeated, PasswordTooWeak, PasswordTooYoung
from skyloom.identity.model import User
from skyloom.identity.passwords import Passwords
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.log_ins import LogIns

Options = Mapping[str, Any]


class PasswordRules:
    def __init__(self, settings: IdentitySettings, passwords: Passwords, store: LogIns, clock: Clock):
        self.settings = settings
        self.passwords = passwords
        self.store = store
        self.clock = clock
        self._pattern = re.compile(settings.password_regex) if settings.password_regex else None

    # -- a new password

    def check_form(self, password: str) -> None:
        """Of every new password, whoever gives it."""
        if self._pattern is not None and self._pattern.match(password) is None:
            raise PasswordTooWeak(self.settings.password_regex_description)

    def check_choice(self, sql: Sql, user: User, password: str) -> None:
        """Of a password that the user chooses in place of the present one."""
        if user.options.get("lock_password"):
            raise PasswordLocked()
        days = self.settings.minimum_password_age
        if user.password_chosen_at is not None:
            left = user.password_chosen_at + timedelta(days=days) - self.clock.now()
            if left > timedelta(0):
                raise PasswordTooYoung(days, left.days)
        self.check_form(password)
        count = self.settings.unique_last_password_count
        if count > 0 and any(self.passwords.verify(password, hashed) for hashed in self._last(sql, user, count)):
            raise PasswordRepeated(count)

    def _last(self, sql: Sql, user: User, count: int) -> list[str]:
        present = [user.password_hash] if user.password_hash else []
        return [*present, *self.store.past_hashes(sql, user.id)][:count]

    def replace(self, sql: Sql, user_id: str) -> None:
        """Keep what the rules need of the present password, which is about to be replaced."""
        self.store.keep_hash(sql, user_id, self.settings.unique_last_password_count - 1)

    # -- its end

    def end(self, options: Options, is_chosen: bool) -> datetime | None:
        """Of a password set now; `is_chosen` by its user."""
        now = self.clock.now()
        if (
            not is_chosen
            and self.settings.change_password_upon_first_use
            and not options.get("ignore_change_password_upon_first_use")
        ):
            return now
        days = self.settings.password_expires_days
        if days is None or options.get("ignore_password_expiry"):
            return None
        return (now + timedelta(days=days)).replace(microsecond=0)

    def has_ended(self, user: User) -> bool:
        if user.password_expires_at is None or user.options.get("ignore_password_expiry"):
            return False
        return user.password_expires_at <= self.clock.now()

    # -- users who are away

    def is_away(self, created_at: datetime | None, last_active_at: datetime | None, options: Options) -> bool:
        """Whether the user did not log in for too long, and so counts as disabled. Whole days of UTC are counted."""
        days, since = self.settings.disable_user_account_days_inactive, last_active_at or created_at
        if days is None or since is None or options.get("ignore_user_inactivity"):
            return False
        return (self.clock.now().date() - since.date()).days >= days

    def is_enabled(self, user: User) -> bool:
        away = self.is_away(user.created_at, user.last_active_at, user.options)
        return user.enabled and user.domain_enabled and not away
