"""Real guests through the public API: QEMU, libvirt and OVN, by OpenStack's SDK.

Three guests are built once and shared, since each boot costs ten seconds of a processor. `web` and `peer` are of one
project; `twin`, of another, has the very address of `web`.
"""

import json
import subprocess
import time

import pytest

from tests.parts.agreement import await_settled, disagreements
from tests.parts.guests import PEER_ADDRESS, PORT, SERVE_NAME, SHARED_ADDRESS, Guest, domains
from tests.parts.whole_cloud import WholeCloud, await_true

pytestmark = [pytest.mark.needs("qemu"), pytest.mark.needs("ovn")]


def northbound(cloud: WholeCloud, *words: str) -> str:
    database = f"unix:/run/skyloom-{cloud.home.id}/nb.sock"
    done = subprocess.run(["ovn-nbctl", f"--db={database}", *words], capture_output=True, text=True, check=True)
    return done.stdout


def test_servers_of_one_network_reach_each_other(guests):
    assert guests.peer.ends_well(f"ping -c 2 -W 5 {SHARED_ADDRESS}")
    await_true("the peer reads web's port", lambda: guests.peer.run(f"nc -w 5 {SHARED_ADDRESS} {PORT}") == "web")
    assert guests.web.ends_well(f"ping -c 2 -W 5 {PEER_ADDRESS}")


def test_servers_of_two_projects_with_the_same_addresses_do_not_meet(guests):
    assert guests.twin.port.fixed_ips[0]["ip_address"] == guests.web.port.fixed_ips[0]["ip_address"]
    assert not guests.twin.ends_well(f"ping -c 2 -W 2 {PEER_ADDRESS}")
    assert not guests.twin.ends_well(f"nc -w 2 {PEER_ADDRESS} {PORT} </dev/null | grep -q .")
    assert guests.peer.run(f"nc -w 5 {SHARED_ADDRESS} {PORT}") == "web"
    assert guests.twin.run(f"nc -w 5 127.0.0.1 {PORT}") == "twin"


def test_a_closed_port_opens_soon_after_its_rule_and_closes_with_it(guests, record_property):
    assert not guests.web.answers_at(PORT)

    start = time.monotonic()
    rule = guests.web.tenant.let_in(protocol="tcp", port_range_min=PORT, port_range_max=PORT)
    await_true("the port is open", lambda: guests.web.answers_at(PORT), 30, 0.01)
    opened_s = time.monotonic() - start

    start = time.monotonic()
    guests.web.tenant.client.network.delete_security_group_rule(rule)
    await_true("the port is closed", lambda: not guests.web.answers_at(PORT), 30, 0.01)
    record_property("opened_s", round(opened_s, 2))
    print(f"a port opened {opened_s:.2f} s after its rule, and closed within {time.monotonic() - start:.2f} s")


def test_a_floating_address_moves_to_another_server(guests):
    client, web, peer = guests.web.tenant.client.network, guests.web, guests.peer
    client.update_ip(peer.floating, port_id=None)
    await_true("nobody answers where the peer was", lambda: not peer.answers_at(22), 30)

    client.update_ip(web.floating, port_id=peer.port.id)
    at_webs_address = Guest(web.tenant, peer.id, "peer", web.floating)
    at_webs_address.await_login(30)

    client.update_ip(web.floating, port_id=web.port.id)
    client.update_ip(peer.floating, port_id=peer.port.id)
    web.await_login(30)
    peer.await_login(30)


def test_a_guest_reads_what_it_is_told_from_the_metadata_service(guests):
    assert guests.web.run("cat /run/instance/source") == "openstack"
    told = json.loads(guests.web.run("wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json"))
    key = guests.web.tenant.key.with_suffix(".pub").read_text().strip()
    assert told["uuid"] == guests.web.id
    assert told["hostname"].split(".")[0] == "web"
    assert told["public_keys"]["mine"].strip() == key
    assert told["meta"] == {"colour": "blue"}
    assert guests.web.run("wget -q -O - http://169.254.169.254/openstack/latest/user_data") == SERVE_NAME.strip()
    assert guests.web.run("wget -q -O - http://169.254.169.254/latest/meta-data/local-ipv4") == SHARED_ADDRESS


def test_guests_with_the_same_address_are_told_of_themselves_only(guests):
    read = "wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json"
    assert json.loads(guests.twin.run(read))["uuid"] == guests.twin.id
    assert json.loads(guests.web.run(read))["uuid"] == guests.web.id


def test_a_guest_reads_what_it_is_told_from_its_config_drive(guests):
    assert guests.peer.run("cat /run/instance/source") == "config-drive"
    told = json.loads(guests.peer.run("cat /run/instance/meta_data.json"))
    assert (told["uuid"], told["name"]) == (guests.peer.id, "peer")
    assert guests.peer.run("cat /run/instance/user_data") == SERVE_NAME.strip()
    await_true("user data ran", lambda: guests.peer.run("cat /root/user-data-runs") == "ran", 30)


def test_the_console_is_shown(guests):
    assert "tiny: ready host=web" in guests.web.console
    last = guests.web.tenant.client.compute.get_server_console_output(guests.web.id, length=3)["output"]
    assert len(last.splitlines()) == 3


def test_a_server_keeps_its_disk_over_stop_and_start(guests):
    peer, compute = guests.peer, guests.peer.tenant.client.compute
    peer.run("echo kept > /root/note; sync")

    compute.stop_server(peer.id)
    peer.await_status("SHUTOFF")
    assert not peer.answers_at(22)
    compute.start_server(peer.id)
    peer.await_status("ACTIVE")

    peer.await_login()
    assert peer.run("cat /root/note; cat /root/user-data-runs") == "kept\nran"


@pytest.mark.parametrize("kind", ["SOFT", "HARD"])
def test_a_server_boots_again(guests, kind):
    peer = guests.peer
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    before = peer.run(f"sync; {boot_id}")

    peer.tenant.client.compute.reboot_server(peer.id, kind)
    await_true("it boots again", lambda: peer.lets_in() and peer.run(boot_id) != before, 180, 0.5)

    peer.await_status("ACTIVE")
    assert ("tiny: power button" in peer.console.rsplit("tiny: ready", 2)[-2]) == (kind == "SOFT")
    assert peer.run("cat /root/note") == "kept"


def test_a_deleted_server_leaves_nothing(guests):
    cloud, tenant = guests.cloud, guests.web.tenant
    gone = tenant.begin("gone", config_drive=True)
    gone.await_status("ACTIVE")
    port_id = gone.port.id
    disks = cloud.home.folder / "libvirt/lib/guests/servers" / gone.id
    assert gone.id in domains(cloud)
    assert port_id in northbound(cloud, "list", "Logical_Switch_Port")
    assert (disks / "root.qcow2").exists()
    assert cloud.rows("select * from allocation where consumer_id = ?", gone.id)

    tenant.client.compute.delete_server(gone.id)
    await_true("it is gone", lambda: not list(tenant.client.compute.servers(name="gone")))
    await_settled(cloud)

    assert gone.id not in domains(cloud)
    assert not disks.exists()
    await_true("its port is gone", lambda: port_id not in northbound(cloud, "list", "Logical_Switch_Port"), 10)
    assert not list(cloud.home.folder.rglob(f"*{gone.id}*"))
    assert disagreements(cloud, dict.fromkeys(domains(cloud), "host-1")) == []
    with pytest.raises(AssertionError, match="not within"):
        await_true("a part of it is seen", lambda: gone.id in northbound(cloud, "list", "Logical_Switch_Port"), 0.5)
