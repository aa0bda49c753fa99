"""A cloud of its own for the benches, in a new folder and in processes of its own, and what those processes use."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from skyloom.home import Home
from skyloom.parts.processes import Processes

ROOT = Path(__file__).parents[2]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PASSWORD_COST = 10
"""Scrypt at 2**10, about 3 ms: what is measured is the service, and one login does not pay for the next bench."""
COMMAND = [sys.executable, "-m", "skyloom.cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Running:
    """As shipped: durable, TLS on, policy and token checks on."""

    def __init__(self, *options: str):
        self.folder = Path(tempfile.mkdtemp(prefix="skyloom-bench-"))
        self.home = Home(self.folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.options = ["--listen", f"127.0.0.1:{self.port}", "--password-cost", str(PASSWORD_COST), *options]
        self.began = time.perf_counter()

    @classmethod
    def of(cls, folder: Path, port: int) -> "Running":
        """One that another process has started."""
        found = cls.__new__(cls)
        found.folder, found.home, found.port = folder, Home(folder), port
        return found

    def __enter__(self) -> "Running":
        try:
            self.began = time.perf_counter()
            self._command("up", "--detach", *self.options)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._end()

    def _end(self) -> None:
        self._command("down")
        shutil.rmtree(self.folder)

    def _command(self, verb: str, *options: str) -> None:
        command = [*COMMAND, verb, "--state", str(self.folder), *options]
        subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)

    def pids(self) -> list[int]:
        processes = Processes(self.home.processes, self.home.logs)
        return [record.pid for name in processes.names() if (record := processes.running(name)) is not None]

    def cpu_s(self) -> float:
        """User and system time of all server processes so far."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / TICKS_PER_S

    def pss_mb(self) -> float:
        kib = 0
        for pid in self.pids():
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            assert found is not None
            kib += int(found[1])
        return kib * 1024 / 1e6

    def password(self) -> str:
        return str(json.loads((self.folder / "passwords.json").read_text())["admin"])
