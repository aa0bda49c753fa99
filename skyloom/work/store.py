"""The rows of tasks; the only SQL of the engine.

What keeps it right: at most one live task a key that is not pre-empted (a unique index); a task is leased by one
conditional statement that also bumps its fence; and every write of a worker names that fence, so a worker that lost its
lease can never move a task.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from skyloom.db import Json, Sql, Timestamp, Word, metadata
from skyloom.work.task import Interrupt, Problem, Task, TaskState

task = Table(
    "task",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("flow", String(64), nullable=False),
    Column("key", String(255), nullable=False),
    Column("step", String(64), nullable=False),
    Column("frame", Text, nullable=False),
    Column("state", Word(TaskState), nullable=False),
    Column("due_at", Timestamp, nullable=False),
    Column("deadline_at", Timestamp, nullable=False),
    Column("lease_owner", String(128)),
    Column("lease_until", Timestamp),
    Column("fence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("trail", Json(tuple[str, ...]), nullable=False),
    Column("undone", Integer, nullable=False),
    Column("problem", Json(Problem)),
    Column("interrupt", Word(Interrupt), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64)),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("ended_at", Timestamp),
    # An event came while the step ran: what it waits for may be there already.
    Column("kicked", Boolean, nullable=False),
)
c = task.c
live = c.ended_at.is_(None)
holds_key = and_(live, c.interrupt != Interrupt.PREEMPT)
Index("uq_task_key", c.key, unique=True, sqlite_where=holds_key, postgresql_where=holds_key)
Index("ix_task_due_at", c.due_at, sqlite_where=live, postgresql_where=live)
Index("ix_task_key_created_at", c.key, c.created_at)
Index("ix_task_request_id", c.request_id)
# Of ended rows only: SQLite would else look for the due ones through it.
Index("ix_task_ended_at", c.ended_at, sqlite_where=~live, postgresql_where=~live)

MODEL = [column for column in c if column.name != "kicked"]
MUTABLE = (
    *("step", "frame", "state", "attempts", "trail", "undone", "problem", "interrupt"),
    *("due_at", "lease_owner", "lease_until", "ended_at"),
)

now, until = bindparam("now", type_=Timestamp), bindparam("until", type_=Timestamp)
owner, node = bindparam("owner", type_=String), bindparam("node", type_=String)
unleased = or_(c.lease_until.is_(None), c.lease_until <= now)
older = task.alias("older")
# A task that pre-empted another runs only when that one has ended.
blocked = exists().where(
    older.c.key == c.key, older.c.id != c.id, older.c.ended_at.is_(None), older.c.interrupt == Interrupt.PREEMPT
)
due = (
    select(c.id)
    .where(live, c.due_at <= now, unleased, c.flow.in_(bindparam("flows", expanding=True)), ~blocked)
    .order_by(c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
ADD = insert(task)
CLAIM = (
    update(task)
    .where(c.id.in_(select(due.c.id)))
    .values(lease_owner=owner, lease_until=until, fence=c.fence + 1, kicked=false(), updated_at=now)
    .returning(*MODEL)
)
SAVE = (
    update(task)
    .where(c.id == bindparam("task_id"), c.fence == bindparam("held"), c.interrupt == bindparam("seen"))
    .values(
        {name: bindparam(f"new_{name}") for name in MUTABLE}
        | {
            "due_at": case((c.kicked, now), else_=bindparam("new_due_at", type_=Timestamp)),
            "kicked": false(),
            "updated_at": now,
        }
    )
)
# A locked row is at its boundary just now, which lengthens its lease itself; waiting for it could deadlock.
held = (
    select(c.id)
    .where(c.id.in_(bindparam("ids", expanding=True)), c.lease_owner == owner)
    .with_for_update(skip_locked=True)
    .cte("held")
)
RENEW = update(task).where(c.id.in_(select(held.c.id)), c.lease_owner == owner).values(lease_until=until)
RELEASE = (
    update(task)
    .where(live, func.substr(c.lease_owner, 1, func.length(node)) == node, c.lease_owner != owner)
    .values(lease_owner=None, lease_until=None, due_at=now)
)
GIVE_BACK = (
    update(task)
    .where(live, c.lease_owner == owner, c.id.not_in(bindparam("ids", expanding=True)))
    .values(lease_owner=None, lease_until=None)
)
# In the order in which a start that pre-empts locks them: two that lock rows of one key must not meet half way.
NEWEST_FIRST = (c.created_at.desc(), c.id.desc())
of_keys = select(c.id).where(c.key.in_(bindparam("keys", expanding=True)), live)
in_turn = of_keys.order_by(c.key, *NEWEST_FIRST).with_for_update().cte("in_turn")
KICK = update(task).where(c.id.in_(select(in_turn.c.id)), live).values(kicked=true(), due_at=now).returning(c.id)
HASTEN = (
    update(task)
    .where(c.id == bindparam("task_id"), live)
    .values(kicked=true(), due_at=now, attempts=0, deadline_at=bindparam("new_deadline_at"))
)
END_UNLEASED = (
    update(task)
    .where(c.id == bindparam("task_id"), live, unleased)
    .values(
        state=TaskState.PREEMPTED,
        interrupt=Interrupt.PREEMPT,
        ended_at=now,
        updated_at=now,
        fence=c.fence + 1,
        lease_owner=None,
        lease_until=None,
    )
)
INTERRUPT = (
    update(task)
    .where(c.id == bindparam("task_id"), live)
    .values(interrupt=bindparam("new_interrupt"), due_at=now, kicked=true())
)
PRUNE = delete(task).where(c.ended_at < bindparam("before"))
GET = select(*MODEL).where(c.id == bindparam("task_id"))
GET_LOCKED = GET.with_for_update()
LIVE_OF_KEY = select(*MODEL).where(c.key == bindparam("task_key"), live).order_by(*NEWEST_FIRST)
IS_ANY_LIVE = select(exists().where(c.key.in_(bindparam("keys", expanding=True)), live))
NEXT_DUE = select(func.min(case((c.lease_until.is_not(None), c.lease_until), else_=c.due_at))).where(live, ~blocked)
LIST = select(*MODEL).order_by(*NEWEST_FIRST).limit(bindparam("most"))


def add(sql: Sql, new: Task) -> None:
    sql.execute(ADD, {**_columns(new, MODEL), "kicked": False})


def claim(sql: Sql, at: datetime, flows: Collection[str], by: str, lease_until: datetime, most: int) -> list[Task]:
    """Lease up to `most` due tasks, the longest due first."""
    rows = sql.execute(CLAIM, {"now": at, "flows": list(flows), "owner": by, "until": lease_until, "most": most})
    return sorted((Task(*row) for row in rows), key=lambda claimed: claimed.due_at)


def save(sql: Sql, moved: Sequence[Task], at: datetime, seen: Interrupt = Interrupt.NONE) -> bool:
    """Write what workers made of their tasks. False: one at least is another's now, or has an interrupt not `seen`."""
    rows = []
    for each in moved:
        values = {f"new_{name}": getattr(each, name) for name in MUTABLE}
        values |= {"task_id": each.id, "held": each.fence, "seen": seen, "now": at}
        rows.append(values)
    return sql.execute(SAVE, rows if len(rows) > 1 else rows[0]).rowcount == len(rows)


