"""One suite for every hypervisor: what the contract says, after each kind of repeat and restart."""

import threading

import pytest

from skyloom.compute.drivers.contract import BuildFailed, ImageGone, ImageSpec, PowerState, Progress, ServerGone

from .boot_sector import disk, qcow2_header
from .conftest import Rig, until

GRACE_S = 30.0


def power(rig: Rig, id: str) -> PowerState:
    return {seen.id: seen.power for seen in rig.driver.list_servers()}[id]


def stop(rig: Rig, id: str) -> None:
    until(lambda: rig.driver.stop(id, GRACE_S) is Progress.DONE)


def reboot(rig: Rig, id: str, hard: bool) -> None:
    until(lambda: rig.driver.reboot(id, hard, GRACE_S) is Progress.DONE)


def test_a_host_tells_its_hardware(rig: Rig) -> None:
    seen = rig.driver.resources()
    assert seen.vcpus > 0 and seen.memory_mib > 0 and seen.disk_gib > 0
    assert seen.hypervisor_type and seen.cpu_arch and seen.hypervisor_version > 0


def test_a_server_that_is_built_runs_and_talks(rig: Rig) -> None:
    spec = rig.build()
    assert power(rig, spec.id) is PowerState.RUNNING
    assert rig.driver.console_output(spec.id, 1).rstrip().endswith("ready")
    assert rig.driver.console_output(spec.id, 0) == ""


def test_building_again_changes_nothing(rig: Rig) -> None:
    spec = rig.build()
    assert rig.driver.ensure_server(spec) is Progress.DONE
    assert [seen.id for seen in rig.driver.list_servers()] == [spec.id]
    assert rig.boots(spec) == 1


def test_a_stopped_server_is_not_started_by_building_it_again(rig: Rig) -> None:
    spec = rig.build()
    stop(rig, spec.id)
    rig.restart_agent()
    assert rig.driver.ensure_server(spec) is Progress.DONE
    assert power(rig, spec.id) is PowerState.SHUTDOWN


def test_stop_and_start_may_be_repeated(rig: Rig) -> None:
    spec = rig.build()
    for _ in range(2):
        stop(rig, spec.id)
        assert power(rig, spec.id) is PowerState.SHUTDOWN
    for _ in range(2):
        rig.driver.start(spec.id)
        assert power(rig, spec.id) is PowerState.RUNNING
    rig.ready(spec, boots=2)
    assert rig.boots(spec) == 2


def test_a_guest_that_does_not_obey_is_stopped_when_the_grace_is_over(rig: Rig) -> None:
    rig.deaf = True
    spec = rig.build()
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.RUNNING
    rig.clock.advance(GRACE_S - 1)
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.RUNNING
    assert power(rig, spec.id) is PowerState.RUNNING
    rig.clock.advance(1)
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.DONE
    assert power(rig, spec.id) is PowerState.SHUTDOWN


def test_starting_a_server_takes_back_an_earlier_stop(rig: Rig) -> None:
    rig.deaf = True
    spec = rig.build()
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.RUNNING
    rig.driver.start(spec.id)
    rig.clock.advance(GRACE_S)
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.RUNNING
    assert power(rig, spec.id) is PowerState.RUNNING


def test_a_stop_without_grace_is_done_at_once(rig: Rig) -> None:
    rig.deaf = True
    spec = rig.build()
    assert rig.driver.stop(spec.id, 0) is Progress.DONE
    assert power(rig, spec.id) is PowerState.SHUTDOWN


@pytest.mark.parametrize("hard", [False, True])
def test_a_rebooted_server_boots_again(rig: Rig, hard: bool) -> None:
    spec = rig.build()
    reboot(rig, spec.id, hard)
    rig.ready(spec, boots=2)
    assert power(rig, spec.id) is PowerState.RUNNING


def test_a_soft_reboot_becomes_a_hard_one_when_the_grace_is_over(rig: Rig) -> None:
    rig.deaf = True
    spec = rig.build()
    assert rig.driver.reboot(spec.id, False, GRACE_S) is Progress.RUNNING
    rig.clock.advance(GRACE_S)
    assert rig.driver.reboot(spec.id, False, GRACE_S) is Progress.DONE
    rig.ready(spec, boots=2)


