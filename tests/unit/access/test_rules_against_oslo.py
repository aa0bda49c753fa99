"""The rule language answers as the oslo.policy library does, on rules, callers and targets that nobody thought of.

Two departures are deliberate. An attribute that the caller lacks equals no reference (see skyloom/access/rules.py), so
targets here have None only under names that are compared with literals. What the library cannot read it logs and takes
for false; here it is refused.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_policy import _checks, _parser

from skyloom.access import Caller
from skyloom.access.explain import explain
from skyloom.access.language import Text, written
from skyloom.access.rules import ATTRIBUTES, RuleInvalid, RuleSet

ROLES = ("admin", "manager", "Member", "READER", "heat_stack_owner", "compute:admin")
VALUES = ("a", "b", "public", "True", "1", "Admin", "é", "1.5", "[]")
KINDS = (*ATTRIBUTES, "is_nothing", "token.nothing", "roles_of")
LITERALS = (
    "'public'",
    '"a"',
    "True",
    "False",
    "None",
    "1",
    "1.5",
    "'None'",
    "'True'",
    "[]",
    "'é'",
    "-1",
    "b'a'",
)
NAMES = ("id", "target.thing.project_id", "name")
NULLABLE = ("visibility", "target.thing.domain_id")


class Enforcer:
    def __init__(self, texts: dict[str, Any]):
        self.rules = {name: _parser.parse_rule(text) for name, text in texts.items()}

    def answers(self, caller: Caller, target: dict[str, Any]) -> bool:
        return bool(_checks._check(self.rules["asked"], dict(target), credentials(caller), self, "asked"))


def credentials(caller: Caller) -> dict[str, Any]:
    """As Keystone and oslo.context hand them over; a nested name is a path."""
    found: dict[str, Any] = {"roles": [role.title() for role in caller.roles]}
    for kind, attribute in ATTRIBUTES.items():
        *path, last = kind.split(".")
        place = found
        for step in path:
            place = place.setdefault(step, {})
        if isinstance(place, dict):
            place[last] = attribute(caller)
    return found


references = st.sampled_from(NAMES).map(lambda name: f"%({name})s")
checks = st.one_of(
    st.sampled_from(["@", "!", "rule:one", "rule:unknown", "Rule:one", "role:", "ROLE:admin", "True:%(name)s"]),
    st.sampled_from(ROLES).map(lambda role: f"role:{role}"),
    st.sampled_from(ROLES).map(lambda role: f"role:{role.swapcase()}"),
    references.map(lambda reference: f"role:{reference}"),
    st.tuples(st.sampled_from(KINDS), references | st.sampled_from([*VALUES, "None", "all"])).map(":".join),
    st.tuples(st.sampled_from(KINDS), references, st.sampled_from(VALUES)).map(lambda p: f"{p[0]}:{p[1]}{p[2]}"),
    st.tuples(
        st.sampled_from(LITERALS),
        st.sampled_from([f"%({name})s" for name in (*NAMES, *NULLABLE)]) | st.sampled_from(VALUES),
    ).map(":".join),
)
rules = st.recursive(
    checks,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "AND", "Or"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"( {text} )"),
        checks.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=8,
)
callers = st.builds(
    Caller,
    user_id=st.sampled_from(VALUES),
    project_id=st.sampled_from([None, *VALUES]),
    domain_id=st.sampled_from([None, *VALUES]),
    user_domain_id=st.sampled_from(VALUES),
    system=st.booleans(),
    roles=st.frozensets(st.sampled_from([role.lower() for role in ROLES])),
)
targets = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from(VALUES) for name in NAMES},
        **{name: st.sampled_from([*VALUES, None, True]) for name in NULLABLE},
    },
)


lists = st.lists(
    checks | st.lists(checks, max_size=3),
    max_size=4,
)


@settings(max_examples=500, deadline=None)
@given(text=rules, one=checks.filter(lambda text: "rule:" not in text.lower()), caller=callers, target=targets)
def test_every_rule_is_answered_as_the_library_does(
    text: str, one: str, caller: Caller, target: dict[str, Any]
) -> None:
    texts = {"asked": text, "one": one}
    assert RuleSet(texts).check("asked", caller, target) == Enforcer(texts).answers(caller, target)


@settings(max_examples=300, deadline=None)
@given(rule=lists, one=checks.filter(lambda text: "rule:" not in text.lower()), caller=callers, target=targets)
def test_every_list_of_lists_is_answered_as_the_library_does(
    rule: Any, one: str, caller: Caller, target: dict[str, Any]
) -> None:
    texts: dict[str, Text] = {"asked": rule, "one": one}
    found = RuleSet(texts)
    assert found.check("asked", caller, target) == Enforcer(texts).answers(caller, target)
    again = RuleSet({"asked": written(rule), "one": one})
    assert again.check("asked", caller, target) == found.check("asked", caller, target), "as it is shown"


@settings(max_examples=200, deadline=None)
@given(text=rules, one=checks.filter(lambda text: "rule:" not in text.lower()), caller=callers, target=targets)
def test_an_explanation_says_what_the_rule_answers(text: str, one: str, caller: Caller, target: dict[str, Any]) -> None:
    found = RuleSet({"asked": text, "one": one})
    holds = found.check("asked", caller, target)
    assert explain(found, "asked", caller, target).holds == holds
    assert explain(found, "asked", caller, None).holds in (holds, None), "what is settled without the target is true"


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(
        checks | st.sampled_from(["and", "or", "not", "(", ")", "'quoted'", '"', "x", "a:%(b", "()"]), max_size=7
    ),
    caller=callers,
    target=targets,
)
def test_what_the_library_cannot_read_is_refused_and_never_allowed(
    words: list[str], caller: Caller, target: dict[str, Any]
) -> None:
    """And what both can read they read alike."""
    text = " ".join(words)
    try:
        found = RuleSet({"asked": text})
    except RuleInvalid:
        return
    assert found.check("asked", caller, target) == Enforcer({"asked": text}).answers(caller, target)


@given(caller=callers)
def test_an_empty_rule_allows_everybody(caller: Caller) -> None:
    for rule in ("", []):
        assert Enforcer({"asked": rule}).answers(caller, {})
        assert RuleSet({"asked": rule}).check("asked", caller, {})
