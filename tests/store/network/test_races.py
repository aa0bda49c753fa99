"""What the network checks before it writes holds though others write in the same moment, on both engines."""

from skyloom.access import Caller
from skyloom.network import NicRequest
from skyloom.network.errors import InvalidInput, NicPortInUse, PortInUse
from tests.parts.together import together

ADMIN = Caller(user_id="root", project_id="demo", roles=frozenset({"admin", "member", "reader"}))


def test_a_project_has_one_default_security_group(service):
    new = [Caller(user_id="u", project_id="fresh", roles=frozenset({"member", "reader"}))] * 5
    made, refused = together(5, lambda n: service.networks.create(new[n], [{"name": f"net-{n}"}]))
    assert (len(made), refused) == (5, [])
    groups = service.find_security_groups(new[0], ["default"])
    assert len(groups) == 1


def test_a_port_is_plugged_into_one_router(service, caller, subnet):
    port = service.ports.create(caller, [{"network_id": subnet.network_id}])[0]
    routers = [service.routers.create(caller, [{}])[0].id for _ in range(4)]
    done, refused = together(4, lambda n: service.routers.add_interface(caller, routers[n], None, port.id))
    assert len(done) == 1
    assert {type(error) for error in refused} == {PortInUse}


def test_a_port_is_the_nic_of_one_server(service, caller, subnet):
    port = service.ports.create(caller, [{"network_id": subnet.network_id}])[0]
    plans = service.check_nics(caller, [NicRequest(port_id=port.id)], 1)
    done, refused = together(4, lambda n: service.ensure_server_ports(f"s{n}", "demo", "h1", "nova", plans))
    assert len(done) == 1
    assert {type(error) for error in refused} == {NicPortInUse}


def test_one_subnetpool_is_the_default(service):
    body = {"name": "pool", "prefixes": ["10.8.0.0/16"], "is_default": True}
    made, refused = together(4, lambda n: service.subnetpools.create(ADMIN, [body]))
    assert len(made) == 1
    assert {type(error) for error in refused} == {InvalidInput}
