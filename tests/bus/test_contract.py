"""What both buses promise."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from skyloom.bus import (
    MAX_PAYLOAD_BYTES,
    BusClosed,
    HandlerFailed,
    NoResponder,
    PayloadTooLarge,
    RequestTimeout,
)
from skyloom.errors import Conflict, Unavailable

LIMIT_S = 20.0


class ServerStuck(Conflict):
    code = "server.stuck"


class Heard:
    """A listener that can be waited for."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()

    def __call__(self, subject: str, payload: bytes) -> None:
        with self._changed:
            self.messages.append((subject, payload))
            self._changed.notify_all()

    def wait(self, enough: Callable[[list[tuple[str, bytes]]], Any]) -> list[tuple[str, bytes]]:
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.messages), LIMIT_S), self.messages
            return list(self.messages)


def test_a_request_is_answered_by_who_serves_its_subject(ends):
    ends.there.serve("host.a.*", lambda subject, payload: subject.encode() + b"|" + payload)
    ends.there.serve("core.>", lambda subject, payload: b"core")
    assert ends.here.request("host.a.start", b"x", LIMIT_S) == b"host.a.start|x"
    assert ends.here.request("core.image.read", b"", LIMIT_S) == b"core"


def test_a_request_that_nobody_serves_fails_at_once(ends):
    ends.there.serve("host.a.*", lambda subject, payload: b"")
    for subject in ("host.b.start", "host.a", "host.a.start.now"):
        with pytest.raises(NoResponder) as caught:
            ends.here.request(subject, b"", timeout_s=600)
        assert caught.value.details == {"subject": subject}


def test_sixty_four_requests_at_once_get_each_its_own_answer(ends):
    ends.there.serve("echo.*", lambda subject, payload: subject.encode() + payload, workers=16)
    with ThreadPoolExecutor(64) as pool:
        ask = lambda n: ends.here.request(f"echo.{n % 7}", b"%d" % n, LIMIT_S)  # noqa: E731
        assert list(pool.map(ask, range(640))) == [b"echo.%d%d" % (n % 7, n) for n in range(640)]


def test_handlers_of_one_subscription_run_at_the_same_time(ends):
    all_there = threading.Barrier(4)

    def handler(subject: str, payload: bytes) -> bytes:
        all_there.wait(LIMIT_S)
        return payload

    ends.there.serve("together", handler, workers=4)
    with ThreadPoolExecutor(4) as pool:
        replies = pool.map(lambda n: ends.here.request("together", b"%d" % n, LIMIT_S), range(4))
        assert list(replies) == [b"0", b"1", b"2", b"3"]


def test_a_handler_may_ask_on_the_same_bus(ends):
    ends.there.serve("inner", lambda subject, payload: payload + b"!", workers=1)
    ends.there.serve("outer", lambda subject, payload: ends.there.request("inner", payload, LIMIT_S), workers=1)
    assert ends.here.request("outer", b"hello", LIMIT_S) == b"hello!"


def test_a_late_answer_is_a_timeout(ends):
    release = threading.Event()

    def handler(subject: str, payload: bytes) -> bytes:
        release.wait(LIMIT_S)
        return b"late"

    ends.there.serve("slow", handler)
    releaser = threading.Timer(0.3, release.set)
    releaser.start()
    with pytest.raises(RequestTimeout):
        ends.here.request("slow", b"", timeout_s=0.1)
    releaser.join()


def test_an_error_of_ours_travels_with_code_sentence_and_details(ends):
    def handler(subject: str, payload: bytes) -> bytes:
        raise ServerStuck("Server x is stuck; reset it.", server="x", tries=3, where=threading.Lock)

    ends.there.serve("fails", handler)
    with pytest.raises(HandlerFailed) as caught:
        ends.here.request("fails", b"", LIMIT_S)
    problem = caught.value.problem
    assert (problem.code, problem.sentence) == ("server.stuck", "Server x is stuck; reset it.")
    assert problem.details["server"] == "x" and problem.details["tries"] == 3
    assert isinstance(problem.details["where"], str)
    assert problem.retry_after_s is None


def test_an_unavailable_part_tells_when_to_come_back(ends):
    def handler(subject: str, payload: bytes) -> bytes:
        raise Unavailable("Storage rests; come back.", retry_after_s=42)

    ends.there.serve("fails", handler)
    with pytest.raises(HandlerFailed) as caught:
        ends.here.request("fails", b"", LIMIT_S)
    assert caught.value.problem.retry_after_s == 42


def test_an_unforeseen_error_is_logged_there_and_told_without_its_text(ends, caplog):
    def handler(subject: str, payload: bytes) -> bytes:
        raise KeyError("secret-of-the-host")

    ends.there.serve("breaks", handler)
    with pytest.raises(HandlerFailed) as caught:
        ends.here.request("breaks", b"", LIMIT_S)
    assert caught.value.problem.code == "internal"
    assert "secret" not in caught.value.sentence
    assert "secret-of-the-host" in caplog.text


