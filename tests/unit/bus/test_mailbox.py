import threading

from skyloom.bus.mailbox import Mailbox

LIMIT_S = 20.0


def test_a_full_box_takes_no_more_and_goes_on_later():
    started, release, done = threading.Event(), threading.Event(), threading.Semaphore(0)

    def handle(item: int) -> None:
        started.set()
        release.wait(LIMIT_S)
        done.release()

    box = Mailbox("test", handle, workers=1, limit=2)
    assert box.put(0)
    assert started.wait(LIMIT_S)
    assert [box.put(n) for n in (1, 2, 3)] == [True, True, False]
    release.set()
    assert all(done.acquire(timeout=LIMIT_S) for _ in range(3))
    assert box.put(4)
    box.close()


def test_no_more_threads_than_workers_and_none_before_there_is_work():
    before = threading.active_count()
    running, release = threading.Semaphore(0), threading.Event()

    def handle(item: int) -> None:
        running.release()
        release.wait(LIMIT_S)

    box = Mailbox("test", handle, workers=3)
    assert threading.active_count() == before
    for n in range(10):
        box.put(n)
    assert all(running.acquire(timeout=LIMIT_S) for _ in range(3))
    assert threading.active_count() == before + 3
    assert not running.acquire(blocking=False)
    release.set()
    box.close()
    assert threading.active_count() == before


def test_a_closed_box_takes_nothing_and_may_be_closed_by_its_own_handler():
    closed = threading.Event()

    def handle(item: int) -> None:
        box.close()
        closed.set()

    box = Mailbox("test", handle, workers=1)
    box.put(1)
    assert closed.wait(LIMIT_S)
    assert not box.put(2)
