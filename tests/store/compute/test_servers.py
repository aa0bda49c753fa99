"""Rows of servers on both engines: listing, filters by tag, and changes that only the right one may make."""

from dataclasses import replace

import pytest

from skyloom.access import SYSTEM
from skyloom.compute.model import TaskState, VmState
from skyloom.compute.store import ServerFilter, ServerStore
from skyloom.db import Database
from skyloom.db.listing import Page, Sort
from tests.unit.compute.test_plan import NOW, row

BY_ID = Page(None, None, (Sort("id"),))


@pytest.fixture
def store(database: Database) -> ServerStore:
    servers = [
        replace(row(VmState.ACTIVE), id="a", tags=["x", 'quo"te', "a%b"]),
        replace(row(VmState.BUILDING, TaskState.SPAWNING), id="b", tags=["xy"]),
        replace(row(VmState.DELETED), id="c", deleted_at=NOW),
    ]
    with database.begin(SYSTEM) as tx:
        ServerStore().add(tx, servers)
    return ServerStore()


def found(database: Database, store: ServerStore, want: ServerFilter) -> list[str]:
    servers = store.page(database.read(), want, BY_ID)
    assert servers is not None
    return [server.id for server in servers]


def test_a_row_comes_back_as_it_was(database: Database, store: ServerStore) -> None:
    server = store.get(database.read(), "a")
    assert server == replace(row(VmState.ACTIVE), id="a", tags=["x", 'quo"te', "a%b"])


def test_filters_are_those_of_columns_states_and_whole_tags(database: Database, store: ServerStore) -> None:
    assert found(database, store, ServerFilter(project_id="p")) == ["a", "b"]
    assert found(database, store, ServerFilter(project_id="q")) == []
    assert found(database, store, ServerFilter(deleted=None)) == ["a", "b", "c"]
    assert found(database, store, ServerFilter(deleted=True)) == ["c"]
    assert found(database, store, ServerFilter(tags=["x"])) == ["a"]
    assert found(database, store, ServerFilter(tags=['quo"te', "a%b"])) == ["a"]
    assert found(database, store, ServerFilter(tags=["a_b"])) == []
    assert found(database, store, ServerFilter(not_tags_any=["x"])) == ["b"]
    assert found(database, store, ServerFilter(states=[("active", [None])])) == ["a"]
    assert found(database, store, ServerFilter(states=[("building", ["spawning"])])) == ["b"]
    assert found(database, store, ServerFilter(states=[])) == []
    assert found(database, store, ServerFilter(equal={"task_state": None})) == ["a"]


def test_a_tag_is_found_in_a_long_list_of_them(database: Database, store: ServerStore) -> None:
    tags = [f"{number:02}-{'t' * 50}" for number in range(40)]
    with database.begin(SYSTEM) as tx:
        store.change(tx, "a", NOW, {"tags": tags})
    assert found(database, store, ServerFilter(tags=[tags[-1]])) == ["a"]


def test_pages_go_on_after_their_marker(database: Database, store: ServerStore) -> None:
    page = Page(1, "a", (Sort("created_at", True), Sort("id")))
    servers = store.page(database.read(), ServerFilter(), page)
    assert servers is not None and [server.id for server in servers] == ["b"]
    assert store.page(database.read(), ServerFilter(), Page(1, "none", (Sort("id"),))) is None


def test_a_change_is_made_only_in_the_state_and_generation_it_is_for(database: Database, store: ServerStore) -> None:
    with database.begin(SYSTEM) as tx:
        assert not store.change(tx, "a", NOW, {"name": "n"}, tasks=(TaskState.SPAWNING,))
        assert store.change(tx, "a", NOW, {"name": "n"}, tasks=None, generation=0)
        assert not store.change(tx, "a", NOW, {"name": "m"}, generation=0)
        assert store.change(tx, "b", NOW, {"name": "n"}, tasks=(TaskState.SCHEDULING, TaskState.SPAWNING))
        assert not store.change(tx, "c", NOW, {"name": "n"})
    server = store.get(database.read(), "a")
    assert server is not None and (server.name, server.generation) == ("n", 1)
