"""Hosts against rows: what the cloud does about a guest that is not as it should be, and a host that goes away."""

from skyloom.clock import VirtualClock
from skyloom.compute.drivers.contract import HostBusy, HostFull, Nic, ServerSpec
from skyloom.compute.reconcile import Reconciler
from skyloom.compute.service.hosts import HostService
from tests.api.compute.conftest import Client
from tests.parts.compute import Cloud


def host_of(client: Client, server_id: str) -> str:
    name = client.as_("admin").call("GET", f"/servers/{server_id}")["server"]["OS-EXT-SRV-ATTR:host"]
    assert isinstance(name, str)
    return name


def shown(client: Client, server_id: str) -> tuple[str, int]:
    server = client.call("GET", f"/servers/{server_id}")["server"]
    return server["status"], server["OS-EXT-STS:power_state"]


def guest(server_id: str) -> ServerSpec:
    nics: list[Nic] = []
    return ServerSpec(server_id, "x", "p", 1, 64, 1, None, nics)


def test_a_guest_that_powered_itself_off_is_shown_off(client: Client, cloud: Cloud) -> None:
    server_id = client.server()
    cloud.outside.drivers[host_of(client, server_id)].stop(server_id, 0)
    cloud.compute.reconciler.pass_once()
    assert shown(client, server_id) == ("SHUTOFF", 4)


def test_hosts_are_compared_when_they_are_back_and_not_before(
    client: Client, cloud: Cloud, clock: VirtualClock
) -> None:
    """After a restart a host's row looks alive though the host has not told anything yet."""
    server_id = client.server()
    name = host_of(client, server_id)
    cloud.outside.drivers[name].stop(server_id, 0)
    hosts, times = HostService(cloud.compute.parts), []
    reconciler = Reconciler(cloud.compute.parts, hosts)
    hosts.on_back = lambda: times.append(clock.now())
    assert hosts.is_usable(name)
    assert (reconciler.pass_once(), reconciler.compared) == ({}, set())

    resources = cloud.outside.drivers[name].resources()
    for wait_s in (0, 3, 120, 3):
        clock.advance(wait_s)
        hosts.hear(name, resources)
    assert [(clock.now() - at).total_seconds() for at in times] == [126, 3], "at first, and after a silence"
    reconciler.pass_once()
    assert reconciler.compared == {name}
    assert shown(client, server_id) == ("SHUTOFF", 4)


def test_a_stopped_server_that_runs_is_stopped_again(client: Client, cloud: Cloud) -> None:
    server_id = client.server()
    client.call("POST", f"/servers/{server_id}/action", {"os-stop": None}, 202)
    cloud.run()
    driver = cloud.outside.drivers[host_of(client, server_id)]
    driver.start(server_id)
    cloud.compute.reconciler.pass_once()
    assert [seen.power for seen in driver.list_servers()] == ["shutdown"]


def test_a_guest_that_nobody_wants_goes_after_a_grace(cloud: Cloud, clock: VirtualClock) -> None:
    driver = cloud.outside.drivers["h1"]
    driver.ensure_server(guest("stray"))
    cloud.compute.reconciler.pass_once()
    assert driver.list_servers()
    clock.advance(61)
    cloud.announce()
    cloud.compute.reconciler.pass_once()
    assert driver.list_servers() == []


def test_a_lost_guest_makes_its_server_an_error_after_a_grace(
    client: Client, cloud: Cloud, clock: VirtualClock
) -> None:
    server_id = client.server()
    cloud.outside.drivers[host_of(client, server_id)].remove_server(server_id)
    cloud.compute.reconciler.pass_once()
    assert shown(client, server_id)[0] == "ACTIVE"
    clock.advance(61)
    cloud.announce()
    cloud.compute.reconciler.pass_once()
    assert shown(client, server_id)[0] == "ERROR"


def test_a_server_on_a_host_that_is_gone_can_be_deleted(client: Client, cloud: Cloud, clock: VirtualClock) -> None:
    server_id = client.server()
    name = host_of(client, server_id)
    cloud.outside.faults[name].fail(HostBusy("It does not answer."), times=None)
    clock.advance(120)
    client.call("DELETE", f"/servers/{server_id}", status=204)
    cloud.run()
    client.call("GET", f"/servers/{server_id}", status=404)
    assert cloud.placement.allocation_of(server_id) is None
    cloud.outside.faults[name].heal()
    driver = cloud.outside.drivers[name]
    assert driver.list_servers()
    cloud.announce()
    cloud.compute.reconciler.pass_once()
    clock.advance(61)
    cloud.announce()
    cloud.compute.reconciler.pass_once()
    assert driver.list_servers() == []


def test_a_full_host_is_left_for_another(client: Client, cloud: Cloud) -> None:
    cloud.outside.faults["h1"].fail(HostFull("No disk is left."), "ensure_server", times=None)
    for _ in range(3):
        server_id = client.server()
        assert shown(client, server_id)[0] == "ACTIVE"
        assert host_of(client, server_id) == "h2"
    assert cloud.placement.discrepancies() == []


def test_when_every_host_refuses_the_fault_tells_what_each_said(client: Client, cloud: Cloud) -> None:
    for name in ("h1", "h2"):
        cloud.outside.faults[name].fail(HostFull(f"No disk is left on {name}."), "ensure_server", times=None)
    server_id = client.server()
    message = client.call("GET", f"/servers/{server_id}")["server"]["fault"]["message"]
    assert message.startswith("No valid host was found.")
    assert "No disk is left on h1." in message and "No disk is left on h2." in message
    assert cloud.outside.network.ports == {}


def test_a_build_waits_for_its_ports_and_gives_up_in_the_end(client: Client, cloud: Cloud) -> None:
    cloud.outside.network.is_up = False
    server_id = client.server()
    server = client.call("GET", f"/servers/{server_id}")["server"]
    assert server["status"] == "ERROR"
    assert "ports did not come up" in server["fault"]["message"]


def test_a_host_that_is_silent_counts_as_down(client: Client, cloud: Cloud, clock: VirtualClock) -> None:
    clock.advance(120)
    states = [each["state"] for each in client.as_("admin").call("GET", "/os-hypervisors")["hypervisors"]]
    assert states == ["down", "down"]
    assert client.call("GET", "/os-availability-zone")["availabilityZoneInfo"][0]["zoneState"]["available"] is False
    server_id = client.server()
    assert shown(client, server_id)[0] == "ERROR"
