import pytest


@pytest.fixture
def network(member):
    return member.make("/networks")


def make(member, network, **values):
    return member.make("/subnets", network_id=network["id"], **{"ip_version": 4, "cidr": "10.0.0.0/24", **values})


def refused(member, network, **values):
    body = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", **values}
    return member("POST", "/subnets", {"subnet": body})


def test_a_subnet_gets_gateway_and_pool_by_itself(member, network):
    subnet = make(member, network)
    assert subnet["gateway_ip"] == "10.0.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert subnet["enable_dhcp"] is True and subnet["ipv6_ra_mode"] is None
    assert member("GET", f"/networks/{network['id']}")["network"]["subnets"] == [subnet["id"]]


def test_a_subnet_without_a_gateway(member, network):
    subnet = make(member, network, gateway_ip=None)
    assert subnet["gateway_ip"] is None
    assert subnet["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.0.254"}]


def test_a_gateway_in_the_middle_splits_the_pool(member, network):
    pools = make(member, network, gateway_ip="10.0.0.100")["allocation_pools"]
    assert pools == [{"start": "10.0.0.1", "end": "10.0.0.99"}, {"start": "10.0.0.101", "end": "10.0.0.254"}]


def test_all_attributes(member, network):
    values = {
        "cidr": "2001:db8::/64",
        "ip_version": 6,
        "gateway_ip": "2001:db8::1",
        "allocation_pools": [{"start": "2001:db8::2", "end": "2001:db8::6"}],
        "dns_nameservers": ["2001:4860:4860::8844"],
        "host_routes": [{"destination": "2001::/64", "nexthop": "2003::1"}],
        "ipv6_ra_mode": "dhcpv6-stateful",
        "ipv6_address_mode": "dhcpv6-stateful",
        "name": "six",
        "description": "v6",
    }
    subnet = make(member, network, **values)
    assert {name: subnet[name] for name in values} == values


