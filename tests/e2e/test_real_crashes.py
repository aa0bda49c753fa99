"""`kill -9` of each daemon under real guests, and of the control plane: all comes back, and guests go on meanwhile."""

import random

import pytest

from skyloom.control import CONTROL
from tests.parts.agreement import await_settled, disagreements
from tests.parts.guests import SHARED_ADDRESS, Guests, domains
from tests.parts.whole_cloud import await_true

pytestmark = [pytest.mark.needs("qemu"), pytest.mark.needs("ovn")]
SEED = 7


def check(guests: Guests) -> None:
    await_settled(guests.cloud)
    on_hosts = dict.fromkeys(domains(guests.cloud), "host-1")
    assert disagreements(guests.cloud, on_hosts) == []


@pytest.mark.parametrize("part", ["libvirtd", "-vswitchd", "-ovsdb", "-controller", "-northd", "-nb", "-sb"])
def test_a_killed_daemon_comes_back_and_guests_are_reached(guests, part):
    cloud, name = guests.cloud, guests.cloud.part(part)
    boot_id = guests.web.run("cat /proc/sys/kernel/random/boot_id")

    cloud.kill(name)
    back_s = await_true(f"{name} is back", lambda: cloud.processes.running(name), 30)
    reached_s = guests.web.await_login(60)
    print(f"{name} was back after {back_s:.1f} s, the guest reached after {back_s + reached_s:.1f} s")

    assert guests.web.run("cat /proc/sys/kernel/random/boot_id") == boot_id, "the guest went on"
    assert guests.web.run("wget -q -O - http://169.254.169.254/latest/meta-data/local-ipv4") == SHARED_ADDRESS
    fresh = guests.web.tenant.begin("fresh")
    fresh.await_status("ACTIVE")
    guests.web.tenant.client.compute.delete_server(fresh.id)
    check(guests)


def test_guests_go_on_and_builds_end_when_the_control_plane_is_killed(guests):
    cloud, tenant = guests.cloud, guests.web.tenant
    moment_s = random.Random(SEED).uniform(0.2, 1.5)
    fresh = [tenant.begin(name) for name in ("fresh-1", "fresh-2")]
    await_true("the build goes on", lambda: cloud.rows("select * from task where ended_at is null"), 10)
    with pytest.raises(AssertionError, match="not within"):
        await_true("the moment is there", lambda: False, moment_s)
    cloud.kill(CONTROL)
    assert guests.web.lets_in(), "guests do not need the control plane"
    cloud.up()

    for guest in fresh:
        guest.await_status("ACTIVE")
    check(guests)
    for guest in fresh:
        tenant.client.compute.delete_server(guest.id)
    check(guests)


def test_a_cloud_that_was_taken_down_comes_back_with_its_servers(guests):
    """The last test of these guests: it leaves one running."""
    cloud, web = guests.cloud, guests.web
    web.run("echo kept > /root/note; sync")
    cloud.down()
    assert cloud.leftovers() == []

    cloud.up()
    statuses = [guest.server.status for guest in (web, guests.peer, guests.twin)]
    assert statuses == ["SHUTOFF"] * 3, "true from the first answer on"
    web.tenant.client.compute.start_server(web.id)
    web.await_status("ACTIVE")
    web.await_login()
    assert web.run("cat /root/note") == "kept"
    check(guests)
