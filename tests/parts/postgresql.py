"""A real PostgreSQL for the tests: started once a session, with its default durability, and gone with its parent.

The folder's name holds the pid and start time of the process that made it, and the kernel ends the server when that
process dies, so a killed run leaves only a dead folder, which the next run sweeps away.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import create_engine, make_url

from skyloom.db import metadata

PREFIX = "skyloom-test-pg-"
SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """One server with databases made on demand. `url` of a database is SQLAlchemy's, over the unix socket."""

    def __init__(self) -> None:
        _sweep()
        me = f"{os.getpid()}-{_start_ticks(os.getpid())}-"
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX + me))
        self.binaries = max(Path("/usr/lib/postgresql").iterdir(), key=lambda path: float(path.name)) / "bin"
        self._as_postgres: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as_postgres = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self._run("initdb", "-D", self.data, "-U", "skyloom", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Start on the same port as before (the first time: a free one); returns when it answers."""
        for _ in range(5):
            port = self.port or _free_port()
            if self._start_on(port):
                self.port = port
                return
        raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")

    def _start_on(self, port: int) -> bool:
        settings = {**SETTINGS, "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = ["setpriv", "--pdeathsig=QUIT", *self._as_postgres, "--", str(self.binaries / "postgres")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-D", self.data, *options], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        limit = time.monotonic() + 60
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                psycopg.connect(self._dsn("postgres", port), connect_timeout=5).close()
                return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        self.stop(signal.SIGQUIT)
        return False

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT: the fast, clean shutdown. SIGQUIT: as a crash."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(60)
        self._process = None

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self) -> str:
        """The URL of a fresh database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._dsn("postgres", self.port), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://skyloom@/{name}?host={self.folder}&port={self.port}"

    def empty(self, url: str, tables: Sequence[str]) -> None:
        deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in tables]
        # As a replica the server does not check foreign keys, so the order does not matter.
        statement = sql.SQL("; ").join([sql.SQL("SET session_replication_role = replica"), *deletes])
        with psycopg.connect(self._dsn(make_url(url).database or "", self.port)) as connection:
            connection.execute(statement)

    def _dsn(self, name: str, port: int) -> str:
        return f"host={self.folder} port={port} user=skyloom dbname={name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = ["setpriv", *self._as_postgres, "--", str(self.binaries / program), *arguments]
        subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=120)


class FreshDatabases:
    """Databases with every known table, all of them empty. One that was given back is emptied and lent again, which is
    ten times cheaper than a new one; a test that changes tables must make its own by `server.create_database`."""

    def __init__(self, server: PostgresServer):
        self.server = server
        self._free: dict[frozenset[str], list[str]] = {}

    def take(self) -> str:
        free = self._free.setdefault(frozenset(metadata.tables), [])
        if free:
            return free.pop()
        url = self.server.create_database()
        engine = create_engine(url)
        metadata.create_all(engine)
        engine.dispose()
        return url

    def give_back(self, url: str) -> None:
        """All connections to it are closed."""
        self.server.empty(url, list(metadata.tables))
        self._free.setdefault(frozenset(metadata.tables), []).append(url)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start_ticks(pid: int) -> str:
    """Field 22 of /proc/PID/stat; empty when there is no such process. With it a pid names one process only."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _sweep() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid, ticks, *_ = folder.name.removeprefix(PREFIX).split("-")
        if _start_ticks(int(pid)) != ticks:
            shutil.rmtree(folder, ignore_errors=True)