@pytest.mark.parametrize(
    ("values", "status", "word"),
    [
        ({"cidr": "10.0.0.0"}, 400, "cidr"),
        ({"cidr": None}, 400, "subnetpool"),
        ({"ip_version": 5}, 400, "ip_version"),
        ({"ip_version": 6}, 400, "ip_version"),
        ({"cidr": "224.0.0.0/24"}, 400, "cidr"),
        ({"gateway_ip": "10.9.0.1"}, 400, "Gateway"),
        ({"gateway_ip": "ten"}, 400, "gateway_ip"),
        ({"allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]}, 400, "allocation_pools"),
        ({"allocation_pools": [{"start": "10.0.1.2", "end": "10.0.1.9"}]}, 400, "spans beyond"),
        ({"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]}, 409, "conflicts"),
        (
            {"allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.12"}]},
            409,
            "overlapping",
        ),
        ({"dns_nameservers": ["one"]}, 400, "dns_nameservers"),
        ({"dns_nameservers": ["8.8.8.8", "8.8.8.8"]}, 400, "duplicate"),
        ({"host_routes": [{"destination": "10.1.0.0/24"}]}, 400, "nexthop"),
        ({"ipv6_ra_mode": "slaac"}, 400, "ipv6"),
        ({"cidr": "fd00::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "enable_dhcp": False}, 400, "enable_dhcp"),
        (
            {"cidr": "fd00::/64", "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateless"},
            400,
            "same value",
        ),
        ({"cidr": "fd00::/80", "ip_version": 6, "ipv6_address_mode": "slaac"}, 400, "/64"),
    ],
)
def test_bad_input(member, network, values, status, word):
    answer = refused(member, network, **values)
    assert answer.status == status and word in answer.message
    assert member("GET", "/subnets")["subnets"] == []


def test_overlapping_subnets_of_a_network_are_refused(member, network):
    make(member, network)
    answer = refused(member, network, cidr="10.0.0.128/25")
    assert (answer.status, answer.error) == (400, "InvalidInput")
    assert "overlaps with another subnet" in answer.message
    make(member, network, cidr="10.0.1.0/24")


def test_a_stranger_cannot_add_a_subnet(network, stranger, reader, admin, member):
    assert refused(stranger, network).status == 404
    assert refused(reader, network).status == 403
    shared = admin.make("/networks", shared=True)
    assert refused(member, shared).status == 403


def test_an_update_changes_gateway_routes_and_dhcp(member, network):
    id = make(member, network, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.20"}])["id"]
    changes = {
        "gateway_ip": "10.0.0.2",
        "dns_nameservers": ["7.8.8.8", "7.8.4.4"],
        "host_routes": [{"destination": "10.20.0.0/32", "nexthop": "10.100.1.2"}],
        "enable_dhcp": False,
    }
    after = member("PUT", f"/subnets/{id}", {"subnet": changes})["subnet"]
    assert {name: after[name] for name in changes} == changes
    assert member("PUT", f"/subnets/{id}", {"subnet": {"cidr": "10.1.0.0/24"}}).status == 400
    assert member("PUT", f"/subnets/{id}", {"subnet": {"gateway_ip": "10.0.0.15"}}).status == 409


def test_a_subnet_in_use_stays(member, network):
    subnet = make(member, network)
    port = member.make("/ports", network_id=network["id"])
    answer = member("DELETE", f"/subnets/{subnet['id']}")
    assert (answer.status, answer.error) == (409, "SubnetInUse")
    member("DELETE", f"/ports/{port['id']}")
    assert member("DELETE", f"/subnets/{subnet['id']}").status == 204
    assert member("GET", "/ports")["ports"] == []


def test_the_metadata_port_follows_dhcp(member, network):
    owner = "/ports?device_owner=network:distributed"
    subnet = make(member, network)
    port = member("GET", owner)["ports"][0]
    assert port["fixed_ips"][0]["subnet_id"] == subnet["id"]
    member("PUT", f"/subnets/{subnet['id']}", {"subnet": {"enable_dhcp": False}})
    assert member("GET", owner)["ports"] == []


def test_subnets_are_cut_out_of_a_pool(member, network):
    pool = member.make("/subnetpools", name="pool", prefixes=["10.1.0.0/16"], default_prefixlen=24)
    body = {"network_id": network["id"], "subnetpool_id": pool["id"]}
    first = member("POST", "/subnets", {"subnet": {**body, "ip_version": 4}})["subnet"]
    second = member("POST", "/subnets", {"subnet": {**body, "ip_version": 4, "prefixlen": 20}})["subnet"]
    assert [first["cidr"], second["cidr"]] == ["10.1.0.0/24", "10.1.16.0/20"]
    asked = member("POST", "/subnets", {"subnet": {**body, "ip_version": 4, "cidr": "10.1.1.0/24"}})["subnet"]
    assert asked["subnetpool_id"] == pool["id"]
    outside = member("POST", "/subnets", {"subnet": {**body, "ip_version": 4, "cidr": "10.2.0.0/24"}})
    assert (outside.status, outside.error) == (409, "SubnetAllocationError")
    assert member("DELETE", f"/subnetpools/{pool['id']}").status == 409


def test_subnet_pools(member, stranger):
    made = member.make("/subnetpools", name="pool", prefixes="10.10.0.0/16")
    assert (made["ip_version"], made["min_prefixlen"], made["max_prefixlen"]) == (4, "8", "32")
    one = f"/subnetpools/{made['id']}"
    assert member("PUT", one, {"subnetpool": {"name": "new"}})["subnetpool"]["name"] == "new"
    grown = member("PUT", one, {"subnetpool": {"prefixes": ["10.10.0.0/16", "10.11.0.0/16"]}})
    assert grown["subnetpool"]["prefixes"] == ["10.10.0.0/15"]
    assert member("PUT", one, {"subnetpool": {"prefixes": ["10.11.0.0/16"]}}).error == "IllegalSubnetPoolUpdate"
    assert stranger("GET", one).status == 404
    assert member("DELETE", one).status == 204
    assert member("POST", "/subnetpools", {"subnetpool": {"name": "p"}}).status == 400
    assert (
        member(
            "POST", "/subnetpools", {"subnetpool": {"name": "p", "prefixes": ["10.0.0.0/8"], "min_prefixlen": 33}}
        ).status
        == 400
    )


def test_a_subnet_needs_an_mtu(member):
    network = member.make("/networks", mtu=1000)
    answer = refused(member, network, cidr="fd00::/64", ip_version=6)
    assert (answer.status, answer.error) == (409, "NetworkMTUSubnetConflict")
    make(member, network)
    assert member("PUT", f"/networks/{network['id']}", {"network": {"mtu": 60}}).status == 409
