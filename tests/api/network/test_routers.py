import pytest


@pytest.fixture
def subnet(member):
    return make_subnet(member, "10.0.0.0/24")


def make_subnet(member, cidr):
    network = member.make("/networks")
    version = 6 if ":" in cidr else 4
    return member.make("/subnets", network_id=network["id"], ip_version=version, cidr=cidr)


def plug(member, router, **by):
    return member("PUT", f"/routers/{router['id']}/add_router_interface", by)


def unplug(member, router, **by):
    return member("PUT", f"/routers/{router['id']}/remove_router_interface", by)


def test_a_router_with_a_gateway(member, public, admin):
    router = member.make("/routers", name="r", external_gateway_info={"network_id": public.id})
    info = router["external_gateway_info"]
    assert info["network_id"] == public.id and info["enable_snat"] is True
    assert info["external_fixed_ips"][0]["ip_address"].startswith("203.0.113.")
    owner = f"/ports?device_id={router['id']}&device_owner=network:router_gateway"
    assert len(admin("GET", owner)["ports"]) == 1
    assert member("GET", owner)["ports"] == []
    after = member("PUT", f"/routers/{router['id']}", {"router": {"external_gateway_info": {}}})["router"]
    assert after["external_gateway_info"] is None
    assert admin("GET", owner)["ports"] == []
    assert member("DELETE", f"/routers/{router['id']}").status == 204


def test_snat_and_fixed_gateways_are_for_admins(member, admin, public):
    info = {"network_id": public.id, "enable_snat": False}
    assert member("POST", "/routers", {"router": {"external_gateway_info": info}}).status == 403
    router = admin.make("/routers", external_gateway_info=info)
    assert router["external_gateway_info"]["enable_snat"] is False
    info = {"network_id": public.id, "external_fixed_ips": [{"ip_address": "203.0.113.33"}]}
    after = admin("PUT", f"/routers/{router['id']}", {"router": {"external_gateway_info": info}})["router"]
    assert after["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "203.0.113.33"


def test_a_gateway_must_be_on_an_external_network(member, subnet):
    router = member.make("/routers")
    one = f"/routers/{router['id']}"
    info = {"network_id": subnet["network_id"]}
    assert member("PUT", one, {"router": {"external_gateway_info": info}}).status == 400
    info = {"network_id": router["id"]}
    assert member("PUT", one, {"router": {"external_gateway_info": info}}).status == 404


def test_interfaces_by_subnet(member, subnet):
    router = member.make("/routers")
    added = plug(member, router, subnet_id=subnet["id"])
    assert added.status == 200
    assert (added["subnet_id"], added["subnet_ids"]) == (subnet["id"], [subnet["id"]])
    port = member("GET", f"/ports/{added['port_id']}")["port"]
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert (port["device_id"], port["status"]) == (router["id"], "ACTIVE")
    assert plug(member, router, subnet_id=subnet["id"]).status == 400
    assert member("DELETE", f"/routers/{router['id']}").error == "RouterInUse"
    assert member("DELETE", f"/ports/{port['id']}").error == "L3PortInUse"
    assert member("PUT", f"/subnets/{subnet['id']}", {"subnet": {"gateway_ip": "10.0.0.9"}}).error == "GatewayIpInUse"
    assert unplug(member, router, subnet_id=subnet["id"]).status == 200
    assert unplug(member, router, subnet_id=subnet["id"]).status == 404
    assert member("DELETE", f"/routers/{router['id']}").status == 204


def test_interfaces_by_port(member, subnet):
    router = member.make("/routers")
    port = member.make("/ports", network_id=subnet["network_id"])
    assert plug(member, router, port_id=port["id"])["port_id"] == port["id"]
    assert plug(member, router, port_id=port["id"]).error == "PortInUse"
    assert plug(member, router).status == 400
    assert plug(member, router, port_id=port["id"], subnet_id=subnet["id"]).status == 400
    assert plug(member, router, host="h").status == 400
    assert unplug(member, router, port_id=port["id"]).status == 200
    assert member("GET", f"/ports/{port['id']}").status == 404


def test_overlapping_subnets_cannot_share_a_router(member, subnet):
    router = member.make("/routers")
    plug(member, router, subnet_id=subnet["id"])
    other = make_subnet(member, "10.0.0.0/25")
    answer = plug(member, router, subnet_id=other["id"])
    assert answer.status == 400 and "overlaps" in answer.message


def test_ipv6_prefixes_of_a_network_share_a_port(member):
    first = make_subnet(member, "fd00:1::/64")
    second = member.make("/subnets", network_id=first["network_id"], ip_version=6, cidr="fd00:2::/64")
    router = member.make("/routers")
    port_id = plug(member, router, subnet_id=first["id"])["port_id"]
    assert plug(member, router, subnet_id=second["id"])["port_id"] == port_id
    unplug(member, router, subnet_id=first["id"])
    assert [ip["subnet_id"] for ip in member("GET", f"/ports/{port_id}")["port"]["fixed_ips"]] == [second["id"]]


def test_routes(member, subnet):
    router = member.make("/routers")
    plug(member, router, subnet_id=subnet["id"])
    one = f"/routers/{router['id']}"
    route = {"destination": "10.5.0.0/24", "nexthop": "10.0.0.7"}
    assert member("PUT", one, {"router": {"routes": [route]}})["router"]["routes"] == [route]
    assert unplug(member, router, subnet_id=subnet["id"]).error == "RouterInterfaceInUseByRoute"
    for nexthop in ("10.9.0.1", "10.0.0.1"):
        bad = {"destination": "10.6.0.0/24", "nexthop": nexthop}
        assert member("PUT", one, {"router": {"routes": [bad]}}).error == "InvalidRoutes"
    more = {"destination": "10.7.0.0/24", "nexthop": "10.0.0.8"}
    added = member("PUT", f"{one}/add_extraroutes", {"router": {"routes": [more]}})["router"]["routes"]
    assert added == [route, more]
    left = member("PUT", f"{one}/remove_extraroutes", {"router": {"routes": [route]}})["router"]["routes"]
    assert left == [more]
    assert member("PUT", one, {"router": {"routes": None}})["router"]["routes"] == []


def test_strangers(member, stranger, reader, subnet):
    router = member.make("/routers")
    one = f"/routers/{router['id']}"
    assert stranger("GET", one).status == 404
    assert stranger("DELETE", one).status == 404
    assert plug(stranger, router, subnet_id=subnet["id"]).status == 404
    assert reader("GET", one).status == 200
    assert plug(reader, router, subnet_id=subnet["id"]).status == 403
    mine = stranger.make("/routers")
    assert plug(stranger, mine, subnet_id=subnet["id"]).status == 404


def test_a_bad_attribute_is_named(member):
    for values, word in (({"admin_state_up": "x"}, "admin_state_up"), ({"distributed": True}, "distributed")):
        answer = member("POST", "/routers", {"router": values})
        assert answer.status == 400 and word in answer.message