def test_a_reboot_starts_a_stopped_server(rig: Rig) -> None:
    spec = rig.build()
    stop(rig, spec.id)
    reboot(rig, spec.id, hard=True)
    assert power(rig, spec.id) is PowerState.RUNNING


def test_a_removed_server_is_gone_and_can_be_removed_again(rig: Rig) -> None:
    spec = rig.build()
    for _ in range(2):
        rig.driver.remove_server(spec.id)
        assert rig.driver.list_servers() == []
        assert rig.leftovers() == []


def test_a_server_that_never_was_can_be_removed_and_nothing_else(rig: Rig) -> None:
    id = rig.spec().id
    rig.driver.remove_server(id)
    for verb in (
        lambda: rig.driver.start(id),
        lambda: rig.driver.stop(id, GRACE_S),
        lambda: rig.driver.reboot(id, True, GRACE_S),
        lambda: rig.driver.console_output(id, None),
    ):
        with pytest.raises(ServerGone):
            verb()


def test_servers_built_at_once_share_one_fetch_of_their_image(rig: Rig) -> None:
    """An id of its own: the host may have kept an image of an earlier test."""
    specs = [rig.spec(rig.images.add(f"shared-{id(rig)}", disk())) for _ in range(2)]
    threads = [threading.Thread(target=rig.build, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {seen.id for seen in rig.driver.list_servers()} == {spec.id for spec in specs}
    assert len(rig.images.fetches) == 1
    rig.driver.remove_server(specs[0].id)
    assert power(rig, specs[1].id) is PowerState.RUNNING


@pytest.mark.parametrize(
    ("content", "disk_format"),
    [
        (disk(), "vmdk"),
        (disk(), "qcow2"),
        (qcow2_header(backing_file=True), "qcow2"),
        (qcow2_header(data_file=True), "qcow2"),
    ],
    ids=["a format nobody reads", "raw said to be qcow2", "qcow2 with a backing file", "qcow2 with a data file"],
)
def test_an_unusable_image_fails_the_build_for_good(rig: Rig, content: bytes, disk_format: str) -> None:
    spec = rig.spec(rig.images.add("unusable", content, disk_format))
    for _ in range(2):
        with pytest.raises(BuildFailed):
            rig.driver.ensure_server(spec)
    rig.driver.remove_server(spec.id)
    assert rig.leftovers() == []


def test_an_image_that_arrives_damaged_fails_the_build(rig: Rig) -> None:
    good = rig.images.add("damaged", disk())
    for wrong in (ImageSpec("damaged", "raw", good.size, "0" * 32), ImageSpec("damaged", "raw", good.size + 1)):
        with pytest.raises(BuildFailed):
            rig.driver.ensure_server(rig.spec(wrong))


def test_an_image_that_is_no_more_says_so(rig: Rig) -> None:
    with pytest.raises(ImageGone):
        rig.driver.ensure_server(rig.spec(ImageSpec("never", "raw", 1)))


def test_servers_are_found_again_after_a_restart_of_the_agent(rig: Rig) -> None:
    running, stopped = rig.build(), rig.build()
    stop(rig, stopped.id)
    rig.restart_agent()
    assert power(rig, running.id) is PowerState.RUNNING
    assert power(rig, stopped.id) is PowerState.SHUTDOWN
    assert "ready" in rig.driver.console_output(running.id, None)


def test_a_stop_keeps_its_grace_over_a_restart_of_the_agent(rig: Rig) -> None:
    rig.deaf = True
    spec = rig.build()
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.RUNNING
    rig.clock.advance(GRACE_S)
    rig.restart_agent()
    assert rig.driver.stop(spec.id, GRACE_S) is Progress.DONE


def test_guests_go_on_when_the_hypervisors_daemon_is_killed(rig: Rig) -> None:
    spec = rig.build()
    rig.kill_hypervisor()
    assert power(rig, spec.id) is PowerState.RUNNING
    assert rig.boots(spec) == 1
    stop(rig, spec.id)
    assert power(rig, spec.id) is PowerState.SHUTDOWN
