"""A loop runs on its timer and on kicks, and outlives every error."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skyloom.work import Loop

LIMIT_S = 30


class Passes:
    def __init__(self, fail_first: int = 0):
        self.count = 0
        self.fail_first = fail_first
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> None:
        with self.changed:
            self.count += 1
            self.changed.notify_all()
        assert self.gate.wait(LIMIT_S)
        if self.count <= self.fail_first:
            raise ValueError(f"pass {self.count}")

    def reach(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.count >= count, LIMIT_S), self.count


@contextmanager
def running(loop: Loop) -> Iterator[None]:
    loop.start()
    try:
        yield
    finally:
        loop.stop()


def test_the_first_pass_comes_at_once_and_a_kick_brings_the_next() -> None:
    passes = Passes()
    loop = Loop("test", passes, interval_s=3600)
    with running(loop):
        passes.reach(1)
        loop.kick()
        passes.reach(2)
    assert passes.count == 2


def test_the_timer_brings_passes_without_kicks() -> None:
    passes = Passes()
    with running(Loop("test", passes, interval_s=0.01)):
        passes.reach(5)


def test_kicks_during_a_pass_make_one_more_pass() -> None:
    passes = Passes()
    passes.gate.clear()
    loop = Loop("test", passes, interval_s=3600)
    with running(loop):
        passes.reach(1)
        for _ in range(10):
            loop.kick()
        passes.gate.set()
        passes.reach(2)
    assert passes.count == 2


def test_errors_are_logged_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    passes = Passes(fail_first=3)
    with running(Loop("pets", passes, interval_s=3600, first_pause_s=0.001)):
        passes.reach(4)
    assert "the loop pets failed 3 times in a row" in caplog.text


def test_a_kick_does_not_shorten_the_pause_after_an_error() -> None:
    passes = Passes(fail_first=100)
    loop = Loop("test", passes, interval_s=3600, first_pause_s=1800)
    with running(loop):
        passes.reach(1)
        loop.kick()
    assert passes.count == 1


def test_stop_ends_a_loop_that_was_never_started() -> None:
    Loop("test", Passes(), 1).stop()
