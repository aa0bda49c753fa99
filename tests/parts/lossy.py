"""A wire to a PostgreSQL that can be cut at the commit: before the server hears of it, or after it has answered."""

import select
import socket
import threading
from enum import Enum
from types import TracebackType


class Cut(Enum):
    NEVER = 0
    BEFORE_COMMIT = 1
    AFTER_COMMIT = 2


class LossyWire:
    """Listens on `port`. Once `cut` is set, the next COMMIT ends its connection there; then all goes on as before.
    With `stays_down` nobody is let in any more after the cut."""

    def __init__(self, target_port: int):
        self.cut = Cut.NEVER
        self.stays_down = False
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> "LossyWire":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            return  # it was hung up before
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        """The client speaks and waits, so the bytes of a COMMIT are followed by the answer to it and nothing else."""
        with client, socket.create_connection(("127.0.0.1", self._target_port)) as server:
            is_cut = False
            while True:
                for end in select.select([client, server], [], [])[0]:
                    data = end.recv(65536)
                    if not data or (is_cut and end is server):
                        return
                    if end is client and b"COMMIT" in data and self.cut is not Cut.NEVER:
                        is_cut, cut, self.cut = True, self.cut, Cut.NEVER
                        if self.stays_down:
                            self._hang_up()
                        if cut is Cut.BEFORE_COMMIT:
                            return
                    (server if end is client else client).sendall(data)
