"""Which HTTP edge is cheapest for a synchronous handler that does real work (docs/decisions/http-edge.md).

    python tests/bench/edges.py [--edges own,wsgi,...] [--seconds 3] [--json FILE]

Needs granian, falcon, starlette and uvicorn beside the project's own dependencies for the edges that use them.
The handler checks a Fernet token, selects one row by its id from SQLite and renders about 400 bytes of JSON.
"""

import argparse
import asyncio
import hashlib
import json
import queue
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import sqlalchemy as sa
from cryptography.fernet import Fernet

from skyloom.db import Database
from skyloom.errors import BadRequest
from skyloom.web.http import Body, BodyCut, Reply, Request
from skyloom.web.server import Server, TlsFiles
from skyloom.web.tls import ensure_keyring

THREADS = 8
ROWS = 10_000
UPLOAD_MIB = 256
KEY = Fernet.generate_key()
tables = sa.MetaData()
servers = sa.Table(
    "servers",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("size_gib", sa.Integer),
    sa.Column("note", sa.Text),
)
BY_ID = sa.select(servers).where(servers.c.id == sa.bindparam("id"))


class View(msgspec.Struct):
    id: str
    name: str
    status: str
    size: int
    description: str
    links: list[dict[str, str]]


class Handler:
    """The synchronous application that all edges call."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.database = Database(f"sqlite:///{folder}/bench.sqlite")
        self.fernet = Fernet((folder / "fernet").read_bytes())
        self.encode = msgspec.json.Encoder().encode

    def __call__(self, request: Request) -> Reply:
        if request.path == "/upload":
            return self.upload(request.body)
        return Reply(200, [("content-type", "application/json")], self.show(request.headers.get("x-auth-token", "")))

    def show(self, token: str) -> bytes:
        who = self.fernet.decrypt(token)
        row = self.database.read().execute(BY_ID, {"id": f"server-{int(who[:8], 16) % ROWS}"}).one()
        link = {"rel": "self", "href": f"https://127.0.0.1/compute/v2.1/servers/{row.id}"}
        return self.encode(View(row.id, row.name, row.state, row.size_gib, row.note, [link, link]))

    def upload(self, body: Body) -> Reply:
        digest = hashlib.md5()
        try:
            with (self.folder / f"upload-{threading.get_ident()}").open("wb", buffering=0) as file:
                for chunk in body.chunks():
                    digest.update(chunk)
                    file.write(chunk)
        except BodyCut:
            (self.folder / "cut").touch()
            raise
        (self.folder / "whole").touch()
        return Reply(200, [], digest.hexdigest().encode())


# The edges. Each `serve_*` blocks.


def serve_own(folder: Path, port: int, tls: TlsFiles | None) -> None:
    Server(Handler(folder), "127.0.0.1", port, tls).start()
    threading.Event().wait()


def serve_wsgi(folder: Path, port: int, tls: TlsFiles | None) -> None:
    """Falcon on granian: one worker process, its blocking threads."""
    serve_granian("wsgi", port, tls, blocking_threads=THREADS)


def serve_rsgi(folder: Path, port: int, tls: TlsFiles | None) -> None:
    """RSGI on granian with our own hop."""
    serve_granian("rsgi", port, tls)


def serve_granian(interface: str, port: int, tls: TlsFiles | None, **options: Any) -> None:
    from granian import Granian

    if tls:
        options |= {"ssl_cert": tls.certificate, "ssl_key": tls.key}
    name = f"{__file__}:{interface}_app"
    Granian(name, "127.0.0.1", port, interface=interface, workers=1, log_access=False, **options).serve(
        target_loader=lambda: load(interface), wrap_loader=False
    )


def serve_starlette(folder: Path, port: int, tls: TlsFiles | None) -> None:
    serve_uvicorn(starlette_app(Handler(folder)), port, tls)


def serve_asgi(folder: Path, port: int, tls: TlsFiles | None) -> None:
    """A bare ASGI door on uvicorn with our own hop."""
    serve_uvicorn(asgi_app(Handler(folder)), port, tls)


def serve_uvicorn(app: Any, port: int, tls: TlsFiles | None) -> None:
    import uvicorn

    files = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)} if tls else {}
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False, lifespan="off", **files)


FOLDER = Path(sys.argv[3]) if sys.argv[1:2] == ["serve"] else Path()


def load(interface: str) -> Any:
    return {"wsgi": falcon_app, "rsgi": rsgi_app}[interface](Handler(FOLDER))


def falcon_app(handler: Handler) -> Any:
    import falcon

    class Show:
        def on_get(self, request: Any, response: Any) -> None:
            response.content_type = "application/json"
            response.data = handler.show(request.get_header("X-Auth-Token"))

    class Upload:
        def on_put(self, request: Any, response: Any) -> None:
            stream, length = request.stream, request.content_length
            body = Body(iter(lambda: stream.read(65536), b""), length)
            response.data = handler.upload(body).body

    app = falcon.App()
    app.add_route("/show", Show())
    app.add_route("/upload", Upload())
    return app


def starlette_app(handler: Handler) -> Any:
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request as StarletteRequest
    from starlette.responses import Response
    from starlette.routing import Route

    async def show(request: StarletteRequest) -> Response:
        content = await run_in_threadpool(handler.show, request.headers["x-auth-token"])
        return Response(content, media_type="application/json")

    async def upload(request: StarletteRequest) -> Response:
        loop = asyncio.get_running_loop()
        stream = request.stream()
        length = request.headers.get("content-length")
        reply = await run_in_threadpool(handler.upload, Body(pulled(loop, stream), int(length) if length else None))
        return Response(reply.body)

    return Starlette(routes=[Route("/show", show), Route("/upload", upload, methods=["PUT"])])


def pulled(loop: asyncio.AbstractEventLoop, stream: Any) -> Iterator[bytes]:
    """An async stream read from a thread, a chunk at a time."""

    async def following() -> bytes | None:
        return await anext(stream, None)

    while True:
        try:
            chunk = asyncio.run_coroutine_threadsafe(following(), loop).result()
        except Exception as e:
            raise BodyCut("cut") from e
        if chunk is None:
            return
        yield chunk


class Hop:
    """Threads that take calls from a loop, and give the results back with one wake-up for many."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.results: list[Any] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        for _ in range(THREADS):
            threading.Thread(target=self.work, daemon=True).start()

    def call(self, function: Callable[[Any], Any], argument: Any) -> asyncio.Future[Any]:
        self.loop = asyncio.get_running_loop()
        future = self.loop.create_future()
        self.calls.put((future, function, argument))
        return future

    def work(self) -> None:
        while True:
            future, function, argument = self.calls.get()
            try:
                result: Any = function(argument)
            except Exception as e:  # noqa: BLE001 - handed to the waiting coroutine
                result = e
            self.results.append((future, result))
            if len(self.results) == 1:
                assert self.loop
                self.loop.call_soon_threadsafe(self.deliver)

    def deliver(self) -> None:
        results, self.results = self.results, []
        for future, result in results:
            if not future.done():
                future.set_exception(result) if isinstance(result, Exception) else future.set_result(result)


