"""The rule language answers as the oslo.policy library does, on rules, callers and targets that nobody thought of.

One departure is deliberate (see skyloom/access/rules.py): an attribute that the caller lacks equals no reference. So
targets here have None only under names that are compared with literals.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_policy import _checks, _parser

from skyloom.access import Caller
from skyloom.access.rules import RuleSet

ROLES = ("admin", "manager", "Member", "reader")
VALUES = ("a", "b", "public", "True", "1")
ATTRIBUTES = ("user_id", "project_id", "domain_id", "system_scope", "user_domain_id", "is_nothing")
NAMES = ("id", "target.thing.project_id", "name")
NULLABLE = ("visibility", "target.thing.domain_id")


class Enforcer:
    def __init__(self, texts: dict[str, str]):
        self.rules = {name: _parser.parse_rule(text) for name, text in texts.items()}


def credentials(caller: Caller) -> dict[str, Any]:
    return {
        "user_id": caller.user_id,
        "project_id": caller.project_id,
        "domain_id": caller.domain_id,
        "user_domain_id": caller.user_domain_id,
        "system_scope": "all" if caller.system else None,
        "roles": list(caller.roles),
    }


references = st.sampled_from(NAMES).map(lambda name: f"%({name})s")
checks = st.one_of(
    st.sampled_from(["@", "!", "rule:one", "rule:unknown", "Rule:one"]),
    st.sampled_from(ROLES).map(lambda role: f"role:{role}"),
    references.map(lambda reference: f"role:{reference}"),
    st.tuples(st.sampled_from(ATTRIBUTES), references | st.sampled_from([*VALUES, "None", "all"])).map(":".join),
    st.tuples(st.sampled_from(ATTRIBUTES), references, st.sampled_from(VALUES)).map(lambda p: f"{p[0]}:{p[1]}{p[2]}"),
    st.tuples(
        st.sampled_from(["'public'", '"a"', "True", "None", "1", "'None'"]),
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


@settings(max_examples=600, deadline=None)
@given(text=rules, one=checks.filter(lambda text: "rule:" not in text.lower()), caller=callers, target=targets)
def test_every_rule_is_answered_as_the_library_does(
    text: str, one: str, caller: Caller, target: dict[str, Any]
) -> None:
    texts = {"asked": text, "one": one}
    enforcer = Enforcer(texts)
    expected = _checks._check(enforcer.rules["asked"], dict(target), credentials(caller), enforcer, "asked")
    assert RuleSet(texts).check("asked", caller, target) == expected


@given(caller=callers)
def test_an_empty_rule_allows_everybody(caller: Caller) -> None:
    enforcer = Enforcer({"asked": ""})
    assert _checks._check(enforcer.rules["asked"], {}, credentials(caller), enforcer, "asked")
    assert RuleSet({"asked": ""}).check("asked", caller, {})
