"""The Open vSwitch that guests' taps are plugged into.

libvirt plugs and unplugs them itself: it names tap, interface id, MAC and server in one OVS transaction, takes a left
over port of the same tap away in the same one, and clears up after a guest that ended while libvirtd was dead. What is
left for us is the case when libvirt forgot the guest itself: the ports still tell whose they were.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from skyloom.compute.drivers.contract import HostBusy


@dataclass(frozen=True)
class Switch:
    """`bridge` (the integration bridge), `run_folder` (OVS_RUNDIR: libvirtd must be started with the same)."""

    bridge: str
    run_folder: Path

    def remove_ports(self, server_id: str) -> None:
        find = ["--bare", "--columns=name", "find", "Interface", f"external_ids:vm-id={server_id}"]
        for port in self._vsctl(*find).split():
            self._vsctl("--if-exists", "del-port", self.bridge, port)

    def _vsctl(self, *words: str) -> str:
        argv = ["ovs-vsctl", f"--db=unix:{self.run_folder}/db.sock", "--timeout=10", *words]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=15, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise HostBusy("Open vSwitch on this host does not answer; try again in a moment.") from error
        return done.stdout
