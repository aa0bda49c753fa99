"""Long work that survives a crash: flows of small named steps, kept as rows with leases. See docs/flows.md."""

from skyloom.work.flow import Abandon, Done, Flow, Next, Step, Wait
from skyloom.work.loop import Loop
from skyloom.work.runner import Pace
from skyloom.work.service import Work
from skyloom.work.task import Busy, Interrupt, Problem, Task, TaskEnded, TaskNotFound, TaskState
from skyloom.work.worker import Drill, NeverEnds, Worker

__all__ = [
    "Abandon",
    "Busy",
    "Done",
    "Drill",
    "Flow",
    "Interrupt",
    "Loop",
    "NeverEnds",
    "Next",
    "Pace",
    "Problem",
    "Step",
    "Task",
    "TaskEnded",
    "TaskNotFound",
    "TaskState",
    "Wait",
    "Work",
    "Worker",
]
