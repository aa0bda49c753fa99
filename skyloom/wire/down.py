"""The way a whole cloud is taken down; light, so that the command answers soon."""

from skyloom.home import CONTROL, Home
from skyloom.parts.libvirtd import Libvirtd
from skyloom.parts.ovn import OvnMachine
from skyloom.parts.processes import Processes

AGENT = "agent"
"""The name of the agents' process among those of its folder."""
HOST = "host-1"
"""The name of the one real host of a machine."""


def take_down(home: Home) -> None:
    """End everything of the folder's cloud that runs; its data stay."""
    processes = Processes(home.processes, home.logs)
    processes.stop(CONTROL, grace_s=30)
    home.ready.unlink(missing_ok=True)
    processes.stop(AGENT)
    _stop_all(home, processes)
    for name in processes.names():
        processes.stop(name)


def _stop_all(home: Home, processes: Processes) -> None:
    """Guests, daemons, namespaces: nothing runs any more. Disks and databases stay.

    By what the folder shows was started, whatever the plan says or the machine can do now.
    """
    if (home.folder / "libvirt").exists():
        Libvirtd(home.folder / "libvirt", processes).remove()
    if (home.folder / "ovn").exists():
        OvnMachine(home.id, home.folder / "ovn", HOST, processes=processes).stop()
