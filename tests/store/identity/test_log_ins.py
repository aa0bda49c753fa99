"""What log-ins leave counts alike in several processes: the statements are tried by many at once, on both engines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.errors import AuthenticationFailed
from skyloom.identity.service.auth.request import (
    AuthRequest,
    DomainRef,
    Identity,
    PasswordMethod,
    TotpMethod,
    TotpUser,
    UserRef,
)
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.signatures import totp
from skyloom.identity.store.log_ins import LogIns
from tests.parts.together import together

MOST = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FREE_AT = NOW - timedelta(minutes=30)
SEED = Bootstrap("RegionOne", ("admin",), (FirstUser("admin", "secret", "admin", "admin"),), ())
NOBODY = Caller(user_id="")


def service(database: Database, folder: Path) -> IdentityService:
    """As another process has it: only the database is shared, and the key of the vault."""
    settings = IdentitySettings(password_cost=4, lockout_failure_attempts=MOST, unique_last_password_count=3)
    return IdentityService(database, Policy([RULES]), Vault.at(folder / "key"), settings, "http://127.0.0.1")


@pytest.fixture
def processes(database: Database, tmp_path: Path) -> list[IdentityService]:
    found = [service(database, tmp_path) for _ in range(2)]
    found[0].bootstrap(SEED)
    return found


def by_password(password: str) -> AuthRequest:
    user = UserRef(name="admin", domain=DomainRef(id="default"), password=password)
    return AuthRequest(Identity(["password"], password=PasswordMethod(user)))


def test_failures_are_counted_whoever_writes_them(database: Database) -> None:
    store = LogIns()

    def fail(number: int) -> None:
        with database.begin(SYSTEM) as tx:
            store.fail(tx, "k", None, 1, NOW, 1000, FREE_AT)

    assert together(8, fail)[1] == []
    assert store.failures(database.read(), "k") == (8, NOW)


def test_a_lock_is_neither_prolonged_nor_cleared_before_its_time(database: Database) -> None:
    store, later = LogIns(), NOW + timedelta(minutes=1)
    with database.begin(SYSTEM) as tx:
        for _ in range(MOST):
            store.fail(tx, "k", None, 1, NOW, MOST, FREE_AT)
        store.fail(tx, "k", None, 1, later, MOST, FREE_AT)
        assert store.failures(tx, "k") == (MOST, NOW)
        assert not store.clear(tx, "k", MOST, FREE_AT)
        store.fail(tx, "k", None, 1, later, MOST, NOW)
        assert store.failures(tx, "k") == (1, later), "the lock had ended: the count began anew"
        assert store.clear(tx, "k", MOST, FREE_AT)
        assert not store.clear(tx, "k", MOST, FREE_AT) and store.failures(tx, "k") is None


def test_many_guesses_at_once_lock_in_every_process(processes: list[IdentityService]) -> None:
    def guess(number: int) -> object:
        return processes[number % 2].auth.issue(NOBODY, by_password("wrong"))

    passed, refused = together(8, guess)
    assert not passed and all(isinstance(error, AuthenticationFailed) for error in refused)
    for each in processes:
        with pytest.raises(AuthenticationFailed):
            each.auth.issue(NOBODY, by_password("secret"))


def test_right_passwords_at_once_all_pass_after_a_failure(processes: list[IdentityService]) -> None:
    with pytest.raises(AuthenticationFailed):
        processes[0].auth.issue(NOBODY, by_password("wrong"))
    passed, refused = together(6, lambda number: processes[number % 2].auth.issue(NOBODY, by_password("secret")))
    assert len(passed) == 6 and not refused


def test_one_code_opens_one_process(processes: list[IdentityService], database: Database) -> None:
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    admin = processes[0].principals.user_named(database.read(), "admin", "default", None)
    assert admin is not None
    processes[0].credentials.create(SYSTEM, {"user_id": admin.id, "type": "totp", "blob": seed})
    user = TotpUser(totp(seed, database.clock.now().timestamp()), id=admin.id)
    request = AuthRequest(Identity(["totp"], totp=TotpMethod(user)))
    passed, refused = together(6, lambda number: processes[number % 2].auth.issue(NOBODY, request))
    assert len(passed) == 1 and len(refused) == 5


def test_one_of_several_changes_of_one_password_is_made(processes: list[IdentityService], database: Database) -> None:
    admin = processes[0].principals.user_named(database.read(), "admin", "default", None)
    assert admin is not None

    def change(number: int) -> None:
        processes[number % 2].users.change_password(NOBODY, admin.id, "secret", f"new {number}")

    made, refused = together(4, change)
    assert len(made) == 1 and len(refused) == 3
    assert len(LogIns().past_hashes(database.read(), admin.id)) == 1


def test_the_history_keeps_the_newest(processes: list[IdentityService], database: Database) -> None:
    users = processes[0].users
    user = users.create(SYSTEM, {"name": "u", "domain_id": "default", "password": "0"})
    for number in range(1, 5):
        users.change_password(NOBODY, user["id"], str(number - 1), str(number))
    kept = LogIns().past_hashes(database.read(), user["id"])
    assert [users.passwords.verify(past, hashed) for past, hashed in zip("32", kept, strict=True)] == [True, True]


def test_a_user_is_noted_once_a_day(processes: list[IdentityService], database: Database) -> None:
    store, user = LogIns(), processes[0].users.create(SYSTEM, {"name": "u", "domain_id": "default"})
    found = []
    for at in (NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1)):
        with database.begin(SYSTEM) as tx:
            store.seen(tx, user["id"], at)
        seen = processes[0].principals.user(database.read(), user["id"])
        found.append(seen.last_active_at if seen else None)
    assert found == [NOW, NOW, NOW + timedelta(days=1)]


def test_another_hash_of_the_same_password_never_brings_an_old_one_back(
    processes: list[IdentityService], database: Database
) -> None:
    store, user = LogIns(), processes[0].users.create(SYSTEM, {"name": "u", "domain_id": "default", "password": "a"})
    old = processes[0].principals.user(database.read(), user["id"])
    assert old is not None and old.password_hash is not None
    processes[0].users.change_password(NOBODY, user["id"], "a", "b")
    with database.begin(SYSTEM) as tx:
        store.rehash(tx, user["id"], old.password_hash, "another hash of a")
    now = processes[0].principals.user(database.read(), user["id"])
    assert now is not None and now.password_hash not in (old.password_hash, "another hash of a")
