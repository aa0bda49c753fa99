"""Real packets through OVN: namespaces play the guests."""

import ipaddress
import json
import threading
from pathlib import Path

import msgspec
import pytest

from skyloom.errors import Unavailable
from skyloom.network.drivers.contract import AddressPair, Ensure, PortSpec
from skyloom.network.host.metadata import MetadataHost
from skyloom.parts import netns

pytestmark = pytest.mark.needs("ovn")


def test_a_guest_gets_its_address_its_mtu_and_the_way_to_metadata(lab, tmp_path: Path):
    guest = lab.bare_guest(lab.network("10.1.0"), 11)
    lease = guest.lease(tmp_path)
    assert (lease["ip"], lease["mtu"], lease["dns"], lease["lease"]) == ("10.1.0.11", "1442", "9.9.9.9", "43200")
    assert lease["staticroutes"].split() == ["169.254.169.254/32", "10.1.0.2", "0.0.0.0/0", "10.1.0.1"]


def test_a_subnet_without_dhcp_leases_nothing_until_it_has_dhcp(lab, tmp_path: Path, until):
    network = lab.network("10.1.0")
    quiet = msgspec.structs.replace(network.subnets[0], enable_dhcp=False)
    lab.driver.apply([Ensure(msgspec.structs.replace(network, revision=2, subnets=(quiet,)))])
    guest = lab.bare_guest(network, 11)
    lab.driver.apply([Ensure(msgspec.structs.replace(network, revision=3))])
    assert guest.lease(tmp_path)["ip"] == "10.1.0.11"


def test_links_are_told_when_a_guest_is_plugged(lab, until):
    up: dict[str, bool] = {}
    lab.driver.watch(lambda port_id, is_up: up.update({port_id: is_up}))
    guest = lab.guest(lab.network("10.1.0"), 11)
    until(lambda: up.get(guest.port.id) is True)
    lab.machine.chassis.switch.remove_port("br-int", guest.link)
    until(lambda: up.get(guest.port.id) is False)


def test_two_ports_of_a_network_meet_and_overlapping_networks_do_not(lab, until):
    here, there = lab.network("10.1.0"), lab.network("10.1.0")
    asker, answerer = lab.guest(here, 11), lab.guest(here, 12)
    other_asker, other_answerer = lab.guest(there, 11), lab.guest(there, 12)
    lonely = lab.guest(there, 13)
    answerer.serve(80, "here")
    other_answerer.serve(80, "there")
    lonely.serve(80, "lonely")
    until(lambda: asker.pings("10.1.0.12"))
    until(lambda: asker.asks("10.1.0.12", 80) == "here")
    until(lambda: other_asker.asks("10.1.0.12", 80) == "there")
    until(lambda: other_asker.asks("10.1.0.13", 80) == "lonely")
    assert asker.asks("10.1.0.13", 80) == ""


def test_a_group_is_closed_until_a_rule_opens_it(lab, until):
    network = lab.network("10.1.0")
    closed = lab.group(lab.rule(direction="egress"))
    asker, answerer = lab.guest(network, 11), lab.guest(network, 12, closed)
    answerer.serve(80, "web")
    answerer.serve(81, "closed")
    until(lambda: answerer.pings("10.1.0.11"))
    assert asker.asks("10.1.0.12", 80) == ""
    opening = lab.rule(protocol="tcp", port_range_min=80, port_range_max=80, remote_ip_prefix="10.1.0.0/24")
    opened = msgspec.structs.replace(closed, revision=2, rules=(*closed.rules, opening))
    lab.driver.apply([Ensure(opened)])
    until(lambda: asker.asks("10.1.0.12", 80) == "web")
    assert asker.asks("10.1.0.12", 81) == ""
    lab.driver.apply([Ensure(msgspec.structs.replace(closed, revision=3))])
    until(lambda: asker.asks("10.1.0.12", 80) == "")


def test_a_remote_group_lets_only_its_members_in(lab, until):
    network = lab.network("10.1.0")
    friends = lab.group(lab.rule(direction="egress"))
    only_friends = lab.group(lab.rule(protocol="tcp", remote_group_id=friends.id))
    answerer = lab.guest(network, 12, only_friends)
    answerer.serve(80, "web")
    friend, stranger = lab.guest(network, 13, friends), lab.guest(network, 14)
    until(lambda: friend.asks("10.1.0.12", 80) == "web")
    assert stranger.asks("10.1.0.12", 80) == ""


def test_stateless_rules_look_at_each_packet_alone(lab, until):
    network = lab.network("10.1.0")
    web = lab.rule(protocol="tcp", port_range_min=80, port_range_max=80)
    one_way = lab.group(web, stateful=False)
    answerer, asker = lab.guest(network, 12, one_way), lab.guest(network, 11)
    answerer.serve(80, "web")
    assert asker.asks("10.1.0.12", 80) == ""
    both_ways = msgspec.structs.replace(one_way, revision=2, rules=(web, lab.rule(direction="egress")))
    lab.driver.apply([Ensure(both_ways)])
    until(lambda: asker.asks("10.1.0.12", 80) == "web")


