"""Wrong passwords on end lock a user out, and nobody learns from it who exists."""

import pytest
from sqlalchemy import select

from skyloom.clock import VirtualClock
from skyloom.identity import IdentitySettings
from skyloom.identity.signatures import totp
from skyloom.identity.tables import failed_log_in
from tests.api.identity.conftest import Cloud

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4, lockout_failure_attempts=3, lockout_duration=60)


def fail(cloud: Cloud, name: str, times: int) -> None:
    for _ in range(times):
        assert cloud.sign_in(name, "wrong").status == 401


def one_time(cloud: Cloud, code: str) -> int:
    identity = {"methods": ["totp"], "totp": {"user": {"id": cloud.ids["demo"], "passcode": code}}}
    return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}}).status


def test_a_user_is_locked_for_a_while_and_nobody_is_told(cloud: Cloud, clock: VirtualClock) -> None:
    fail(cloud, "demo", 2)
    assert cloud.sign_in("demo").status == 201, "a right one forgets the wrong ones"
    fail(cloud, "demo", 3)
    locked, unknown = cloud.sign_in("demo"), cloud.sign_in("nobody")
    assert locked.status == 401 and locked.json == unknown.json
    clock.advance(59)
    fail(cloud, "demo", 5)
    assert cloud.sign_in("demo").status == 401
    clock.advance(1)
    assert cloud.sign_in("demo").status == 201, "failures while it is locked do not lock it for longer"


def test_after_the_lock_the_count_begins_anew(cloud: Cloud, clock: VirtualClock) -> None:
    fail(cloud, "demo", 3)
    clock.advance(60)
    fail(cloud, "demo", 2)
    assert cloud.sign_in("demo").status == 201


def test_enabling_a_user_unlocks_it(cloud: Cloud) -> None:
    fail(cloud, "demo", 3)
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"description": "d"}})
    assert cloud.sign_in("demo").status == 401
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"enabled": True}})
    assert cloud.sign_in("demo").status == 201


def test_a_lock_counts_for_changing_the_password_too(cloud: Cloud) -> None:
    path, wrong = f"/users/{cloud.ids['demo']}/password", {"user": {"original_password": "x", "password": "y"}}
    for _ in range(3):
        assert cloud.v3("POST", path, body=wrong).status == 401
    right = {"user": {"original_password": "demo's word", "password": "y"}}
    assert cloud.v3("POST", path, body=right).status == 401
    assert cloud.sign_in("demo").status == 401


def test_an_option_frees_a_user(cloud: Cloud) -> None:
    options = {"ignore_lockout_failure_attempts": True}
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"options": options}})
    fail(cloud, "demo", 9)
    assert cloud.sign_in("demo").status == 201


def test_other_refusals_do_not_count(cloud: Cloud) -> None:
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"enabled": False}})
    for _ in range(5):
        assert cloud.sign_in("demo").status == 401
    found = cloud.database.read().execute(select(failed_log_in.c.failures)).scalars().all()
    assert found == [0]


def test_one_time_passwords_are_counted_alone(cloud: Cloud, clock: VirtualClock) -> None:
    credential = {"user_id": cloud.ids["demo"], "type": "totp", "blob": SEED}
    cloud.ok("POST", "/credentials", cloud.root, {"credential": credential})
    for _ in range(3):
        assert one_time(cloud, "wrong") == 401
        assert cloud.sign_in("demo").status == 201, "which must not clear the other count"
    assert one_time(cloud, totp(SEED, clock.now().timestamp())) == 401
    clock.advance(60)
    assert one_time(cloud, totp(SEED, clock.now().timestamp())) == 201


def test_unknown_users_leave_few_rows(cloud: Cloud) -> None:
    for number in range(600):
        assert cloud.sign_in(f"nobody-{number}", "wrong").status == 401
    rows = cloud.database.read().execute(select(failed_log_in)).all()
    assert len(rows) <= 256 and not any(row.failures for row in rows)


class TestForEver:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, lockout_failure_attempts=1, lockout_duration=0)

    def test_without_a_duration_only_an_administrator_unlocks(self, cloud: Cloud, clock: VirtualClock) -> None:
        fail(cloud, "demo", 1)
        clock.advance(365 * 86_400)
        assert cloud.sign_in("demo").status == 401
        cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.token("root"), {"user": {"enabled": True}})
        assert cloud.sign_in("demo").status == 201


class TestWithout:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4)

    def test_nothing_is_counted(self, cloud: Cloud) -> None:
        fail(cloud, "demo", 9)
        assert cloud.sign_in("demo").status == 201
        assert cloud.database.read().execute(select(failed_log_in)).all() == []
