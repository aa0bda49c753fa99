"""The daemons of OVN as parts: side by side, found again, and gone without a trace."""

import os
import time
from pathlib import Path

import pytest

from skyloom.parts import netns
from skyloom.parts.ovn import EXTERNAL_RANGES, ExternalRangeTaken, OvnMachine, missing
from skyloom.parts.processes import DaemonFailed

pytestmark = pytest.mark.needs("ovn")


@pytest.fixture
def neighbour(ovn_machine, machine_beside):
    machine = machine_beside(ovn_machine)
    try:
        yield machine
    finally:
        machine.remove()


def test_nothing_is_missing_here_and_it_is_known_quickly():
    assert missing() == []


def test_a_program_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "the program ovn-northd" in missing()


def test_two_clouds_run_side_by_side_on_ranges_of_their_own(ovn_machine, neighbour):
    assert neighbour.ensure()
    assert not ovn_machine.ensure()
    ranges = {str(ovn_machine.external()), str(neighbour.external())}
    assert len(ranges) == 2
    assert ranges <= set(EXTERNAL_RANGES)
    neighbour.stop()
    assert not ovn_machine.ensure()


def test_a_cloud_whose_range_another_has_taken_meanwhile_says_so(ovn_machine, neighbour):
    neighbour.state.mkdir(parents=True, exist_ok=True)
    (neighbour.state / "external").write_text(f"{ovn_machine.external()}\n")
    with pytest.raises(ExternalRangeTaken, match=f"leads to {ovn_machine.link}"):
        neighbour.ensure()
    assert not netns.exists(neighbour.namespace)


def test_what_runs_is_adopted_by_the_next_program(ovn_machine):
    before = {name: ovn_machine.processes.running(name) for name in ovn_machine.processes.names()}
    assert len(before) == 6
    again = OvnMachine(ovn_machine.namespace.removeprefix("skyloom-"), ovn_machine.state, "host-1")
    assert not again.ensure()
    assert {name: again.processes.running(name) for name in again.processes.names()} == before
    assert again.external() == ovn_machine.external()


def test_a_removed_cloud_leaves_nothing(neighbour):
    neighbour.ensure()
    netns.ensure(f"{neighbour.namespace}-md-of-a-network")
    neighbour.remove()
    neighbour.remove()
    assert netns.names(neighbour.namespace) == []
    assert not netns.has_link(neighbour.link)
    assert not neighbour.run.exists()
    assert not neighbour.state.exists()
    assert not [pid for pid in _pids() if neighbour.namespace in _command(pid)]


def test_a_lost_link_and_a_lost_namespace_are_made_again(neighbour):
    neighbour.ensure()
    netns.remove_link(neighbour.link)
    assert neighbour.ensure()
    assert netns.has_link(neighbour.link)
    netns.remove_link(neighbour.link)
    netns.remove(neighbour.namespace)
    assert neighbour.ensure()
    assert netns.has_link(neighbour.link)
    assert not neighbour.ensure()


def test_a_database_that_cannot_be_read_is_set_aside(neighbour):
    neighbour.ensure()
    neighbour.stop()
    (neighbour.state / "nb.db").write_text("not a database")
    neighbour.ensure()
    assert (neighbour.state / "nb.aside").read_text() == "not a database"


def test_a_cloud_whose_name_would_not_fit_is_refused(tmp_path: Path):
    with pytest.raises(DaemonFailed):
        OvnMachine("a-name-too-long", tmp_path, "host-1")


def test_looking_each_second_costs_next_to_nothing(ovn_machine):
    before = time.process_time()
    for _ in range(20):
        assert not ovn_machine.ensure()
    print(f"{(time.process_time() - before) / 20 * 1e6:.0f} us")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""