def test_a_guest_cannot_send_from_an_address_that_is_not_its_own(lab, until):
    network = lab.network("10.1.0")
    honest, liar, answerer = lab.guest(network, 11), lab.guest(network, 13), lab.guest(network, 12)
    liar.configure_also("10.1.0.99")
    answerer.serve(80, "web")
    until(lambda: honest.asks("10.1.0.12", 80) == "web")
    assert not liar.pings_from("10.1.0.99", "10.1.0.12")
    unguarded: PortSpec = msgspec.structs.replace(liar.port, revision=2, port_security=False)
    lab.driver.apply([Ensure(unguarded)])
    until(lambda: liar.pings_from("10.1.0.99", "10.1.0.12"))


def test_an_address_pair_lets_a_guest_send_from_one_more_address(lab, until):
    network = lab.network("10.1.0")
    sender, answerer = lab.guest(network, 11), lab.guest(network, 12)
    sender.configure_also("10.1.0.99")
    until(lambda: sender.pings("10.1.0.12"))
    assert not sender.pings_from("10.1.0.99", "10.1.0.12")
    pair = AddressPair("10.1.0.99", sender.port.mac)
    lab.driver.apply([Ensure(msgspec.structs.replace(sender.port, revision=2, address_pairs=(pair,)))])
    until(lambda: sender.pings_from("10.1.0.99", "10.1.0.12"))
    assert answerer.pings("10.1.0.99")


def test_a_disabled_port_passes_nothing(lab, until):
    network = lab.network("10.1.0")
    asker, answerer = lab.guest(network, 11), lab.guest(network, 12)
    until(lambda: asker.pings("10.1.0.12"))
    lab.driver.apply([Ensure(msgspec.structs.replace(answerer.port, revision=2, enabled=False))])
    until(lambda: not asker.pings("10.1.0.12"))
    lab.driver.apply([Ensure(msgspec.structs.replace(answerer.port, revision=3))])
    until(lambda: asker.pings("10.1.0.12"))


def test_a_router_joins_two_networks_and_a_disabled_one_passes_nothing(lab, until):
    left, right = lab.network("10.1.0"), lab.network("10.2.0")
    asker, answerer = lab.guest(left, 11), lab.guest(right, 12)
    answerer.serve(80, "right")
    assert asker.asks("10.2.0.12", 80) == ""
    router = lab.router(left, right)
    until(lambda: asker.asks("10.2.0.12", 80) == "right")
    lab.driver.apply([Ensure(msgspec.structs.replace(router, revision=2, enabled=False))])
    until(lambda: asker.asks("10.2.0.12", 80) == "")


def test_a_disabled_network_passes_nothing(lab, until):
    network = lab.network("10.1.0")
    asker, answerer = lab.guest(network, 11), lab.guest(network, 12)
    until(lambda: asker.pings("10.1.0.12"))
    lab.driver.apply([Ensure(msgspec.structs.replace(network, revision=2, enabled=False))])
    until(lambda: not asker.pings("10.1.0.12"))
    lab.driver.apply([Ensure(msgspec.structs.replace(network, revision=3))])
    until(lambda: asker.pings("10.1.0.12"))
    assert answerer.pings("10.1.0.11")


def test_a_floating_ip_is_reached_from_the_machine_and_moves(lab, until, from_outside):
    network, external = lab.network("10.1.0"), lab.external()
    first, second = lab.guest(network, 11), lab.guest(network, 12)
    first.serve(80, "first")
    second.serve(80, "second")
    router = lab.router(network, external=external)
    floating = lab.floating_ip(router, first.port, 19)
    until(lambda: from_outside(floating.floating_ip_address, 80) == "first")
    lab.floating_ip(router, second.port, 19, floating.id)
    until(lambda: from_outside(floating.floating_ip_address, 80) == "second")
    gateway = str(next(lab.machine.external().hosts()))
    until(lambda: first.pings(gateway))
    netns.remove_link(lab.machine.link)
    assert lab.machine.ensure()
    until(lambda: from_outside(floating.floating_ip_address, 80) == "second")


def test_a_floating_ip_moves_to_another_router(lab, until, from_outside):
    networks, external = [lab.network("10.1.0"), lab.network("10.1.0")], lab.external()
    routers = [lab.router(network, external=external, place=place) for place, network in enumerate(networks)]
    guests = [lab.guest(network, 11) for network in networks]
    for name, guest in zip(("first", "second"), guests, strict=True):
        guest.serve(80, name)
    floating = lab.floating_ip(routers[0], guests[0].port, 19)
    until(lambda: from_outside(floating.floating_ip_address, 80) == "first")
    lab.floating_ip(routers[1], guests[1].port, 19, floating.id)
    until(lambda: from_outside(floating.floating_ip_address, 80) == "second")


