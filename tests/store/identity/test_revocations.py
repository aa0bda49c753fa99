"""Revocation events on both engines."""

from datetime import timedelta

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.db.types import EPOCH
from skyloom.identity.store.revocations import Revocations

revocations = Revocations()


def test_a_chain_ends_with_its_first_token_and_a_token_alone(database: Database) -> None:
    now = database.clock.now()
    with database.begin(SYSTEM) as tx:
        revocations.note(tx, [{"audit_chain_id": "first"}], now, EPOCH)
        revocations.note(tx, [{"audit_id": "middle"}], now, EPOCH)
    revoked = [("first",), ("second", "first"), ("middle", "start")]
    assert all(revocations.is_revoked(database.read(), ids) for ids in revoked)
    valid = [("start",), ("last", "start"), ("other", "middle")]
    assert not any(revocations.is_revoked(database.read(), ids) for ids in valid)


def test_events_are_listed_by_time_and_forgotten_in_time(database: Database) -> None:
    now, hour = database.clock.now(), timedelta(hours=1)
    for late in (2, 0, 1):
        with database.begin(SYSTEM) as tx:
            revocations.note(tx, [{"user_id": f"u{late}"}], now + late * hour, EPOCH)
    assert [event["user_id"] for event in revocations.since(database.read(), EPOCH)] == ["u0", "u1", "u2"]
    assert [event["user_id"] for event in revocations.since(database.read(), now)] == ["u1", "u2"]
    with database.begin(SYSTEM) as tx:
        revocations.note(tx, [], now + 2 * hour, now + hour)
    assert [event["user_id"] for event in revocations.since(database.read(), EPOCH)] == ["u1", "u2"]
