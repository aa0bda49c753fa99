"""A whole cloud as its owner has it: a folder, the `skyloom` command, and OpenStack's own clients.

What must stay true: clouds that a killed test run left are found by their folders and taken down by the next run, and
whatever a cloud had on the machine (processes, namespaces, links, mounts, folders in /run) can be listed.
"""

import fcntl
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from openstack.config import OpenStackConfig
from openstack.connection import Connection

import skyloom
from skyloom.control import CONTROL
from skyloom.home import Home
from skyloom.parts import netns
from skyloom.parts.processes import Processes, start_ticks

SOURCE = Path(skyloom.__file__).parents[1]
RUNS = Path(tempfile.gettempdir()) / "skyloom-e2e"
COMMAND_LIMIT_S = 240.0


def await_true(what: str, is_so: Callable[[], object], limit_s: float = 60.0, pause_s: float = 0.05) -> float:
    """Seconds it took. `is_so` may raise AssertionError for "not yet"; the last one is told."""
    start = time.monotonic()
    while True:
        told = ""
        try:
            if is_so():
                return time.monotonic() - start
        except AssertionError as error:
            told = f": {error}"
        assert time.monotonic() - start < limit_s, f"not within {limit_s:.0f} s: {what}{told}"
        threading.Event().wait(pause_s)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class WholeCloud:
    """`options` are those of the first `skyloom up`; the folder keeps them."""

    def __init__(self, folder: Path, *options: str):
        self.home = Home(folder)
        self.port = free_port()
        self.options = ["--listen", f"127.0.0.1:{self.port}", "--password-cost", "4", *options]
        self._connections: list[Connection] = []
        self._run_folders: set[Path] = set()

    # -- the command

    def skyloom(self, verb: str, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
        return skyloom_command(verb, "--state", str(self.home.folder), *words, **how)

    def up(self, *more: str) -> str:
        """What it told on its way; the cloud is ready after it."""
        done = self.skyloom("up", "--detach", *self.options, *more)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.log(CONTROL)[-3000:]}"
        run_folder = self.home.folder / "libvirt" / "run-folder"
        if run_folder.exists():
            self._run_folders.add(Path(run_folder.read_text()))
        return done.stdout + done.stderr

    def down(self) -> None:
        done = self.skyloom("down")
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self.down()

    # -- its processes

    @property
    def processes(self) -> Processes:
        return Processes(self.home.processes, self.home.logs)

    def pid(self, name: str) -> int:
        record = self.processes.running(name)
        assert record is not None, f"{name} does not run"
        return record.pid

    def kill(self, name: str) -> int:
        """As `kill -9` of that very process, gone when this returns; its pid."""
        pid = self.pid(name)
        ticks = start_ticks(pid)
        os.kill(pid, signal.SIGKILL)
        await_true(f"{name} is gone", lambda: start_ticks(pid) != ticks, 10, 0.001)
        return pid

    def part(self, ending: str) -> str:
        """The name of the one daemon that ends so."""
        (name,) = [name for name in self.processes.names() if name.endswith(ending)]
        return name

    def log(self, name: str) -> str:
        path = self.processes.log(name)
        return path.read_text(errors="replace") if path.exists() else ""

    # -- its clients

    def connect(self, cloud: str = "skyloom", **auth: str) -> Connection:
        """By the SDK and the clouds.yaml that the cloud wrote; `auth` puts another user or project in."""
        config = OpenStackConfig(config_files=[str(self.home.clouds_yaml)], load_envvars=False)
        region = config.get_one(cloud, auth=auth) if auth else config.get_one(cloud)
        connection = Connection(config=region)
        self._connections.append(connection)
        return connection

    def openstack(
        self, *words: str, cloud: str = "skyloom", lines: Sequence[str] = (), clouds_yaml: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The unmodified command of the same Python; `lines` are commands for its one process to work off.

        `clouds_yaml`: another file than the one that the cloud wrote.
        """
        return subprocess.run(
            [str(Path(sys.executable).parent / "openstack"), *words],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
                "OS_CLIENT_CONFIG_FILE": str(clouds_yaml or self.home.clouds_yaml),
                "OS_CLOUD": cloud,
            },
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )

    # -- its truth

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.home.folder / 'cloud.db'}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, values)]

    def live_servers(self) -> list[dict[str, Any]]:
        return self.rows("select * from server where deleted_at is null")

    def on_simulated_hosts(self) -> dict[str, str]:
        """Server id -> host, by the hosts' own records."""
        return {path.stem: path.parent.name for path in (self.home.folder / "hosts").glob("*/*.server")}

    # -- what it has on the machine

    def leftovers(self) -> list[str]:
        """What of it the machine still has, its folder's files apart; empty after `down`."""
        found = [f"process {pid}: {words}" for pid, words in self._live_processes()]
        namespace = f"skyloom-{self.home.id}"
        found += [f"namespace {name}" for name in netns.names(namespace)]
        found += [f"link {name}" for _, name in socket.if_nameindex() if name == f"sky-{self.home.id}"]
        run_folders = [*Path("/run").glob(f"{namespace}*"), *(path for path in self._run_folders if path.exists())]
        found += [f"folder {path}" for path in run_folders]
        place = _any_of([str(self.home.folder), namespace])
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if place.search(line)]
        return found

    def _live_processes(self) -> Iterator[tuple[int, str]]:
        """Those that are recorded, were started with, stand in, or have mounted the folder (or one of its in /run)."""
        place = _any_of([str(self.home.folder), f"/run/skyloom-{self.home.id}", *map(str, self._run_folders)])
        recorded = {record.pid for name in self.processes.names() if (record := self.processes.running(name))}
        for path in Path("/proc").iterdir():
            if not path.name.isdecimal() or int(path.name) == os.getpid() or start_ticks(int(path.name)) is None:
                continue
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                seen = words + os.readlink(path / "cwd") + (path / "mountinfo").read_text()
                if int(path.name) in recorded or place.search(seen):
                    yield int(path.name), words


def _any_of(places: Sequence[str]) -> re.Pattern[str]:
    """Each as a whole name, not as the beginning of another cloud's."""
    return re.compile("|".join(rf"{re.escape(place)}(?![\w-])" for place in places))


def skyloom_command(
    *words: str, prefix: Sequence[str] = (), environment: dict[str, str] | None = None, limit_s: float = COMMAND_LIMIT_S
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "skyloom.cli", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


# -- folders of test runs


@contextmanager
def folder_of_run() -> Iterator[Path]:
    """A folder for the clouds of this run. Its lock dies with this process, and so tells a dead run from a live one."""
    RUNS.mkdir(exist_ok=True, mode=0o755)
    sweep()
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=RUNS))
    folder.chmod(0o755)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            clear(folder)


def sweep() -> None:
    """Take down what killed runs left."""
    for folder in RUNS.glob("run-*"):
        with suppress(FileNotFoundError), (folder / "lock").open("r") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            clear(folder)


def clear(folder: Path) -> None:
    for plan in folder.rglob("plan.json"):
        done = skyloom_command("down", "--state", str(plan.parent))
        assert done.returncode == 0, done.stdout + done.stderr
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if (place := line.split()[4]).startswith(f"{folder}/"):
            subprocess.run(["umount", place], check=True)
    shutil.rmtree(folder)
