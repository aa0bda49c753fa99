"""Load beside a bench, from a process of its own so that its clients do not slow the one that measures.

Run as `python -m tests.bench.noise FOLDER PORT`: signs in and lists users until it is ended.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from tests.bench.load import Client
from tests.bench.running import ENVIRONMENT, Running

EACH_A_S = 20
"""Calls a second of each of the three."""
STARTED = b"started\n"


@contextmanager
def noise(cloud: Running) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.noise", str(cloud.folder), str(cloud.port)]
    with Popen(command, env=ENVIRONMENT, stdout=PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == STARTED, "the load did not start"
            yield
            assert process.poll() is None, "the load ended before its time"
        finally:
            process.kill()


def repeat(act: Callable[[], object]) -> None:
    while True:
        began = time.perf_counter()
        act()
        time.sleep(max(0.0, began + 1 / EACH_A_S - time.perf_counter()))


def main() -> None:
    client = Client(Running.of(Path(sys.argv[1]), int(sys.argv[2])))

    acts = (client.issue, client.issue, lambda: client.raw("GET", "/identity/v3/users?limit=100"))
    for act in acts:
        threading.Thread(target=repeat, args=(act,)).start()
    sys.stdout.buffer.write(STARTED)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
