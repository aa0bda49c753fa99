"""What the simulated network has beyond the contract: outages and failures on demand."""

import pytest

from skyloom.errors import Unavailable
from skyloom.network.drivers.contract import BackendAway, Ensure, NetworkSpec
from skyloom.network.drivers.simulated import SimulatedNetwork

NETWORK = NetworkSpec(id="net", revision=1, name="net", mtu=1442, enabled=True)


def test_a_failure_on_demand_breaks_one_call_and_changes_nothing():
    driver = SimulatedNetwork()
    driver.fail(Unavailable("The switch is full."))
    with pytest.raises(Unavailable):
        driver.apply([Ensure(NETWORK)])
    assert driver.seen()["network"] == {}
    driver.apply([Ensure(NETWORK)])
    assert driver.seen()["network"] == {"net": 1}


def test_while_away_nothing_answers():
    driver = SimulatedNetwork()
    driver.away = True
    with pytest.raises(BackendAway):
        driver.apply([Ensure(NETWORK)])
    with pytest.raises(BackendAway):
        driver.seen()
    driver.away = False
    assert driver.seen()["network"] == {}


def test_a_lost_database_is_seen_as_empty():
    driver = SimulatedNetwork()
    driver.apply([Ensure(NETWORK)])
    driver.lose_everything()
    assert driver.seen()["network"] == {}
