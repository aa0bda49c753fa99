import pytest
from sqlalchemy import event

from skyloom.access import Caller
from skyloom.network import NicRequest, another
from skyloom.network.errors import (
    IpAddressInUse,
    NetworkNotFound,
    NicNetworkUnusable,
    NicPortInUse,
    OverQuota,
    PortNotFound,
    SecurityGroupNotFound,
    TooManyNetworks,
)

STRANGER = Caller(user_id="s", project_id="other", roles=frozenset({"member", "reader"}))


def boot(service, plans, server_id="s1"):
    return service.ensure_server_ports(server_id, "demo", "h1", "nova", plans)


def test_the_only_network_is_taken_when_none_is_named(service, caller, subnet):
    assert [plan.network_id for plan in service.check_nics(caller, [], 1)] == [subnet.network_id]
    assert service.check_nics(caller, None, 1) == []
    assert service.check_nics(STRANGER, [], 1) == []
    service.networks.create(caller, [{}])
    with pytest.raises(TooManyNetworks):
        service.check_nics(caller, [], 1)


def test_ports_are_made_once_and_go_with_the_server(service, caller, subnet):
    plans = service.check_nics(caller, [NicRequest(network_id=subnet.network_id, fixed_ip="10.0.0.50", tag="eth")], 1)
    nics = boot(service, plans)
    assert boot(service, plans) == nics
    nic = nics[0]
    assert (nic.port_id, nic.fixed_ips[0].address, nic.mtu) == (plans[0].port_id, "10.0.0.50", 1442)
    assert nic.subnets[0].gateway_ip == "10.0.0.1"
    assert nic.metadata_port.addresses[0].partition("/")[0] == nic.subnets[0].metadata_ip
    assert service.server_at(subnet.network_id, "10.0.0.50") == "s1"
    assert service.security_groups_of_servers(None, ["s1"]) == {"s1": ["default"]}
    service.release_server_ports("s1")
    service.release_server_ports("s1")
    assert service.nics_of_servers(None, ["s1"]) == {"s1": []}
    assert service.server_at(subnet.network_id, "10.0.0.50") is None


def test_a_given_port_outlives_the_server(service, caller, subnet):
    port = service.ports.create(caller, [{"network_id": subnet.network_id}])[0]
    plans = service.check_nics(caller, [NicRequest(port_id=port.id)], 1)
    boot(service, plans)
    with pytest.raises(NicPortInUse):
        service.check_nics(caller, [NicRequest(port_id=port.id)], 1)
    service.release_server_ports("s1")
    after = service.ports.get(caller, port.id)
    assert (after.device_id, after.host_id, after.fixed_ips) == ("", "", port.fixed_ips)


@pytest.mark.parametrize(
    ("request_of", "count", "error"),
    [
        (lambda s: NicRequest(network_id="11111111-1111-1111-1111-111111111111"), 1, NetworkNotFound),
        (lambda s: NicRequest(port_id="11111111-1111-1111-1111-111111111111"), 1, PortNotFound),
        (lambda s: NicRequest(network_id=s.network_id, fixed_ip="10.9.0.1"), 1, NicNetworkUnusable),
        (lambda s: NicRequest(network_id=s.network_id, fixed_ip="10.0.0.9"), 2, IpAddressInUse),
        (lambda s: NicRequest(network_id=s.network_id), 501, OverQuota),
        (lambda s: NicRequest(), 1, NicNetworkUnusable),
    ],
)
def test_what_cannot_be_is_refused_at_once(service, caller, subnet, request_of, count, error):
    with pytest.raises(error):
        service.check_nics(caller, [request_of(subnet)], count)


def test_another_project_s_network_is_not_found(service, caller, subnet):
    with pytest.raises(NetworkNotFound):
        service.check_nics(STRANGER, [NicRequest(network_id=subnet.network_id)], 1)


def test_security_groups_by_name_and_id(service, caller):
    group = service.security_groups.create(caller, [{"name": "web"}])[0]
    default = service.find_security_groups(caller, ["default"])
    assert service.find_security_groups(caller, ["web", group.id, "default"]) == [group.id, *default]
    with pytest.raises(SecurityGroupNotFound):
        service.find_security_groups(caller, ["nonsense"])


def test_many_servers_cost_a_fixed_number_of_statements(service, caller, subnet, database):
    plans = service.check_nics(caller, [], 1)
    for number in range(12):
        boot(service, another(plans), f"s{number}")
    statements = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    found = service.nics_of_servers(None, [f"s{number}" for number in range(12)])
    assert all(len(nics) == 1 for nics in found.values())
    assert len(statements) == 5