def test_guests_find_their_ipv6_address_by_themselves_and_meet_over_a_router(lab, until):
    left, right = (
        lab.network("10.1.0", subnets=(lab.subnet_v6("fd00:1"),)),
        lab.network("10.2.0", subnets=(lab.subnet_v6("fd00:2"),)),
    )
    open_v6 = lab.group(lab.rule(ethertype="IPv6"), lab.rule(ethertype="IPv6", direction="egress"))
    lab.router(left, right)
    asker, answerer = lab.guest_v6(left, open_v6), lab.guest_v6(right, open_v6)
    answerer.serve(80, "six")
    until(lambda: asker.address in asker.addresses_v6() and answerer.address in answerer.addresses_v6())
    until(lambda: asker.asks(answerer.address, 80) == "six")
    closed = msgspec.structs.replace(answerer.port, revision=2, security_group_ids=())
    lab.driver.apply([Ensure(closed)])
    until(lambda: asker.asks(answerer.address, 80) == "")


def test_a_guest_is_offered_its_ipv6_address(lab, until):
    subnet = msgspec.structs.replace(lab.subnet_v6("fd00:1"), ipv6_address_mode="dhcpv6-stateful")
    network = lab.network("10.1.0", subnets=(subnet,))
    lab.router(network)
    guest = lab.guest_v6(network, lab.open_group)
    until(lambda: ipaddress.IPv6Address(guest.address).packed in guest.solicits())


def test_metadata_knows_the_network_and_the_guest_also_where_addresses_overlap(lab, until):
    asked: list[str] = []
    away = threading.Event()

    def source(network_id, source_ip, path, headers):
        asked.append(path)
        if away.is_set():
            raise Unavailable("The core is away.", retry_after_s=3)
        return 200, "application/json", json.dumps([network_id, source_ip, path, headers["host"]]).encode()

    networks = [lab.network("10.1.0"), lab.network("10.1.0")]
    guests = [lab.guest(network, 11) for network in networks]
    host = MetadataHost(lab.machine.chassis.switch, source)
    try:
        for network, guest in zip(networks, guests, strict=True):
            port = msgspec.structs.replace(lab.port(network, 2), revision=2, kind="metadata")
            lab.driver.apply([Ensure(port)])
            host.ensure_network(network.id, port.id, port.mac, ["10.1.0.2/24"])
            host.ensure_network(network.id, port.id, port.mac, ["10.1.0.2/24"])
            guest.route("169.254.169.254", "10.1.0.2")
        for network, guest in zip(networks, guests, strict=True):
            until(lambda guest=guest: guest.fetches("/openstack?x=1").startswith("HTTP/1.1 200"))
            body = guest.fetches("/openstack?x=1").partition("\r\n\r\n")[2]
            assert json.loads(body) == [network.id, "10.1.0.11", "/openstack?x=1", "169.254.169.254"]
        away.set()
        assert "HTTP/1.1 503" in (told := guests[0].fetches("/"))
        assert "Retry-After: 3" in told
        away.clear()
        host.close()
        assert guests[0].fetches("/") == ""
        host = MetadataHost(lab.machine.chassis.switch, source)
        assert sorted(host.list_networks()) == sorted(network.id for network in networks)
        until(lambda: guests[1].fetches("/").startswith("HTTP/1.1 200"))
        host.remove_network(networks[0].id)
        host.remove_network(networks[0].id)
        assert host.list_networks() == [networks[1].id]
        host.remove_network(networks[1].id)
    finally:
        host.close()


@pytest.mark.parametrize("part", ["nb", "sb", "northd", "controller", "vswitchd", "ovsdb"])
def test_packets_flow_again_soon_after_a_daemon_was_killed(lab, until, kill, part: str):
    left, right = lab.network("10.1.0"), lab.network("10.2.0")
    asker, answerer = lab.guest(left, 11), lab.guest(right, 12)
    answerer.serve(80, "web")
    lab.router(left, right)
    until(lambda: asker.asks("10.2.0.12", 80) == "web")
    kill(lab.machine, part)
    assert lab.machine.ensure()
    took_s = until(lambda: asker.asks("10.2.0.12", 80) == "web", 30)
    print(f"{part}: {took_s:.2f} s")
    late = lab.guest(left, 13)
    until(lambda: late.asks("10.2.0.12", 80) == "web", 30)


def test_a_stopped_network_leaves_nothing_and_comes_back_as_it_was(lab, until, ovn_machine):
    network = lab.network("10.1.0")
    before = lab.driver.seen()
    for guest in lab.guests:
        guest.remove()
    ovn_machine.stop()
    assert not ovn_machine.run.exists()
    assert ovn_machine.processes.names() == []
    assert ovn_machine.ensure()

    def sees() -> bool:
        try:
            return lab.driver.seen() == before
        except Unavailable:
            return False

    until(sees)
    asker, answerer = lab.guest(network, 11), lab.guest(network, 12)
    until(lambda: asker.pings(answerer.address))
