"""The network service on a database of its own, of both engines, with the simulated back end."""

import random
from collections.abc import Iterator

import pytest

from skyloom.access import Caller, Policy
from skyloom.db import Database
from skyloom.network.drivers.simulated import SimulatedNetwork
from skyloom.network.policy import RULES
from skyloom.network.reconcile import Reconciler
from skyloom.network.service import NetworkService

MEMBER = Caller(user_id="u", project_id="demo", roles=frozenset({"member", "reader"}))


@pytest.fixture
def service(database: Database) -> NetworkService:
    return NetworkService(database, Policy([RULES]), chance=random.Random(1))


@pytest.fixture
def driver() -> Iterator[SimulatedNetwork]:
    driver = SimulatedNetwork()
    yield driver
    driver.close()


@pytest.fixture
def reconciler(database: Database, service: NetworkService, driver: SimulatedNetwork) -> Iterator[Reconciler]:
    """Not started: a test makes its passes itself."""
    return Reconciler(database, service, driver)


@pytest.fixture
def caller() -> Caller:
    return MEMBER


@pytest.fixture
def subnet(service, caller):
    network = service.networks.create(caller, [{"name": "net"}])[0]
    return service.subnets.create(caller, [{"network_id": network.id, "ip_version": 4, "cidr": "10.0.0.0/24"}])[0]
