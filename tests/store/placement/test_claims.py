"""Capacity is never sold twice, on both engines."""

import threading
from collections import Counter

import pytest

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.placement import DISK_GB, MEMORY_MB, VCPU, Inventory, PlacementService

SMALL = {VCPU: 1, MEMORY_MB: 512, DISK_GB: 1}


def host(vcpus: int = 4, memory_mib: int = 8192, disk_gib: int = 100, ratio: float = 1.0) -> list[Inventory]:
    return [
        Inventory(VCPU, vcpus, allocation_ratio=ratio),
        Inventory(MEMORY_MB, memory_mib, reserved=512),
        Inventory(DISK_GB, disk_gib),
    ]


@pytest.fixture
def placement(database: Database) -> PlacementService:
    return PlacementService(database)


def claim(placement: PlacementService, consumer: str, provider: str = "h1", resources: dict[str, int] = SMALL) -> bool:
    return placement.claim(None, consumer, "p", "u", provider, resources)


def used(placement: PlacementService, provider: str = "h1") -> dict[str, int]:
    return {name: item.used for name, item in placement.inventories()[provider].items()}


def test_a_claim_counts_and_its_release_gives_all_back(placement: PlacementService) -> None:
    placement.set_inventory("h1", host())
    assert claim(placement, "a")
    assert used(placement) == SMALL
    allocation = placement.allocation_of("a")
    assert allocation is not None and allocation.provider == "h1" and allocation.resources == SMALL
    placement.release("a")
    placement.release("a")
    assert used(placement) == {VCPU: 0, MEMORY_MB: 0, DISK_GB: 0}
    assert placement.allocation_of("a") is None


def test_a_repeated_claim_changes_nothing(placement: PlacementService) -> None:
    placement.set_inventory("h1", host())
    placement.set_inventory("h2", host())
    assert claim(placement, "a") and claim(placement, "a")
    assert not claim(placement, "a", provider="h2")
    assert used(placement) == SMALL
    assert used(placement, "h2")[VCPU] == 0


def test_a_claim_that_fails_for_one_class_takes_nothing_of_the_others(placement: PlacementService) -> None:
    placement.set_inventory("h1", host(vcpus=4, memory_mib=1024))
    assert not claim(placement, "a", resources={VCPU: 1, MEMORY_MB: 513, DISK_GB: 1})
    assert used(placement) == {VCPU: 0, MEMORY_MB: 0, DISK_GB: 0}


def test_a_failed_claim_leaves_the_transaction_of_its_caller_usable(placement: PlacementService) -> None:
    placement.set_inventory("h1", host(vcpus=1))
    with placement.db.begin(SYSTEM) as tx:
        assert not placement.claim(tx, "a", "p", "u", "h1", {VCPU: 2, MEMORY_MB: 1})
        assert placement.claim(tx, "a", "p", "u", "h1", {VCPU: 1, MEMORY_MB: 1})
    assert used(placement)[VCPU] == 1


def test_the_allocation_ratio_and_the_reserve_bound_what_can_be_claimed(placement: PlacementService) -> None:
    placement.set_inventory("h1", [Inventory(VCPU, 2, reserved=1, allocation_ratio=2.5)])
    wins = [claim(placement, f"c{n}", resources={VCPU: 1}) for n in range(4)]
    assert wins == [True, True, False, False]


def test_schedulers_side_by_side_never_oversell(placement: PlacementService) -> None:
    placement.set_inventory("h1", host(vcpus=7))
    wins: list[str] = []
    start = threading.Barrier(4)

    def schedule(worker: int) -> None:
        start.wait(timeout=30)
        for n in range(5):
            if claim(placement, f"{worker}-{n}"):
                wins.append(f"{worker}-{n}")

    threads = [threading.Thread(target=schedule, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(wins) == 7
    assert used(placement)[VCPU] == 7
    assert placement.discrepancies() == []


def test_workers_that_claim_for_one_consumer_claim_once(placement: PlacementService) -> None:
    placement.set_inventory("h1", host())
    answers: list[bool] = []
    start = threading.Barrier(4)

    def schedule() -> None:
        start.wait(timeout=30)
        answers.append(claim(placement, "a"))

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert answers == [True] * 4
    assert used(placement) == SMALL


def test_candidates_are_those_with_room_the_emptiest_first(placement: PlacementService) -> None:
    for name in ("h1", "h2", "h3"):
        placement.set_inventory(name, host(vcpus=4))
    placement.set_inventory("tiny", host(vcpus=1, memory_mib=600))
    for n in range(3):
        assert claim(placement, f"a{n}", "h1")
    assert claim(placement, "b", "h2")
    assert placement.candidates(SMALL)[:3] == ["h3", "h2", "h1"]
    assert placement.candidates(SMALL, excluded={"h3", "h1"}) == ["h2"]
    assert placement.candidates({VCPU: 5}) == []


def test_small_servers_on_large_hosts_are_spread_evenly(placement: PlacementService) -> None:
    hosts = ("h1", "h2", "h3")
    for name in hosts:
        placement.set_inventory(name, host(vcpus=1000, memory_mib=1_000_000))
    assert {placement.candidates(SMALL)[0] for _ in range(100)} == set(hosts), "by chance among equals"
    placed = Counter[str]()
    for number in range(30):
        name = placement.candidates(SMALL)[0]
        assert claim(placement, f"s{number}", name)
        placed[name] += 1
        assert max(placed.values()) - min(placed[each] for each in hosts) <= 1
    assert sorted(placed.values()) == [10, 10, 10]


def test_candidates_of_a_stale_picture_are_looked_up_again_before_nobody_is_found(database: Database) -> None:
    ours, theirs = PlacementService(database, view_max_age_s=3600), PlacementService(database)
    ours.set_inventory("h1", host(vcpus=1))
    assert claim(ours, "a")
    assert ours.candidates(SMALL) == []
    theirs.release("a")
    assert ours.candidates(SMALL) == ["h1"]


def test_a_changed_inventory_keeps_what_is_used(placement: PlacementService) -> None:
    first = placement.set_inventory("h1", host(vcpus=4))
    assert claim(placement, "a")
    again = placement.set_inventory("h1", host(vcpus=8))
    assert again.id == first.id
    assert used(placement)[VCPU] == 1
    assert placement.set_inventory("h1", host(vcpus=8)).generation == 2


def test_a_counter_that_is_not_the_sum_of_its_allocations_is_found(placement: PlacementService) -> None:
    placement.set_inventory("h1", host())
    assert claim(placement, "a")
    with placement.db.begin(SYSTEM) as tx:
        tx.connection.exec_driver_sql("UPDATE inventory SET used = 3 WHERE resource_class = 'VCPU'")
    found = placement.discrepancies()
    assert [(item.provider, item.resource_class, item.counted, item.allocated) for item in found] == [
        ("h1", VCPU, 3, 1)
    ]
