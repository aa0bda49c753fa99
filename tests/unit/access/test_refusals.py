"""What is remembered of refusals is bounded, in number and in time."""

from skyloom.access import Caller, Policy, PolicyForbids
from skyloom.access.refusals import LIFE_S, OF_EACH, USERS, Refusals
from skyloom.access.rules import RuleSet
from skyloom.clock import VirtualClock

RULES = RuleSet({"thing:see": "!"})


def caller(user: int, request: int = 0) -> Caller:
    return Caller(user_id=f"u{user}", request_id=f"req-{request}")


def test_it_is_forgotten_after_a_while() -> None:
    clock = VirtualClock()
    refusals = Refusals(clock)
    refusals.remember(caller(1), "thing:see", RULES)
    clock.advance(LIFE_S - 1)
    assert refusals.find(caller(1), "req-0") is not None
    clock.advance(1)
    assert refusals.find(caller(1), "req-0") is None


def test_so_many_are_kept_and_no_more() -> None:
    refusals = Refusals()
    for user in range(USERS + 1):
        for request in range(OF_EACH + 1):
            refusals.remember(caller(user, request), "thing:see", RULES)
    assert refusals.find(caller(0), f"req-{OF_EACH}") is None
    assert refusals.find(caller(1), "req-0") is None
    assert refusals.find(caller(1), f"req-{OF_EACH}") is not None
    assert sum(len(own) for own in refusals._by_user.values()) == USERS * OF_EACH


def test_what_no_request_asked_for_is_not_kept() -> None:
    refusals = Refusals()
    refusals.remember(Caller(user_id="", request_id="req-1"), "thing:see", RULES)
    refusals.remember(Caller(user_id="u"), "thing:see", RULES)
    assert not refusals._by_user


def test_a_refusal_is_remembered_when_it_is_told_as_one() -> None:
    policy = Policy([{"thing:see": "!"}])
    asking = caller(1, 7)
    try:
        policy.require(asking, "thing:see", {"id": "hidden"})
    except PolicyForbids as error:
        assert policy.refusals.find(asking, "req-7") is None
        error.remember()
    found = policy.refusals.find(asking, "req-7")
    assert found is not None
    assert "hidden" not in repr(found)