def asgi_app(handler: Handler) -> Any:
    hop = Hop()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get("content-length")

        async def chunks() -> Any:
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise BadRequest("cut")
                yield event.get("body", b"")
                if not event.get("more_body"):
                    return

        body = Body(pulled(asyncio.get_running_loop(), chunks()), int(length) if length else None)
        reply = await hop.call(
            handler, Request(scope["method"], scope["path"], scope["raw_path"], "", headers, "", body)
        )
        content = reply.body
        out = [(n.encode(), v.encode()) for n, v in [*reply.headers, ("content-length", str(len(content)))]]
        await send({"type": "http.response.start", "status": reply.status, "headers": out})
        await send({"type": "http.response.body", "body": content})

    return app


def rsgi_app(handler: Handler) -> Any:
    hop = Hop()

    async def app(scope: Any, protocol: Any) -> None:
        headers = dict(scope.headers.items())
        length = headers.get("content-length")

        async def chunks() -> Any:
            async for chunk in protocol:
                yield bytes(chunk)

        body = Body(pulled(asyncio.get_running_loop(), chunks()), int(length) if length else None)
        reply = await hop.call(handler, Request(scope.method, scope.path, scope.path, "", headers, "", body))
        protocol.response_bytes(reply.status, reply.headers, reply.body)

    return app


