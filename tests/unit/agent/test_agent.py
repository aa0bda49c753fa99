import inspect
import logging
import threading

import msgspec
import pytest

from skyloom.agent import Agent, HostFailed, Hosts, RemoteHost, UnknownVerb, UnusableRequest, hear_hosts
from skyloom.agent.agent import LONGEST_TEXT
from skyloom.agent.protocol import DESCRIBE, DRIVER_VERBS, VERSION, Request, ask
from skyloom.bus import NoResponder
from skyloom.compute.drivers.contract import (
    ComputeDriver,
    HostBusy,
    HostResources,
    ImageSpec,
    Nic,
    PowerState,
    Progress,
    SeenServer,
    ServerGone,
    ServerSpec,
)
from skyloom.errors import Unauthorized

LIMIT_S = 20.0
RESOURCES = HostResources("QEMU", 7002000, "x86_64", 8, 16384, 500)
SPEC = ServerSpec(
    id="s1",
    name="web",
    project_id="p",
    vcpus=1,
    memory_mib=256,
    disk_gib=1,
    image=ImageSpec("i", "qcow2", 1 << 40, "0" * 32),
    nics=[Nic("port", "net", "fa:16:3e:00:00:01", 1442)],
    config_drive={"openstack/latest/meta_data.json": b"\x00\xff{}"},
)


def test_every_verb_of_the_driver_contract_is_in_the_protocol_and_on_the_remote_host():
    methods = {name for name, member in vars(ComputeDriver).items() if inspect.isfunction(member) and name[0] != "_"}
    assert set(DRIVER_VERBS) == methods
    assert len(methods) >= 8
    for name in methods:
        assert inspect.signature(getattr(RemoteHost, name)) == inspect.signature(getattr(ComputeDriver, name)), name


def test_each_verb_reaches_the_driver_with_its_arguments_and_brings_its_answer(host, driver):
    remote: ComputeDriver = host
    assert remote.resources() == RESOURCES
    assert remote.ensure_server(SPEC) is Progress.RUNNING
    assert remote.list_servers() == [SeenServer("s1", PowerState.RUNNING), SeenServer("s2", PowerState.CRASHED)]
    remote.start("s1")
    assert remote.stop("s1", 1.5) is Progress.DONE
    assert remote.reboot("s1", True, 0.0) is Progress.DONE
    assert remote.console_output("s1", None) == "login:"
    remote.remove_server("s1")
    assert remote.capabilities == {"console", "reboot"}
    assert [call for call in driver.calls if call != ("resources",)] == [
        ("ensure_server", "s1", SPEC),
        ("list_servers",),
        ("start", "s1"),
        ("stop", "s1", 1.5),
        ("reboot", "s1", True, 0.0),
        ("console_output", "s1", None),
        ("remove_server", "s1"),
    ]


def test_a_drivers_error_is_raised_on_the_other_side_as_the_same_class(host):
    with pytest.raises(ServerGone) as caught:
        host.start("gone")
    assert caught.value.sentence == "Server gone is not on this host; build it again."
    assert caught.value.details == {"server_id": "gone"}


def test_an_error_that_waits_keeps_its_pause(host, driver):
    driver.error = HostBusy("Libvirt is busy; ask again.", retry_after_s=17)
    with pytest.raises(HostBusy) as caught:
        host.start("s1")
    assert caught.value.retry_after_s == 17


@pytest.mark.parametrize("error", [RuntimeError("a secret"), Unauthorized("Who are you?")])
def test_an_error_that_no_host_may_raise_is_that_the_host_failed(host, driver, error):
    driver.error = error
    with pytest.raises(HostFailed) as caught:
        host.start("s1")
    assert "secret" not in caught.value.sentence
    assert caught.value.details["subject"] == "host.node=2E1.start"


def test_an_old_host_tells_that_it_does_not_know_a_new_verb(bus, host):
    with pytest.raises(UnknownVerb, match=r"node\.1"):
        ask(bus, "host.node=2E1.ensure_volume", DESCRIBE.arguments(), str, LIMIT_S)


def test_fields_of_a_newer_core_are_ignored_and_missing_ones_refused(bus, host, driver):
    newer = {"server_id": "s1", "grace_s": 2.0, "reason": "new in version 2"}
    request = msgspec.msgpack.encode({"version": VERSION + 1, "trace": "x", "arguments": newer})
    assert bus.request("host.node=2E1.stop", request, LIMIT_S)
    assert ("stop", "s1", 2.0) in driver.calls
    with pytest.raises(UnusableRequest):
        ask(bus, "host.node=2E1.stop", {"server_id": "s1"}, Progress, LIMIT_S)


