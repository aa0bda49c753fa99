"""What a guest learns about itself, over HTTP and from its config drive."""

import base64
import json
from typing import Any

import pytest

from tests.api.compute.conftest import NETWORK, Client
from tests.api.compute.test_keypairs import KEY


@pytest.fixture
def server_id(client: Client) -> str:
    client.call("POST", "/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}}, 201)
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    return client.server(name="My Guest", key_name="k", user_data=data, metadata={"role": "web"})


def get(client: Client, path: str, source_ip: str = "10.0.0.5") -> tuple[int, Any]:
    """Asked by the host that has the guest."""
    host = next(name for name, driver in client.cloud.outside.drivers.items() if driver.list_servers())
    status, content_type, body = client.cloud.compute.metadata.answer(NETWORK, source_ip, path, host)
    return status, json.loads(body) if content_type == "application/json" else body.decode()


def test_the_openstack_form_tells_who_the_guest_is(client: Client, server_id: str) -> None:
    status, document = get(client, "/openstack/latest/meta_data.json")
    assert status == 200
    assert (document["uuid"], document["hostname"], document["meta"]) == (server_id, "my-guest", {"role": "web"})
    assert document["public_keys"] == {"k": KEY}
    assert "latest" in get(client, "/openstack")[1].split("\n")
    assert "meta_data.json" in get(client, "/openstack/latest/")[1].split("\n")
    assert get(client, "/openstack/2018-08-27/user_data") == (200, "#!/bin/sh\n")
    assert get(client, "/openstack/latest/vendor_data2.json") == (200, {})
    network = get(client, "/openstack/latest/network_data.json")[1]
    assert network["networks"][0]["type"] == "ipv4_dhcp"
    assert network["services"] == [{"type": "dns", "address": "203.0.113.53"}]
    assert network["links"][0]["mtu"] == 1442


def test_the_ec2_form_is_walked_like_folders(client: Client, server_id: str) -> None:
    assert "2009-04-04" in get(client, "/")[1].split("\n")
    assert get(client, "/latest/") == (200, "meta-data/\nuser-data")
    names = get(client, "/2009-04-04/meta-data/")[1].split("\n")
    assert {"instance-id", "hostname", "local-ipv4", "public-keys/"} <= set(names)
    assert get(client, "/2009-04-04/meta-data/instance-id") == (200, f"i-{server_id[:8]}")
    assert get(client, "/latest/meta-data/local-ipv4") == (200, "10.0.0.5")
    assert get(client, "/latest/meta-data/public-keys/") == (200, "0=k")
    assert get(client, "/latest/meta-data/public-keys/0/openssh-key") == (200, KEY)
    assert get(client, "/latest/user-data") == (200, "#!/bin/sh\n")
    assert get(client, "/latest/meta-data/nothing")[0] == 404
    assert get(client, "/1999/meta-data/")[0] == 404


def test_nobody_learns_of_another(client: Client, server_id: str) -> None:
    assert get(client, "/openstack/latest/meta_data.json", "10.0.0.99")[0] == 404


def test_a_host_learns_nothing_of_the_guests_of_others(client: Client, server_id: str) -> None:
    path = "/openstack/latest/meta_data.json"
    assert client.cloud.compute.metadata.answer(NETWORK, "10.0.0.5", path, "elsewhere")[0] == 404


def test_the_drive_holds_the_same(client: Client, server_id: str) -> None:
    server = client.cloud.compute.servers.store.get(client.cloud.db.read(), server_id)
    assert server is not None
    drive = client.cloud.compute.metadata.config_drive(server)
    assert json.loads(drive["openstack/latest/meta_data.json"])["uuid"] == server_id
    assert drive["openstack/latest/user_data"] == b"#!/bin/sh\n"
    assert json.loads(drive["ec2/latest/meta-data.json"])["instance-id"] == f"i-{server_id[:8]}"
