"""Rates of both buses and of the agent protocol: `python tests/bench/bus_rates.py`. Figures, no test."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from skyloom.agent import BusImageSource, ImagePart, serve_images
from skyloom.bus import Bus, InProcessBus
from skyloom.bus.nats import NatsBus
from skyloom.parts.nats import NatsServer
from skyloom.parts.processes import Processes

SECONDS = 2.0
IMAGE = os.urandom(1 << 20) * 256


@contextmanager
def broker() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = NatsServer(Processes(folder / "run", folder / "log"), folder / "nats")
        try:
            yield server.ensure()
        finally:
            server.stop()


def rate(act: Callable[[], object], wide: int) -> tuple[float, float]:
    """Calls a second and CPU microseconds of this process a call, by `wide` threads."""
    counts = [0] * wide
    until = time.monotonic() + SECONDS

    def work(n: int) -> None:
        while time.monotonic() < until:
            act()
            counts[n] += 1

    threads = [threading.Thread(target=work, args=[n]) for n in range(wide)]
    cpu_s = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu_s = time.process_time() - cpu_s
    return sum(counts) / SECONDS, cpu_s / sum(counts) * 1e6


def measure(name: str, here: Bus, there: Bus) -> None:
    there.serve("echo", lambda subject, payload: payload, workers=8)
    serve_images(here, lambda image_id, offset, length: ImagePart(IMAGE[offset : offset + length], len(IMAGE)))
    for wide in (1, 8, 64):
        each_s, cpu_us = rate(lambda: here.request("echo", b"x" * 200, 10), wide)
        print(f"{name:12} request, {wide:2} wide {each_s:10.0f} /s {cpu_us:8.0f} us CPU (both ends)")
    started = time.monotonic()
    size = sum(len(part) for part in BusImageSource(there, "bench").read("i"))
    print(f"{name:12} image bytes     {size / (time.monotonic() - started) / (1 << 20):10.0f} MiB/s")


if __name__ == "__main__":
    bus = InProcessBus()
    measure("in process", bus, bus)
    with broker() as url:
        here, there = NatsBus(url), NatsBus(url)
        measure("nats", here, there)
        here.close()
        there.close()
