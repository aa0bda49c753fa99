"""OVN as parts: a centre, chassis, and the two with a way out for a cloud that lives on one machine.

Everything of a cloud lies in the namespace `skyloom-ID`, its sockets in /run/skyloom-ID, its databases in the state
folder. Our own database is the truth: a northbound database that was lost is filled again by the reconciler. Every
`ensure` may be repeated each second; it adopts what runs and starts what died.
"""

import ipaddress
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skyloom.parts import netns
from skyloom.parts.openvswitch import OpenVSwitch
from skyloom.parts.ovsdb import LOGGING, OvsdbServer
from skyloom.parts.processes import Daemon, DaemonFailed, Processes

SCHEMAS = Path("/usr/share/ovn")
PROGRAMS = ("ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl", "ovs-dpctl", "ovn-northd", "ovn-controller")
TOOLS = ("ovn-nbctl", "ovn-sbctl", "ip", "nsenter", "ethtool")
EXTERNAL_RANGES = ("198.51.100.0/26", "198.51.100.64/26", "198.51.100.128/26", "198.51.100.192/26")
"""Of TEST-NET-2 only: the other ranges for documentation are seen in use, as uplinks and as mirrors of packages."""
PHYSICAL_NETWORK = "public"


class NoExternalRange(DaemonFailed):
    code = "part.no_external_range"


class ExternalRangeTaken(DaemonFailed):
    code = "part.external_range_taken"


def missing() -> list[str]:
    """What this machine lacks for OVN, a phrase each; empty if it can run here."""
    lacks = [f"the program {program}" for program in (*PROGRAMS, *TOOLS) if shutil.which(program) is None]
    if os.geteuid() != 0:
        lacks.append("root")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError:
        lacks.append("an open /dev/net/tun")
    if not netns.can_make():
        lacks.append("the right to make network namespaces")
    return lacks


class OvnCentral:
    """The two databases and northd. `listen` (an address) lets chassis on other machines reach the southbound one."""

    def __init__(self, processes: Processes, namespace: str, run: Path, state: Path, listen: str | None = None):
        self._processes = processes
        self._initialised: set[str] = set()
        remotes = (f"ptcp:6642:{listen}",) if listen else ()
        self.nb = OvsdbServer(
            processes, f"{namespace}-nb", SCHEMAS / "ovn-nb.ovsschema", state / "nb.db", run / "nb.sock", namespace
        )
        self.sb = OvsdbServer(
            processes,
            f"{namespace}-sb",
            SCHEMAS / "ovn-sb.ovsschema",
            state / "sb.db",
            run / "sb.sock",
            namespace,
            remotes,
        )
        self._control = run / "northd.ctl"
        self._northd = Daemon(
            name=f"{namespace}-northd",
            argv=[
                "ovn-northd",
                f"--ovnnb-db={self.northbound}",
                f"--ovnsb-db={self.southbound}",
                f"--unixctl={self._control}",
                *LOGGING,
            ],
            environment={"OVN_RUNDIR": str(run), "OVS_RUNDIR": str(run)},
            netns=netns.path(namespace),
        )

    @property
    def northbound(self) -> str:
        return self.nb.remote

    @property
    def southbound(self) -> str:
        return self.sb.remote

    def ensure(self) -> bool:
        started = False
        for server, program in ((self.nb, "ovn-nbctl"), (self.sb, "ovn-sbctl")):
            if server.ensure():
                self._initialised.discard(program)
                started = True
            if program not in self._initialised:
                netns.run([program, f"--db={server.remote}", "--timeout=15", "init"])
                self._initialised.add(program)
        if self._processes.running(self._northd.name) is None:
            self._processes.ensure(self._northd)
            started = True
        return started

    def stop(self) -> None:
        self._processes.stop(self._northd.name)
        self._control.unlink(missing_ok=True)
        self.sb.stop()
        self.nb.stop()


@dataclass(frozen=True)
class Chassis:
    """`name` is the host's name in port bindings; `mappings` physical network -> bridge."""

    name: str
    namespace: str
    encap_ip: str
    sb_remote: str
    mappings: Mapping[str, str]


class OvnChassis:
    """A host's share: its Open vSwitch and ovn-controller. Its end keeps the flows, so packets go on without it."""

    def __init__(self, processes: Processes, chassis: Chassis, run: Path, state: Path):
        self.chassis = chassis
        self.switch = OpenVSwitch(processes, chassis.namespace, run, state)
        self.datapath = ""
        self._processes = processes
        self._run = run
        self._controller = Daemon(
            name=f"{chassis.namespace}-controller",
            argv=["ovn-controller", self.switch.database, *LOGGING],
            environment={**self.switch.environment, "OVN_RUNDIR": str(run)},
            netns=netns.path(chassis.namespace),
        )

    def ensure(self) -> bool:
        started = self.switch.ensure()
        if started:
            self.datapath = ""
        if not self.datapath:
            self.datapath = self._configure()
        if self._processes.running(self._controller.name) is None:
            self._processes.ensure(self._controller)
            started = True
        return started

    def stop(self) -> None:
        self._processes.stop(self._controller.name)
        for left in self._run.glob("ovn-controller.*.ctl"):
            left.unlink(missing_ok=True)
        self.switch.stop()
        self.datapath = ""

    def _configure(self) -> str:
        datapath = self.switch.datapath()
        facts = {
            "system-id": self.chassis.name,
            "hostname": self.chassis.name,
            "ovn-remote": self.chassis.sb_remote,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": self.chassis.encap_ip,
            "ovn-bridge-datapath-type": datapath,
            "ovn-bridge-mappings": ",".join(f"{network}:{bridge}" for network, bridge in self.chassis.mappings.items()),
            "ovn-monitor-all": "true",
            "ovn-cms-options": "enable-chassis-as-gw",
        }
        self.switch.vsctl(
            *["set", "Open_vSwitch", "."], *(f'external_ids:{key}="{value}"' for key, value in facts.items())
        )
        self.switch.ensure_bridge("br-int", datapath, "fail_mode=secure", "other_config:disable-in-band=true")
        for bridge in self.chassis.mappings.values():
            self.switch.ensure_bridge(bridge, datapath)
        return datapath


