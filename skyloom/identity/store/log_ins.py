"""What log-ins leave: failures that are counted, when a user was last here, past passwords, codes that are spent.

Every change is one conditional statement, so that several processes count alike.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from skyloom.db import Sql
from skyloom.identity.tables import credential, failed_log_in, password_history, user

OF_USER = user.c.id == bindparam("of_user")
failed = failed_log_in.c
IS_FULL = failed.failures >= bindparam("most")
# `free_at`: a user whose last failure is not later has been locked long enough
IS_LOCKED = and_(IS_FULL, failed.failed_at > bindparam("free_at"))
FAILURES = select(failed.failures, failed.failed_at).where(failed.key == bindparam("wanted"))
ADD_FAILURE = upsert(failed_log_in)
# SQLite writes this clause as PostgreSQL does
ADD_FAILURE = ADD_FAILURE.on_conflict_do_update(
    index_elements=[failed.key],
    set_={
        "failures": case(
            (IS_LOCKED, failed.failures),
            (IS_FULL, ADD_FAILURE.excluded.failures),
            else_=failed.failures + ADD_FAILURE.excluded.failures,
        ),
        "failed_at": case((IS_LOCKED, failed.failed_at), else_=ADD_FAILURE.excluded.failed_at),
    },
)
CLEAR = delete(failed_log_in).where(
    failed.key == bindparam("wanted"),
    or_(failed.failures < bindparam("most"), failed.failed_at <= bindparam("free_at")),
)
UNLOCK = delete(failed_log_in).where(failed.user_id == bindparam("of_user"))
SEEN = (
    update(user)
    .where(OF_USER, or_(user.c.last_active_at.is_(None), user.c.last_active_at < bindparam("day")))
    .values(last_active_at=bindparam("now"))
)
REHASH = update(user).where(OF_USER, user.c.password_hash == bindparam("old")).values(password_hash=bindparam("new"))
history = password_history.c
HISTORY = select(history.password_hash).where(history.user_id == bindparam("of_user")).order_by(history.id.desc())
NEWEST = select(history.id).where(history.user_id == bindparam("of_user")).order_by(history.id.desc())
KEEP = insert(password_history).from_select(
    ["user_id", "password_hash"],
    select(user.c.id, user.c.password_hash).where(OF_USER, user.c.password_hash.is_not(None)),
)
FORGET = delete(password_history).where(
    history.user_id == bindparam("of_user"), history.id.not_in(NEWEST.limit(bindparam("count")))
)
SPEND = (
    update(credential)
    .where(
        credential.c.id == bindparam("of_credential"),
        or_(credential.c.used_step.is_(None), credential.c.used_step < bindparam("step")),
    )
    .values(used_step=bindparam("step"))
)


class LogIns:
    """`most`: failures that lock; `free_at`: whose last failure was then, or earlier, is locked no longer."""

    def failures(self, sql: Sql, key: str) -> tuple[int, datetime] | None:
        row = sql.execute(FAILURES, {"wanted": key}).first()
        return None if row is None else (row.failures, row.failed_at)

    def fail(
        self, sql: Sql, key: str, user_id: str | None, count: int, now: datetime, most: int, free_at: datetime
    ) -> None:
        """Add `count` (which may be 0) to the failures of the key, unless it is locked."""
        row = {"key": key, "user_id": user_id, "failures": count, "failed_at": now}
        sql.execute(ADD_FAILURE, {**row, "most": most, "free_at": free_at})

    def clear(self, sql: Sql, key: str, most: int, free_at: datetime) -> bool:
        """Forget the failures of the key; False when it is locked, or has none."""
        return sql.execute(CLEAR, {"wanted": key, "most": most, "free_at": free_at}).rowcount == 1

    def unlock(self, sql: Sql, user_id: str) -> None:
        sql.execute(UNLOCK, {"of_user": user_id})

    def seen(self, sql: Sql, user_id: str, now: datetime) -> None:
        """Note it once a day."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        sql.execute(SEEN, {"of_user": user_id, "now": now, "day": day})

    def rehash(self, sql: Sql, user_id: str, old: str, new: str) -> None:
        """Another hash of the same password, unless there is another password by now."""
        sql.execute(REHASH, {"of_user": user_id, "old": old, "new": new})

    def past_hashes(self, sql: Sql, user_id: str) -> Sequence[str]:
        """Of the passwords before the present one, newest first."""
        return list(sql.execute(HISTORY, {"of_user": user_id}).scalars())

    def keep_hash(self, sql: Sql, user_id: str, count: int) -> None:
        """Put the present password into the history, before it is replaced; only `count` are kept there."""
        if count > 0:
            sql.execute(KEEP, {"of_user": user_id})
        sql.execute(FORGET, {"of_user": user_id, "count": max(count, 0)})

    def spend(self, sql: Sql, credential_id: str, step: int) -> bool:
        """Count the code of that time step as used; False when it, or a later one, was used before."""
        return sql.execute(SPEND, {"of_credential": credential_id, "step": step}).rowcount == 1
