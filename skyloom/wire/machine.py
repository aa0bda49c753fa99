"""The real parts of a cloud that lives on one machine, watched and started again when they die."""

from skyloom.compute.drivers.contract import HostedDriver, ImageSource
from skyloom.home import Home
from skyloom.parts import netns
from skyloom.parts.kvm import kvm_works
from skyloom.parts.libvirtd import GUESTS_INSIDE, RUN_INSIDE, Libvirtd
from skyloom.parts.ovn import OvnMachine
from skyloom.parts.processes import Processes
from skyloom.wire.choice import Choice
from skyloom.wire.down import HOST


class Machine:
    """`ensure` may be called each second: it adopts what runs and starts what died."""

    def __init__(self, home: Home, choice: Choice):
        self.home = home
        self.choice = choice
        self.processes = Processes(home.processes, home.logs)
        self.ovn = (
            OvnMachine(home.id, home.folder / "ovn", HOST, processes=self.processes)
            if choice.network == "ovn"
            else None
        )
        self.libvirtd = self._libvirtd() if choice.hypervisor == "qemu" else None

    def _libvirtd(self) -> Libvirtd:
        folder = self.home.folder / "libvirt"
        folder.mkdir(exist_ok=True)
        inside = netns.path(self.ovn.namespace) if self.ovn else None
        environment = {"OVS_RUNDIR": str(self.ovn.run)} if self.ovn else {}
        has_kvm = kvm_works(folder)
        return Libvirtd(folder, self.processes, netns=inside, environment=environment, kvm=has_kvm)

    def ensure(self) -> None:
        if self.ovn is not None:
            self.ovn.ensure()
        if self.libvirtd is not None:
            self.libvirtd.ensure()

    def driver(self, images: ImageSource) -> HostedDriver:
        # Here and not above: a cloud of simulated hosts starts without libvirt's library, and 15 MB smaller.
        from skyloom.compute.drivers.libvirt import HostSettings, LibvirtDriver, Switch

        assert self.libvirtd is not None
        libvirtd = self.libvirtd
        switch = Switch("br-int", self.ovn.run) if self.ovn else None
        settings = HostSettings(
            uri=libvirtd.uri,
            folder=libvirtd.guests,
            folder_inside=GUESTS_INSIDE,
            run_folder=libvirtd.run,
            run_inside=RUN_INSIDE,
            log_folder=libvirtd.logs,
            owner=libvirtd.owner,
            accelerator="kvm" if libvirtd.kvm else "tcg",
            switch=switch,
            userspace_datapath=self.ovn is not None and self.ovn.chassis.datapath == "netdev",
        )
        return LibvirtDriver(settings, images)