class OvnMachine:
    """A whole cloud's network on one machine, with a veth pair from the machine into the external network.

    `cloud` is 1 to 8 of a-z and 0-9, one for each cloud of a machine. `external_cidr` None: the first of
    EXTERNAL_RANGES that is not in the machine's routes, kept in the state folder from then on.
    """

    def __init__(
        self,
        cloud: str,
        state: Path,
        host: str,
        external_cidr: str | None = None,
        processes: Processes | None = None,
    ):
        if not re.fullmatch("[a-z0-9]{1,8}", cloud):
            raise DaemonFailed(f"The cloud's id {cloud!r} must be 1 to 8 of a-z and 0-9")
        self.namespace = f"skyloom-{cloud}"
        self.run = Path("/run") / self.namespace
        self.link = f"sky-{cloud}"
        self.state = state
        self._external_cidr = external_cidr
        self._has_way_out = False
        self.processes = processes or Processes(state / "processes", state / "logs")
        self.central = OvnCentral(self.processes, self.namespace, self.run, state)
        here = Chassis(host, self.namespace, "127.0.0.1", self.central.southbound, {PHYSICAL_NETWORK: "br-ex"})
        self.chassis = OvnChassis(self.processes, here, self.run, state)

    @property
    def northbound(self) -> str:
        return self.central.northbound

    def ensure(self) -> bool:
        """True if anything had to be made or started."""
        self.state.mkdir(parents=True, exist_ok=True)
        if not self._has_way_out:
            self._check_not_taken(self.external())
        self.run.mkdir(mode=0o755, exist_ok=True)
        made = netns.ensure(self.namespace)
        if made:
            self.chassis.stop()
            self.central.stop()
            self.chassis.switch.forget()
        started = self.central.ensure()
        started = self.chassis.ensure() or started
        is_cut = not netns.has_link(self.link)
        if started or is_cut:
            self._has_way_out = False
        if not self._has_way_out:
            self._ensure_way_out()
            self._has_way_out = True
        return made or started or is_cut

    def external(self) -> ipaddress.IPv4Network:
        """The range of the external network; the machine has its first address, which is the subnet's gateway."""
        kept = self.state / "external"
        if self._external_cidr is None and kept.exists():
            self._external_cidr = kept.read_text().strip()
        if self._external_cidr is None:
            self._external_cidr = _free_range()
        if not kept.exists():
            kept.write_text(f"{self._external_cidr}\n")
        return ipaddress.IPv4Network(self._external_cidr)

    def stop(self) -> None:
        """No process, namespace, link or socket is left; databases stay for the next start.

        Namespaces whose names begin with this one's are of this cloud (metadata), and go too.
        """
        self.chassis.stop()
        self.central.stop()
        netns.remove_link(self.link)
        for name in (*netns.names(f"{self.namespace}-"), self.namespace):
            netns.remove(name)
        _await_gone(self.link)
        shutil.rmtree(self.run, ignore_errors=True)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def _ensure_way_out(self) -> None:
        if netns.ensure_veth(self.link, None, "external", self.namespace):
            # A port of this name would still hold the device that is gone.
            self.chassis.switch.remove_port("br-ex", "external")
        if self.chassis.datapath == "netdev":
            netns.without_offload(self.link, None)
            netns.without_offload("external", self.namespace)
        network = self.external()
        gateway = f"{network.network_address + 1}/{network.prefixlen}"
        netns.run(["ip", "address", "replace", gateway, "dev", self.link])
        self.chassis.switch.add_port("br-ex", "external")

    def _check_not_taken(self, network: ipaddress.IPv4Network) -> None:
        """Another cloud may have begun with this range while this one was down; packets would go to either."""
        for route, link in netns.routes():
            other = ipaddress.ip_network(route)
            if link != self.link and other.version == 4 and other.subnet_of(network):
                raise ExternalRangeTaken(
                    f"The external network {network} of this cloud is in use: the machine's route to {other} leads to "
                    f"{link}. End what is there (another cloud, by `skyloom down --state FOLDER`) and start again"
                )


def _free_range() -> str:
    taken = [ipaddress.ip_network(route) for route, _ in netns.routes()]
    for candidate in EXTERNAL_RANGES:
        if not any(ipaddress.ip_network(candidate).overlaps(route) for route in taken if route.version == 4):
            return candidate
    raise NoExternalRange("Every default range is in the machine's routes; name another for the external network")


def _await_gone(link: str, timeout_s: float = 5.0) -> None:
    """The kernel takes a namespace down in its own time, its links with it."""
    deadline = time.monotonic() + timeout_s
    while netns.has_link(link) and time.monotonic() < deadline:
        time.sleep(0.01)
