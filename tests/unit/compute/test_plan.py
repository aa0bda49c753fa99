"""The reconciler's plan: pure, from rows and what a host shows."""

import pytest

from skyloom.compute.drivers.contract import PowerState, SeenServer
from skyloom.compute.model import Hosted, Power, TaskState, VmState
from skyloom.compute.reconcile import Kind, plan


def row(vm_state: VmState, task_state: TaskState | None = None, power: Power = Power.RUNNING) -> Hosted:
    return Hosted("a", "s", vm_state, task_state, int(power), generation=0)


@pytest.mark.parametrize(
    ("server", "seen", "kinds"),
    [
        (row(VmState.ACTIVE), PowerState.RUNNING, []),
        (row(VmState.ACTIVE), PowerState.SHUTDOWN, [Kind.POWERED_OFF]),
        (row(VmState.ACTIVE), PowerState.CRASHED, [Kind.POWERED_OFF]),
        (row(VmState.ACTIVE), PowerState.PAUSED, [Kind.NOTE_POWER]),
        (row(VmState.ACTIVE), None, [Kind.LOST]),
        (row(VmState.STOPPED, power=Power.SHUTDOWN), PowerState.RUNNING, [Kind.POWERED_ON]),
        (row(VmState.STOPPED, power=Power.SHUTDOWN), PowerState.SHUTDOWN, []),
        (row(VmState.ACTIVE, TaskState.POWERING_OFF), PowerState.SHUTDOWN, []),
        (row(VmState.BUILDING, TaskState.SPAWNING), None, []),
        (row(VmState.ERROR), None, []),
    ],
)
def test_what_differs_is_planned_and_what_a_flow_works_on_is_not(
    server: Hosted, seen: PowerState | None, kinds: list[Kind]
) -> None:
    guests = [] if seen is None else [SeenServer("a", seen)]
    assert [step.kind for step in plan([server], guests)] == kinds


def test_a_guest_without_a_row_is_unwanted() -> None:
    steps = plan([], [SeenServer("b", PowerState.RUNNING)])
    assert [(step.kind, step.server_id) for step in steps] == [(Kind.UNWANTED, "b")]
