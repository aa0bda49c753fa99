"""Associations of policies, on both engines: a place has one, and goes with what it joins."""

import pytest
from sqlalchemy import delete, insert

from skyloom.access import SYSTEM
from skyloom.db import Database
from skyloom.identity.model import PolicyPlace
from skyloom.identity.store.endpoint_policies import EndpointPolicies
from skyloom.identity.tables import endpoint, policy, region, service

store = EndpointPolicies()
ENDPOINT, SERVICE = PolicyPlace(endpoint_id="e"), PolicyPlace(service_id="s")
IN_REGION = PolicyPlace(service_id="s", region_id="r")


@pytest.fixture
def catalog(database: Database) -> Database:
    with database.begin(SYSTEM) as tx:
        tx.execute(insert(region), {"id": "r", "description": "", "extra": {}})
        tx.execute(insert(service), {"id": "s", "type": "t", "name": "", "enabled": True, "extra": {}})
        row = {"id": "e", "service_id": "s", "interface": "public", "region_id": "r", "url": "", "enabled": True}
        tx.execute(insert(endpoint), {**row, "extra": {}})
        tx.execute(insert(policy), [{"id": name, "type": "t", "blob": {}, "extra": {}} for name in ("p", "q")])
        for place in (ENDPOINT, SERVICE, IN_REGION):
            store.put(tx, "p", place)
    return database


def test_each_place_has_one_policy(catalog: Database) -> None:
    with catalog.begin(SYSTEM) as tx:
        store.put(tx, "q", SERVICE)
        store.remove(tx, "q", ENDPOINT)
    sql = catalog.read()
    assert [store.policy_at(sql, place) for place in (ENDPOINT, SERVICE, IN_REGION)] == ["p", "q", "p"]
    assert set(store.places_of(sql, "p")) == {ENDPOINT, IN_REGION}
    assert store.policies_for(sql, "e", "s") == {ENDPOINT: "p", SERVICE: "q", IN_REGION: "p"}
    assert store.region_parents(sql) == {"r": None}


@pytest.mark.parametrize(("table", "thing"), [(policy, "p"), (service, "s")])
def test_it_goes_with_what_it_joins(catalog: Database, table: object, thing: str) -> None:
    with catalog.begin(SYSTEM) as tx:
        tx.execute(delete(table).where(table.c.id == thing))  # type: ignore[arg-type,attr-defined]
    assert store.places_of(catalog.read(), "p") == []
