"""What only the simulated hypervisor can do: take time, fail on demand, live in memory."""

import threading
from pathlib import Path

import pytest

from skyloom.clock import VirtualClock
from skyloom.compute.drivers.contract import HostBusy, PowerState, Progress, ServerSpec
from skyloom.compute.drivers.simulated import Delays, Faults, Shape, SimulatedDriver


def spec(server_id: str = "s1") -> ServerSpec:
    return ServerSpec(server_id, f"name-{server_id}", "p1", 1, 512, 1, None, [])


def test_a_build_takes_the_time_it_was_told_to() -> None:
    clock = VirtualClock()
    driver = SimulatedDriver(delays=Delays(build_s=3), clock=clock)
    assert driver.ensure_server(spec()) is Progress.RUNNING
    assert [seen.power for seen in driver.list_servers()] == [PowerState.SHUTDOWN]
    clock.advance(2.9)
    assert driver.ensure_server(spec()) is Progress.RUNNING
    clock.advance(0.1)
    assert driver.ensure_server(spec()) is Progress.DONE
    assert [seen.power for seen in driver.list_servers()] == [PowerState.RUNNING]


def test_a_build_goes_on_after_a_restart_of_the_agent(tmp_path: Path) -> None:
    clock = VirtualClock()
    assert SimulatedDriver(tmp_path, delays=Delays(build_s=3), clock=clock).ensure_server(spec()) is Progress.RUNNING
    clock.advance(3)
    after = SimulatedDriver(tmp_path, delays=Delays(build_s=3), clock=clock)
    assert after.ensure_server(spec()) is Progress.DONE


def test_a_soft_reboot_that_is_not_obeyed_becomes_a_hard_one_after_the_grace() -> None:
    clock = VirtualClock()
    driver = SimulatedDriver(delays=Delays(reboot_s=float("inf")), clock=clock)
    driver.ensure_server(spec())
    assert driver.reboot("s1", hard=False, grace_s=10) is Progress.RUNNING
    clock.advance(10)
    assert driver.reboot("s1", hard=False, grace_s=10) is Progress.DONE
    assert "(boot 2)" in driver.console_output("s1", None)


def test_a_fault_strikes_as_often_as_ordered_and_only_where_ordered() -> None:
    faults = Faults()
    driver = SimulatedDriver(faults=faults)
    faults.fail(HostBusy("ordered"), "ensure_server", "s1", times=2)
    for _ in range(2):
        with pytest.raises(HostBusy):
            driver.ensure_server(spec("s1"))
    assert driver.ensure_server(spec("s2")) is Progress.DONE
    assert driver.ensure_server(spec("s1")) is Progress.DONE


def test_a_fault_for_ever_lasts_until_it_is_healed() -> None:
    faults = Faults()
    driver = SimulatedDriver(faults=faults)
    faults.fail(HostBusy("ordered"), times=None)
    for _ in range(5):
        with pytest.raises(HostBusy):
            driver.list_servers()
    faults.heal()
    assert driver.list_servers() == []


def test_the_hardware_is_what_was_ordered() -> None:
    seen = SimulatedDriver(shape=Shape(vcpus=4, memory_mib=4096, disk_gib=10)).resources()
    assert (seen.vcpus, seen.memory_mib, seen.disk_gib) == (4, 4096, 10)


def test_threads_that_build_the_same_server_boot_it_once() -> None:
    driver = SimulatedDriver()
    threads = [threading.Thread(target=driver.ensure_server, args=(spec(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert driver.console_output("s1", None).count("Linux version") == 1
