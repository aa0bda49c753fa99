"""The process of the control plane from its start to its end, and the way a whole cloud is taken down."""

import fcntl
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import msgspec

from skyloom.bus import Bus, InProcessBus
from skyloom.db import Database
from skyloom.db.schema import prepare
from skyloom.errors import Conflict, SkyloomError
from skyloom.home import CONTROL, Home, Plan, Ready, how_to_use, write_whole
from skyloom.parts.nats import NAME as BROKER
from skyloom.parts.nats import NatsServer
from skyloom.parts.processes import Daemon, Processes
from skyloom.web.server import Server, TlsFiles
from skyloom.web.tls import ensure_keyring
from skyloom.wire.choice import Choice
from skyloom.wire.configuration import configuration
from skyloom.wire.core import Core
from skyloom.wire.down import AGENT, take_down
from skyloom.wire.host import Hosts, names
from skyloom.wire.machine import Machine
from skyloom.work import Loop

log = logging.getLogger(__name__)
HOSTS_LIMIT_S = 60


class RunsAlready(Conflict):
    code = "cloud.runs_already"


class AddressUnusable(Conflict):
    code = "cloud.address_unusable"


class Control:
    """One life of the control plane of a folder."""

    def __init__(self, home: Home, plan: Plan):
        self.home = home
        self.plan = plan
        self.processes = Processes(home.processes, home.logs)
        self.choice = Choice(plan)
        self.machine = Machine(home, self.choice)
        self.db = Database(plan.database_url or home.database_url)
        self.hosts: Hosts | None = None

    def start(self) -> None:
        self._check_address()
        self.machine.ensure()
        prepare(self.db)
        self.bus = self._bus()
        self.core = Core(self.home, self.plan, self.db, self.bus, self.machine)
        self.core.bootstrap()
        self.core.start()
        if self.plan.bus is None:
            self.hosts = Hosts(self.home, self.machine, lambda name: self.bus)
        self.parts = Loop("parts", self._ensure_parts, 1.0)
        self.parts.start()
        self._await_hosts()
        self.server = self._server()
        # What is there now stays for good, so the collector need not walk through it again and again while it serves.
        gc.collect()
        gc.freeze()
        self.server.start()
        self.core.worker.give_way_to(self.server.is_busy)
        ready = Ready(
            os.getpid(),
            self.plan.public_url,
            self.choice.hypervisor,
            self.choice.network,
            self.choice.hosts,
            self.processes.names(),
        )
        write_whole(self.home.ready, msgspec.json.encode(ready), 0o644)

    def _check_address(self) -> None:
        """Before anything is started: else it would run without the APIs that it was started for."""
        host, port = self.plan.address
        try:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
        except OSError as error:
            reason = error.strerror or str(error)
            raise AddressUnusable(
                f"{self.plan.listen} cannot be listened at ({reason}); choose another by --listen."
            ) from error

    def stop(self) -> None:
        """Requests in flight end, tasks stop at their next boundary; guests and networks go on."""
        self.home.ready.unlink(missing_ok=True)
        self.server.stop()
        self.parts.stop()
        self.core.stop()
        if self.hosts is not None:
            self.hosts.stop()
        self.bus.close()
        self.db.close()

    def _bus(self) -> Bus:
        if self.plan.bus is None:
            return InProcessBus()
        from skyloom.bus.nats import NatsBus

        if self.plan.bus != "nats":
            url = self.plan.bus_url or ""
            self._keep_host_urls(dict.fromkeys(names(self.machine), url))
            return NatsBus(url)
        self.broker = NatsServer(self.processes, self.home.folder / "nats", "127.0.0.1")
        url = self.broker.ensure()
        self._keep_host_urls({name: self.broker.add_host(name) for name in names(self.machine)})
        return NatsBus(url)

    def _keep_host_urls(self, urls: dict[str, str]) -> None:
        """What the agents' process reads when it starts; each URL holds the credential of its host only."""
        path, content = self.home.folder / "agents.json", msgspec.json.encode(urls)
        if not path.exists() or path.read_bytes() != content:
            self.processes.stop(AGENT)
            write_whole(path, content, 0o600)

    def _ensure_parts(self) -> None:
        self.machine.ensure()
        if self.plan.bus == "nats" and self.processes.running(BROKER) is None:
            self.broker.ensure()
        if self.plan.bus is not None:
            self.processes.ensure(
                Daemon(AGENT, [sys.executable, "-m", "skyloom.agents", str(self.home.folder)], python())
            )

    def _await_hosts(self) -> None:
        """Ready means that a server can be built and that what is shown of the old ones is true, not only that the API
        answers: guests may have ended since the cloud last ran."""
        wanted = set(names(self.machine))
        deadline = time.monotonic() + HOSTS_LIMIT_S
        while not wanted <= self.core.compute.reconciler.compared:
            if time.monotonic() > deadline:
                log.warning("not all hosts are there after %d s; going on without them", HOSTS_LIMIT_S)
                return
            time.sleep(0.005)

    def _server(self) -> Server:
        host, port = self.plan.address
        if not self.plan.tls:
            return Server(self.core.application(), host, port)
        keyring = ensure_keyring(self.home.tls, host)
        write_whole(self.home.ca, keyring.ca.read_bytes(), 0o644)
        client_ca = configuration(self.home, self.plan).web.client_ca_file
        return Server(self.core.application(), host, port, TlsFiles(keyring.certificate, keyring.key, client_ca))


def python() -> dict[str, str]:
    """The environment in which another Python of ours finds the same packages."""
    return {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def tell(line: str) -> None:
    """A line of progress for whoever waits for the start."""
    sys.stderr.write(f"· {line}\n")
    sys.stderr.flush()


def serve(home: Home, plan: Plan) -> int:
    """Run until SIGTERM; on SIGINT (a person's Ctrl-C) the whole cloud is taken down."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.setswitchinterval(0.0005)
    with (home.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunsAlready(f"A cloud runs in {home.folder} already; `skyloom down` ends it.") from error
        return _serve(home, plan)


def _serve(home: Home, plan: Plan) -> int:
    asked = threading.Event()
    signals: list[int] = []

    def hear(number: int, frame: object) -> None:
        signals.append(number)
        asked.set()

    signal.signal(signal.SIGTERM, hear)
    signal.signal(signal.SIGINT, hear)
    control = Control(home, plan)
    control.processes.adopt(CONTROL)
    control.start()
    ready = home.ready_now()
    assert ready is not None
    sys.stdout.write(f"{how_to_use(home, ready)}\n")
    sys.stdout.flush()
    asked.wait()
    control.stop()
    control.processes.forget(CONTROL)
    if signals[0] == signal.SIGINT:
        take_down(home)
    return 0


def main() -> int:
    home = Home(Path(sys.argv[1]))
    try:
        return serve(home, home.plan())
    except SkyloomError as error:
        tell(error.sentence)
        log.exception("the cloud could not be started")
        return 1


if __name__ == "__main__":
    sys.exit(main())
