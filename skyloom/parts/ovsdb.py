"""One ovsdb-server on one database file, in the foreground, reached through a unix socket.

A file that cannot be read, or was made for another schema, is set aside and begun anew: what stands in these databases
is derived (from our own database, or from another of these), so it comes back by itself.
"""

import time
from pathlib import Path

from skyloom.parts import netns
from skyloom.parts.processes import Daemon, DaemonFailed, Processes

LOGGING = ("-vconsole:warn", "-vsyslog:off", "-vfile:off")


class OvsdbServer:
    """`listen` are further remotes such as ptcp:6642:10.0.0.1, for other hosts."""

    def __init__(
        self,
        processes: Processes,
        name: str,
        schema: Path,
        file: Path,
        socket: Path,
        namespace: str,
        listen: tuple[str, ...] = (),
    ):
        if len(bytes(socket)) > 107:
            raise DaemonFailed(f"The socket path {socket} is longer than 107 bytes; choose a shorter folder")
        self.name = name
        self.remote = f"unix:{socket}"
        self._processes = processes
        self._schema = schema
        self._file = file
        self._socket = socket
        self._control = socket.with_suffix(".ctl")
        remotes = [f"--remote={remote}" for remote in (f"punix:{socket}", *listen)]
        self._daemon = Daemon(
            name=name,
            argv=["ovsdb-server", str(file), *remotes, f"--unixctl={self._control}", *LOGGING],
            netns=netns.path(namespace),
        )

    def ensure(self, timeout_s: float = 15.0) -> bool:
        """True if it had to be started; returns when it answers."""
        if self._processes.running(self.name) is not None:
            return False
        self._ensure_file()
        self._socket.unlink(missing_ok=True)
        self._processes.ensure(self._daemon)
        deadline = time.monotonic() + timeout_s
        while not self._socket.exists():
            if self._processes.running(self.name) is None or time.monotonic() > deadline:
                raise DaemonFailed(f"{self.name} does not answer; see {self._processes.log(self.name)}")
            time.sleep(0.01)
        return True

    def forget(self) -> None:
        for file in (self._file, self._lock):
            file.unlink(missing_ok=True)

    def stop(self) -> None:
        self._processes.stop(self.name)
        for left in (self._socket, self._control, self._lock):
            left.unlink(missing_ok=True)

    @property
    def _lock(self) -> Path:
        return self._file.with_name(f".{self._file.name}.~lock~")

    def _ensure_file(self) -> None:
        if self._file.exists():
            if self._is_ours():
                return
            self._file.replace(self._file.with_suffix(".aside"))
        netns.run(["ovsdb-tool", "create", str(self._file), str(self._schema)])

    def _is_ours(self) -> bool:
        try:
            version = netns.run(["ovsdb-tool", "db-version", str(self._file)])
        except netns.CommandFailed:
            return False
        return version == netns.run(["ovsdb-tool", "schema-version", str(self._schema)])
