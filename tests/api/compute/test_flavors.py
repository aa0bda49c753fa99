"""Flavors, their extra specs, and who may use private ones."""

from tests.api.compute.conftest import Client
from tests.parts.compute import PROJECT

NEW = {"name": "big", "id": "77", "ram": 1024, "vcpus": 2, "disk": 10}


def test_a_new_cloud_has_the_usual_flavors(client: Client) -> None:
    names = {flavor["name"] for flavor in client.call("GET", "/flavors")["flavors"]}
    assert {"m1.tiny", "m1.small", "tiny"} <= names


def test_operators_make_and_remove_flavors(client: Client) -> None:
    admin = client.as_("admin")
    client.call("POST", "/flavors", {"flavor": NEW}, 403)
    made = admin.call("POST", "/flavors", {"flavor": {**NEW, "description": "d"}})["flavor"]
    assert (made["id"], made["swap"], made["description"], made["extra_specs"]) == ("77", 0, "d", {})
    admin.call("POST", "/flavors", {"flavor": NEW}, 409)
    admin.call("POST", "/flavors", {"flavor": {**NEW, "id": "78"}}, 409)
    assert admin.call("PUT", "/flavors/77", {"flavor": {"description": "e"}})["flavor"]["description"] == "e"
    admin.call("DELETE", "/flavors/77", status=202)
    client.call("GET", "/flavors/77", status=404)
    admin.call("DELETE", "/flavors/77", status=404)


def test_wrong_flavors_are_refused(client: Client) -> None:
    admin = client.as_("admin")
    for more in ({"ram": 0}, {"vcpus": "two"}, {"disk": -1}, {"name": ""}, {"id": "a/b"}, {"colour": 1}, {"swap": -1}):
        admin.call("POST", "/flavors", {"flavor": {**NEW, **more}}, 400)


def test_a_private_flavor_is_for_those_with_access(client: Client) -> None:
    admin = client.as_("admin")
    admin.call("POST", "/flavors", {"flavor": {**NEW, "os-flavor-access:is_public": False}})
    client.call("GET", "/flavors/77", status=404)
    access = {"addTenantAccess": {"tenant": PROJECT}}
    assert {"flavor_id": "77", "tenant_id": PROJECT} in admin.call("POST", "/flavors/77/action", access)[
        "flavor_access"
    ]
    admin.call("POST", "/flavors/77/action", access, 409)
    assert client.call("GET", "/flavors/77")["flavor"]["id"] == "77"
    assert "77" in {flavor["id"] for flavor in client.call("GET", "/flavors")["flavors"]}
    assert "77" not in {flavor["id"] for flavor in client.as_("stranger").call("GET", "/flavors")["flavors"]}
    assert "77" in {flavor["id"] for flavor in admin.call("GET", "/flavors?is_public=none")["flavors"]}
    admin.call("POST", "/flavors/77/action", {"removeTenantAccess": {"tenant": PROJECT}})
    client.call("GET", "/flavors/77", status=404)
    admin.call("GET", "/flavors/1/os-flavor-access", status=404)
    admin.call("POST", "/flavors/1/action", access, 409)


def test_extra_specs_are_kept_one_by_one(client: Client) -> None:
    admin = client.as_("admin")
    path = "/flavors/1/os-extra_specs"
    client.call("POST", path, {"extra_specs": {"a": "1"}}, 403)
    admin.call("POST", path, {"extra_specs": {"a": "1", "b": "2"}})
    admin.call("PUT", f"{path}/a", {"a": "3"})
    admin.call("PUT", f"{path}/a", {"b": "3"}, 400)
    assert client.call("GET", path)["extra_specs"] == {"a": "3", "b": "2"}
    assert client.call("GET", f"{path}/b") == {"b": "2"}
    admin.call("DELETE", f"{path}/b")
    client.call("GET", f"{path}/b", status=404)


def test_flavors_are_paged_and_filtered(client: Client) -> None:
    first = client.call("GET", "/flavors?limit=1")
    assert len(first["flavors"]) == 1
    query = first["flavors_links"][0]["href"].partition("/flavors")[2]
    assert client.call("GET", f"/flavors{query}")["flavors"][0]["id"] != first["flavors"][0]["id"]
    rams = [flavor["ram"] for flavor in client.call("GET", "/flavors/detail?minRam=4096")["flavors"]]
    assert rams and min(rams) >= 4096
    client.call("GET", "/flavors?minRam=much", status=400)
    client.call("GET", "/flavors?marker=none", status=400)
