"""An OpenID provider that says whatever a test wants: what a real one never would, or takes too long to."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Said:
    """`body`: bytes as they are, anything else as JSON. `pause_s`: before each byte of it."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0


@dataclass
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class OddProvider:
    """`says`: path -> what it answers there; 404 elsewhere. `asked`: what it was asked, in order."""

    def __init__(self) -> None:
        self.says: dict[str, Said] = {}
        self.asked: list[Asked] = []
        provider, stop = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.asked.append(Asked(self.command, self.path, headers, body))
                said = provider.says.get(self.path.partition("?")[0], Said({}, 404))
                content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                self.send_response(said.status)
                for name, value in {"content-length": str(len(content)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for start in range(0, len(content), 1 if said.pause_s else len(content) or 1):
                        if stop.wait(said.pause_s):
                            return
                        self.wfile.write(content[start : start + 1] if said.pause_s else content)
                except (BrokenPipeError, ConnectionResetError):
                    return

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._stop = stop
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
