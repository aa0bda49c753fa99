"""Both buses under one suite: `there` serves and listens, `here` asks and tells."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from skyloom.bus import Bus, InProcessBus
from skyloom.bus.nats import NatsBus
from skyloom.parts.nats import NAME, NatsServer
from skyloom.parts.processes import Processes


@dataclass
class Ends:
    here: Bus
    there: Bus


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    runs = Path(tempfile.gettempdir()) / "skyloom-nats-tests"
    _sweep(runs)
    folder = runs / str(os.getpid())
    server = NatsServer(Processes(folder / "run", folder / "log"), folder / "nats")
    try:
        server.ensure()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _sweep(runs: Path) -> None:
    """End what a killed run left behind; a run that lives keeps its own."""
    for folder in runs.glob("*"):
        if not Path(f"/proc/{folder.name}").exists():
            Processes(folder / "run", folder / "log").stop(NAME)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["in_process", pytest.param("nats", marks=pytest.mark.needs("nats"))])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    if request.param == "in_process":
        bus = InProcessBus()
        made = Ends(bus, bus)
    else:
        url = request.getfixturevalue("nats_server").ensure()
        made = Ends(NatsBus(url), NatsBus(url))
    yield made
    made.here.close()
    made.there.close()
