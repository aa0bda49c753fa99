"""A server that cannot be is refused before anything is written."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.api.compute.conftest import IMAGE, NETWORK, Client
from tests.parts.compute import FakeImage

GOOD: dict[str, Any] = {"name": "s", "imageRef": IMAGE, "flavorRef": "1", "networks": "auto"}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"name": ""}, 400),
        ({"name": " s"}, 400),
        ({"name": "n" * 256}, 400),
        ({"name": 12}, 400),
        ({"flavorRef": "none"}, 400),
        ({"imageRef": "not-a-uuid"}, 400),
        ({"imageRef": "99999999-9999-4999-8999-999999999999"}, 400),
        ({"imageRef": ""}, 400),
        ({"networks": "sometimes"}, 400),
        ({"networks": [{"uuid": "99999999-9999-4999-8999-999999999999"}]}, 400),
        ({"networks": [{"uuid": "abc"}]}, 400),
        ({"networks": [{}]}, 400),
        ({"networks": [{"uuid": NETWORK, "fixed_ip": "1.2.3"}]}, 400),
        ({"security_groups": [{"name": "none"}]}, 400),
        ({"key_name": "none"}, 400),
        ({"user_data": "%%%"}, 400),
        ({"user_data": "a" * 65536}, 400),
        ({"metadata": {"k" * 256: "v"}}, 400),
        ({"metadata": {"k": "v" * 256}}, 400),
        ({"metadata": {f"k{n}": "v" for n in range(129)}}, 403),
        ({"config_drive": "perhaps"}, 400),
        ({"min_count": 0}, 400),
        ({"min_count": "x"}, 400),
        ({"min_count": 2, "max_count": 1}, 400),
        ({"accessIPv4": "::1"}, 400),
        ({"tags": ["a/b"]}, 400),
        ({"personality": []}, 400),
        ({"colour": "red"}, 400),
        ({"OS-DCF:diskConfig": "NEVER"}, 400),
        ({"block_device_mapping_v2": [{"source_type": "volume", "uuid": "x", "boot_index": 0}]}, 501),
        ({"host": "h1"}, 403),
    ],
)
def test_a_wrong_request_writes_nothing(client: Client, more: dict[str, Any], status: int) -> None:
    client.call("POST", "/servers", {"server": {**GOOD, **more}}, status)
    assert client.call("GET", "/servers")["servers"] == []
    assert client.call("GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"] == 0


def test_an_image_must_be_active_and_fit_the_flavor(client: Client) -> None:
    images = client.cloud.outside.images
    good = FakeImage(IMAGE)
    for bad in (
        replace(good, status="queued"),
        replace(good, min_ram_mib=1024),
        replace(good, min_disk_gib=2),
        replace(good, size=2 * 1024**3),
    ):
        images.images[IMAGE] = bad
        client.call("POST", "/servers", {"server": GOOD}, 400)


def test_fields_of_later_versions_are_unknown_to_earlier_ones(client: Client) -> None:
    old = {key: value for key, value in GOOD.items() if key != "networks"}
    for version, more in (("2.18", {"description": "d"}), ("2.51", {"tags": []}), ("2.89", {"hostname": "hh"})):
        body = {"server": {**(old if version < "2.37" else GOOD), **more}}
        client.as_("member", version).call("POST", "/servers", body, 400)
    client.as_("member", "2.36").call("POST", "/servers", {"server": GOOD}, 400)
    client.as_("member", "2.37").call("POST", "/servers", {"server": old}, 400)
    client.as_("member", "2.1").call("POST", "/servers", {"server": old}, 202)


def test_a_server_may_have_no_nic_at_all(client: Client) -> None:
    server_id = client.server(networks="none")
    server = client.call("GET", f"/servers/{server_id}")["server"]
    assert (server["status"], server["addresses"]) == ("ACTIVE", {})


def test_user_data_and_a_config_drive_are_taken(client: Client) -> None:
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    server_id = client.server(user_data=data, config_drive=True)
    shown = client.as_("admin").call("GET", f"/servers/{server_id}")["server"]
    assert (shown["config_drive"], shown["OS-EXT-SRV-ATTR:user_data"]) == ("True", data)
