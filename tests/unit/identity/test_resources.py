from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.identity import resources
from skyloom.identity.errors import AttributeFixed, AttributeInvalid

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def test_a_required_attribute_is_asked_for_by_name() -> None:
    with pytest.raises(AttributeInvalid, match="'type' is a required property of a service"):
        resources.SERVICE.new({"name": "nova"})


def test_an_absent_attribute_becomes_its_default() -> None:
    assert resources.SERVICE.new({"type": "compute"})["enabled"] is True


@pytest.mark.parametrize(
    ("resource", "document"),
    [
        (resources.PROJECT, {"name": ""}),
        (resources.PROJECT, {"name": "x" * 65}),
        (resources.PROJECT, {"name": 7}),
        (resources.PROJECT, {"name": "a", "enabled": "yes"}),
        (resources.PROJECT, {"name": "a", "domain_id": "../etc"}),
        (resources.PROJECT, {"name": "a", "options": {"unheard_of": True}}),
        (resources.USER, {"name": "a", "options": {"lock_password": "yes"}}),
        (resources.ENDPOINT, {"service_id": "a", "interface": "inside", "url": "http://a"}),
        (resources.ENDPOINT, {"service_id": "a", "interface": "public", "url": "not a url"}),
        (resources.ENDPOINT, {"service_id": "a", "interface": "public", "url": "http://a", "name": 5}),
        (resources.ENDPOINT, {"service_id": "a", "interface": "public", "url": "http://a", "region": ["r"]}),
        (resources.ENDPOINT_GROUP, {"name": "a", "filters": {"colour": "red"}}),
        (resources.ENDPOINT_GROUP, {"name": "a", "filters": {}}),
        (resources.ENDPOINT_GROUP, {"name": "a", "filters": {"interface": "public"}, "colour": "red"}),
        (resources.REGISTERED_LIMIT, {"service_id": "a", "resource_name": "b", "default_limit": -2}),
        (resources.REGISTERED_LIMIT, {"service_id": "a", "resource_name": "b", "default_limit": 2, "colour": "red"}),
        (resources.LIMIT, {"service_id": "a", "resource_name": "b", "resource_limit": 2, "colour": "red"}),
        (resources.POLICY, {"type": "a", "blob": {"a": "b"}}),
        (resources.SERVICE, {"type": "a", "name": ""}),
        (resources.SERVICE, {"type": "a", "name": "x" * 256}),
        (resources.USER, {"name": "a", "description": 5}),
        (resources.USER, {"name": "a", "domain_id": None}),
        (resources.GROUP, {"name": "a", "domain_id": None}),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(resource: resources.Resource, document: dict[str, Any]) -> None:
    with pytest.raises(AttributeInvalid):
        resource.new(document)


@pytest.mark.parametrize("text", ["", None])
@pytest.mark.parametrize("resource", [resources.SERVICE, resources.ROLE, resources.CONSUMER])
def test_an_empty_description_is_not_an_absent_one(resource: resources.Resource, text: str | None) -> None:
    new = resource.new({"name": "a", "type": "a", "description": text})
    assert resource.record({**resource.row(new), "id": "i"})["description"] == text


def test_null_is_shown_where_the_column_has_none() -> None:
    row = resources.ROLE.row(resources.ROLE.new({"name": "a"}))
    assert row["domain_id"] == "" and resources.ROLE.record({**row, "id": "i"})["domain_id"] is None


def test_a_fixed_attribute_may_be_repeated_but_not_changed() -> None:
    now = {"domain_id": "default", "name": "a"}
    assert resources.GROUP.change({"domain_id": "default"}, now)["domain_id"] == "default"
    with pytest.raises(AttributeFixed):
        resources.GROUP.change({"domain_id": "other"}, now)


@given(st.dictionaries(st.text(min_size=1, max_size=12), json_values, max_size=4))
def test_what_has_no_column_is_kept_and_shown_again(extra: dict[str, Any]) -> None:
    known = {*resources.REGION.by_name, "id", "links"}
    extra = {name: value for name, value in extra.items() if name not in known}
    row = resources.REGION.row({**resources.REGION.new({**extra, "description": "d"}), "id": "r"})
    assert resources.REGION.record(row) == {**extra, "id": "r", "description": "d", "parent_region_id": None}


def test_null_is_shown_as_null_where_the_column_holds_a_word() -> None:
    row = resources.ROLE.row({**resources.ROLE.new({"name": "r"}), "id": "1"})
    assert row["domain_id"] == ""
    assert resources.ROLE.record(row)["domain_id"] is None
