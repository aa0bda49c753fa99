"""What a plan means on this machine; light, so that the command refuses a plan before it keeps or starts anything."""

from msgspec.structs import replace

from skyloom.home import Plan, PlanInvalid
from skyloom.parts import probe

DATABASES = ("sqlite:///", "postgresql+psycopg://")
BUSES = ("nats://", "tls://")


class Choice:
    """Which hypervisor and network a plan means on this machine, and why, in one line.

    `plan` is the same without any "auto": a folder keeps to what its servers were built on.
    """

    def __init__(self, plan: Plan):
        _check(plan)
        lacks_qemu = probe.lacking(probe.hypervisor()) if plan.hypervisor != "simulated" else []
        lacks_ovn = probe.lacking(probe.network()) if plan.network != "simulated" else []
        if plan.hypervisor == "qemu" and lacks_qemu:
            raise PlanInvalid(f"--hypervisor qemu cannot run here, for want of {', '.join(lacks_qemu)}: skyloom doctor")
        if plan.network == "ovn" and lacks_ovn:
            raise PlanInvalid("--network ovn cannot run here; `skyloom doctor` tells what is missing.")
        self.hypervisor = "simulated" if plan.hypervisor == "simulated" or lacks_qemu else "qemu"
        if plan.network == "ovn" and self.hypervisor == "simulated":
            lacks = f", and that lacks {', '.join(lacks_qemu)} here" if lacks_qemu else ""
            raise PlanInvalid(f"--network ovn carries real guests only; use it with --hypervisor qemu{lacks}.")
        self.network = (
            "ovn" if self.hypervisor == "qemu" and plan.network != "simulated" and not lacks_ovn else "simulated"
        )
        self.hosts = 1 if self.hypervisor == "qemu" else plan.hosts
        if plan.hosts > 1 and self.hypervisor == "qemu":
            raise PlanInvalid("--hosts above 1 needs --hypervisor simulated: one machine is one real host.")
        self.plan = replace(plan, hypervisor=self.hypervisor, network=self.network)
        self.why = self._why(plan, lacks_qemu, lacks_ovn)

    def _why(self, plan: Plan, lacks_qemu: list[str], lacks_ovn: list[str]) -> str:
        reasons = []
        if plan.hypervisor == "auto":
            reasons.append(f"no qemu: lacks {', '.join(lacks_qemu)}" if lacks_qemu else "qemu and libvirt are here")
        if plan.network == "auto" and plan.hypervisor != "simulated":
            reasons.append("no ovn: `skyloom doctor` tells why" if lacks_ovn else "ovn is here")
        return f"hypervisor {self.hypervisor}, network {self.network} ({'; '.join(reasons) or 'as chosen'})"


def _check(plan: Plan) -> None:
    """What is wrong on any machine."""
    _ = plan.address
    if plan.hosts < 1:
        raise PlanInvalid(f"--hosts {plan.hosts}: a cloud has at least one host.")
    # The URLs may hold passwords, so what is wrong with them is told without them.
    database, bus = plan.database_url, plan.bus_url
    if database is not None and not database.startswith(DATABASES):
        raise PlanInvalid("The URL of --database is of no kind that is known; use postgresql+psycopg://…")
    if bus is not None and bus != "nats" and not bus.startswith(BUSES):
        raise PlanInvalid("The URL of --bus is of no kind that is known; use nats://…, or 'nats' to have one started.")
    if plan.password_cost is not None and not 1 <= plan.password_cost <= 24:
        raise PlanInvalid(f"--password-cost {plan.password_cost} is not between 1 and 24.")