def renew(sql: Sql, ids: Collection[str], by: str, lease_until: datetime) -> None:
    sql.execute(RENEW, {"ids": list(ids), "owner": by, "until": lease_until})


def release_node(sql: Sql, node: str, by: str, at: datetime) -> int:
    """Free what earlier lives of `node` held; `by` is the present one."""
    return sql.execute(RELEASE, {"node": f"{node}:", "owner": by, "now": at}).rowcount


def give_back(sql: Sql, owner: str, held: Collection[str]) -> int:
    """Free what `owner` has leases of but does not hold."""
    return sql.execute(GIVE_BACK, {"owner": owner, "ids": list(held)}).rowcount


def kick(sql: Sql, keys: Sequence[str], at: datetime) -> bool:
    # Not by the count: SQLite's driver has none for an update that begins with a query.
    return sql.execute(KICK, {"keys": keys, "now": at}).first() is not None


def hasten(sql: Sql, task_id: str, at: datetime, deadline_at: datetime) -> None:
    sql.execute(HASTEN, {"task_id": task_id, "now": at, "new_deadline_at": deadline_at})


def end_unleased(sql: Sql, task_id: str, at: datetime) -> bool:
    return sql.execute(END_UNLEASED, {"task_id": task_id, "now": at}).rowcount == 1


def interrupt(sql: Sql, task_id: str, how: Interrupt, at: datetime) -> bool:
    """Ask a live task to stop at its boundary. This also locks the row: it cannot end beside this transaction."""
    return sql.execute(INTERRUPT, {"task_id": task_id, "new_interrupt": how, "now": at}).rowcount == 1


def prune(sql: Sql, before: datetime) -> int:
    return sql.execute(PRUNE, {"before": before}).rowcount


def get(sql: Sql, task_id: str) -> Task | None:
    row = sql.execute(GET, {"task_id": task_id}).first()
    return None if row is None else Task(*row)


def get_locked(sql: Sql, task_id: str) -> Task | None:
    """Nobody else changes the row before this transaction ends."""
    row = sql.execute(GET_LOCKED, {"task_id": task_id}).first()
    return None if row is None else Task(*row)


def live_of_key(sql: Sql, key: str) -> list[Task]:
    """The newest first. All others are pre-empted and about to end."""
    return [Task(*row) for row in sql.execute(LIVE_OF_KEY, {"task_key": key})]


def is_any_live(sql: Sql, keys: Sequence[str]) -> bool:
    return bool(sql.execute(IS_ANY_LIVE, {"keys": keys}).scalar())


def next_due(sql: Sql) -> datetime | None:
    """When the next live task can be leased, as things stand; it may be past."""
    moment: datetime | None = sql.execute(NEXT_DUE).scalar()
    return moment


def matching(sql: Sql, most: int, is_live_only: bool, **equal: str) -> list[Task]:
    statement = LIST
    for name, value in equal.items():
        statement = statement.where(c[name] == value)
    if is_live_only:
        statement = statement.where(live)
    return [Task(*row) for row in sql.execute(statement, {"most": most})]


def _columns(of: Task, columns: Sequence[Column[Any]]) -> dict[str, Any]:
    return {column.name: getattr(of, column.name) for column in columns}
