"""Metadata items, tags, addresses and interfaces of a server."""

from tests.api.compute.conftest import NETWORK, Client


def test_metadata_items_are_added_replaced_and_removed(client: Client) -> None:
    path = f"/servers/{client.server(metadata={'a': '1'})}/metadata"
    assert client.call("POST", path, {"metadata": {"b": "2"}})["metadata"] == {"a": "1", "b": "2"}
    assert client.call("PUT", f"{path}/a", {"meta": {"a": "3"}})["meta"] == {"a": "3"}
    client.call("PUT", f"{path}/a", {"meta": {"b": "3"}}, 400)
    assert client.call("GET", f"{path}/a")["meta"] == {"a": "3"}
    assert client.call("PUT", path, {"metadata": {"c": "4"}})["metadata"] == {"c": "4"}
    client.call("DELETE", f"{path}/c", status=204)
    client.call("DELETE", f"{path}/c", status=404)
    client.call("GET", f"{path}/c", status=404)
    client.call("POST", path, {"metadata": {f"k{n}": "v" for n in range(129)}}, 403)
    client.call("POST", path, {"metadata": {"k": None}}, 400)
    client.as_("reader").call("POST", path, {"metadata": {}}, 403)


def test_tags_are_added_replaced_and_removed(client: Client) -> None:
    path = f"/servers/{client.server()}/tags"
    answer = client.answer("PUT", f"{path}/a", status=201)
    assert answer.headers["location"].endswith("/tags/a")
    client.call("PUT", f"{path}/a", status=204)
    client.call("GET", f"{path}/a", status=204)
    assert client.call("PUT", path, {"tags": ["x", "y"]})["tags"] == ["x", "y"]
    client.call("DELETE", f"{path}/x", status=204)
    client.call("DELETE", f"{path}/x", status=404)
    client.call("DELETE", path, status=204)
    assert client.call("GET", path)["tags"] == []
    client.as_("member", "2.25").call("GET", path, status=404)


def test_addresses_and_interfaces_are_those_of_the_ports(client: Client) -> None:
    server_id = client.server()
    shown = client.call("GET", f"/servers/{server_id}/ips")["addresses"]
    assert shown == {"private": [{"version": 4, "addr": "10.0.0.5"}]}
    assert client.call("GET", f"/servers/{server_id}/ips/private") == shown
    client.call("GET", f"/servers/{server_id}/ips/none", status=404)
    nic = client.call("GET", f"/servers/{server_id}/os-interface")["interfaceAttachments"][0]
    assert (nic["net_id"], nic["port_state"]) == (NETWORK, "ACTIVE")
    port_id = nic["port_id"]
    assert client.call("GET", f"/servers/{server_id}/os-interface/{port_id}")["interfaceAttachment"] == nic
    client.call("GET", f"/servers/{server_id}/os-interface/none", status=404)
    client.as_("stranger").call("GET", f"/servers/{server_id}/ips", status=404)
