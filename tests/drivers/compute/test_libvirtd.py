"""The libvirtd part: apart from everybody else's, found again after any kill, and gone without a trace."""

import os
import shutil
from pathlib import Path

import pytest

from skyloom.compute.drivers.contract import HostBusy, PowerState
from skyloom.parts.kvm import boots_with, kvm_works
from skyloom.parts.libvirtd import Libvirtd
from skyloom.parts.processes import Processes

from .conftest import LibvirtRig, kill_libvirtd, links, processes_of, until

pytestmark = pytest.mark.needs("qemu")


def kill_and_wait(part: Libvirtd, name: str) -> None:
    record = part.processes.running(name)
    assert record is not None
    os.kill(record.pid, 9)
    until(lambda: part.processes.running(name) is None)


def test_two_libvirtds_side_by_side_see_only_their_own_guests(libvirtd: Libvirtd, tmp_path: Path) -> None:
    other = Libvirtd(tmp_path / "libvirt", Processes(tmp_path / "processes", tmp_path / "logs"), netns=libvirtd.netns)
    first, second = LibvirtRig(libvirtd), LibvirtRig(other)
    try:
        other.ensure()
        one, two = first.build(), second.build()
        assert [seen.id for seen in first.driver.list_servers()] == [one.id]
        assert [seen.id for seen in second.driver.list_servers()] == [two.id]
        second.driver.close()
        other.remove()
        assert processes_of(other) == set()
        assert [seen.power for seen in first.driver.list_servers()] == [PowerState.RUNNING]
    finally:
        other.remove()
        first.close()


def test_removing_it_ends_guests_that_a_dead_libvirtd_left(tmp_path: Path, libvirtd: Libvirtd) -> None:
    """In a folder so deep that no socket's path would fit into it."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    part = Libvirtd(deep / "a folder's", Processes(deep / "processes", deep / "logs"), netns=libvirtd.netns)
    rig = LibvirtRig(part)
    try:
        part.ensure()
        run_folder = part.run
        rig.build()
        kill_libvirtd(part)
        with pytest.raises(HostBusy):
            rig.driver.list_servers()
        rig.driver.close()
        assert processes_of(part) != set()
        part.remove()
        assert processes_of(part) == set()
        assert not run_folder.exists()
        assert not [line for line in links(part) if line.startswith("tap")]
        assert str(deep) not in Path("/proc/self/mountinfo").read_text()
        part.remove()
    finally:
        part.remove()
        shutil.rmtree(deep)


def test_a_stopped_libvirtd_finds_its_guests_when_it_is_started_again(libvirtd: Libvirtd) -> None:
    rig = LibvirtRig(libvirtd)
    spec = rig.build()
    try:
        libvirtd.stop()
        libvirtd.stop()
        libvirtd.ensure()
        libvirtd.ensure()
        assert [seen.power for seen in rig.driver.list_servers()] == [PowerState.RUNNING]
        assert rig.boots(spec) == 1
    finally:
        rig.close()


def test_a_killed_virtlogd_is_started_again_and_serves_the_next_boot(libvirtd: Libvirtd) -> None:
    rig = LibvirtRig(libvirtd)
    spec = rig.build()
    try:
        kill_and_wait(libvirtd, f"{libvirtd.name}-virtlogd")
        libvirtd.ensure()
        assert [seen.power for seen in rig.driver.list_servers()] == [PowerState.RUNNING]
        rig.driver.reboot(spec.id, hard=True, grace_s=0)
        rig.ready(spec, boots=2)
    finally:
        rig.close()


def test_a_guest_that_is_killed_is_seen_as_crashed_and_can_be_started(libvirtd: Libvirtd) -> None:
    rig = LibvirtRig(libvirtd)
    spec = rig.build()
    try:
        pid = int(next(libvirtd.run.glob("qemu/instance-*.pid")).read_text())
        os.kill(pid, 9)
        until(lambda: rig.driver.list_servers()[0].power is PowerState.CRASHED)
        rig.driver.start(spec.id)
        rig.ready(spec, boots=2)
        assert rig.driver.list_servers()[0].power is PowerState.RUNNING
    finally:
        rig.close()


def test_a_guest_that_ends_while_libvirtd_is_dead_is_seen_as_off(libvirtd: Libvirtd) -> None:
    rig = LibvirtRig(libvirtd)
    rig.build()
    try:
        pid = int(next(libvirtd.run.glob("qemu/instance-*.pid")).read_text())
        kill_libvirtd(libvirtd)
        os.kill(pid, 9)
        libvirtd.ensure()
        until(lambda: rig.driver.list_servers()[0].power in (PowerState.CRASHED, PowerState.SHUTDOWN))
    finally:
        rig.close()


def test_a_console_that_never_falls_silent_stays_bounded(libvirtd: Libvirtd) -> None:
    limits = (libvirtd.folder / "etc" / "virtlogd.conf").read_text()
    assert "max_size" in limits and "max_backups = 1" in limits


def test_the_qemu_of_a_guest_is_not_root(libvirtd: Libvirtd) -> None:
    rig = LibvirtRig(libvirtd)
    rig.build()
    try:
        pid = int(next(libvirtd.run.glob("qemu/instance-*.pid")).read_text())
        assert os.stat(f"/proc/{pid}").st_uid == libvirtd.owner[0] != 0
    finally:
        rig.close()


def test_the_probe_for_kvm_boots_where_an_accelerator_works() -> None:
    assert boots_with("tcg", limit_s=30)
    assert not boots_with("no-such-accelerator", limit_s=30)


def test_the_answer_of_the_probe_is_kept_for_this_boot_of_the_machine(tmp_path: Path) -> None:
    assert kvm_works(tmp_path) is kvm_works(tmp_path)
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (tmp_path / "kvm").write_text(f"{boot_id} works")
    assert kvm_works(tmp_path)
    (tmp_path / "kvm").write_text("another-boot works")
    assert kvm_works(tmp_path) is (tmp_path / "kvm").read_text().endswith("works")
