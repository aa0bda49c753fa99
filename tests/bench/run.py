"""The benchmarks: `make bench`, or `python -m tests.bench.run [--only NAME ...]`.

Prints a table and writes build/bench.json beside it. The cloud that is measured is one of its own, in another process,
as shipped: durable, with TLS, policy and token checks. On a shared machine look at CPU, and at how much others took.
"""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.apis import Bench
from tests.bench.figures import Figure, document, table
from tests.bench.guest import real_guest
from tests.bench.load import Client
from tests.bench.running import ROOT, TICKS_PER_S, Running
from tests.bench.scale import scale

NAMES = ("start", "memory", "help", "token", "network", "image", "server", "scale", "guest")
ALONE = {"scale": scale, "guest": real_guest}
"""Those that make their own cloud."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="may be given again (all)")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench.json", metavar="FILE")
    arguments = parser.parse_args()
    names: Sequence[str] = arguments.only or NAMES
    # So that a bench that is ended takes its cloud along.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began, busy_s = time.perf_counter(), machine_busy_s()
    figures: list[Figure] = []
    api_names = [name for name in NAMES if name in names and name not in ALONE]
    if api_names:
        figures += over_simulated_hosts(api_names)
    for name, bench in ALONE.items():
        if name in names:
            figures += told(name, bench)
    seconds = time.perf_counter() - began
    facts: dict[str, object] = {
        "seconds": round(seconds, 1),
        "cpus": os.cpu_count(),
        "machine_busy_percent": round((machine_busy_s() - busy_s) / seconds / (os.cpu_count() or 1) * 100),
        "python": platform.python_version(),
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(document(figures, facts))
    print(table(figures))
    print(f"\n{facts}; also in {arguments.json}")
    return 0


def over_simulated_hosts(names: Sequence[str]) -> list[Figure]:
    figures = []
    with Running("--hypervisor", "simulated", "--hosts", "10") as cloud:
        Client(cloud)
        bench = Bench(cloud, time.perf_counter() - cloud.began)
        for name in names:
            figures += told(name, getattr(bench, name))
    return figures


def told(name: str, bench: Callable[[], Iterator[Figure]]) -> list[Figure]:
    print(f"· {name}", file=sys.stderr, flush=True)
    return list(bench())


def machine_busy_s() -> float:
    """CPU time of all the machine's processes."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = ticks[3:5]
    return (sum(ticks) - idle - waiting) / TICKS_PER_S


if __name__ == "__main__":
    sys.exit(main())
