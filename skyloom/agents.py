"""The process of a machine's agents when the core is reached by a broker: `python -m skyloom.agents FOLDER`."""

import logging
import signal
import sys
import threading
from pathlib import Path

import msgspec

from skyloom.bus.nats import NatsBus
from skyloom.home import Home
from skyloom.wire.choice import Choice
from skyloom.wire.host import Hosts
from skyloom.wire.machine import Machine


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = Home(Path(sys.argv[1]))
    urls = msgspec.json.decode((home.folder / "agents.json").read_bytes(), type=dict[str, str])
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    machine = Machine(home, Choice(home.plan()))
    machine.ensure()
    buses = {name: NatsBus(url) for name, url in urls.items()}
    hosts = Hosts(home, machine, buses.__getitem__)
    asked.wait()
    hosts.stop()
    for bus in buses.values():
        bus.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
