"""One Open vSwitch of our own: ovsdb-server and ovs-vswitchd in a namespace, known by sockets in a short folder.

`ensure` may be called every second: while both daemons live it only looks. After a death the daemon is started again
on the same database, and ovs-vswitchd rebuilds bridges and ports from it. The database describes one life of the
namespace, so it is begun anew with a new one; nobody's truth is lost by that.
"""

from collections.abc import Mapping
from pathlib import Path

from skyloom.parts import netns
from skyloom.parts.ovsdb import LOGGING, OvsdbServer
from skyloom.parts.processes import Daemon, Processes

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")


class OpenVSwitch:
    """`run` must be a short path: a socket's whole path has 107 bytes at most."""

    def __init__(self, processes: Processes, namespace: str, run: Path, state: Path):
        self.namespace = namespace
        self.run = run
        self.environment = {"OVS_RUNDIR": str(run), "OVS_LOGDIR": str(state), "OVS_DBDIR": str(state)}
        self._processes = processes
        self.server = OvsdbServer(processes, f"{namespace}-ovsdb", SCHEMA, state / "ovs.db", run / "db.sock", namespace)
        self._vswitchd = Daemon(
            name=f"{namespace}-vswitchd",
            argv=["ovs-vswitchd", self.database, f"--unixctl={run}/vswitchd.ctl", *LOGGING],
            environment=self.environment,
            netns=netns.path(namespace),
        )

    @property
    def database(self) -> str:
        return self.server.remote

    def ensure(self) -> bool:
        """True if anything had to be started."""
        started = self.server.ensure()
        if self._processes.running(self._vswitchd.name) is None:
            self._processes.ensure(self._vswitchd)
            started = True
        return started

    def forget(self) -> None:
        """Begin with an empty database next time; only while nothing runs."""
        self.server.forget()

    def vsctl(self, *arguments: str) -> str:
        return netns.run(["ovs-vsctl", f"--db={self.database}", "--timeout=15", *arguments]).strip()

    def ensure_bridge(self, bridge: str, datapath: str, *settings: str) -> None:
        made = ["--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, f"datapath_type={datapath}", *settings]
        self.vsctl(*made)

    def add_port(self, bridge: str, link: str, external_ids: Mapping[str, str] | None = None) -> None:
        settings = [f'external_ids:{key}="{value}"' for key, value in (external_ids or {}).items()]
        self.vsctl(
            *["--may-exist", "add-port", bridge, link],
            *(["--", "set", "Interface", link, *settings] if settings else []),
        )

    def remove_port(self, bridge: str, link: str) -> None:
        self.vsctl("--if-exists", "del-port", bridge, link)

    def datapath(self) -> str:
        """`system` where the kernel forwards, `netdev` (in ovs-vswitchd itself) else: found out by making one."""
        known = self.vsctl("--if-exists", "get", "Bridge", "br-int", "datapath_type").strip('"')
        if known:
            return known
        try:
            netns.run(["ovs-dpctl", "add-dp", "skyloom-probe"], self.namespace)
            netns.run(["ovs-dpctl", "del-dp", "skyloom-probe"], self.namespace)
        except netns.CommandFailed:
            return "netdev"
        return "system"

    def stop(self) -> None:
        self._processes.stop(self._vswitchd.name)
        self.server.stop()
        for left in (self.run / "vswitchd.ctl", *self.run.glob("br-*.mgmt"), *self.run.glob("br-*.snoop")):
            left.unlink(missing_ok=True)
