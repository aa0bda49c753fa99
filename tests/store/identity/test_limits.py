"""What limits of a tree are held against, on both engines."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import insert

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.identity.store.limits import limit_above, limits_below, project_below_level_two
from skyloom.identity.tables import limit, project, registered_limit, service

PLACE = {"service_id": "s", "region_id": "", "resource_name": "servers"}


def row(project_id: str, parent_id: str, is_domain: bool = False) -> Mapping[str, Any]:
    domain_id = "" if is_domain else "d"
    named = {
        "id": project_id,
        "name": project_id,
        "domain_id": domain_id,
        "parent_id": parent_id,
        "is_domain": is_domain,
    }
    return {**named, "enabled": True, "description": "", "options": {}, "extra": {}}


@pytest.fixture
def tree(database: Database) -> Database:
    """d > top > leaf, with limits of 20, none and 5; the registered one is 10."""
    with database.begin(SYSTEM) as tx:
        tx.execute(insert(project), [row("d", "", True), row("top", "d"), row("leaf", "top")])
        tx.execute(insert(service), {"id": "s", "type": "t", "name": "", "enabled": True, "extra": {}})
        tx.execute(insert(registered_limit), {"id": "r", **PLACE, "default_limit": 10, "extra": {}})
        own = [("d", "", 20), ("", "leaf", 5)]
        rows = [
            {"id": f"l{at}", **PLACE, "domain_id": d, "project_id": p, "resource_limit": amount, "extra": {}}
            for at, (d, p, amount) in enumerate(own)
        ]
        tx.execute(insert(limit), rows)
    return database


def test_ones_own_limit_counts_and_else_the_registered_one(tree: Database) -> None:
    assert [limit_above(tree.read(), holder, PLACE) for holder in ("d", "top", "leaf")] == [20, 10, 5]


def test_limits_below_are_those_of_the_whole_tree_and_of_one_resource(tree: Database) -> None:
    sql = tree.read()
    assert [limits_below(sql, holder, PLACE) for holder in ("d", "top", "leaf")] == [[5], [5], []]
    assert limits_below(sql, "d", {**PLACE, "resource_name": "volumes"}) == []


def test_a_third_level_of_projects_is_seen(tree: Database) -> None:
    assert project_below_level_two(tree.read()) is None
    with tree.begin(SYSTEM) as tx:
        tx.execute(insert(project), row("deep", "leaf"))
    assert project_below_level_two(tree.read()) == "deep"
