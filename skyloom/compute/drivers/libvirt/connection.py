"""One connection to libvirtd that is opened again when libvirtd was, and libvirt's errors in the contract's words.

libvirt's event loop runs in a thread of its own: it is what answers libvirtd's keepalive and notices a libvirtd that
hangs, so that no call waits for ever.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import libvirt

from skyloom.compute.drivers.contract import BuildFailed, HostBusy, HostFull, ServerGone
from skyloom.errors import SkyloomError

KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 4

_log = logging.getLogger(__name__)
_loop_lock = threading.Lock()
_loop: threading.Thread | None = None

IMPOSSIBLE = {
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    libvirt.VIR_ERR_XML_ERROR,
    libvirt.VIR_ERR_XML_DETAIL,
    libvirt.VIR_ERR_XML_INVALID_SCHEMA,
    libvirt.VIR_ERR_INVALID_ARG,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OS_TYPE,
}


class Connection:
    def __init__(self, uri: str, open_connection: Callable[[str], Any] = libvirt.open):
        self.uri = uri
        self._open = open_connection
        self._lock = threading.Lock()
        self._connection: Any = None

    def get(self) -> Any:
        """A libvirt.virConnect that lives; raises HostBusy when libvirtd does not answer."""
        with self._lock:
            if self._connection is not None and self._connection.isAlive():
                return self._connection
            self._drop()
            _ensure_loop()
            with translated():
                connection = self._open(self.uri)
                connection.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
            self._connection = connection
            return connection

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(libvirt.libvirtError):
                self._connection.close()
        self._connection = None


@contextmanager
def translated(server_id: str = "") -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        raise contract_error(error, server_id) from error


def contract_error(error: Any, server_id: str) -> SkyloomError:
    """What of libvirt's many errors a caller can act on; libvirt's own text stays in the cause, for the log."""
    code = error.get_error_code()
    if code == libvirt.VIR_ERR_NO_DOMAIN:
        return server_gone(server_id)
    if "Cannot allocate memory" in str(error) or "No space left" in str(error):
        return HostFull("The host has not enough memory or disk for this server; build it on another one.")
    if code in IMPOSSIBLE:
        return BuildFailed("The hypervisor cannot make a server of this shape; choose another flavor or image.")
    return HostBusy("The hypervisor of this host does not answer as it should; try again in a moment.")


def server_gone(server_id: str) -> ServerGone:
    return ServerGone(f"This host has no server {server_id}; build it first.", server_id=server_id)


def _ensure_loop() -> None:
    """One per process, as libvirt wants it, and made before the first connection."""
    global _loop  # noqa: PLW0603 - libvirt keeps its event loop in the process, not in an object
    with _loop_lock:
        if _loop is None:
            libvirt.registerErrorHandler(lambda _context, _error: None, None)
            libvirt.virEventRegisterDefaultImpl()
            # A timer lets the loop notice what other threads register.
            libvirt.virEventAddTimeout(1000, lambda _timer, _opaque: None, None)
            _loop = threading.Thread(target=_run_loop, name="libvirt-events", daemon=True)
            _loop.start()


def _run_loop() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            _log.exception("libvirt's event loop failed; it goes on")
