"""The verbs of long work: start a flow beside the change that asks for it, look at tasks, push or stop them.

A service gets a `Work` and never a worker: what it starts is run by whichever process has workers on this database.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError

from skyloom.access import SYSTEM, Caller
from skyloom.db import Database, Sql, Tx
from skyloom.work import store
from skyloom.work.flow import Flow
from skyloom.work.task import Busy, Interrupt, Task, TaskEnded, TaskNotFound, TaskState

encode = msgspec.json.Encoder().encode


class Work:
    def __init__(self, database: Database):
        self.database = database
        self.clock = database.clock
        self._listeners: list[Callable[[], None]] = []

    def listen(self, hint: Callable[[], None]) -> None:
        """Call `hint` whenever a task may have become due through this process. It must return at once."""
        self._listeners.append(hint)

    def hint(self) -> None:
        for listener in self._listeners:
            listener()

    def start(
        self,
        tx: Tx,
        flow: type[Flow[Any]],
        key: str,
        frame: msgspec.Struct,
        caller: Caller | None = None,
        preempt: bool = False,
    ) -> str:
        """Write the task in the caller's own transaction; its id. `key` names the resource: "server:ID".

        Raises `Busy` while another task lives on the key; the transaction is void then. With `preempt` that one ends at
        its next boundary without undo (at once if nobody runs it) and this one then starts: it answers for whatever the
        other left. If the other is the same flow on its way forward, its id is returned and nothing is started.
        `caller` is tx's if not given.
        """
        now = self.clock.now()
        for other in store.live_of_key(tx, key):
            if other.interrupt is Interrupt.PREEMPT:
                # Locks the row, so it cannot end between our look and our commit.
                store.interrupt(tx, other.id, Interrupt.PREEMPT, now)
            elif not preempt:
                raise Busy(key, other.flow)
            elif other.flow == flow.name and other.state is TaskState.RUNNING and not other.interrupt:
                return other.id
            elif not store.end_unleased(tx, other.id, now):
                store.interrupt(tx, other.id, Interrupt.PREEMPT, now)
        new = self._new(flow, key, frame, caller or tx.caller)
        try:
            store.add(tx, new)
        except IntegrityError as error:
            raise Busy(key, "started at the same moment") from error
        tx.on_commit(self.hint)
        return new.id

    def _new(self, flow: type[Flow[Any]], key: str, frame: msgspec.Struct, caller: Caller) -> Task:
        now = self.clock.now()
        return Task(
            id=str(uuid.uuid4()),
            flow=flow.name,
            key=key,
            step=flow.first,
            frame=encode(frame).decode(),
            state=TaskState.RUNNING,
            due_at=now,
            deadline_at=now + timedelta(seconds=flow.deadline_s),
            lease_owner=None,
            lease_until=None,
            fence=0,
            attempts=0,
            trail=(flow.first,),
            undone=0,
            problem=None,
            interrupt=Interrupt.NONE,
            request_id=caller.request_id,
            user_id=caller.user_id,
            project_id=caller.project_id,
            created_at=now,
            updated_at=now,
            ended_at=None,
        )

    def kick(self, *keys: str) -> None:
        """What the tasks of these keys wait for may have come: run their steps again now. No task, no effect.

        It opens a transaction of its own; from within one, use `tx.on_commit`.
        """
        if not store.is_any_live(self.database.read(), keys):
            return
        with self.database.begin(SYSTEM) as tx:
            if store.kick(tx, keys, self.clock.now()):
                tx.on_commit(self.hint)

    def get(self, sql: Sql, task_id: str) -> Task:
        task = store.get(sql, task_id)
        if task is None:
            raise TaskNotFound(task_id)
        return task

    def tasks(self, sql: Sql, most: int = 1000, is_live: bool = False, **equal: str) -> list[Task]:
        """The newest first. `equal`: columns and values, such as key="server:ID", request_id=..., state="failed"."""
        return store.matching(sql, most, is_live, **equal)

    def retry(self, tx: Tx, task_id: str, within_s: float = 600) -> None:
        """Run a live task's step now, with a new deadline. Raises `TaskEnded`: what failed was undone already."""
        self._live(tx, task_id)
        now = self.clock.now()
        store.hasten(tx, task_id, now, now + timedelta(seconds=within_s))
        tx.on_commit(self.hint)

    def cancel(self, tx: Tx, task_id: str) -> None:
        """Undo a live task from its next boundary on. One that is being undone already goes on."""
        if self._live(tx, task_id).state is TaskState.RUNNING:
            store.interrupt(tx, task_id, Interrupt.CANCEL, self.clock.now())
            tx.on_commit(self.hint)

    def _live(self, sql: Sql, task_id: str) -> Task:
        task = self.get(sql, task_id)
        if task.ended_at is not None or task.interrupt is Interrupt.PREEMPT:
            raise TaskEnded(task)
        return task

    def prune(self, older_than_s: float) -> int:
        """Forget the tasks that ended longer ago; how many."""
        with self.database.begin(SYSTEM) as tx:
            return store.prune(tx, self.clock.now() - timedelta(seconds=older_than_s))