# The load.


def context_for(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "ca.pem")


def connect(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock, server_hostname="localhost") if tls else sock


def load_run(port: int, tls: ssl.SSLContext | None, request: bytes, connections: int, seconds: float) -> list[float]:
    """Closed loop over `connections` sockets; returns the latency of each request in seconds."""
    socks = {sock.fileno(): sock for sock in (connect(port, tls) for _ in range(connections))}
    epoll = select.epoll()
    began: dict[int, float] = {}
    latencies: list[float] = []
    for fd, sock in socks.items():
        epoll.register(fd, select.EPOLLIN)
        began[fd] = time.perf_counter()
        sock.sendall(request)
    partial: dict[int, bytes] = {}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for fd, _ in epoll.poll(1):
            sock = socks[fd]
            data = partial.pop(fd, b"") + sock.recv(65536)
            split = data.find(b"\r\n\r\n")
            if not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"answered {data[:200]!r}")
            at = data.lower().find(b"content-length:")
            if split < 0 or len(data) < split + 4 + int(data[at + 15 :].split(b"\r\n", 1)[0]):
                partial[fd] = data
                continue
            now = time.perf_counter()
            latencies.append(now - began[fd])
            began[fd] = now
            sock.sendall(request)
    epoll.close()
    for sock in socks.values():
        sock.close()
    return latencies


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_s(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in tree(process))


def pss_mb(process: psutil.Process) -> float:
    return sum(each.memory_full_info().pss for each in tree(process)) / 1e6


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Running:
    def __init__(self, edge: str, folder: Path, tls: bool):
        self.port = free_port()
        self.tls = context_for(folder) if tls else None
        began = time.perf_counter()
        command = [sys.executable, __file__, "serve", edge, str(folder), str(self.port), "tls" if tls else "plain"]
        self.popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = psutil.Process(self.popen.pid)
        while True:
            try:
                connect(self.port, self.tls).close()
                break
            except OSError:
                if time.perf_counter() - began > 30:
                    raise
                time.sleep(0.005)
        self.start_s = time.perf_counter() - began

    def end(self) -> None:
        processes = tree(self.process)
        for process in processes:
            process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=3)
        for process in alive:
            process.kill()
        self.popen.wait()


def measure(edge: str, folder: Path, tls: bool, seconds: float) -> dict[str, Any]:
    token = Fernet((folder / "fernet").read_bytes()).encrypt(b"0badcafe" + b"x" * 120)
    request = (
        b"GET /show HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nx-auth-token: " + token + b"\r\n\r\n"
    )
    run = Running(edge, folder, tls)
    found: dict[str, Any] = {"edge": edge, "tls": tls, "start_s": round(run.start_s, 2)}
    try:
        load_run(run.port, run.tls, request, 8, 0.7)
        for connections in (1, 8, 64):
            before = cpu_s(run.process)
            latencies = sorted(load_run(run.port, run.tls, request, connections, seconds))
            spent = cpu_s(run.process) - before
            found[f"us_{connections}"] = round(spent / len(latencies) * 1e6)
            found[f"p99_ms_{connections}"] = round(latencies[int(len(latencies) * 0.99)] * 1e3, 2)
            found[f"rps_{connections}"] = round(len(latencies) / seconds)
        found["pss_mb"] = round(pss_mb(run.process), 1)
        found |= upload(run)
        found["cut_length"] = cut(run, folder, b"content-length: 1000000\r\n\r\n" + b"x" * 200_000)
        found["cut_chunked"] = cut(run, folder, b"transfer-encoding: chunked\r\n\r\n30000\r\n" + b"x" * 0x20000)
        found["p99_ms_slow"] = slow(run, request)
    finally:
        run.end()
    return found


