"""Compute beside the real network: NICs of servers, their security groups and further addresses."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from skyloom.clock import VirtualClock
from skyloom.compute.drivers.simulated import Shape
from skyloom.db import Database, metadata
from skyloom.network import NicInfo, NicPlan
from skyloom.network.service import NetworkService
from skyloom.work import Work
from tests.api.compute.conftest import Client
from tests.parts.compute import MEMBER, POLICY, Cloud, Neighbours


class LinkedNetwork(NetworkService):
    """A network whose back end brings every port up at once."""

    def ensure_server_ports(
        self, server_id: str, project_id: str, host: str, availability_zone: str, plans: Sequence[NicPlan]
    ) -> list[NicInfo]:
        infos = super().ensure_server_ports(server_id, project_id, host, availability_zone, plans)
        self.nics.links_are({info.port_id: True for info in infos})
        return infos


@pytest.fixture
def network(tmp_path: Path, clock: VirtualClock) -> Iterator[LinkedNetwork]:
    database = Database(f"sqlite:///{tmp_path}/both.db", clock)
    metadata.create_all(database.engine)
    yield LinkedNetwork(database, POLICY)
    database.close()


@pytest.fixture
def client(network: LinkedNetwork, clock: VirtualClock) -> Client:
    """A member in 2.35, the last version of the proxies, with one network of the project's own."""
    made = network.networks.create(MEMBER, [{"name": "private"}])[0]
    network.subnets.create(MEMBER, [{"network_id": made.id, "ip_version": 4, "cidr": "10.1.0.0/24"}])
    outside = Neighbours(network=network)
    outside.add_host("h1", clock, Shape())
    cloud = Cloud(Work(network.core.db), clock, outside)
    cloud.announce()
    cloud.compute.flavors.ensure_first()
    return Client(cloud, version="2.35")


def make_group(client: Client, name: str) -> str:
    body = {"security_group": {"name": name, "description": "d"}}
    found: str = client.call("POST", "/os-security-groups", body)["security_group"]["id"]
    return found


def test_groups_are_made_listed_changed_and_removed(client: Client) -> None:
    group_id = make_group(client, " web ")
    shown = client.call("GET", f"/os-security-groups/{group_id}")["security_group"]
    assert (shown["name"], shown["rules"]) == (" web ", [])
    assert shown in client.call("GET", "/os-security-groups")["security_groups"]
    body = {"security_group": {"name": "db", "description": "e"}}
    assert client.call("PUT", f"/os-security-groups/{group_id}", body)["security_group"]["name"] == "db"
    client.call("DELETE", f"/os-security-groups/{group_id}", status=202)
    client.call("GET", f"/os-security-groups/{group_id}", status=404)
    client.call("DELETE", f"/os-security-groups/{group_id}", status=404)
    refused = client.call("GET", "/os-security-groups/7", status=400)
    assert refused["badRequest"]["message"] == "Security group id should be uuid"
    client.as_("member", "2.36").call("GET", "/os-security-groups", status=404)


def test_rules_are_made_and_removed(client: Client) -> None:
    group_id, other = make_group(client, "web"), make_group(client, "lb")
    new = {"parent_group_id": group_id, "ip_protocol": "tcp", "from_port": 22, "to_port": "22", "cidr": "10.0.0.0/8"}
    rule = client.call("POST", "/os-security-group-rules", {"security_group_rule": new})["security_group_rule"]
    assert (rule["ip_protocol"], rule["from_port"], rule["ip_range"]) == ("tcp", 22, {"cidr": "10.0.0.0/8"})
    named = {"parent_group_id": group_id, "ip_protocol": "udp", "from_port": 1, "to_port": 65535, "group_id": other}
    rule = client.call("POST", "/os-security-group-rules", {"security_group_rule": named})["security_group_rule"]
    assert rule["group"]["name"] == "lb"
    assert len(client.call("GET", f"/os-security-groups/{group_id}")["security_group"]["rules"]) == 2
    client.call("DELETE", f"/os-security-group-rules/{rule['id']}", status=202)
    assert len(client.call("GET", f"/os-security-groups/{group_id}")["security_group"]["rules"]) == 1
    for more in ({"ip_protocol": "gre"}, {"from_port": 23}, {"from_port": 70000}, {"cidr": "nowhere"}):
        client.call("POST", "/os-security-group-rules", {"security_group_rule": {**new, **more}}, 400)


def test_a_group_that_a_server_bears_stays(client: Client) -> None:
    group_id = make_group(client, "web")
    server_id = client.server()
    assert client.call("GET", f"/servers/{server_id}")["server"]["status"] == "ACTIVE"
    client.call("POST", f"/servers/{server_id}/action", {"addSecurityGroup": {"name": "web"}}, 202)
    names = {group["name"] for group in client.call("GET", f"/servers/{server_id}")["server"]["security_groups"]}
    assert names == {"default", "web"}
    shown = client.call("GET", f"/servers/{server_id}/os-security-groups")["security_groups"]
    assert {group["id"] for group in shown} >= {group_id}
    client.call("DELETE", f"/os-security-groups/{group_id}", status=400)
    client.call("POST", f"/servers/{server_id}/action", {"removeSecurityGroup": {"name": "web"}}, 202)
    client.call("POST", f"/servers/{server_id}/action", {"removeSecurityGroup": {"name": "web"}}, 404)
    client.call("DELETE", f"/os-security-groups/{group_id}", status=202)


def test_a_deleted_server_leaves_no_port(client: Client, network: LinkedNetwork) -> None:
    server_id = client.server(security_groups=[{"name": "default"}])
    assert network.nics_of_servers(None, [server_id])[server_id][0].is_up
    client.call("DELETE", f"/servers/{server_id}", status=204)
    client.cloud.run()
    assert network.nics_of_servers(None, [server_id]).get(server_id, []) == []


def test_a_port_gets_a_further_address_and_loses_it(client: Client) -> None:
    server_id = client.server()
    nic = client.call("GET", f"/servers/{server_id}/os-interface")["interfaceAttachments"][0]

    def addresses() -> list[str]:
        shown = client.call("GET", f"/servers/{server_id}/ips")["addresses"]["private"]
        return [each["addr"] for each in shown]

    def act(body: dict[str, object], status: int = 202) -> None:
        client.call("POST", f"/servers/{server_id}/action", body, status)

    first = addresses()
    act({"addFixedIp": {"networkId": nic["net_id"]}})
    assert len(addresses()) == 2
    added = next(each for each in addresses() if each not in first)
    act({"removeFixedIp": {"address": added}})
    assert addresses() == first
    act({"removeFixedIp": {"address": added}}, 400)
    act({"addFixedIp": {"networkId": "none"}}, 400)
    client.as_("member", "2.44").call("POST", f"/servers/{server_id}/action", {"addFixedIp": {"networkId": "x"}}, 400)
