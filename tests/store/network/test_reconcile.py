import threading

import pytest

from skyloom.network.drivers.contract import BackendAway, BackendRefused, Ensure, Remove
from skyloom.network.drivers.simulated import SimulatedNetwork
from skyloom.network.reconcile import Reconciler


@pytest.fixture
def routed(service, caller, subnet):
    """A port behind a router, reached by a floating IP."""
    public = service.bootstrap("operators", "203.0.113.0/24", "203.0.113.1", ("203.0.113.10", "203.0.113.40"))
    router = service.routers.create(caller, [{"external_gateway_info": {"network_id": public.id}}])[0]
    service.routers.add_interface(caller, router.id, subnet.id, None)
    port = service.ports.create(caller, [{"network_id": subnet.network_id}])[0]
    floatingip = service.floatingips.create(caller, [{"floating_network_id": public.id, "port_id": port.id}])[0]
    return {"public": public, "router": router, "port": port, "floatingip": floatingip}


def test_a_full_pass_makes_everything_once(reconciler, driver, routed, subnet, service, caller):
    reconciler.pass_once()
    assert reconciler.pass_once() == []
    router = driver.specs["router"][routed["router"].id]
    assert router.interfaces[0].addresses == ["10.0.0.1/24"]
    assert router.gateway.next_hops == ["203.0.113.1"]
    assert router.gateway.snat_ip == router.gateway.port.addresses[0].partition("/")[0]
    network = driver.specs["network"][subnet.network_id]
    metadata = [p for p in driver.specs["port"].values() if p.kind == "metadata"]
    assert network.subnets[0].metadata_ip == metadata[0].fixed_ips[0].ip_address
    assert driver.specs["network"][routed["public"].id].physical_network == "public"
    assert set(driver.specs["port"]) == {routed["port"].id, metadata[0].id}
    floatingip = driver.specs["floatingip"][routed["floatingip"].id]
    assert (floatingip.router_id, floatingip.port_id) == (routed["router"].id, routed["port"].id)


def test_every_change_is_a_stale_spec(reconciler, service, caller, subnet, routed):
    group_id = routed["port"].security_group_ids[0]
    changes = {
        ("network", subnet.network_id): lambda: service.subnets.update(
            caller, subnet.id, {"dns_nameservers": ["8.8.8.8"]}
        ),
        ("port", routed["port"].id): lambda: service.ports.update(
            caller, routed["port"].id, {"security_group_ids": []}
        ),
        ("router", routed["router"].id): lambda: service.routers.update(caller, routed["router"].id, {"name": "n"}),
        ("floatingip", routed["floatingip"].id): lambda: service.floatingips.update(
            caller, routed["floatingip"].id, {"port_id": None}
        ),
        ("security_group", group_id): lambda: service.security_group_rules.create(
            caller, [{"security_group_id": group_id, "direction": "ingress", "protocol": "tcp"}]
        ),
    }
    reconciler.pass_once()
    for (noun, id), change in changes.items():
        change()
        applied = reconciler.pass_once()
        assert any(
            (isinstance(c, Remove) and (c.noun, c.id) == (noun, id)) or (isinstance(c, Ensure) and c.spec.id == id)
            for c in applied
        ), noun


def test_what_was_lost_is_made_again_and_what_is_left_over_goes(reconciler, driver, routed, service, caller):
    reconciler.pass_once()
    driver.lose_everything()
    reconciler.pass_once()
    assert routed["port"].id in driver.specs["port"]
    service.ports.delete(caller, routed["port"].id)
    reconciler.pass_once()
    assert routed["port"].id not in driver.specs["port"]
    assert driver.specs["floatingip"] == {}


def test_kicks_name_exactly_what_changed(reconciler, driver, service, caller, routed, subnet):
    reconciler.pass_once()
    kicked = []
    service.on_change(kicked.extend)
    service.ports.delete(caller, routed["port"].id)
    service.networks.create(caller, [{"name": "second"}])
    reconciler.pass_over(kicked)
    assert reconciler.pass_once() == []


def test_the_thread_follows_kicks_and_outages(reconciler, driver, service, caller, subnet):
    reconciler.retry_s = 0.01
    up = threading.Event()
    service.on_ports_up(lambda server_ids: up.set())
    reconciler.start()
    try:
        driver.away = True
        plans = service.check_nics(caller, [], 1)
        service.ensure_server_ports("s1", "demo", "h1", "nova", plans)
        assert not service.ports_are_up([plans[0].port_id])
        driver.away = False
        assert up.wait(20)
        assert service.ports_are_up([plans[0].port_id])
        assert service.nics_of_servers(None, ["s1"])["s1"][0].is_up
    finally:
        reconciler.stop()


def test_an_outage_is_told(reconciler, driver, subnet):
    driver.away = True
    with pytest.raises(BackendAway):
        reconciler.pass_once()


class Choosy(SimulatedNetwork):
    """Refuses every transaction in which a certain thing stands."""

    refused = ""

    def apply(self, changes):
        if any(isinstance(change, Ensure) and change.spec.id == self.refused for change in changes):
            raise BackendRefused("a column's constraint is broken")
        super().apply(changes)


def test_one_refused_spec_does_not_hold_up_the_others(service, routed):
    driver = Choosy()
    driver.refused = routed["floatingip"].id
    reconciler = Reconciler(service.core.db, service, driver)
    applied = reconciler.pass_once()
    assert routed["port"].id in driver.specs["port"]
    assert all(change.spec.id != driver.refused for change in applied)
    driver.refused = ""
    assert [change.spec.id for change in reconciler.pass_once()] == [routed["floatingip"].id]
