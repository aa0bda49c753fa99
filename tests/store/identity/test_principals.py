"""What authentication reads, on both engines."""

from typing import Any

import pytest
from sqlalchemy import insert

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.identity import tables
from skyloom.identity.model import Grant
from skyloom.identity.store import seed
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.principals import Principals

principals, grants = Principals(), Grants()


@pytest.fixture
def tree(database: Database) -> Database:
    """Domain d, projects top > middle > leaf, users u and v, group g with u, roles big > small and own of d > small."""
    plain: dict[str, Any] = {"enabled": True, "description": "", "options": {}, "extra": {}}
    with database.begin(SYSTEM) as tx:
        for project_id, parent, is_domain in (
            ("d", "", True),
            ("top", "d", False),
            ("middle", "top", False),
            ("leaf", "middle", False),
        ):
            row = {"id": project_id, "name": project_id, "domain_id": "" if is_domain else "d", "parent_id": parent}
            tx.execute(insert(tables.project), {**plain, **row, "is_domain": is_domain})
        for user_id in ("u", "v"):
            user = {"id": user_id, "name": user_id, "domain_id": "d", "enabled": True, "options": {}, "extra": {}}
            tx.execute(insert(tables.user), user)
        tx.execute(insert(tables.group), {"id": "g", "name": "g", "domain_id": "d", "description": "", "extra": {}})
        for role_id, domain_id in (("big", ""), ("small", ""), ("own", "d")):
            role = {"id": role_id, "name": role_id, "domain_id": domain_id, "options": {}, "extra": {}}
            tx.execute(insert(tables.role), role)
        grants.join(tx, "u", "g")
        grants.imply(tx, "big", "small")
        grants.imply(tx, "own", "small")
        seed.start_generation(tx)
    return database


def give(database: Database, *given: Grant) -> None:
    with database.begin(SYSTEM) as tx:
        for grant in given:
            grants.add(tx, grant)


def roles(database: Database, user_id: str, project_id: str) -> list[str]:
    return [role.id for role in principals.roles_on_project(database.read(), user_id, project_id)]


def test_a_role_brings_those_that_it_implies(tree: Database) -> None:
    give(tree, Grant("user", "v", "project", "top", "big"))
    assert roles(tree, "v", "top") == ["big", "small"]
    assert roles(tree, "v", "middle") == []


def test_a_group_gives_its_members_what_it_has(tree: Database) -> None:
    give(tree, Grant("group", "g", "project", "top", "small"))
    assert roles(tree, "u", "top") == ["small"]
    assert roles(tree, "v", "top") == []


@pytest.mark.parametrize(
    ("kind", "place", "reached"), [("domain", "d", ["top", "middle", "leaf"]), ("project", "top", ["middle", "leaf"])]
)
def test_an_inherited_role_counts_below_its_place_only(
    tree: Database, kind: str, place: str, reached: list[str]
) -> None:
    give(tree, Grant("user", "v", kind, place, "small", inherited=True))
    assert [project for project in ("top", "middle", "leaf") if roles(tree, "v", project)] == reached
    assert principals.roles_on_domain(tree.read(), "v", "d") == []
    assert sorted(found.id for found in principals.projects_of(tree.read(), "v")) == sorted(reached)


def test_a_domains_own_role_counts_by_what_it_implies(tree: Database) -> None:
    give(tree, Grant("user", "v", "project", "top", "own"))
    assert roles(tree, "v", "top") == ["small"]


def test_the_tree_is_read_up_and_down(tree: Database) -> None:
    assert principals.parents(tree.read(), "leaf") == ["middle", "top"]
    assert principals.parents(tree.read(), "top") == []
    assert principals.subtree(tree.read(), "top") == {"middle": "top", "leaf": "middle"}
    assert principals.subtree(tree.read(), "leaf") == {}


def test_a_users_domain_is_read_with_it(tree: Database) -> None:
    for found in (principals.user(tree.read(), "u"), principals.user_named(tree.read(), "u", None, "d")):
        assert found is not None and (found.id, found.domain_name, found.domain_enabled) == ("u", "d", True)
    assert principals.user_named(tree.read(), "u", "other", None) is None


def test_what_is_forgotten_leaves_no_assignment(tree: Database) -> None:
    give(tree, Grant("user", "v", "project", "top", "big"), Grant("group", "g", "project", "top", "big"))
    with tree.begin(SYSTEM) as tx:
        grants.forget(tx, "project", "top")
    assert grants.find(tree.read()) == []


def test_a_domain_goes_with_all_that_is_in_it(tree: Database) -> None:
    give(tree, Grant("user", "v", "project", "leaf", "big"), Grant("user", "u", "domain", "d", "own"))
    with tree.begin(SYSTEM) as tx:
        grants.drop_domain(tx, "d")
    assert principals.user(tree.read(), "u") is None and principals.project(tree.read(), "leaf") is None
    assert grants.find(tree.read()) == []


def test_the_generation_grows_with_every_bump(tree: Database) -> None:
    before = principals.generation(tree.read())
    with tree.begin(SYSTEM) as tx:
        principals.bump(tx)
    assert principals.generation(tree.read()) == before + 1


def test_what_changed_is_told_by_generation(tree: Database) -> None:
    before = principals.generation(tree.read())
    with tree.begin(SYSTEM) as tx:
        principals.bump(tx, ("u", "v", "u"))
        principals.bump(tx)
        principals.bump(tx, ())
    assert principals.changes(tree.read(), before) == (before + 3, {before + 1: {"u", "v"}, before + 3: {""}})
    assert principals.changes(tree.read(), before + 3) == (before + 3, {})
