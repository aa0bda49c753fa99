from concurrent.futures import ThreadPoolExecutor

import pytest

from skyloom.network.errors import IpAddressGenerationFailure, OverQuota


def test_threads_that_race_get_different_addresses(service, caller, subnet):
    def make(_):
        return service.ports.create(caller, [{"network_id": subnet.network_id}])[0]

    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(make, range(60)))
    assert len({port.fixed_ips[0].ip_address for port in ports}) == 60
    assert len({port.mac_address for port in ports}) == 60


def test_a_pool_is_used_to_its_last_address(service, caller):
    network = service.networks.create(caller, [{}])[0]
    body = {"network_id": network.id, "ip_version": 4, "cidr": "10.1.0.0/25"}
    service.subnets.create(caller, [body])
    addresses = [
        service.ports.create(caller, [{"network_id": network.id}])[0].fixed_ips[0].ip_address for _ in range(124)
    ]
    assert len(set(addresses)) == 124
    with pytest.raises(IpAddressGenerationFailure):
        service.ports.create(caller, [{"network_id": network.id}])


def test_a_quota_is_never_passed_by_threads_that_race(service, caller, database):
    service.core.settings.quotas["router"] = 3

    def make(_):
        try:
            return service.routers.create(caller, [{}])[0]
        except OverQuota:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [router for router in pool.map(make, range(12)) if router]
    assert len(made) == 3
