"""What is kept of foreign directories, on both engines."""

from typing import Any

import pytest
from sqlalchemy import insert

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.identity import tables
from skyloom.identity.drivers.contract import Kind, public_id
from skyloom.identity.store.principals import Principals
from skyloom.identity.store.shadows import Place, Shadows

shadows = Shadows()


@pytest.fixture
def domain(database: Database) -> str:
    row = {"id": "people", "domain_id": "", "parent_id": "", "name": "people", "is_domain": True, "enabled": True}
    with database.begin(SYSTEM) as tx:
        tx.execute(insert(tables.project), {**row, "description": "", "options": {}, "extra": {}})
    return "people"


def place(local_id: str, kind: Kind = Kind.USER) -> Place:
    return Place(public_id("people", kind, local_id), "people", kind, local_id)


def user(local_id: str, name: str, **more: Any) -> dict[str, Any]:
    shadow = {"id": place(local_id).public_id, "domain_id": "people", "name": name, "enabled": True}
    return {**shadow, "default_project_id": None, "extra": {}, **more}


def group(local_id: str, name: str) -> dict[str, Any]:
    found = place(local_id, Kind.GROUP).public_id
    return {"id": found, "domain_id": "people", "name": name, "description": "", "extra": {}}


def test_the_public_id_is_the_one_that_keystone_makes() -> None:
    assert public_id("d", Kind.USER, "l") == "93e39f6cc479b77447fdea1b186ce4d0946ed990980eaf5fc7dddfad9b8ac524"


def test_a_mapping_leads_back_and_may_be_added_twice(database: Database, domain: str) -> None:
    places = [place(f"l{number}") for number in range(1200)]
    with database.begin(SYSTEM) as tx:
        shadows.add(tx, places[:700])
        shadows.add(tx, places)
    assert shadows.place(database.read(), places[3].public_id) == places[3]
    assert shadows.place(database.read(), "0" * 64) is None
    assert shadows.unknown(database.read(), [*places, place("new")]) == [place("new")]


def test_a_shadow_is_made_changed_and_disabled(database: Database, domain: str) -> None:
    anna = user("1", "anna", extra={"email": "a@b"})
    with database.begin(SYSTEM) as tx:
        shadows.put(tx, "user", anna)
        shadows.put(tx, "user", {**anna, "name": "anne"})
    assert shadows.get(database.read(), "user", anna["id"]) == {**anna, "name": "anne"}
    found = Principals().user(database.read(), anna["id"])
    assert found is not None and found.password_hash is None
    with database.begin(SYSTEM) as tx:
        shadows.disable(tx, anna["id"])
    assert shadows.get(database.read(), "user", anna["id"]) == {**anna, "name": "anne", "enabled": False}


def test_a_name_that_has_passed_on_is_the_newer_ones(database: Database, domain: str) -> None:
    old, new = user("1", "anna"), user("2", "anna")
    with database.begin(SYSTEM) as tx:
        shadows.put(tx, "user", old)
        shadows.put(tx, "user", new)
    assert shadows.get(database.read(), "user", new["id"]) == new
    assert shadows.get(database.read(), "user", old["id"]) == {**old, "name": old["id"]}


def test_groups_are_brought_to_what_they_are(database: Database, domain: str) -> None:
    anna, staff, admins = user("1", "anna"), group("s", "staff"), group("a", "admins")
    with database.begin(SYSTEM) as tx:
        shadows.put(tx, "user", anna)
        for each in (staff, admins):
            shadows.put(tx, "group", each)
        shadows.set_groups(tx, anna["id"], [staff["id"]])
        shadows.set_groups(tx, anna["id"], [staff["id"], admins["id"]])
    assert shadows.groups_of(database.read(), anna["id"]) == {staff["id"]: staff, admins["id"]: admins}
    with database.begin(SYSTEM) as tx:
        shadows.set_groups(tx, anna["id"], [])
    assert shadows.groups_of(database.read(), anna["id"]) == {}


def test_only_users_of_the_databases_own_hold_a_domain(database: Database, domain: str) -> None:
    with database.begin(SYSTEM) as tx:
        shadows.add(tx, [place("1")])
        shadows.put(tx, "user", user("1", "anna"))
    assert not shadows.holds_others(database.read(), domain)
    with database.begin(SYSTEM) as tx:
        shadows.put(tx, "user", user("2", "unmapped"))
    assert shadows.holds_others(database.read(), domain)
