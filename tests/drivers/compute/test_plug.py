"""Guests' taps in a real Open vSwitch (its userspace datapath), and what is left of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyloom.clock import Clock
from skyloom.compute.drivers.contract import HostedDriver, ServerSpec
from skyloom.compute.drivers.libvirt import LibvirtDriver, Switch
from skyloom.parts.libvirtd import Libvirtd
from skyloom.parts.processes import Daemon, Processes

from .conftest import LibvirtRig, clear_run, kill_libvirtd, make_part, new_run, settings, until

pytestmark = [pytest.mark.needs("qemu"), pytest.mark.needs("ovn")]
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
BRIDGE = "br-int"


class PluggedRig(LibvirtRig):
    def __init__(self, part: Libvirtd, switch: Switch):
        self.switch = switch
        super().__init__(part)

    def make(self, clock: Clock) -> HostedDriver:
        return LibvirtDriver(settings(self.part, switch=self.switch, userspace_datapath=True), self.images, clock)

    def vsctl(self, *words: str) -> list[str]:
        argv = ["ovs-vsctl", f"--db=unix:{self.switch.run_folder}/db.sock", "--timeout=10", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout.split()

    def ports(self) -> list[str]:
        return self.vsctl("list-ports", BRIDGE)

    def ids(self, spec: ServerSpec, key: str) -> list[str]:
        return self.vsctl("--bare", f"--columns={key}", "find", "Interface", f"external_ids:vm-id={spec.id}")


@pytest.fixture(scope="module")
def plugged() -> Iterator[PluggedRig]:
    folder = new_run("plug")
    part = make_part(folder)
    run_folder = part.run / "openvswitch"
    environment = {"OVS_RUNDIR": str(run_folder), "OVS_LOGDIR": str(folder), "OVS_DBDIR": str(folder)}
    part.environment.update(environment)
    try:
        start_open_vswitch(part.processes, folder, run_folder, part.netns, environment)
        part.ensure()
        rig = PluggedRig(part, Switch(BRIDGE, run_folder))
        rig.vsctl("--may-exist", "add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=netdev")
        yield rig
        rig.close()
    finally:
        clear_run(folder)


def start_open_vswitch(
    processes: Processes, folder: Path, run: Path, netns: str | None, environment: dict[str, str]
) -> None:
    run.mkdir(parents=True)
    database = folder / "ovs.db"
    subprocess.run(["ovsdb-tool", "create", str(database), SCHEMA], timeout=20, check=True)
    server = ["ovsdb-server", str(database), f"--remote=punix:{run}/db.sock", f"--unixctl={run}/db.ctl"]
    processes.ensure(Daemon("ovsdb", server, environment, netns))
    until((run / "db.sock").exists)
    init = ["ovs-vsctl", f"--db=unix:{run}/db.sock", "--no-wait", "init"]
    subprocess.run(init, timeout=20, check=True)
    switchd = ["ovs-vswitchd", f"unix:{run}/db.sock", f"--unixctl={run}/switchd.ctl"]
    processes.ensure(Daemon("ovs-vswitchd", switchd, environment, netns))


def test_a_port_is_known_by_its_id_while_the_guest_runs_and_gone_afterwards(plugged: PluggedRig) -> None:
    spec = plugged.build()
    assert len(plugged.ports()) == 1
    external_ids = " ".join(plugged.ids(spec, "external_ids"))
    assert spec.nics[0].port_id in external_ids and spec.nics[0].mac in external_ids
    assert plugged.ids(spec, "error") == []
    plugged.driver.stop(spec.id, 0)
    assert plugged.ports() == []
    plugged.driver.start(spec.id)
    assert len(plugged.ports()) == 1
    plugged.driver.remove_server(spec.id)
    assert plugged.ports() == []
    assert plugged.leftovers() == []


def test_a_port_that_libvirt_forgot_is_removed_with_its_server(plugged: PluggedRig) -> None:
    spec = plugged.build()
    neighbour = plugged.build()
    kill_libvirtd(plugged.part)
    plugged.part.remove_guests()
    for forgotten in plugged.part.run.glob("qemu/instance-*"):
        forgotten.unlink()
    plugged.part.ensure()
    assert len(plugged.ports()) == 2
    plugged.driver.remove_server(spec.id)
    assert len(plugged.ports()) == 1
    plugged.driver.start(neighbour.id)
    plugged.ready(neighbour, boots=2)
    assert len(plugged.ports()) == 1
    plugged.driver.remove_server(neighbour.id)
    assert plugged.ports() == []
