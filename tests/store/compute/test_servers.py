"""Rows of servers on both engines: listing, filters by tag, and changes that only the right one may make."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from skyloom.access import SYSTEM
from skyloom.compute.model import FlavorShape, Hosted, Power, Server, TaskState, VmState
from skyloom.compute.store import ServerFilter, ServerStore
from skyloom.db import Database
from skyloom.db.listing import Page, Sort

BY_ID = Page(None, None, (Sort("id"),))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(vm_state: VmState, task_state: TaskState | None = None, power: Power = Power.RUNNING) -> Server:
    return Server(
        id="a",
        project_id="p",
        user_id="u",
        name="s",
        vm_state=vm_state,
        task_state=task_state,
        power_state=int(power),
        host="h1",
        image_id=None,
        flavor_id="1",
        flavor=FlavorShape("1", "f", 1, 64, 1),
        image=None,
        hostname="s",
        description=None,
        availability_zone=None,
        key_name=None,
        public_key=None,
        user_data=None,
        config_drive=False,
        access_ip_v4=None,
        access_ip_v6=None,
        disk_config="AUTO",
        metadata={},
        tags=[],
        locked=False,
        locked_reason=None,
        group_id=None,
        reservation_id="r",
        launch_index=0,
        fault=None,
        generation=0,
        created_at=NOW,
        updated_at=NOW,
        launched_at=NOW,
        terminated_at=None,
        deleted_at=None,
    )


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


def test_of_those_on_a_host_the_deleted_ones_are_left_out(database: Database, store: ServerStore) -> None:
    (active, building) = sorted(store.on_host(database.read(), "h1"), key=lambda server: server.id)
    assert active == Hosted("a", "s", VmState.ACTIVE, None, int(Power.RUNNING), 0)
    assert (building.id, building.task_state) == ("b", TaskState.SPAWNING)


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
