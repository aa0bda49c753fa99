import pytest


@pytest.fixture
def routed(member, public):
    """A subnet behind a router that leads to the public network."""
    network = member.make("/networks")
    subnet = member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    router = member.make("/routers", external_gateway_info={"network_id": public.id})
    member("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    return {"network": network["id"], "subnet": subnet["id"], "router": router["id"]}


def post(member, public, **values):
    return member("POST", "/floatingips", {"floatingip": {"floating_network_id": public.id, **values}})


def test_a_floating_ip_leads_to_a_port_moves_and_leaves(member, public, routed):
    ports = [member.make("/ports", network_id=routed["network"]) for _ in range(2)]
    made = post(member, public, port_id=ports[0]["id"])["floatingip"]
    assert made["floating_ip_address"].startswith("203.0.113.")
    assert made["fixed_ip_address"] == ports[0]["fixed_ips"][0]["ip_address"]
    assert (made["router_id"], made["status"], made["project_id"]) == (routed["router"], "ACTIVE", "demo")
    one = f"/floatingips/{made['id']}"
    moved = member("PUT", one, {"floatingip": {"port_id": ports[1]["id"]}})["floatingip"]
    assert moved["fixed_ip_address"] == ports[1]["fixed_ips"][0]["ip_address"]
    left = member("PUT", one, {"floatingip": {"port_id": None}})["floatingip"]
    assert (left["port_id"], left["fixed_ip_address"], left["router_id"], left["status"]) == (None, None, None, "DOWN")
    assert member("DELETE", one).status == 204
    assert member("GET", one).status == 404


def test_deleting_the_port_frees_the_floating_ip(member, public, routed):
    port = member.make("/ports", network_id=routed["network"])
    made = post(member, public, port_id=port["id"])["floatingip"]
    member("DELETE", f"/ports/{port['id']}")
    after = member("GET", f"/floatingips/{made['id']}")["floatingip"]
    assert (after["port_id"], after["router_id"], after["fixed_ip_address"]) == (None, None, None)


def test_one_floating_ip_an_address(member, public, routed):
    port = member.make("/ports", network_id=routed["network"])
    post(member, public, port_id=port["id"])
    again = post(member, public, port_id=port["id"])
    assert (again.status, again.error) == (409, "FloatingIPPortAlreadyAssociated")


def test_a_port_of_several_addresses_needs_a_choice(member, public, routed):
    ips = [{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}]
    port = member.make("/ports", network_id=routed["network"], fixed_ips=ips)
    assert post(member, public, port_id=port["id"]).status == 400
    made = post(member, public, port_id=port["id"], fixed_ip_address="10.0.0.50")["floatingip"]
    change = {"floatingip": {"port_id": port["id"], "fixed_ip_address": "10.0.0.51"}}
    assert member("PUT", f"/floatingips/{made['id']}", change)["floatingip"]["fixed_ip_address"] == "10.0.0.51"
    assert post(member, public, port_id=port["id"], fixed_ip_address="10.0.0.99").status == 400
    assert post(member, public, fixed_ip_address="10.0.0.50").status == 400


def test_an_unreachable_port_is_not_found(member, public):
    network = member.make("/networks")
    member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    port = member.make("/ports", network_id=network["id"])
    answer = post(member, public, port_id=port["id"])
    assert (answer.status, answer.error) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert member("GET", "/floatingips")["floatingips"] == []
    assert member("POST", "/floatingips", {"floatingip": {"floating_network_id": network["id"]}}).status == 400


def test_what_is_in_use_stays(member, public, routed):
    port = member.make("/ports", network_id=routed["network"])
    post(member, public, port_id=port["id"])
    router = f"/routers/{routed['router']}"
    unplugged = member("PUT", f"{router}/remove_router_interface", {"subnet_id": routed["subnet"]})
    assert (unplugged.status, unplugged.error) == (409, "RouterInterfaceInUseByFloatingIP")
    cleared = member("PUT", router, {"router": {"external_gateway_info": None}})
    assert (cleared.status, cleared.error) == (409, "RouterExternalGatewayInUseByFloatingIp")


def test_a_certain_address_is_for_admins(member, admin, public):
    assert post(member, public, floating_ip_address="203.0.113.30").status == 403
    made = post(admin, public, floating_ip_address="203.0.113.30")["floatingip"]
    assert made["floating_ip_address"] == "203.0.113.30"
    assert post(admin, public, floating_ip_address="203.0.113.30").status == 409
    taken = {"port": {"network_id": public.id, "fixed_ips": [{"ip_address": "203.0.113.30"}]}}
    assert admin("POST", "/ports", taken).status == 409


def test_an_empty_pool_is_told(member, admin, public):
    admin("PUT", "/quotas/demo", {"quota": {"floatingip": -1}})
    for _ in range(31):
        assert post(member, public).status == 201
    answer = post(member, public)
    assert (answer.status, answer.error) == (400, "ExternalIpAddressExhausted")


def test_an_external_network_goes_with_its_free_floating_ips(admin):
    network = admin.make("/networks", router__external=True)
    admin.make("/subnets", network_id=network["id"], ip_version=4, cidr="198.51.100.0/24", enable_dhcp=False)
    admin.make("/floatingips", floating_network_id=network["id"])
    assert admin("DELETE", f"/networks/{network['id']}").status == 204
    assert admin("GET", "/floatingips")["floatingips"] == []


def test_strangers(member, stranger, reader, public):
    made = post(member, public)["floatingip"]
    one = f"/floatingips/{made['id']}"
    assert stranger("GET", one).status == 404
    assert stranger("PUT", one, {"floatingip": {"port_id": None}}).status == 404
    assert stranger("DELETE", one).status == 404
    assert reader("GET", one).status == 200
    assert reader("DELETE", one).status == 403
