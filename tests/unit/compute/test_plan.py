"""The reconciler's plan: pure, from rows and what a host shows."""

from datetime import UTC, datetime

import pytest

from skyloom.compute.drivers.contract import PowerState, SeenServer
from skyloom.compute.model import FlavorShape, Power, Server, TaskState, VmState
from skyloom.compute.reconcile import Kind, plan

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(vm_state: VmState, task_state: TaskState | None = None, power: Power = Power.RUNNING) -> Server:
    return Server(
        id="a",
        project_id="p",
        user_id="u",
        name="s",
        vm_state=vm_state,
        task_state=task_state,
        power_state=int(power),
        host="h1",
        image_id=None,
        flavor_id="1",
        flavor=FlavorShape("1", "f", 1, 64, 1),
        image=None,
        hostname="s",
        description=None,
        availability_zone=None,
        key_name=None,
        public_key=None,
        user_data=None,
        config_drive=False,
        access_ip_v4=None,
        access_ip_v6=None,
        disk_config="AUTO",
        metadata={},
        tags=[],
        locked=False,
        locked_reason=None,
        group_id=None,
        reservation_id="r",
        launch_index=0,
        fault=None,
        generation=0,
        created_at=NOW,
        updated_at=NOW,
        launched_at=NOW,
        terminated_at=None,
        deleted_at=None,
    )


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
    server: Server, seen: PowerState | None, kinds: list[Kind]
) -> None:
    guests = [] if seen is None else [SeenServer("a", seen)]
    assert [step.kind for step in plan([server], guests)] == kinds


def test_a_guest_without_a_row_is_unwanted() -> None:
    steps = plan([], [SeenServer("b", PowerState.RUNNING)])
    assert [(step.kind, step.server_id) for step in steps] == [(Kind.UNWANTED, "b")]
