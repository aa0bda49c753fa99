"""How many four-step flows that do nothing a second the engine carries, on SQLite and on PostgreSQL.

python -m tests.bench.flows [--flows N] [--threads N] [--json]
"""

import argparse
import json
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from skyloom.access import SYSTEM
from skyloom.db import Database, metadata
from skyloom.errors import SkyloomError
from skyloom.work import Done, Flow, Next, Pace, Step, Work, Worker
from tests.parts.postgresql import FreshDatabases, PostgresServer


class Frame(msgspec.Struct):
    number: int


class Nothing(Flow[Frame]):
    name = "bench.nothing"
    frame = Frame
    first = "one"

    def __init__(self, total: int):
        self.left = total
        self.lock = threading.Lock()
        self.finished = threading.Event()

    def one(self, frame: Frame) -> Step:
        return Next("two")

    def two(self, frame: Frame) -> Step:
        return Next("three")

    def three(self, frame: Frame) -> Step:
        return Next("four")

    def four(self, frame: Frame) -> Step:
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.finished.set()
        return Done()

    def failed(self, frame: Frame, problem: SkyloomError) -> None:
        raise AssertionError("nothing cannot fail")


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer()
        try:
            yield {"sqlite": f"sqlite:///{folder}/bench.db", "postgresql": FreshDatabases(server).take()}
        finally:
            server.close()


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(url: str, total: int, threads: int) -> dict[str, float]:
    """Start all, then run all: the two are told apart. Then one alone, from start to end."""
    database = Database(url)
    metadata.create_all(database.engine)
    work = Work(database)
    began = time.perf_counter()
    for number in range(total):
        with database.begin(SYSTEM) as tx:
            work.start(tx, Nothing, f"server:{number}", Frame(number))
    started_s = time.perf_counter() - began
    flow = Nothing(total)
    worker = Worker(work, [flow], "bench", Pace(threads=threads))
    began, cpu = time.perf_counter(), cpu_s()
    worker.start()
    flow.finished.wait(300)
    ran_s, cpu = time.perf_counter() - began, cpu_s() - cpu
    alone = []
    for number in range(50):
        flow.left = 1
        flow.finished.clear()
        began = time.perf_counter()
        with database.begin(SYSTEM) as tx:
            work.start(tx, Nothing, f"server:alone-{number}", Frame(number))
        flow.finished.wait(30)
        alone.append(time.perf_counter() - began)
    worker.stop()
    database.close()
    return {
        "starts_per_s": round(total / started_s),
        "flows_per_s": round(total / ran_s),
        "cpu_ms_per_flow": round(cpu / total * 1000, 2),
        "alone_ms_median": round(sorted(alone)[25] * 1000, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with databases() as urls:
        results = {name: measure(url, options.flows, options.threads) for name, url in urls.items()}
    if options.json:
        print(json.dumps(results))
        return
    for name, figures in results.items():
        print(f"{name:12}" + "  ".join(f"{what} {value}" for what, value in figures.items()))


if __name__ == "__main__":
    main()
