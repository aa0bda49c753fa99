"""Every route names its policy, every policy is asked for, and strangers get nowhere."""

import re

import pytest

from skyloom.web.routes import PUBLIC
from tests.cloud import RULES, Cloud
from tests.rules import exceptions
from tests.rules.source import modules
from tests.rules.walk import UNKNOWN_ID, WRITES, Asked, Record, key, routes

REFUSED = (401, 403, 404)


def test_each_route_names_an_action_that_the_policy_knows(cloud: Cloud):
    unknown = [
        key(api.name, route)
        for api in cloud.apis
        for route in routes(api)
        if route.policy != PUBLIC and route.policy not in cloud.policy.rules.texts
    ]
    assert not unknown


def test_each_action_of_a_policy_is_asked_for(cloud: Cloud):
    """By a route, by the code of its domain, or as a part of another rule."""
    used = {route.policy for api in cloud.apis for route in routes(api)}
    unused = set()
    for domain, rules in RULES.items():
        named = used | {part for text in rules.values() for part in re.findall(r"rule:([^\s()]+)", text)}
        code = [
            module.text
            for name, module in modules().items()
            if name.startswith(f"skyloom.{domain}.") and not name.endswith(".policy")
        ]
        unused |= {f"{domain} {action}" for action in rules if action not in named and not _written(action, code)}
    exceptions.check("unused-policy", unused)


def _written(action: str, code: list[str]) -> bool:
    """As a literal, or put together: `f"identity:{verb}_role"`, `f"{RULE}:create"`."""
    last = action.rpartition(":")[2]
    word, _, noun = last.partition("_")
    ways = (f'"{action}"', f':{last}"', f'"{last}"', f'"{word}", "{noun}"', f':{{verb}}_{noun}"')
    return any(way in text for way in ways for text in code)


def test_without_a_token_nobody_gets_anywhere(walked: Record):
    assert not [asked.told for asked in _tried(walked, "no token", "garbage") if asked.answer.status != 401]


def test_who_has_no_role_gets_what_is_everybodys_and_nothing_else(cloud: Cloud, walked: Record):
    exceptions.check("nobody", _let_in(cloud, walked, "nobody"))


def test_a_reader_writes_nothing(cloud: Cloud, walked: Record):
    exceptions.check("reader", _let_in(cloud, walked, "reader"))


def test_another_project_sees_and_changes_nothing_of_ours(cloud: Cloud, walked: Record):
    exceptions.check("other", _let_in(cloud, walked, "other"))


def test_no_stranger_makes_the_cloud_fail(walked: Record):
    """501 is the answer of a call that is not built."""
    assert not [asked.told for asked in walked.strangers if asked.answer.status >= 500 and asked.answer.status != 501]


def test_what_strangers_tried_left_no_audit_entry(walked: Record):
    assert not [asked.told for asked in walked.strangers if asked.answer.status in REFUSED and asked.entries]


def _tried(walked: Record, *who: str) -> list[Asked]:
    found = [asked for asked in walked.strangers if asked.what in who]
    assert found
    return found


def _let_in(cloud: Cloud, walked: Record, who: str) -> set[str]:
    """The routes that did not refuse `who`, though their policy names no such caller."""
    caller = cloud.callers[who]
    return {
        f"{asked.key} {asked.answer.status}"
        for asked in _tried(walked, who)
        if asked.answer.status not in (*REFUSED, 501) and not cloud.policy.allows(caller, asked.route.policy)
    }


@pytest.mark.parametrize("who", [None, "gAAAAAB-garbage"])
def test_even_a_call_that_is_not_built_wants_a_token(cloud: Cloud, who: str | None):
    """Unless it is one that nobody needs a token for."""
    for api in cloud.apis:
        for route in api.not_built:
            path = api.prefix + re.sub(r"\{\w+\}", UNKNOWN_ID, route.path)
            version = {}
            if api.microversions and route.since:
                version["openstack-api-version"] = f"{api.microversions.service_type} {'.'.join(map(str, route.since))}"
            answer = cloud(route.method, path, who, {} if route.method in WRITES else None, version)
            assert answer.status == (501 if route.policy == PUBLIC else 401), path
