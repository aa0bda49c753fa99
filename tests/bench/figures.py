"""The figures that `make bench` prints: what each is, what it has to reach, and what OpenStack's own services take.

A figure is good when it is not above its goal (a rate: not below). "CPU" is that of all server processes, a request: it
holds on a machine that others use too.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Goal:
    what: str
    unit: str
    reach: float
    openstack: str
    is_rate: bool = False


GOALS = {
    "start": Goal("up --hypervisor simulated, empty folder, to the first authenticated answer", "s", 3, "26-97"),
    "memory": Goal("memory of the idle control plane (PSS)", "MB", 150, "2,860-3,370"),
    "help": Goal("skyloom --help", "s", 0.3, "2.5"),
    "status": Goal("skyloom status", "s", 0.3, "2.5"),
    "token.validate": Goal("token validate, CPU", "ms", 0.18, "3.6"),
    "token.issue": Goal("token issue by password, CPU above the hash", "ms", 0.5, "5"),
    "token.p99": Goal("token validate, p99, 80/s beside 40 sign-ins/s and 20 lists/s", "ms", 10, "-"),
    "scale.sqlite": Goal("identity, 100,000 users, 1,000,000 assignments: the call that grows most", "times", 2, "-"),
    "scale.postgresql": Goal("the same on PostgreSQL", "times", 2, "-"),
    "server.show": Goal("server show, CPU", "ms", 0.5, "54-70"),
    "server.list": Goal("server list with details, 1,000, CPU", "ms", 48, "4,300-5,200"),
    "server.rate": Goal("servers ACTIVE, 20 asked for at once, 10 hosts", "/s", 100, "1.15", is_rate=True),
    "server.create": Goal("server create until ACTIVE, CPU", "ms", 10, "1,531"),
    "server.accept": Goal("server create, the request's p99, 20 at once", "ms", 100, "21,171"),
    "server.delete": Goal("server delete until gone, CPU", "ms", 8, "653"),
    "network.create": Goal("network create, CPU", "ms", 1.5, "39"),
    "port.create": Goal("port create, CPU", "ms", 2, "110"),
    "port.list": Goal("port list, 1,000, CPU", "ms", 11, "555"),
    "image.list": Goal("image list, 1,000, CPU", "ms", 8, "247"),
    "image.show": Goal("image show, CPU", "ms", 0.25, "2.7"),
    "guest": Goal("real guest (tiny, QEMU), request to SSH, above QEMU's own boot", "s", 2, "-"),
}


@dataclass(frozen=True)
class Figure:
    """`detail` tells what else was seen, such as how many requests and how quick they were."""

    name: str
    value: float
    detail: str = ""

    @property
    def goal(self) -> Goal:
        return GOALS[self.name]

    @property
    def is_reached(self) -> bool:
        return self.value >= self.goal.reach if self.goal.is_rate else self.value <= self.goal.reach


HEAD = ("what", "figure", "unit", "to reach", "OpenStack", "detail")


def table(figures: Sequence[Figure]) -> str:
    rows = [HEAD]
    for each in figures:
        goal = each.goal
        reach = f"{'>' if goal.is_rate else '<'} {goal.reach:g}"
        missed = "" if each.is_reached else " !"
        rows.append((goal.what, f"{each.value:.3g}{missed}", goal.unit, reach, goal.openstack, each.detail))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def document(figures: Sequence[Figure], facts: dict[str, object]) -> str:
    rows = [{**asdict(each), **asdict(each.goal), "is_reached": each.is_reached} for each in figures]
    return json.dumps({**facts, "figures": rows}, indent=1)