def test_every_request_carries_the_protocols_number(bus, driver):
    seen: list[Request] = []

    def handler(subject: str, payload: bytes) -> bytes:
        seen.append(msgspec.msgpack.decode(payload, type=Request))
        return b"\xc1 this is no msgpack"

    bus.serve("host.odd.*", handler)
    with pytest.raises(HostFailed, match="not understood"):
        RemoteHost(bus, "odd").start("s1")
    assert [request.version for request in seen] == [VERSION]


def test_a_host_without_an_agent_is_unavailable(bus):
    with pytest.raises(NoResponder):
        Hosts(bus)["nowhere"].list_servers()


def test_two_verbs_of_one_server_never_run_at_once_and_others_go_on(host, driver):
    driver.hold("s1")
    building = threading.Thread(target=host.ensure_server, args=[SPEC])
    building.start()
    assert driver.entered["s1"].wait(LIMIT_S)
    with pytest.raises(HostBusy, match="ensure_server of server s1"):
        host.remove_server("s1")
    host.start("s2")
    assert host.list_servers()
    assert ("remove_server", "s1") not in driver.calls
    driver.release["s1"].set()
    building.join()
    host.remove_server("s1")
    assert driver.calls[-1] == ("remove_server", "s1")


def test_a_verb_waits_a_little_for_the_one_before_it(bus, driver):
    agent = Agent("patient", bus, driver, busy_after_s=LIMIT_S)
    host = RemoteHost(bus, "patient")
    driver.hold("s1")
    first = threading.Thread(target=host.start, args=["s1"])
    first.start()
    assert driver.entered["s1"].wait(LIMIT_S)
    second = threading.Thread(target=host.stop, args=["s1", 1.0])
    second.start()
    driver.release["s1"].set()
    first.join()
    second.join()
    agent.stop()
    assert [call[0] for call in driver.calls if call[0] != "resources"] == ["start", "stop"]


def test_of_a_long_console_the_end_is_told(host, driver):
    driver.console = "ä" * LONGEST_TEXT + "\U0001f600" * LONGEST_TEXT
    assert host.console_output("s1", None) == "\U0001f600" * LONGEST_TEXT


def test_a_host_tells_that_it_is_alive_at_once_and_again_and_again(bus, driver, heartbeat):
    heard, enough = [], threading.Event()

    def hear(name, alive):
        heard.append((name, alive))
        if len(heard) == 3:
            enough.set()

    hear_hosts(bus, hear)
    agent = Agent("node.1", bus, driver, boot_id="boot", heartbeat=heartbeat)
    assert enough.wait(LIMIT_S)
    agent.stop()
    assert {name for name, _ in heard} == {"node.1"}
    assert [alive.counter for _, alive in heard[:3]] == [1, 2, 3]
    description = heard[0][1].description
    assert (description.resources, description.boot_id) == (RESOURCES, "boot")
    assert description.capabilities == driver.capabilities


def test_a_host_whose_hypervisor_is_silent_keeps_trying(bus, driver, heartbeat, caplog):
    heard = threading.Event()
    hear_hosts(bus, lambda name, alive: heard.set())
    driver.error = HostBusy("Libvirt does not answer; ask again.")
    agent = Agent("node.1", bus, driver, heartbeat=heartbeat)
    assert "Libvirt does not answer" in caplog.text
    driver.error = None
    assert heard.wait(LIMIT_S)
    agent.stop()


def test_an_announcement_that_is_not_understood_is_logged_and_the_next_is_heard(bus, driver, caplog):
    heard = threading.Event()
    hear_hosts(bus, lambda name, alive: heard.set())
    bus.publish("core.host.odd.alive", b"\xc1")
    with caplog.at_level(logging.WARNING):
        agent = Agent("node.1", bus, driver)
        assert heard.wait(LIMIT_S)
    agent.stop()
    assert "Host odd tells something" in caplog.text


def test_a_stopped_agent_serves_no_more(bus, driver):
    agent = Agent("node.1", bus, driver)
    agent.stop()
    with pytest.raises(NoResponder):
        RemoteHost(bus, "node.1").list_servers()
