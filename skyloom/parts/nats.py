"""The message broker of one cloud: a nats-server in which each host has a credential that opens its own subjects only.

A host may be taken over, and must then not own the cloud: as `host.NAME` it can hear `host.NAME.>` and its own inbox,
can tell what lies below `core.host.NAME.`, and can answer what it was asked. So the core knows from the subject alone
which host speaks. Passwords are made here and stand in files of mode 0600 only, never in an argv.
"""

import fcntl
import os
import secrets
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from skyloom.bus.contract import MAX_PAYLOAD_BYTES
from skyloom.bus.subjects import word
from skyloom.parts.processes import Daemon, DaemonFailed, Processes

NAME = "nats"
READY_S = 15.0
LONGEST_ANSWER = "30m"  # how long after a request a host may still answer it


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the server's certificate and key, and the CA that clients check it by."""

    certificate: Path
    key: Path
    ca: Path


class _State(msgspec.Struct):
    port: int
    core_password: str
    hosts: dict[str, str] = {}


class NatsServer:
    def __init__(
        self,
        processes: Processes,
        folder: Path,
        listen_host: str = "127.0.0.1",
        port: int | None = None,
        tls: TlsFiles | None = None,
    ):
        """Without `port` a free one is taken at the first start and kept for good."""
        self.processes = processes
        self.folder = folder
        self.listen_host = listen_host
        self.port = port
        self.tls = tls
        folder.mkdir(parents=True, exist_ok=True)

    def ensure(self) -> str:
        """Start it unless it runs; the URL for the core, with its credential. Raises DaemonFailed."""
        with self._locked():
            state = self._load() or _State(self.port or _free_port(self.listen_host), secrets.token_urlsafe(24))
            if self.port is not None:
                state.port = self.port
            self._save(state)
            self.processes.ensure(Daemon(NAME, ["nats-server", "-c", str(self.folder / "nats.conf")]))
            self._wait_until_admitted(state, "core", state.core_password)
            return self._url(state, "core", state.core_password)

    def add_host(self, name: str) -> str:
        """The URL for the host's agent, with a credential of its own; the same one each time. Call `ensure` before."""
        with self._locked():
            state = self._load()
            if state is None:
                raise DaemonFailed("The message broker was never started; start it before hosts are added.")
            password = state.hosts.setdefault(name, secrets.token_urlsafe(24))
            self._save(state)
            self._reload()
            self._wait_until_admitted(state, host_user(name), password)
            return self._url(state, host_user(name), password)

    def remove_host(self, name: str) -> None:
        """Its credential opens nothing any more, and its connections end."""
        with self._locked():
            state = self._load()
            password = state.hosts.pop(name, None) if state is not None else None
            if state is None or password is None:
                return
            self._save(state)
            self._reload()
            if self.processes.running(NAME) is not None:
                self._wait_until_admitted(state, host_user(name), password, wanted=False)

    def stop(self) -> None:
        self.processes.stop(NAME)

    def _url(self, state: _State, user: str, password: str) -> str:
        place = f"{quote(user, safe='')}:{quote(password, safe='')}@{self.listen_host}:{state.port}"
        return f"tls://{place}?ca={quote(str(self.tls.ca))}" if self.tls else f"nats://{place}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time, of this process and of others."""
        with (self.folder / "nats.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _load(self) -> _State | None:
        try:
            return msgspec.json.decode((self.folder / "nats.json").read_bytes(), type=_State)
        except FileNotFoundError:
            return None

    def _save(self, state: _State) -> None:
        _write_secret(self.folder / "nats.json", msgspec.json.encode(state))
        _write_secret(self.folder / "nats.conf", msgspec.json.format(msgspec.json.encode(self._configuration(state))))

    def _configuration(self, state: _State) -> dict[str, object]:
        users: list[object] = [{"user": "core", "password": state.core_password}]
        users += [_host(name, password) for name, password in sorted(state.hosts.items())]
        configuration: dict[str, object] = {
            "host": self.listen_host,
            "port": state.port,
            "max_payload": MAX_PAYLOAD_BYTES,
            # A host that lost power is found out by these, and its requests then end at once instead of by timeout.
            "ping_interval": "10s",
            "ping_max": 2,
            "authorization": {"users": users},
        }
        if self.tls is not None:
            configuration["tls"] = {"cert_file": str(self.tls.certificate), "key_file": str(self.tls.key)}
        return configuration

    def _reload(self) -> None:
        record = self.processes.running(NAME)
        if record is not None:
            os.kill(record.pid, signal.SIGHUP)

    def _wait_until_admitted(self, state: _State, user: str, password: str, wanted: bool = True) -> None:
        deadline = time.monotonic() + READY_S
        while self._admits(state.port, user, password) is not wanted:
            if self.processes.running(NAME) is None:
                raise DaemonFailed(f"The message broker ended; see {self.processes.log(NAME)}.")
            if time.monotonic() > deadline:
                raise DaemonFailed(
                    f"The message broker did not take its configuration for {user}; see {self.processes.log(NAME)}."
                )
            time.sleep(0.02)

    def _admits(self, port: int, user: str, password: str) -> bool:
        """Say hello as `user`: the start and a reload are done when the answer is yes."""
        login = {"user": user, "pass": password, "verbose": False, "pedantic": False, "lang": "python", "version": "1"}
        try:
            with socket.create_connection((self.listen_host, port), timeout=2) as plain:
                _read_line(plain)
                with self._encrypted(plain) as connection:
                    connection.sendall(b"CONNECT " + msgspec.json.encode(login) + b"\r\nPING\r\n")
                    return _read_line(connection) == b"PONG"
        except OSError:
            return False

    def _encrypted(self, plain: socket.socket) -> socket.socket:
        if self.tls is None:
            return plain
        context = ssl.create_default_context(cafile=self.tls.ca)
        return context.wrap_socket(plain, server_hostname=self.listen_host)


def host_user(name: str) -> str:
    return f"host.{word(name)}"


def _host(name: str, password: str) -> dict[str, object]:
    user = host_user(name)
    return {
        "user": user,
        "password": password,
        "permissions": {
            "publish": {"allow": [f"core.{user}.>"]},
            "subscribe": {"allow": [f"{user}.>", f"_INBOX.{user}.>"]},
            "allow_responses": {"max": 1, "expires": LONGEST_ANSWER},
        },
    }


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        data = connection.recv(1)
        if not data:
            break
        line += data
    return line.strip()


def _write_secret(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by us only from the first byte on."""
    draft = path.with_suffix(path.suffix + ".draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    draft.rename(path)
