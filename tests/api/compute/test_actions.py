"""What can be done to a server, and when it cannot."""

import pytest

from skyloom.compute.drivers.contract import PowerState
from tests.api.compute.conftest import Client


def status(client: Client, server_id: str) -> str:
    found: str = client.call("GET", f"/servers/{server_id}")["server"]["status"]
    return found


def act(client: Client, server_id: str, body: dict[str, object], status: int = 202) -> None:
    client.call("POST", f"/servers/{server_id}/action", body, status)


def power(client: Client) -> list[PowerState]:
    return [seen.power for driver in client.cloud.outside.drivers.values() for seen in driver.list_servers()]


def test_a_server_is_stopped_and_started(client: Client) -> None:
    server_id = client.server()
    act(client, server_id, {"os-stop": None})
    assert client.call("GET", f"/servers/{server_id}")["server"]["OS-EXT-STS:task_state"] == "powering-off"
    client.cloud.run()
    assert status(client, server_id) == "SHUTOFF"
    assert power(client) == [PowerState.SHUTDOWN]
    act(client, server_id, {"os-start": {}})
    client.cloud.run()
    assert status(client, server_id) == "ACTIVE"
    assert power(client) == [PowerState.RUNNING]


@pytest.mark.parametrize(("kind", "shown"), [("SOFT", "REBOOT"), ("hard", "HARD_REBOOT")])
def test_a_server_is_rebooted(client: Client, kind: str, shown: str) -> None:
    server_id = client.server()
    act(client, server_id, {"reboot": {"type": kind}})
    assert status(client, server_id) == shown
    client.cloud.run()
    assert status(client, server_id) == "ACTIVE"


def test_an_action_that_the_state_does_not_allow_is_a_conflict(client: Client) -> None:
    server_id = client.server()
    refused = client.call("POST", f"/servers/{server_id}/action", {"os-start": None}, 409)
    assert refused["conflictingRequest"]["message"] == (
        f"Cannot 'start' instance {server_id} while it is in vm_state active"
    )
    act(client, server_id, {"os-stop": None})
    act(client, server_id, {"os-stop": None}, 409)
    act(client, server_id, {"reboot": {"type": "HARD"}}, 409)
    client.cloud.run()
    act(client, server_id, {"reboot": {"type": "SOFT"}}, 409)


def test_wrong_actions_are_refused(client: Client) -> None:
    server_id = client.server()
    act(client, server_id, {"reboot": {"type": "WARM"}}, 400)
    act(client, server_id, {"reboot": {}}, 400)
    act(client, server_id, {"fly": None}, 400)
    act(client, server_id, {}, 400)
    act(client, server_id, {"os-start": None, "os-stop": None}, 400)
    act(client, server_id, {"pause": None}, 501)
    act(client, "none", {"os-start": None}, 404)


def test_a_locked_server_is_left_alone_by_its_users(client: Client) -> None:
    server_id = client.server()
    act(client, server_id, {"lock": {"locked_reason": "audit"}})
    shown = client.call("GET", f"/servers/{server_id}")["server"]
    assert (shown["locked"], shown["locked_reason"]) == (True, "audit")
    act(client, server_id, {"os-stop": None}, 409)
    client.call("DELETE", f"/servers/{server_id}", status=409)
    act(client.as_("admin"), server_id, {"os-stop": None})
    act(client, server_id, {"unlock": None})
    client.cloud.run()
    client.call("DELETE", f"/servers/{server_id}", status=204)


def test_the_console_shows_its_last_lines(client: Client) -> None:
    server_id = client.server()
    answer = client.call("POST", f"/servers/{server_id}/action", {"os-getConsoleOutput": {"length": 2}})
    assert len(answer["output"].split("\n")) == 2
    everything = client.call("POST", f"/servers/{server_id}/action", {"os-getConsoleOutput": {}})["output"]
    assert len(everything.splitlines()) > 2
    act(client, server_id, {"os-getConsoleOutput": {"length": "few"}}, 400)


def test_a_console_of_a_server_that_is_still_built_is_a_conflict(client: Client) -> None:
    act(client, client.server(run=False), {"os-getConsoleOutput": {}}, 409)


def test_only_operators_reset_states(client: Client) -> None:
    server_id = client.server()
    act(client, server_id, {"os-resetState": {"state": "error"}}, 403)
    act(client.as_("admin"), server_id, {"os-resetState": {"state": "error"}})
    assert status(client, server_id) == "ERROR"


def test_what_was_done_is_told_with_its_requests(client: Client) -> None:
    server_id = client.server()
    answer = client.answer("POST", f"/servers/{server_id}/action", {"os-stop": None}, 202)
    client.cloud.run()
    actions = client.call("GET", f"/servers/{server_id}/os-instance-actions")["instanceActions"]
    assert [action["action"] for action in actions] == ["stop", "create"] or len(actions) == 2
    request_id = answer.headers["x-openstack-request-id"]
    action = client.call("GET", f"/servers/{server_id}/os-instance-actions/{request_id}")["instanceAction"]
    assert action["action"] == "stop"
    assert [(event["event"], event["result"]) for event in action["events"]] == [("compute_stop_instance", "Success")]
    client.call("GET", f"/servers/{server_id}/os-instance-actions/req-none", status=404)
    client.as_("stranger").call("GET", f"/servers/{server_id}/os-instance-actions", status=404)
