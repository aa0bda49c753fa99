"""Rows are found by their fields, one value or many, and changed by the fields that are named."""

import pytest
from msgspec.structs import replace

from skyloom.access import Caller
from skyloom.db.batches import AT_ONCE
from skyloom.network import store
from skyloom.network.errors import PortNotFound
from skyloom.network.model import NicRequest


@pytest.fixture
def networks(service, caller):
    return service.networks.create(caller, [{"name": name} for name in ("a", "b", "b")])


def names(found):
    return [network.name for network in found]


def test_fields_have_one_value_or_one_of_a_list(database, networks):
    sql = database.read()
    for _ in range(2):
        assert names(store.NETWORKS.find(sql, name="b")) == ["b", "b"]
        assert names(store.NETWORKS.find(sql, name="b", id=networks[2].id)) == ["b"]
        assert names(store.NETWORKS.find(sql, name="b", id=[each.id for each in networks[:2]])) == ["b"]
        assert names(store.NETWORKS.find(sql, name=("a", "c"), is_external=False)) == ["a"]
        assert store.NETWORKS.find(sql, name=[], is_external=False) == []
        assert store.NETWORKS.find(sql, name="b", is_external=True) == []
    with pytest.raises(KeyError):
        store.NETWORKS.find(sql, nonsense=1)


def test_a_list_may_be_longer_than_a_statement_takes(database, networks):
    unknown = [f"no network {number}" for number in range(AT_ONCE)]
    ids = [networks[0].id, *unknown, *(each.id for each in networks[1:])]
    many_names = ["a", *unknown, "b"]
    assert len(store.NETWORKS.find(database.read(), id=ids, name=many_names)) == 3
    assert set(store.NETWORKS.by_ids(database.read(), ids)) == {each.id for each in networks}


def test_who_looks_finds_what_it_may_see(service, caller, database, networks):
    sql = database.read()
    assert store.NETWORKS.find(sql, by="other", name="b") == []
    assert len(store.NETWORKS.find(sql, by=caller.project_id, name="b")) == len(store.NETWORKS.find(sql, name="b")) == 2


def test_who_has_no_project_sees_nothing_that_belongs_to_none(service, caller, database, networks):
    """The ports of floating addresses and gateways have no owner either; they are the operator's."""
    admin = replace(caller, roles=frozenset({"admin"}))
    external = service.networks.create(admin, [{"name": "out", "is_external": True}])[0]
    service.subnets.create(admin, [{"network_id": external.id, "ip_version": 4, "cidr": "198.51.100.0/24"}])
    service.floatingips.create(caller, [{"floating_network_id": external.id}])
    (ownerless,) = store.PORTS.find(database.read(), network_id=external.id, project_id="")
    of_a_domain = Caller(user_id="u", domain_id="d", roles=frozenset({"member", "reader"}))
    assert of_a_domain.project_id is None
    with pytest.raises(PortNotFound):
        service.ports.get(of_a_domain, ownerless.id)
    with pytest.raises(PortNotFound):
        service.check_nics(of_a_domain, [NicRequest(port_id=ownerless.id)], 1)
    for found in (store.PORTS.find(database.read(), by=None), store.NETWORKS.find(database.read(), by=None)):
        assert [each.id for each in found] == ([external.id] if found else [])


def test_a_change_writes_the_fields_it_names_and_raises_the_revision(service, caller, networks):
    admin = replace(caller, roles=frozenset({"admin"}))
    first = service.networks.get(caller, networks[0].id)
    service.networks.update(admin, first.id, {"name": "new", "subnet_ids": ["derived"]})
    after = service.networks.update(admin, first.id, {"is_shared": True, "dns_domain": "x."})
    assert (after.name, after.is_shared, after.dns_domain, after.description) == ("new", True, "x.", "")
    assert after.subnet_ids == []
    assert after.revision_number > first.revision_number
    assert service.networks.get(caller, networks[1].id).name == "b"
