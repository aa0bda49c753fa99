"""A refused log-in tells nothing: not by its answer, and not by the work that it takes."""

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import event

from skyloom.identity import IdentitySettings
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

ATTEMPTS = 3
TRIES = 25
Attempt = Callable[[], Answer]


@pytest.fixture(params=[None, ATTEMPTS], ids=["lockout off", "lockout on"])
def settings(request: pytest.FixtureRequest) -> IdentitySettings:
    return IdentitySettings(
        password_cost=11, lockout_failure_attempts=request.param, change_password_upon_first_use=True
    )


@pytest.fixture
def refused(cloud: Cloud) -> Mapping[str, Attempt]:
    """Log-ins by their cause of refusal, each in a state that it leaves as it is."""
    free = {"ignore_change_password_upon_first_use": True}
    mistaken = cloud.user("mistaken", options={**free, "ignore_lockout_failure_attempts": True})
    cloud.user("disabled", options=free, enabled=False)
    cloud.user("ended")
    cloud.user("locked", options=free)
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d", "enabled": False}})["domain"]
    closed = cloud.user("closed", domain["id"], options=free)
    for name in ("mistaken", "disabled", "ended", "locked", "nobody"):
        for _ in range(ATTEMPTS):
            assert cloud.sign_in(name, "wrong").status == 401

    def by_id(user_id: str, password: str) -> Attempt:
        identity = {"methods": ["password"], "password": {"user": {"id": user_id, "password": password}}}
        return lambda: cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})

    by_name = {
        "wrong": lambda: cloud.sign_in("mistaken", "wrong"),
        "unknown": lambda: cloud.sign_in("nobody"),
        "disabled, right": lambda: cloud.sign_in("disabled"),
        "disabled, wrong": lambda: cloud.sign_in("disabled", "wrong"),
        "ended, wrong": lambda: cloud.sign_in("ended", "wrong"),
    }
    if cloud.service.settings.lockout_failure_attempts:
        by_name["locked, right"] = lambda: cloud.sign_in("locked")
        by_name["locked, wrong"] = lambda: cloud.sign_in("locked", "wrong")
    ids = {
        "wrong, by id": by_id(mistaken["id"], "wrong"),
        "unknown, by id": by_id("0" * 32, "wrong"),
        "of a disabled domain": by_id(closed["id"], "closed's word"),
    }
    return {**by_name, **ids}


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What scrypt was asked for."""
    found: list[tuple[int, ...]] = []
    real = hashlib.scrypt

    def counted(password: bytes, **how: Any) -> bytes:
        found.append((how["n"], how["r"], how["p"], how["dklen"]))
        return real(password, **how)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    return found


@pytest.fixture
def statements(cloud: Cloud) -> Iterator[list[str]]:
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.append(statement)

    event.listen(cloud.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(cloud.database.engine, "before_cursor_execute", note)


def test_every_refusal_does_the_same(
    refused: Mapping[str, Attempt], hashes: list[tuple[int, ...]], statements: list[str]
) -> None:
    """The same answer, the same hashes, the same statements but for how the user is looked for."""
    seen = {}
    for cause, attempt in refused.items():
        hashes.clear()
        statements.clear()
        answer = attempt()
        told = (answer.status, answer.body, sorted(set(answer.headers) - {"X-Openstack-Request-Id"}))
        seen[cause] = (told, list(hashes), [text for text in statements if "JOIN project AS domain" not in text])
        assert len(hashes) == 1, cause
        assert len(statements) == len(seen[cause][2]) + 1, "one look-up"
    first = seen["wrong"]
    assert {cause: found for cause, found in seen.items() if found != first} == {}


def test_every_refusal_takes_the_same_time(refused: Mapping[str, Attempt]) -> None:
    """The time that this process computed, which other programs do not lengthen; medians of many tries in turn. A hash
    takes more than nine tenths of it, so one too few or too many is far outside of the bounds."""
    taken: dict[str, list[float]] = {cause: [] for cause in refused}
    for _ in range(TRIES):
        for cause, attempt in refused.items():
            start = time.process_time()
            attempt()
            taken[cause].append(time.process_time() - start)
    usual = statistics.median(taken["wrong"])
    ratios = {cause: statistics.median(times) / usual for cause, times in taken.items()}
    assert all(0.6 < ratio < 1.7 for ratio in ratios.values()), ratios
