import pytest


@pytest.fixture
def network(member):
    network = member.make("/networks")
    member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24", enable_dhcp=False)
    return network


@pytest.fixture
def subnet(member, network):
    return member("GET", "/subnets")["subnets"][0]


def post(member, **values):
    return member("POST", "/ports", {"port": values})


def test_a_port_gets_address_mac_and_the_default_group(member, network, subnet):
    port = member.make("/ports", network_id=network["id"], name="p")
    assert [ip["subnet_id"] for ip in port["fixed_ips"]] == [subnet["id"]]
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["status"] == "DOWN" and port["port_security_enabled"] is True
    group = member("GET", f"/security-groups/{port['security_groups'][0]}")["security_group"]
    assert group["name"] == "default"
    assert "binding:host_id" not in port
    assert port["dns_assignment"][0]["hostname"].startswith("host-10-0-0-")
    assert member("GET", f"/ports/{port['id']}")["port"] == port


def test_asked_addresses(member, network, subnet):
    port = member.make("/ports", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.77"}]
    answer = post(member, network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    assert (answer.status, answer.error) == (409, "IpAddressAlreadyAllocated")
    two = member.make("/ports", network_id=network["id"], fixed_ips=[{"subnet_id": subnet["id"]}] * 2)
    assert len(two["fixed_ips"]) == 2
    none = member.make("/ports", network_id=network["id"], fixed_ips=[])
    assert none["fixed_ips"] == []


@pytest.mark.parametrize(
    ("values", "status", "word"),
    [
        ({"fixed_ips": [{"ip_address": "10.9.0.1"}]}, 400, "10.9.0.1"),
        ({"fixed_ips": [{"ip_address": "10.0.0.255"}]}, 400, "10.0.0.255"),
        ({"fixed_ips": [{"ip_address": "ten"}]}, 400, "fixed_ips"),
        ({"fixed_ips": [{}]}, 400, "fixed_ips"),
        ({"fixed_ips": [{"subnet_id": "11111111-1111-1111-1111-111111111111"}]}, 400, "subnet"),
        ({"mac_address": "x"}, 400, "mac_address"),
        ({"security_groups": ["11111111-1111-1111-1111-111111111111"]}, 404, "Security group"),
        ({"security_groups": ["x"]}, 400, "security_groups"),
        ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:01"}]}, 400, "ip_address"),
        ({"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "10.0.0.9"}]}, 409, "Port Security"),
        ({"dns_name": "-x-"}, 400, "dns_name"),
        ({"network_id": "11111111-1111-1111-1111-111111111111"}, 404, "Network"),
    ],
)
def test_bad_input(member, network, values, status, word):
    answer = post(member, **{"network_id": network["id"], **values})
    assert answer.status == status and word in answer.message
    assert member("GET", "/ports")["ports"] == []


def test_a_mac_address_is_unique_in_its_network(member, network):
    member.make("/ports", network_id=network["id"], mac_address="fa:16:3e:11:22:33")
    answer = post(member, network_id=network["id"], mac_address="FA:16:3E:11:22:33")
    assert (answer.status, answer.error) == (409, "MacAddressInUse")


def test_a_full_subnet_is_told(member):
    network = member.make("/networks")
    member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.3.0.0/29", enable_dhcp=False)
    given = [member.make("/ports", network_id=network["id"])["fixed_ips"][0]["ip_address"] for _ in range(5)]
    assert len(set(given)) == 5
    answer = post(member, network_id=network["id"])
    assert (answer.status, answer.error) == (409, "IpAddressGenerationFailure")


def test_an_update_keeps_gives_back_and_takes_addresses(member, network, subnet):
    other = member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.1.0/24")
    port = member.make("/ports", network_id=network["id"], fixed_ips=[{"subnet_id": subnet["id"]}])
    old = port["fixed_ips"][0]
    one = f"/ports/{port['id']}"
    wanted = [{"subnet_id": subnet["id"]}, {"subnet_id": other["id"]}]
    both = member("PUT", one, {"port": {"fixed_ips": wanted, "name": "new", "admin_state_up": False}})["port"]
    assert old in both["fixed_ips"] and len(both["fixed_ips"]) == 2
    assert (both["name"], both["admin_state_up"]) == ("new", False)
    member("PUT", one, {"port": {"fixed_ips": [{"subnet_id": other["id"]}]}})
    member.make("/ports", network_id=network["id"], fixed_ips=[{"ip_address": old["ip_address"]}])


def test_security_groups_of_a_port(member, network):
    group = member.make("/security-groups", name="web")
    port = member.make("/ports", network_id=network["id"], security_groups=[group["id"]])
    assert port["security_groups"] == [group["id"]]
    assert [p["id"] for p in member("GET", f"/ports?security_groups={group['id']}")["ports"]] == [port["id"]]
    answer = member("DELETE", f"/security-groups/{group['id']}")
    assert (answer.status, answer.error) == (409, "SecurityGroupInUse")
    one = f"/ports/{port['id']}"
    refused = member("PUT", one, {"port": {"port_security_enabled": False}})
    assert (refused.status, refused.error) == (409, "PortSecurityPortHasSecurityGroup")
    after = member("PUT", one, {"port": {"port_security_enabled": False, "security_groups": []}})["port"]
    assert after["security_groups"] == []
    assert member("DELETE", f"/security-groups/{group['id']}").status == 204


def test_binding_is_for_admins(member, admin, network):
    refused = post(member, network_id=network["id"], **{"binding:host_id": "h1"})
    assert refused.status == 403
    port = admin.make("/ports", network_id=network["id"], project_id="demo", binding__host_id="h1")
    assert (port["binding:host_id"], port["binding:vif_type"]) == ("h1", "ovs")
    found = admin("GET", "/ports?binding:host_id=h1")["ports"]
    assert [p["id"] for p in found] == [port["id"]]
    assert member("GET", "/ports?binding:host_id=h1").status == 400


def test_trusted_things_are_for_the_network_s_owner(admin, member):
    network = admin.make("/networks", shared=True)
    admin.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    member.make("/ports", network_id=network["id"])
    for values in (
        {"mac_address": "fa:16:3e:11:22:33"},
        {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
        {"port_security_enabled": False, "security_groups": []},
        {"device_owner": "network:dhcp"},
    ):
        assert post(member, network_id=network["id"], **values).status == 403


def test_strangers(member, stranger, reader, network):
    port = member.make("/ports", network_id=network["id"])
    one = f"/ports/{port['id']}"
    assert stranger("GET", one).status == 404
    assert stranger("DELETE", one).status == 404
    assert stranger("GET", "/ports")["ports"] == []
    assert post(stranger, network_id=network["id"]).status == 404
    assert reader("GET", one).status == 200
    assert reader("DELETE", one).status == 403


def test_the_external_network_is_not_for_ports(member, public):
    assert post(member, network_id=public.id).status == 403


def test_filters_by_address(member, network, subnet):
    port = member.make("/ports", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.77"}])
    member.make("/ports", network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.88"}])
    ids = lambda query: [p["id"] for p in member("GET", f"/ports?{query}")["ports"]]  # noqa: E731
    assert ids("fixed_ips=ip_address%3D10.0.0.77") == [port["id"]]
    assert ids("fixed_ips=ip_address_substr%3D0.77") == [port["id"]]
    assert len(ids(f"fixed_ips=subnet_id%3D{subnet['id']}")) == 2
    assert member("GET", "/ports?fixed_ips=x%3Dy").status == 400


def test_automatic_ipv6_addresses(member):
    network = member.make("/networks")
    before = member.make("/ports", network_id=network["id"], mac_address="fa:16:3e:00:00:01")
    subnet = member.make(
        "/subnets", network_id=network["id"], ip_version=6, cidr="2001:db8::/64", ipv6_address_mode="slaac"
    )
    assert member("GET", f"/ports/{before['id']}")["port"]["fixed_ips"] == [
        {"subnet_id": subnet["id"], "ip_address": "2001:db8::f816:3eff:fe00:1"}
    ]
    member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    port = member.make("/ports", network_id=network["id"], mac_address="fa:16:3e:00:00:02")
    assert len(port["fixed_ips"]) == 2
    refused = post(
        member, network_id=network["id"], fixed_ips=[{"subnet_id": subnet["id"], "ip_address": "2001:db8::9"}]
    )
    assert refused.status == 400
    assert member("DELETE", f"/subnets/{subnet['id']}").status == 204
    assert len(member("GET", f"/ports/{port['id']}")["port"]["fixed_ips"]) == 1


def test_quota_of_ports(member, admin, network):
    admin("PUT", "/quotas/demo", {"quota": {"port": 1}})
    refused = member("POST", "/ports", {"ports": [{"network_id": network["id"]}] * 2})
    assert (refused.status, refused.error) == (409, "OverQuota")
    assert member("GET", "/ports")["ports"] == []
    assert member("GET", "/quotas/demo/details.json")["quota"]["port"] == {"limit": 1, "used": 0, "reserved": 0}
