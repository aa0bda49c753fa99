"""What the cloud tells about itself: versions, zones, hosts, limits, what is not built."""

import json

from skyloom.compute.api import ROUTES
from skyloom.compute.api.not_built import NOT_BUILT
from skyloom.compute.policy import RULES
from skyloom.web.http import Request
from skyloom.web.routes import PUBLIC
from tests.api.compute.conftest import Client
from tests.parts.compute import PROJECT, Cloud


def test_every_route_names_a_rule_that_is_there() -> None:
    for route in (*ROUTES, *NOT_BUILT):
        assert route.policy == PUBLIC or route.policy in RULES, route


def test_versions_are_told_without_a_token(cloud: Cloud) -> None:
    def get(path: str) -> dict[str, object]:
        reply = cloud.application(Request("GET", path, path, headers={"host": "c"}))
        assert reply.status == 200 and isinstance(reply.body, bytes)
        found: dict[str, object] = json.loads(reply.body)
        return found

    versions = get("/compute/")["versions"]
    assert isinstance(versions, list)
    assert [version["id"] for version in versions] == ["v2.0", "v2.1"]
    for version in versions:
        link = version["links"][0]["href"]
        document = get(link.removeprefix("http://c"))["version"]
        assert isinstance(document, dict)
        assert document["links"][0]["href"] == link
    assert versions[1]["version"] == "2.96"


def test_a_version_that_is_not_served_is_not_acceptable(client: Client) -> None:
    client.as_("member", "2.999").call("GET", "/servers", status=406)


def test_the_project_may_stand_in_the_path(client: Client) -> None:
    """As catalogs of older clouds have it; for callers of that project only."""
    own = f"/{PROJECT}"
    assert client.call("GET", f"{own}/servers/detail") == {"servers": []}
    assert client.call("GET", f"{own}/limits") == client.call("GET", "/limits")
    refused = client.call("GET", f"/{'0' * 32}/servers", status=400)
    assert refused["badRequest"]["message"] == (
        f"Malformed request URL: URL's project_id '{'0' * 32}' doesn't match Context's project_id '{PROJECT}'."
    )
    client.call("GET", own, status=404)
    client.call("GET", f"{own}{own}/servers", status=404)
    client.call("GET", "/elsewhere/servers", status=404)


def test_a_method_that_a_path_does_not_take_is_not_found(client: Client) -> None:
    """As Nova has it, where others say 405."""
    client.call("DELETE", "/servers", status=404)
    client.call("DELETE", "/os-security-groups/", status=404)


def test_calls_that_are_not_built_say_so(client: Client) -> None:
    refused = client.call("GET", "/os-aggregates/1", status=501)
    assert refused["notImplemented"]["code"] == 501
    client.call("GET", "/os-aggregates", status=403)
    assert client.as_("admin").call("GET", "/os-aggregates")["aggregates"] == []


def test_zones_hypervisors_and_services_are_those_of_the_hosts(client: Client) -> None:
    zones = client.call("GET", "/os-availability-zone")["availabilityZoneInfo"]
    assert zones == [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]
    client.call("GET", "/os-availability-zone/detail", status=403)
    client.call("GET", "/os-hypervisors", status=403)
    admin = client.as_("admin")
    found = admin.call("GET", "/os-hypervisors/detail")["hypervisors"]
    assert [(each["hypervisor_hostname"], each["state"]) for each in found] == [("h1", "up"), ("h2", "up")]
    one = admin.call("GET", f"/os-hypervisors/{found[0]['id']}")["hypervisor"]
    assert one["hypervisor_type"] == "simulated"
    admin.call("GET", "/os-hypervisors/none", status=404)


def test_a_disabled_host_gets_no_new_servers(client: Client) -> None:
    admin = client.as_("admin")
    service = admin.call("GET", "/os-services?host=h1")["services"][0]
    change = {"status": "disabled", "disabled_reason": "repair"}
    assert admin.call("PUT", f"/os-services/{service['id']}", change)["service"]["status"] == "disabled"
    for _ in range(4):
        client.server()
    assert client.cloud.outside.drivers["h1"].list_servers() == []
    client.call("PUT", f"/os-services/{service['id']}", change, 403)


def test_quotas_are_shown_changed_and_reset(client: Client) -> None:
    path = f"/os-quota-sets/{PROJECT}"
    assert client.call("GET", path)["quota_set"]["instances"] == 10
    client.call("PUT", path, {"quota_set": {"instances": 11}}, 403)
    admin = client.as_("admin")
    assert admin.call("PUT", path, {"quota_set": {"instances": 11}})["quota_set"]["instances"] == 11
    admin.call("PUT", path, {"quota_set": {"instances": -2}}, 400)
    admin.call("PUT", path, {"quota_set": {"colours": 1}}, 400)
    client.server()
    admin.call("PUT", path, {"quota_set": {"instances": 0}}, 400)
    admin.call("PUT", path, {"quota_set": {"instances": 0, "force": True}})
    assert client.call("GET", f"{path}/detail")["quota_set"]["instances"] == {"limit": 0, "in_use": 1, "reserved": 0}
    admin.call("DELETE", path, status=202)
    assert client.call("GET", path)["quota_set"]["instances"] == 10
    client.as_("stranger").call("GET", path, status=403)


def test_servers_of_an_anti_affinity_group_are_on_different_hosts(client: Client) -> None:
    body = {"server_group": {"name": "g", "policy": "anti-affinity"}}
    group_id = client.call("POST", "/os-server-groups", body)["server_group"]["id"]
    new = {"name": "s", "imageRef": "11111111-1111-4111-8111-111111111111", "flavorRef": "1", "networks": "auto"}
    ids = []
    for _ in range(3):
        hinted = {"server": new, "os:scheduler_hints": {"group": group_id}}
        ids.append(client.call("POST", "/servers", hinted, 202)["server"]["id"])
        client.cloud.run()
    admin = client.as_("admin")
    servers = [admin.call("GET", f"/servers/{server_id}")["server"] for server_id in ids]
    assert sorted(str(server["OS-EXT-SRV-ATTR:host"]) for server in servers) == ["None", "h1", "h2"]
    assert servers[2]["status"] == "ERROR"
    assert set(client.call("GET", f"/os-server-groups/{group_id}")["server_group"]["members"]) == set(ids)