def upload(run: Running) -> dict[str, Any]:
    block = b"u" * (1 << 20)
    before, began = cpu_s(run.process), time.perf_counter()
    with connect(run.port, run.tls) as sock:
        sock.sendall(b"PUT /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % (UPLOAD_MIB << 20))
        for _ in range(UPLOAD_MIB):
            sock.sendall(block)
        answer = sock.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"upload answered {answer[:200]!r}")
    took = time.perf_counter() - began
    return {"up_mib_s": round(UPLOAD_MIB / took), "up_cpu_s": round(cpu_s(run.process) - before, 2)}


def cut(run: Running, folder: Path, rest: bytes) -> str:
    """What the handler learns of an upload whose connection ends in the middle."""
    for name in ("cut", "whole"):
        (folder / name).unlink(missing_ok=True)
    with connect(run.port, run.tls) as sock:
        sock.sendall(b"PUT /upload HTTP/1.1\r\nhost: localhost\r\n" + rest)
    until = time.perf_counter() + 3
    while time.perf_counter() < until:
        for name, word in (("cut", "yes"), ("whole", "NO")):
            if (folder / name).exists():
                return word
        time.sleep(0.02)
    return "hangs"


def slow(run: Running, request: bytes) -> float | str:
    """p99 in ms of a quick client beside 64 that send a large upload at a byte a second."""
    socks = [connect(run.port, run.tls) for _ in range(64)]
    for sock in socks:
        sock.sendall(b"PUT /upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n")
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(1):
            for sock in socks:
                sock.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    time.sleep(1.2)
    try:
        latencies: list[float] = []
        quick = threading.Thread(
            target=lambda: latencies.extend(load_run(run.port, run.tls, request, 1, 2)), daemon=True
        )
        quick.start()
        quick.join(6)
        return round(sorted(latencies)[int(len(latencies) * 0.99)] * 1e3, 2) if latencies else "blocked"
    finally:
        ended.set()
        thread.join()
        for sock in socks:
            sock.close()


def prepare(folder: Path) -> None:
    ensure_keyring(folder)
    (folder / "fernet").write_bytes(KEY)
    database = Database(f"sqlite:///{folder}/bench.sqlite")
    tables.create_all(database.engine)
    rows = [
        {"id": f"server-{n}", "name": f"name-{n}", "state": "ACTIVE", "size_gib": n % 100, "note": "n" * 120}
        for n in range(ROWS)
    ]
    with database.engine.begin() as connection:
        connection.execute(sa.insert(servers), rows)
    database.close()


def handler_us(folder: Path) -> float:
    """The handler alone, without any edge."""
    handler = Handler(folder)
    token = handler.fernet.encrypt(b"0badcafe" + b"x" * 120).decode()
    handler.show(token)
    began = time.process_time()
    for _ in range(5000):
        handler.show(token)
    spent = time.process_time() - began
    handler.database.close()
    return round(spent / 5000 * 1e6)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--edges", default="own,wsgi,starlette,asgi,rsgi")
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--json", type=Path)
    options.add_argument("--modes", default="plain,tls")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="edges-") as name:
        folder = Path(name)
        prepare(folder)
        print(f"the handler alone: {handler_us(folder)} us of CPU a call", flush=True)
        found = []
        for edge in chosen.edges.split(","):
            for mode in chosen.modes.split(","):
                found.append(measure(edge, folder, mode == "tls", chosen.seconds))
                if len(found) == 1:
                    print(*(f"{key:>11}" for key in found[0]))
                print(*(f"{value!s:>11}" for value in found[-1].values()), flush=True)
    print(json.dumps(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


def serve() -> None:
    edge, folder, port, mode = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    tls = TlsFiles(folder / "server.pem", folder / "server.key") if mode == "tls" else None
    globals()[f"serve_{edge}"](folder, port, tls)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    else:
        main()
