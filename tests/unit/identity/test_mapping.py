"""The mapping engine: each feature of the rule language, and what is true of it whatever comes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.identity import mapping
from skyloom.identity.errors import AttributeInvalid, NotMapped
from skyloom.identity.mapping import Attributes, Domain, Group, Mapped, Project, Role

ANNA: Attributes = {
    "FirstName": ["Anna"],
    "LastName": ["Lind"],
    "Email": ["anna@example.org"],
    "orgPersonType": ["Contractor"],
    "GROUPS": ["developers", "testers", "admins"],
    "IDS": ["g1", "g2"],
    "EMPTY": [],
}


def mapped(rules: Any, attributes: Attributes = ANNA, version: str = "1.0") -> Mapped:
    return mapping.evaluate(mapping.read(rules, version), version, attributes)


def rule(local: Any, *remote: Any) -> list[dict[str, Any]]:
    return [{"local": local if isinstance(local, list) else [local], "remote": list(remote)}]


NAMED = {"user": {"name": "{0}"}}
FIRST = {"type": "FirstName"}


# -- users


def test_values_stand_where_their_number_is() -> None:
    user = {"name": "{0} {1}", "id": "{1}-{0}", "email": "{2}"}
    found = mapped(rule({"user": user}, FIRST, {"type": "LastName"}, {"type": "Email"})).user
    assert (found.name, found.id, found.email, found.type) == (
        "Anna Lind",
        "Lind-Anna",
        "anna@example.org",
        "ephemeral",
    )


def test_a_rule_without_placeholders_gives_what_it_says() -> None:
    found = mapped(rule({"user": {"name": "guest", "type": "local", "domain": {"name": "d"}}}, FIRST)).user
    assert (found.name, found.type, found.domain) == ("guest", "local", Domain(name="d"))


def test_a_value_with_braces_is_no_placeholder() -> None:
    assert mapped(rule(NAMED, FIRST), {"FirstName": ["{0} {1} {x}"]}).user.name == "{0} {1} {x}"


@pytest.mark.parametrize("values", [["a", "b"], ["a;b", "c"]])
def test_one_word_takes_one_value(values: list[str]) -> None:
    with pytest.raises(NotMapped, match="takes one value"):
        mapped(rule(NAMED, FIRST), {"FirstName": values})


def test_values_are_not_split() -> None:
    assert mapped(rule(NAMED, FIRST), {"FirstName": ["a;b"]}).user.name == "a;b"


def test_the_first_user_counts() -> None:
    rules = rule(NAMED, FIRST) + rule({"user": {"name": "other"}}, FIRST)
    assert mapped(rules).user.name == "Anna"


def test_without_a_user_there_are_groups_only() -> None:
    found = mapped(rule({"group": {"id": "g"}}, FIRST))
    assert (found.user.name, found.user.id, found.group_ids) == (None, None, ["g"])


# -- conditions


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({}, True),
        ({"any_one_of": ["Contractor", "Guest"]}, True),
        ({"any_one_of": ["contractor"]}, False),
        ({"any_one_of": []}, False),
        ({"any_one_of": ["^Contr", "x"], "regex": True}, True),
        ({"any_one_of": ["^ontr"], "regex": True}, False),
        ({"any_one_of": ["^Contr"]}, False),
        ({"not_any_of": ["Contractor"]}, False),
        ({"not_any_of": ["Guest"]}, True),
        ({"not_any_of": []}, True),
        ({"not_any_of": [".*tract.*"], "regex": True}, False),
        ({"blacklist": ["Contractor"]}, True),
        ({"whitelist": ["Guest"]}, True),
    ],
)
def test_a_condition_holds_or_does_not(condition: dict[str, Any], matches: bool) -> None:
    rules = rule({"user": {"name": "u"}}, {"type": "orgPersonType", **condition})
    if matches:
        assert mapped(rules).user.name == "u"
    else:
        with pytest.raises(NotMapped, match="no rule"):
            mapped(rules)


@pytest.mark.parametrize("condition", [{}, {"not_any_of": ["x"]}, {"blacklist": ["x"]}, {"whitelist": ["x"]}])
@pytest.mark.parametrize("name", ["Missing", "EMPTY", "firstname"])
def test_an_attribute_that_did_not_come_fulfils_nothing(condition: dict[str, Any], name: str) -> None:
    with pytest.raises(NotMapped, match="no rule"):
        mapped(rule({"user": {"name": "u"}}, {"type": name, **condition}))


def test_all_conditions_of_a_rule_must_hold() -> None:
    wrong = {"type": "orgPersonType", "any_one_of": ["Guest"]}
    with pytest.raises(NotMapped):
        mapped(rule(NAMED, FIRST, wrong))
    assert mapped(rule(NAMED, FIRST, wrong) + rule({"user": {"name": "second"}}, FIRST)).user.name == "second"


def test_conditions_that_only_ask_hand_nothing_on() -> None:
    asks = {"type": "orgPersonType", "any_one_of": ["Contractor"]}
    asks_not = {"type": "Email", "not_any_of": ["x"]}
    local = {"user": {"name": "{0}", "email": "{1}"}}
    found = mapped(rule(local, asks, FIRST, asks_not, {"type": "LastName"})).user
    assert (found.name, found.email) == ("Anna", "Lind")


# -- groups


IN_D = {"domain": {"id": "d"}}


def names(found: Mapped) -> list[str | None]:
    assert all(group.domain == Domain(id="d") for group in found.groups)
    return [group.name for group in found.groups]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, ["developers", "testers", "admins"]),
        ({"whitelist": ["testers", "others"]}, ["testers"]),
        ({"whitelist": ["^dev", "^ad"], "regex": True}, ["developers", "admins"]),
        ({"whitelist": []}, []),
        ({"blacklist": ["admins"]}, ["developers", "testers"]),
        ({"blacklist": ["s$"], "regex": True}, []),
        ({"blacklist": []}, ["developers", "testers", "admins"]),
    ],
)
def test_groups_are_those_that_a_list_lets_through(condition: dict[str, Any], expected: list[str]) -> None:
    assert names(mapped(rule({"groups": "{0}", **IN_D}, {"type": "GROUPS", **condition}))) == expected


def test_a_group_by_name_is_one_for_each_value() -> None:
    local = {"group": {"name": "of {0}", "domain": {"id": "d"}}}
    assert names(mapped(rule(local, {"type": "GROUPS"}))) == ["of developers", "of testers", "of admins"]


@pytest.mark.parametrize(
    ("text", "expected"), [("a;b", ["a", "b"]), ("['a', 'b']", ["a", "b"]), ("a", ["a"]), (" a ; ;b", ["a", "b"])]
)
def test_names_in_the_rule_itself_are_a_list(text: str, expected: list[str]) -> None:
    assert names(mapped(rule({"groups": text, **IN_D}, FIRST))) == expected


def test_what_a_provider_writes_as_a_list_is_one_name() -> None:
    assert names(mapped(rule({"groups": "{0}", **IN_D}, FIRST), {"FirstName": ["['a', 'b']"]})) == ["['a', 'b']"]


def test_group_ids_are_listed_once() -> None:
    rules = rule({"group_ids": "{0}"}, {"type": "IDS"}) + rule({"group": {"id": "g2"}}, FIRST)
    assert mapped(rules).group_ids == ["g1", "g2"]


def test_groups_of_all_rules_that_match_add_up() -> None:
    rules = rule(NAMED, FIRST) + rule({"groups": "a", **IN_D}, FIRST) + rule({"groups": "a;b", **IN_D}, FIRST)
    rules += rule({"groups": "c", **IN_D}, {"type": "Missing"})
    assert names(mapped(rules)) == ["a", "b"]


def test_groups_need_a_domain() -> None:
    with pytest.raises(NotMapped, match="no domain"):
        mapped(rule({"groups": "{0}"}, {"type": "GROUPS"}))


TOLD = 'JSON:{"name": "staff", "domain": {"name": "Default"}}'


def test_another_cloud_tells_groups_with_their_domain() -> None:
    found = mapped(rule({"groups": "{0}"}, FIRST), {"FirstName": [TOLD]})
    assert found.groups == [Group(name="staff", domain=Domain(name="Default"))]


def test_a_domain_in_the_rule_is_not_overruled_by_the_provider() -> None:
    found = mapped(rule({"groups": "{0}", **IN_D}, FIRST), {"FirstName": [TOLD]})
    assert names(found) == [TOLD]


@pytest.mark.parametrize("text", ["{", '{"name": "x"}', '{"id": "g"}', "[]", '{"name": "x", "domain": {}, "y": 1}'])
def test_a_group_told_wrong_fails(text: str) -> None:
    with pytest.raises(NotMapped, match="as JSON"):
        mapped(rule({"groups": "{0}"}, FIRST), {"FirstName": [f"JSON:{text}"]})


# -- projects and domains


PROJECTS = {"projects": [{"name": "Home of {0}", "roles": [{"name": "member"}, {"name": "{0}"}]}]}


def test_projects_carry_their_roles() -> None:
    found = mapped(rule([NAMED, PROJECTS], FIRST))
    assert found.projects == [Project("Home of Anna", (Role("member"), Role("Anna")))]
    assert not found.projects_are_all


def test_projects_of_all_rules_add_up() -> None:
    other = {"projects": [{"name": "shared", "roles": [{"name": "reader"}]}]}
    found = mapped(rule([NAMED, PROJECTS], FIRST) + rule([other, PROJECTS], FIRST))
    assert [project.name for project in found.projects] == ["Home of Anna", "shared"]


def test_the_domain_of_the_rules_is_the_default_since_2_0() -> None:
    own = {"projects": [{"name": "p", "roles": [], "domain": {"id": "own"}}, {"name": "q", "roles": []}]}
    rules = rule([{**NAMED, "domain": {"id": "{1}"}}, own], FIRST, {"type": "LastName"})
    found = mapped(rules, version="2.0")
    assert found.user.domain == Domain(id="Lind")
    assert [project.domain for project in found.projects] == [Domain(id="own"), Domain(id="Lind")]
    own["projects"][0].pop("domain")
    first = mapped(rules, version="1.0")
    assert first.user.domain is None
    assert [project.domain for project in first.projects] == [None, None]


def test_a_user_may_have_another_domain() -> None:
    local = {"user": {"name": "{0}", "domain": {"name": "x"}}, "domain": {"id": "y"}}
    assert mapped(rule(local, FIRST), version="2.0").user.domain == Domain(name="x")


def test_projects_that_a_provider_tells_since_3_0() -> None:
    told = '[{"name": "a", "roles": [{"name": "member"}]}, {"name": "b", "domain": {"id": "d"}, "roles": []}]'
    rules = rule([NAMED, {"projects_json": "{1}", "domain": {"id": "z"}}], FIRST, {"type": "P"})
    found = mapped(rules, {**ANNA, "P": [told]}, "3.0")
    assert found.projects == [Project("a", (Role("member"),), Domain(id="z")), Project("b", (), Domain(id="d"))]
    assert found.projects_are_all
    assert mapped(rules, {**ANNA, "P": [""]}, "3.0").projects == []
    for wrong in ("{}", "[1]", '[{"name": "a"}]', "[" * 5000):
        with pytest.raises(NotMapped):
            mapped(rules, {**ANNA, "P": [wrong, wrong]}, "3.0")


# -- rules that cannot be


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ([], "rules"),
        ({}, "rules"),
        (None, "rules"),
        ([7], "rules[0]"),
        ([{"local": []}], "rules[0]"),
        ([{"local": [], "remote": []}], "rules[0].remote"),
        ([{"local": [], "remote": [{"type": "a"}], "more": 1}], "rules[0]"),
        (rule({"users": {}}, FIRST), "rules[0].local[0]"),
        (rule({"user": {"name": 1}}, FIRST), "rules[0].local[0].user.name"),
        (rule({"user": {"nick": "a"}}, FIRST), "rules[0].local[0].user"),
        (rule({"user": {"type": "alien"}}, FIRST), "rules[0].local[0].user.type"),
        (rule({"user": {"domain": {"uuid": "a"}}}, FIRST), "rules[0].local[0].user.domain"),
        (rule({"group": {}}, FIRST), "rules[0].local[0].group"),
        (rule({"group": {"name": "a"}}, FIRST), "rules[0].local[0].group"),
        (rule({"group": {"id": "a", "name": "b"}}, FIRST), "rules[0].local[0].group"),
        (rule({"group": {"id": "a", "domain": {"id": "b"}}}, FIRST), "rules[0].local[0].group"),
        (rule({"groups": ["a"]}, FIRST), "rules[0].local[0].groups"),
        (rule({"projects": [{"name": "a"}]}, FIRST), "rules[0].local[0].projects[0]"),
        (rule({"projects": [{"name": "a", "roles": ["r"]}]}, FIRST), "rules[0].local[0].projects[0].roles[0]"),
        (rule({"projects": [{"name": "a", "roles": [], "domain": {"id": "d"}}]}, FIRST), "rules[0].local[0].projects"),
        (rule({"projects_json": "{0}"}, FIRST), "rules[0].local[0].projects_json"),
        (rule(NAMED, {"any_one_of": ["a"]}), "rules[0].remote[0]"),
        (rule(NAMED, {"type": "a", "any_one_of": "a"}), "rules[0].remote[0].any_one_of"),
        (rule(NAMED, {"type": "a", "any_one_of": [1]}), "rules[0].remote[0].any_one_of[0]"),
        (rule(NAMED, {"type": "a", "whitelist": [], "blacklist": []}), "rules[0].remote[0]"),
        (rule(NAMED, {"type": "a", "whitelist": ["("], "regex": True}), "rules[0].remote[0]"),
        (rule(NAMED, {"type": "a", "regex": "yes"}), "rules[0].remote[0].regex"),
        (rule({"user": {"name": "{1}"}}, FIRST), "rules[0].local[0]"),
        (rule(NAMED, {"type": "a", "any_one_of": ["b"]}), "rules[0].local[0]"),
        (rule({"user": {"name": "{" + "9" * 5000 + "}"}}, FIRST), "rules[0].local[0]"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_place(rules: Any, place: str) -> None:
    with pytest.raises(AttributeInvalid) as refused:
        mapping.read(rules, "1.0")
    assert refused.value.details["field"] == place


def test_versions_are_known() -> None:
    for version in (None, "1.0", "2.0", "3.0"):
        mapping.read(rule(NAMED, FIRST), version)
    with pytest.raises(AttributeInvalid, match="schema_version"):
        mapping.read(rule(NAMED, FIRST), "4.0")
    with pytest.raises(AttributeInvalid, match="placeholder"):
        mapping.read(rule({"projects_json": "x{0}"}, FIRST), "3.0")


# -- whatever comes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
WORDS = ("a", "b", "{0}", "{1}", "x{0}y", "{0}{1}", "{", "JSON:{}", "{{0}}", "[]", "['a']", ";")
TEXTS = st.sampled_from(WORDS)
DOMAINS = st.fixed_dictionaries({}, optional={"id": TEXTS, "name": TEXTS})
PLACES = st.fixed_dictionaries(
    {"name": TEXTS, "roles": st.lists(st.fixed_dictionaries({"name": TEXTS}), max_size=2)}, optional={"domain": DOMAINS}
)
LOCALS = st.fixed_dictionaries(
    {},
    optional={
        "user": st.fixed_dictionaries({}, optional={"id": TEXTS, "name": TEXTS, "email": TEXTS, "domain": DOMAINS}),
        "group": st.fixed_dictionaries({"id": TEXTS}) | st.fixed_dictionaries({"name": TEXTS, "domain": DOMAINS}),
        "groups": TEXTS,
        "group_ids": TEXTS,
        "projects": st.lists(PLACES, max_size=2),
        "projects_json": st.just("{0}"),
        "domain": DOMAINS,
    },
)
CONDITIONS = st.sampled_from(["any_one_of", "not_any_of", "blacklist", "whitelist"])
TYPES = st.sampled_from(["t", "u", "v"])
VALUES = st.text(alphabet="ab{}01;:[]'\"JSON", max_size=6)
REMOTES = st.fixed_dictionaries({"type": TYPES}) | st.builds(
    lambda name, condition, values, regex: {"type": name, condition: values, "regex": regex},
    TYPES,
    CONDITIONS,
    st.lists(st.sampled_from(["a", "b", "^a", ".*"]), max_size=2),
    st.booleans(),
)
RULES = st.lists(
    st.fixed_dictionaries({"local": st.lists(LOCALS, max_size=3), "remote": st.lists(REMOTES, min_size=1, max_size=3)}),
    min_size=1,
    max_size=3,
)
ATTRIBUTES = st.dictionaries(TYPES, st.lists(VALUES, max_size=3))
VERSIONS = st.sampled_from(mapping.SCHEMA_VERSIONS)


@given(JSON, st.none() | VERSIONS | st.text())
def test_any_json_is_read_or_refused(rules: Any, version: str | None) -> None:
    try:
        mapping.read(rules, version)
    except AttributeInvalid as error:
        assert error.details["field"]


@given(RULES, VERSIONS, ATTRIBUTES)
def test_any_rules_give_somebody_or_nobody(rules: Any, version: str, attributes: Attributes) -> None:
    found = _tried(rules, version, attributes)
    if found is not None:
        assert found.user.type in ("ephemeral", "local")
        assert len(set(found.group_ids)) == len(found.group_ids)
        assert len(set(found.groups)) == len(found.groups)


@given(RULES, VERSIONS, ATTRIBUTES)
def test_the_result_is_made_of_the_rules_and_the_values_alone(rules: Any, version: str, attributes: Attributes) -> None:
    """Each character of it is one of a rule or of a value that came."""
    found = _tried(rules, version, attributes)
    if found is not None:
        known = set("".join(_strings(rules))) | set("".join(_strings(attributes)))
        words = [found.user.id, found.user.name, found.user.email, *found.group_ids]
        words += [group.name for group in found.groups] + [project.name for project in found.projects]
        assert set("".join(word for word in words if word)) <= known


@given(ATTRIBUTES)
def test_a_value_is_handed_on_as_it_is(attributes: Attributes) -> None:
    rules = rule([{"user": {"name": "u"}}, {"groups": "{0}", **IN_D}, {"group_ids": "{0}"}], {"type": "t"})
    found = _tried(rules, "1.0", attributes)
    values = [value for value in attributes.get("t", ()) if value]
    if found is not None:
        assert [group.name for group in found.groups] == list(dict.fromkeys(values))
        assert found.group_ids == list(dict.fromkeys(values))


@given(ATTRIBUTES, st.lists(VALUES, max_size=3))
def test_what_is_not_on_a_whitelist_gives_no_group(attributes: Attributes, allowed: list[str]) -> None:
    found = _tried(rule({"groups": "{0}", **IN_D}, {"type": "t", "whitelist": allowed}), "1.0", attributes)
    if found is not None:
        assert {group.name for group in found.groups} <= set(allowed)


@given(RULES, VERSIONS, ATTRIBUTES, VALUES)
def test_attributes_that_no_rule_names_change_nothing(
    rules: Any, version: str, attributes: Attributes, value: str
) -> None:
    more = {**attributes, "never named": [value]}
    assert _tried(rules, version, attributes) == _tried(rules, version, more)


def _tried(rules: Any, version: str, attributes: Attributes) -> Mapped | None:
    try:
        return mapped(rules, attributes, version)
    except (AttributeInvalid, NotMapped):
        return None


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _strings(inner)]
    return []