def test_the_largest_payload_goes_both_ways(ends):
    ends.there.serve("echo", lambda subject, payload: payload)
    payload = bytes(range(256)) * (MAX_PAYLOAD_BYTES // 256)
    assert ends.here.request("echo", payload, LIMIT_S) == payload


def test_a_payload_over_the_limit_is_refused(ends):
    ends.there.serve("grow", lambda subject, payload: bytes(MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(PayloadTooLarge):
        ends.here.request("grow", bytes(MAX_PAYLOAD_BYTES + 1), LIMIT_S)
    with pytest.raises(PayloadTooLarge):
        ends.here.publish("grow", bytes(MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(HandlerFailed) as caught:
        ends.here.request("grow", b"", LIMIT_S)
    assert caught.value.problem.code == PayloadTooLarge.code


def test_what_is_published_comes_in_order_to_each_subscriber(ends):
    all_of_it, evens = Heard(), Heard()
    ends.there.subscribe("news.>", all_of_it)
    ends.there.subscribe("news.even.*", evens)
    sent = [(f"news.{'odd' if n % 2 else 'even'}.x", b"%d" % n) for n in range(2000)]
    for subject, payload in sent:
        ends.here.publish(subject, payload)
    assert all_of_it.wait(lambda messages: len(messages) == 2000) == sent
    assert evens.wait(lambda messages: len(messages) == 1000) == sent[::2]


def test_every_subscriber_hears_and_one_server_answers(ends):
    first, second, asked = Heard(), Heard(), Heard()
    ends.there.subscribe("news", first)
    ends.here.subscribe("news", second)
    for bus in (ends.here, ends.there):
        bus.serve("job", lambda subject, payload: asked(subject, payload) or b"done")
    ends.here.publish("news", b"x")
    assert first.wait(len) == second.wait(len) == [("news", b"x")]
    for _ in range(20):
        ends.here.request("job", b"", LIMIT_S)
    assert len(asked.messages) == 20


def test_a_slow_or_failing_subscriber_hurts_nobody(ends, caplog):
    release, heard = threading.Event(), Heard()

    def fail(subject: str, payload: bytes) -> None:
        raise RuntimeError("listener broke")

    ends.there.subscribe("news", lambda subject, payload: release.wait(LIMIT_S))
    ends.there.subscribe("news", fail)
    ends.there.subscribe("news", heard)
    for n in range(3):
        ends.here.publish("news", b"%d" % n)
    assert heard.wait(lambda messages: len(messages) == 3)
    release.set()
    # each subscriber has a thread of its own: that one heard all does not tell how far the others are
    deadline = time.monotonic() + LIMIT_S
    while "listener broke" not in caplog.text:
        assert time.monotonic() < deadline, "the listener's error was not logged"
        time.sleep(0.01)
    ends.there.close()


def test_nothing_comes_in_after_a_subscription_was_closed(ends):
    heard, last = Heard(), Heard()
    served = ends.there.serve("job", lambda subject, payload: b"")
    subscribed = ends.there.subscribe("news", heard)
    ends.there.subscribe("news", last)
    for _ in range(2):
        served.close()
        subscribed.close()
    with pytest.raises(NoResponder):
        ends.here.request("job", b"", LIMIT_S)
    ends.here.publish("news", b"x")
    last.wait(len)
    assert heard.messages == []


def test_a_closed_bus_says_so(ends):
    ends.here.close()
    ends.here.close()
    with pytest.raises(BusClosed):
        ends.here.request("job", b"", LIMIT_S)
    with pytest.raises(BusClosed):
        ends.here.publish("news", b"")
    with pytest.raises(BusClosed):
        ends.here.serve("job", lambda subject, payload: b"")
    with pytest.raises(BusClosed):
        ends.here.subscribe("news", lambda subject, payload: None)


@pytest.mark.parametrize("subject", ["", "a..b", "a.*", "a.>", "a b", "a.b\r\nPUB x", "host.ü b", ".a"])
def test_what_is_no_subject_is_not_sent(ends, subject):
    with pytest.raises(ValueError, match="is no subject"):
        ends.here.request(subject, b"", LIMIT_S)
    with pytest.raises(ValueError, match="is no subject"):
        ends.here.publish(subject, b"")


@pytest.mark.parametrize("pattern", ["", "a..b", "a.>.b", "a*", "a b", "a.b>"])
def test_what_is_no_pattern_is_not_subscribed(ends, pattern):
    with pytest.raises(ValueError, match="is no subject pattern"):
        ends.here.serve(pattern, lambda subject, payload: b"")
    with pytest.raises(ValueError, match="is no subject pattern"):
        ends.here.subscribe(pattern, lambda subject, payload: None)
