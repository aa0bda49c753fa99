"""Daemons that outlive the program that started them, known by a record on disk.

A daemon is started in a session of its own, so that `kill -9` of Skyloom leaves guests and networks running; its pid
and start time stand in `DIR/NAME.process`, so that the next Skyloom finds the very same process (and never a stranger
that was given the same pid). Nothing here matches processes by name.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from skyloom.errors import Unavailable


class DaemonFailed(Unavailable):
    code = "part.failed"


class Record(msgspec.Struct):
    """`start_ticks` is field 22 of /proc/PID/stat: with it a pid names one process only."""

    pid: int
    start_ticks: int
    command: list[str]


@dataclass(frozen=True)
class Daemon:
    """`argv` must stay in the foreground. `netns` is a path such as /run/netns/x, entered before the start."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    netns: str | None = None


class Processes:
    """The daemons of one state folder."""

    def __init__(self, folder: Path, log_folder: Path):
        self.folder = folder
        self.log_folder = log_folder
        folder.mkdir(parents=True, exist_ok=True)
        log_folder.mkdir(parents=True, exist_ok=True)

    def ensure(self, daemon: Daemon) -> int:
        """Start it unless it runs; the pid."""
        running = self.running(daemon.name)
        if running is not None:
            return running.pid
        argv = list(daemon.argv)
        if daemon.netns is not None:
            argv = ["nsenter", f"--net={daemon.netns}", "--", *argv]
        with (self.log_folder / f"{daemon.name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **daemon.environment},
            )
        # The record knows the daemon from here on; a forgotten Popen would complain that its child still runs.
        process.returncode = 0
        ticks = start_ticks(process.pid)
        if ticks is None:
            raise DaemonFailed(f"{daemon.name} ended as soon as it was started; see {self.log(daemon.name)}")
        self._keep(daemon.name, Record(process.pid, ticks, argv))
        return process.pid

    def adopt(self, name: str) -> None:
        """Record the process that calls this, so that others find and stop it by `name`.

        Without its arguments: some of them may be secrets, which its owner alone sees in the process itself.
        """
        pid = os.getpid()
        self._keep(name, Record(pid, start_ticks(pid) or 0, sys.argv[:1]))

    def forget(self, name: str) -> None:
        """The process ends by itself."""
        (self.folder / f"{name}.process").unlink(missing_ok=True)

    def _keep(self, name: str, record: Record) -> None:
        path = self.folder / f"{name}.process"
        draft = path.with_suffix(f".{record.pid}")
        draft.write_bytes(msgspec.json.encode(record))
        draft.rename(path)

    def running(self, name: str) -> Record | None:
        """The record of the daemon if that very process lives (a zombie does not)."""
        try:
            record = msgspec.json.decode((self.folder / f"{name}.process").read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return record if start_ticks(record.pid) == record.start_ticks else None

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.process"))

    def stop(self, name: str, grace_s: float = 10.0) -> None:
        """SIGTERM, after `grace_s` SIGKILL, then wait until it is gone. To stop what does not run is no error."""
        record = self.running(name)
        if record is not None:
            end(record, grace_s)
        (self.folder / f"{name}.process").unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"


def end(record: Record, grace_s: float) -> None:
    """SIGTERM to that very process, after `grace_s` SIGKILL, then wait until it is gone."""
    try:
        handle = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if start_ticks(record.pid) != record.start_ticks:
            return
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 30.0)):
            signal.pidfd_send_signal(handle, number)
            if poll.poll(wait_s * 1000):
                break
        else:
            raise DaemonFailed(f"Process {record.pid} ({record.command[0]}) does not end, even by SIGKILL")
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
    _reap(record.pid)


def _reap(pid: int) -> None:
    """A child of ours stays a zombie until it is waited for; another's child is its parent's to reap."""
    deadline = time.monotonic() + 5
    try:
        while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
    except ChildProcessError:
        return


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; None for what does not live."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
