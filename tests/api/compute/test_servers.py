"""Servers from their creation to their end, as a user sees them."""

from skyloom.clock import VirtualClock
from tests.api.compute.conftest import IMAGE, NETWORK, Client
from tests.parts.compute import PROJECT, Cloud


def test_a_server_becomes_active_on_a_host(client: Client) -> None:
    server_id = client.server(run=False)
    assert client.call("GET", f"/servers/{server_id}")["server"]["status"] == "BUILD"
    client.cloud.run()
    server = client.call("GET", f"/servers/{server_id}")["server"]
    assert server["status"] == "ACTIVE"
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["addresses"]["private"][0]["addr"] == "10.0.0.5"
    assert server["OS-EXT-AZ:availability_zone"] == "nova"
    assert server["hostId"]
    assert [seen.id for driver in client.cloud.outside.drivers.values() for seen in driver.list_servers()] == [
        server_id
    ]


def test_creating_answers_with_a_password_and_where_the_server_is(client: Client) -> None:
    new = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}]}
    answer = client.answer("POST", "/servers", {"server": new}, 202)
    server = answer.body["server"]
    assert set(server) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert len(server["adminPass"]) == 12
    assert answer.headers["location"] == f"http://cloud.example/compute/v2.1/servers/{server['id']}"


def test_a_deleted_server_is_gone_with_all_it_held(client: Client) -> None:
    server_id = client.server()
    client.call("DELETE", f"/servers/{server_id}", status=204)
    client.cloud.run()
    client.call("GET", f"/servers/{server_id}", status=404)
    assert client.call("GET", "/servers")["servers"] == []
    cloud = client.cloud
    assert all(not driver.list_servers() for driver in cloud.outside.drivers.values())
    assert cloud.outside.network.ports == {}
    assert cloud.placement.allocation_of(server_id) is None
    assert client.call("GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"] == 0


def test_deleting_while_building_leaves_nothing(client: Client) -> None:
    server_id = client.server(run=False)
    client.call("DELETE", f"/servers/{server_id}", status=204)
    client.cloud.run()
    client.call("GET", f"/servers/{server_id}", status=404)
    assert client.cloud.placement.allocation_of(server_id) is None


def test_a_server_that_no_host_has_room_for_says_so(client: Client) -> None:
    flavor = {"flavor": {"name": "huge", "ram": 1024, "vcpus": 1000, "disk": 1}}
    admin = client.as_("admin")
    admin.call("PUT", f"/os-quota-sets/{PROJECT}", {"quota_set": {"cores": -1}})
    flavor_id = admin.call("POST", "/flavors", flavor)["flavor"]["id"]
    server_id = client.server(flavorRef=flavor_id)
    server = client.call("GET", f"/servers/{server_id}")["server"]
    assert server["status"] == "ERROR"
    assert server["fault"]["code"] == 500
    assert server["fault"]["message"].startswith("No valid host was found.")
    client.call("DELETE", f"/servers/{server_id}", status=204)
    client.cloud.run()
    client.call("GET", f"/servers/{server_id}", status=404)


def test_a_list_is_of_the_own_project_only(client: Client) -> None:
    mine = client.server()
    stranger = client.as_("stranger")
    assert stranger.call("GET", "/servers")["servers"] == []
    stranger.call("GET", f"/servers/{mine}", status=404)
    stranger.call("DELETE", f"/servers/{mine}", status=404)
    stranger.call("GET", "/servers?all_tenants=1", status=403)
    everyone = client.as_("admin").call("GET", "/servers/detail?all_tenants=1")["servers"]
    assert [server["id"] for server in everyone] == [mine]
    assert client.as_("admin").call("GET", "/servers")["servers"] == []


