import msgspec

from skyloom.network.api import ROUTES
from skyloom.network.policy import RULES
from skyloom.web.http import Request
from skyloom.web.routes import PUBLIC


def test_versions_and_resources_need_no_token(client):
    nobody = client("")
    found = msgspec.json.decode(nobody.application(Request("GET", "/network/", headers={"host": "h"})).body)
    assert [version["id"] for version in found["versions"]] == ["v2.0"]
    assert found["versions"][0]["links"] == [{"rel": "self", "href": "http://h/network/v2.0/"}]
    names = {resource["name"] for resource in nobody("GET", "/")["resources"]}
    assert {"network", "subnet", "port", "router", "floatingip"} <= names


def test_extensions_show_what_they_list(member):
    extensions = member("GET", "/extensions")["extensions"]
    for extension in extensions:
        assert member("GET", f"/extensions/{extension['alias']}")["extension"] == extension
        assert {"alias", "name", "description", "updated", "links"} == set(extension)
    assert "router" in {extension["alias"] for extension in extensions}
    assert member("GET", "/extensions/teleport").status == 404


def test_every_route_names_a_rule(member):
    assert {route.policy for route in ROUTES} - {PUBLIC} <= set(RULES)


def test_quotas(member, admin, stranger):
    assert member("GET", "/quotas/demo")["quota"]["network"] == 100
    assert stranger("GET", "/quotas/demo").status == 403
    assert member("PUT", "/quotas/demo", {"quota": {"network": 7}}).status == 403
    assert admin("PUT", "/quotas/demo", {"quota": {"network": 7}})["quota"]["network"] == 7
    assert admin("PUT", "/quotas/demo", {"quota": {"network": -2}}).status == 400
    assert admin("PUT", "/quotas/demo", {"quota": {"spoons": 1}}).status == 400
    assert [quota["project_id"] for quota in admin("GET", "/quotas")["quotas"]] == ["demo"]
    assert member("GET", "/quotas/demo/default")["quota"]["network"] == 100
    assert admin("DELETE", "/quotas/demo").status == 204
    assert member("GET", "/quotas/demo")["quota"]["network"] == 100


def test_zones_and_agents(member, admin):
    assert {zone["resource"] for zone in member("GET", "/availability_zones")["availability_zones"]} == {
        "network",
        "router",
    }
    assert admin("GET", "/agents")["agents"] == []
    assert member("GET", "/agents")["agents"] == []
    assert admin("GET", "/agents/11111111-1111-1111-1111-111111111111").status == 404


def test_ip_availability(member, admin, public):
    admin.make("/floatingips", floating_network_id=public.id)
    found = admin("GET", f"/network-ip-availabilities/{public.id}")["network_ip_availability"]
    assert (found["total_ips"], found["used_ips"]) == (31, 1)
    network = member.make("/networks")
    member.make("/subnets", network_id=network["id"], ip_version=6, cidr="fd00::/48")
    assert len(admin("GET", "/network-ip-availabilities")["network_ip_availabilities"]) == 2
    assert member("GET", "/network-ip-availabilities").status == 403
