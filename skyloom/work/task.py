"""One run of a flow, as it stands in its row."""

from datetime import datetime
from enum import StrEnum

import msgspec

from skyloom.errors import Conflict, NotFound, SkyloomError
from skyloom.states import Moves


class TaskState(StrEnum):
    RUNNING = "running"  # forward, through its steps
    UNDOING = "undoing"  # backward, through the undos of the steps it started; last `failed` is told
    DONE = "done"
    FAILED = "failed"
    PREEMPTED = "preempted"  # another flow took its key over and answers for whatever stands


MOVES = Moves(
    {
        TaskState.RUNNING: {TaskState.UNDOING, TaskState.DONE, TaskState.PREEMPTED},
        TaskState.UNDOING: {TaskState.FAILED, TaskState.PREEMPTED},
    }
)


class Interrupt(StrEnum):
    """What a live task is asked to do at its next boundary; a row without one holds the empty string."""

    NONE = ""
    PREEMPT = "preempt"
    CANCEL = "cancel"


class Problem(msgspec.Struct, frozen=True):
    """Why it went wrong: `code` and `sentence` for the user, `cause` for the operator."""

    code: str
    sentence: str
    cause: str = ""


class Task(msgspec.Struct, frozen=True):
    """The fields are the columns of the row, in their order (store.py).

    `key` is the resource that the task works on ("server:ID"). `frame` is JSON. `trail` holds each step that was
    started, once, in order; `undone` counts how many of them, from the newest, are behind an undoing task. `fence` is
    bumped whenever the row is leased: a worker writes only while the row still holds the fence that it got.
    `lease_owner` is "NODE:NONCE" of the worker that runs it now.
    """

    id: str
    flow: str
    key: str
    step: str
    frame: str
    state: TaskState
    due_at: datetime
    deadline_at: datetime
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    attempts: int
    trail: tuple[str, ...]
    undone: int
    problem: Problem | None
    interrupt: Interrupt
    request_id: str
    user_id: str
    project_id: str | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class Busy(Conflict):
    code = "work.busy"

    def __init__(self, key: str, flow: str):
        noun, _, noun_id = key.partition(":")
        super().__init__(f"The {noun} {noun_id} is busy ({flow}); try again when that has ended.", key=key, flow=flow)


class TaskNotFound(NotFound):
    code = "task.not_found"

    def __init__(self, task_id: str):
        super().__init__(f"There is no task {task_id}, or it ended long ago.", task=task_id)


class TaskEnded(Conflict):
    code = "task.ended"

    def __init__(self, task: Task):
        super().__init__(f"The task {task.id} is {task.state}; start the operation anew.", task=task.id)


class Cancelled(SkyloomError):
    code = "work.cancelled"


class DeadlinePassed(SkyloomError):
    code = "work.deadline"


class Unexpected(SkyloomError):
    code = "work.unexpected"


class Told(SkyloomError):
    """A problem on its way to `Flow.failed`: the same before and after a crash, so not the error that was raised."""

    def __init__(self, problem: Problem):
        super().__init__(problem.sentence)
        self.code = problem.code  # type: ignore[misc]  # this one error carries another's code


def problem_of(error: Exception, task: Task) -> Problem:
    cause = f"{type(error).__name__}: {error}"
    if isinstance(error, SkyloomError):
        return Problem(error.code, error.sentence, f"{cause} <- {error.__cause__!r}" if error.__cause__ else cause)
    sentence = f"An unexpected problem stopped this ({task.flow}); give the operator the request id {task.request_id}."
    return Problem(Unexpected.code, sentence, cause)
