import pytest

from skyloom.access import Caller, Policy, PolicyForbids
from skyloom.access.rules import RuleInvalid, RuleSet

NOBODY = Caller(user_id="u")


@pytest.mark.parametrize(
    "text",
    ["role:a and", "or role:a", "(role:a", "role:a)", "role:a role:b", "nonsense", " ", "'quoted'", "not", "a:%(b"],
)
def test_what_cannot_be_read_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(RuleInvalid):
        RuleSet({"broken": text})


def test_a_check_by_a_web_server_is_refused() -> None:
    with pytest.raises(RuleInvalid, match="not supported"):
        RuleSet({"remote": "http://example.org/check"})


def test_rules_in_a_circle_are_refused() -> None:
    with pytest.raises(RuleInvalid, match="circle"):
        RuleSet({"a": "rule:b", "b": "not rule:a"})


def test_what_the_caller_lacks_equals_nothing_of_the_target() -> None:
    rules = RuleSet({"own": "project_id:%(project_id)s"})
    assert not rules.check("own", NOBODY, {"project_id": None})
    assert not rules.check("own", NOBODY, {})


def test_a_rule_can_ask_whether_an_attribute_is_there() -> None:
    rules = RuleSet({"of_domain": "not domain_id:None", "ownerless": "None:%(owner)s"})
    assert not rules.check("of_domain", NOBODY, {})
    assert rules.check("of_domain", Caller(user_id="u", domain_id="d"), {})
    assert rules.check("ownerless", NOBODY, {"owner": None})
    assert not rules.check("ownerless", NOBODY, {"owner": "x"})


def test_a_refusal_names_the_action_and_its_rule() -> None:
    with pytest.raises(PolicyForbids, match="identity:create_user") as refused:
        Policy([{"identity:create_user": "role:admin"}]).require(NOBODY, "identity:create_user")
    assert refused.value.details == {"action": "identity:create_user", "rule": "role:admin"}


def test_an_unknown_action_is_a_fault_of_ours() -> None:
    with pytest.raises(LookupError):
        Policy([{}]).allows(NOBODY, "identity:fly")


def test_the_operators_file_replaces_a_default() -> None:
    policy = Policy([{"thing:see": "role:admin"}], {"thing:see": "role:reader"})
    assert policy.allows(Caller(user_id="u", roles=frozenset({"reader"})), "thing:see")
