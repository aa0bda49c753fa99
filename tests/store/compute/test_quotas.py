"""What a project may hold is never exceeded, on both engines."""

import threading

import pytest

from skyloom.access import SYSTEM
from skyloom.clock import VirtualClock
from skyloom.compute.errors import QuotaExceeded
from skyloom.compute.model import Usage
from skyloom.db import Database
from skyloom.work import Work
from tests.parts.compute import PROJECT, Cloud, Neighbours


@pytest.fixture
def cloud(database: Database) -> Cloud:
    return Cloud(Work(database), VirtualClock(), Neighbours())


def claim(cloud: Cloud, usage: Usage) -> bool:
    try:
        with cloud.db.begin(SYSTEM) as tx:
            cloud.compute.quotas.claim(tx, PROJECT, usage)
    except QuotaExceeded:
        return False
    return True


def test_claims_side_by_side_never_exceed_the_limit(cloud: Cloud) -> None:
    assert claim(cloud, Usage())
    wins: list[bool] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(timeout=30)
        wins.extend(claim(cloud, Usage(1, 1, 64)) for _ in range(4))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sum(wins) == 10
    assert cloud.compute.quotas.store.usage(cloud.db.read(), PROJECT) == Usage(10, 10, 640)


def test_first_claims_side_by_side_both_count(cloud: Cloud) -> None:
    start = threading.Barrier(2)
    wins: list[bool] = []

    def work() -> None:
        start.wait(timeout=30)
        wins.append(claim(cloud, Usage(1, 1, 64)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wins == [True, True]


def test_a_release_gives_back(cloud: Cloud) -> None:
    assert claim(cloud, Usage(10, 10, 64))
    assert not claim(cloud, Usage(1, 0, 0))
    with cloud.db.begin(SYSTEM) as tx:
        cloud.compute.quotas.release(tx, PROJECT, Usage(1, 1, 0))
    assert claim(cloud, Usage(1, 0, 0))
