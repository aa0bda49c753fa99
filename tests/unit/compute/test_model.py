"""What a server's status is, and which moves it may make."""

import pytest

from skyloom.compute.model import MOVES, TaskState, VmState, status_of
from skyloom.compute.service.creation import hostname_of


@pytest.mark.parametrize(
    ("vm_state", "task_state", "status"),
    [
        (VmState.BUILDING, TaskState.SPAWNING, "BUILD"),
        (VmState.ACTIVE, None, "ACTIVE"),
        (VmState.ACTIVE, TaskState.POWERING_OFF, "ACTIVE"),
        (VmState.ACTIVE, TaskState.REBOOTING, "REBOOT"),
        (VmState.STOPPED, TaskState.REBOOTING_HARD, "HARD_REBOOT"),
        (VmState.STOPPED, TaskState.DELETING, "SHUTOFF"),
        (VmState.ERROR, TaskState.REBOOTING_HARD, "ERROR"),
        (VmState.DELETED, None, "DELETED"),
    ],
)
def test_a_status_follows_from_the_two_states(vm_state: VmState, task_state: TaskState | None, status: str) -> None:
    assert status_of(vm_state, task_state) == status


def test_a_deleted_server_stays_deleted() -> None:
    assert not any(MOVES.allows(VmState.DELETED, state) for state in VmState if state is not VmState.DELETED)


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("web", "web"),
        ("My Web_Server.example", "my-web-server-example"),
        ("-x-", "x"),
        ("a" * 80, "a" * 63),
        ("日本", "server-ID"),
        ("a!b", "ab"),
    ],
)
def test_a_hostname_may_stand_in_dns(name: str, hostname: str) -> None:
    assert hostname_of(name, "ID") == hostname
