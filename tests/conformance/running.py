"""A simulated cloud to be tested, and a run of OpenStack's own suite against it."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from skyloom.cli.conformance import suite
from tests.parts.ports import free_port

LIMIT_S = 1500
SKYLOOM = [sys.executable, "-m", "skyloom.cli"]


@contextmanager
def simulated_cloud(folder: Path, *more: str) -> Iterator[Path]:
    """Of three hosts, its passwords cheap to check; gives its folder. `more`: options of `skyloom up`."""
    options = ["--hypervisor", "simulated", "--hosts", "3", "--password-cost", "8", "--listen"]
    options.append(f"127.0.0.1:{free_port()}")
    subprocess.run([*SKYLOOM, "up", "--detach", "--state", str(folder), *options, *more], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*SKYLOOM, "down", "--state", str(folder)], check=True)


def run_suite(state: Path, sets: Iterable[str], out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`more`: options of the suite."""
    command = [*SKYLOOM, "conformance", "--state", str(state), "--out", str(out)]
    command += [word for name in sets for word in ("--set", name)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return subprocess.run(
        [*command, "--suite", str(suite(None).parent), *(["--", *more] if more else [])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