def test_a_reader_may_look_and_not_touch(client: Client) -> None:
    server_id = client.server()
    reader = client.as_("reader")
    assert reader.call("GET", f"/servers/{server_id}")["server"]["id"] == server_id
    for method, path, body in (
        ("DELETE", f"/servers/{server_id}", None),
        ("PUT", f"/servers/{server_id}", {"server": {"name": "x"}}),
        ("POST", f"/servers/{server_id}/action", {"os-stop": None}),
        ("POST", "/servers", {"server": {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": "auto"}}),
    ):
        reader.call(method, path, body, status=403)


def test_nobody_without_a_token_sees_a_server(client: Client) -> None:
    client.as_("").call("GET", "/servers", status=401)


def test_several_servers_are_made_at_once(client: Client) -> None:
    client.server(min_count=3, name="many")
    names = [server["name"] for server in client.call("GET", "/servers?sort_key=display_name&sort_dir=asc")["servers"]]
    assert names == ["many-1", "many-2", "many-3"]
    assert len(client.cloud.outside.network.ports) == 3


def test_pages_follow_each_other(client: Client, clock: VirtualClock) -> None:
    made = []
    for _ in range(3):
        made.append(client.server())
        clock.advance(1)
    first = client.call("GET", "/servers?limit=2")
    assert [server["id"] for server in first["servers"]] == [made[2], made[1]]
    query = first["servers_links"][0]["href"].partition("/servers")[2]
    rest = client.call("GET", f"/servers{query}")
    assert [server["id"] for server in rest["servers"]] == [made[0]]
    assert "servers_links" not in rest
    assert client.call("GET", "/servers?limit=0")["servers"] == []


def test_wrong_limits_and_markers_are_refused(client: Client) -> None:
    client.call("GET", "/servers?limit=-1", status=400)
    client.call("GET", "/servers?limit=two", status=400)
    client.call("GET", "/servers?marker=nothing", status=400)
    client.call("GET", "/servers?changes-since=yesterday", status=400)
    client.call("GET", "/servers?colour=red", status=400)


def test_filters_find_what_they_say(client: Client) -> None:
    server_id = client.server(name="web-1", tags=["a", "b"], metadata={"k": "v"})
    client.server(name="db")

    def found(query: str) -> list[str]:
        return [server["name"] for server in client.call("GET", f"/servers/detail?{query}")["servers"]]

    assert found("name=web.*") == ["web-1"]
    assert found("name=%5EWEB") == ["web-1"]
    assert found("status=active&name=db") == ["db"]
    assert found("status=SHUTOFF") == []
    assert found(f"image={IMAGE}&name=web") == ["web-1"]
    assert found("flavor=nope") == []
    assert found("ip=10.0.0.5") == ["web-1"]
    assert found("ip=10.0.0.") == ["db", "web-1"] or found("ip=10.0.0.") == ["web-1", "db"]
    assert found("tags=a,b") == ["web-1"]
    assert found("not-tags-any=a,c") == ["db"]
    assert found("tags-any=c") == []
    assert found("changes-since=2999-01-01T00:00:00Z") == []
    client.call("GET", "/servers?status=sleepy", status=400)
    assert client.as_("member", "2.1").call("GET", "/servers?status=sleepy")["servers"] == []
    client.call("DELETE", f"/servers/{server_id}", status=204)
    client.cloud.run()
    assert "web-1" in found("changes-since=2020-01-01T00:00:00Z")


def test_an_update_changes_names_and_addresses(client: Client) -> None:
    server_id = client.server()
    changed = client.call(
        "PUT", f"/servers/{server_id}", {"server": {"name": "new", "accessIPv6": "0:0::babe:220.12.22.2"}}
    )["server"]
    assert (changed["name"], changed["accessIPv6"]) == ("new", "::babe:dc0c:1602")
    client.call("PUT", f"/servers/{server_id}", {"server": {"name": ""}}, 400)
    client.call("PUT", f"/servers/{server_id}", {"server": {"name": "n" * 256}}, 400)
    client.call("PUT", f"/servers/{server_id}", {"server": {"accessIPv4": "1.2.3"}}, 400)
    client.call("PUT", "/servers/none", {"server": {"name": "x"}}, 404)


def test_a_full_quota_is_refused_in_words(client: Client) -> None:
    client.as_("admin").call("PUT", f"/os-quota-sets/{PROJECT}", {"quota_set": {"instances": 1}})
    client.server()
    new = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": "auto"}
    refused = client.call("POST", "/servers", {"server": new}, 403)["forbidden"]
    assert refused["message"] == "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"


def test_the_zone_of_a_server_may_be_chosen_and_a_host_by_operators_only(client: Client, cloud: Cloud) -> None:
    new = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": "auto"}
    client.call("POST", "/servers", {"server": {**new, "availability_zone": "mars"}}, 400)
    client.call("POST", "/servers", {"server": {**new, "availability_zone": "nova:h2"}}, 403)
    admin = client.as_("admin")
    server_id = admin.server(availability_zone="nova:h2")
    server = admin.call("GET", f"/servers/{server_id}")["server"]
    assert server["OS-EXT-SRV-ATTR:host"] == "h2"
    assert server["pinned_availability_zone"] == "nova"
