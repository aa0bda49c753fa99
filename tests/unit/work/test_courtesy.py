"""A step waits for a pause of the requests, but not for long."""

import threading
import time

from skyloom.work.courtesy import LOOK_S, Courtesy

LIMIT_S = 30


class Requests:
    def __init__(self, busy: bool = True):
        self.busy = busy
        self.looks = 0
        self.looked = threading.Event()

    def __call__(self) -> bool:
        self.looks += 1
        self.looked.set()
        return self.busy


def waiting(courtesy: Courtesy, count: int = 1) -> list[threading.Thread]:
    threads = [threading.Thread(target=courtesy.wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_without_requests_nothing_is_waited_for() -> None:
    requests = Requests(busy=False)
    Courtesy(LIMIT_S, requests).wait()
    assert requests.looks == 1


def test_steps_begin_in_a_pause() -> None:
    requests = Requests()
    steps = waiting(Courtesy(10 * LIMIT_S, requests), 8)
    assert requests.looked.wait(LIMIT_S)
    assert all(step.is_alive() for step in steps)
    requests.busy = False
    for step in steps:
        step.join(LIMIT_S)
    assert not any(step.is_alive() for step in steps)


def test_requests_without_end_do_not_keep_steps_for_ever() -> None:
    courtesy, began = Courtesy(0.05, Requests()), time.monotonic()
    for step in waiting(courtesy, 8):
        step.join(LIMIT_S)
        assert not step.is_alive()
    assert time.monotonic() - began >= 0.05


def test_only_one_of_the_waiting_looks() -> None:
    requests, began = Requests(), time.monotonic()
    for step in waiting(Courtesy(0.3, requests), 50):
        step.join(LIMIT_S)
    taken_s = time.monotonic() - began
    assert requests.looks <= 2 * 50 + taken_s / LOOK_S, "each on coming and when its turn comes, and one all the time"
