"""What every network driver must do; on the simulated one and on OVN."""

import os
import signal
import uuid
from collections.abc import Iterator

import pytest

from skyloom.network.drivers.contract import (
    INCOMPLETE,
    NOUNS,
    AddressPair,
    BackendAway,
    BackendRefused,
    Change,
    Ensure,
    FixedIp,
    FloatingIpSpec,
    Gateway,
    HostRoute,
    NetworkDriver,
    NetworkSpec,
    PortSpec,
    Remove,
    RouterPort,
    RouterSpec,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
)
from skyloom.network.drivers.ovn import OvnNetwork
from skyloom.network.drivers.ovn.northbound import Draft, Northbound, marks
from skyloom.network.drivers.simulated import SimulatedNetwork


@pytest.fixture(params=["simulated", pytest.param("ovn", marks=pytest.mark.needs("ovn"))])
def driver(request: pytest.FixtureRequest) -> Iterator[NetworkDriver]:
    if request.param == "simulated":
        made: NetworkDriver = SimulatedNetwork()
    else:
        made = OvnNetwork(request.getfixturevalue("ovn_machine").northbound, ["host-1"])
    yield made
    clear(made)


def clear(driver: NetworkDriver) -> None:
    driver.apply([Remove(noun, id) for noun, things in driver.seen().items() for id in things])
    driver.close()


def new() -> str:
    return str(uuid.uuid4())


def rule(**fields: object) -> RuleSpec:
    return RuleSpec(**{"id": new(), "direction": "ingress", "ethertype": "IPv4", **fields})


class World:
    """One of each noun, all that a spec can say filled in."""

    def __init__(self) -> None:
        self.inner, self.outer, self.v4, self.v6, self.public = new(), new(), new(), new(), new()
        self.friends, self.web, self.router = new(), new(), new()
        self.port, self.metadata, self.floating, self.leg, self.way_out = new(), new(), new(), new(), new()

    def changes(self, revision: int = 1) -> list[Change]:
        return [Ensure(spec) for spec in (*self.bottom(revision), *self.top(revision))]

    def bottom(self, revision: int) -> list[SecurityGroupSpec | NetworkSpec]:
        rules = (
            rule(protocol="tcp", port_range_min=80, port_range_max=443, remote_ip_prefix="0.0.0.0/0"),
            rule(protocol="icmp", ethertype="IPv6", port_range_min=128, port_range_max=0),
            rule(protocol="112", direction="egress"),
            rule(remote_group_id=self.friends),
        )
        v4 = SubnetSpec(
            self.v4, "10.9.0.0/24", 4, "10.9.0.1", True, ("9.9.9.9",), (HostRoute("10.8.0.0/16", "10.9.0.9"),)
        )
        v6 = SubnetSpec(self.v6, "fd00:9::/64", 6, "fd00:9::1", True, ipv6_address_mode="slaac")
        public = SubnetSpec(self.public, "203.0.113.0/25", 4, "203.0.113.1", False)
        return [
            SecurityGroupSpec(self.friends, revision, False, (rule(), rule(direction="egress", ethertype="IPv6"))),
            SecurityGroupSpec(self.web, revision, True, rules),
            NetworkSpec(self.inner, revision, "inner", 1442, True, subnets=(v4, v6)),
            NetworkSpec(self.outer, revision, "outer", 1500, True, "public", 17, (public,)),
        ]

    def top(self, revision: int) -> list[RouterSpec | PortSpec | FloatingIpSpec]:
        leg = RouterPort(self.leg, self.inner, "fa:16:3e:00:00:01", ("10.9.0.1/24", "fd00:9::1/64"))
        out = RouterPort(self.way_out, self.outer, "fa:16:3e:00:00:02", ("203.0.113.9/25",))
        gateway = Gateway(out, ("203.0.113.1",), "203.0.113.9")
        return [
            RouterSpec(self.router, revision, "r", True, (leg,), gateway, (HostRoute("10.7.0.0/16", "10.9.0.7"),)),
            self.guest(revision),
            PortSpec(self.metadata, revision, self.inner, "fa:16:3e:00:00:04", True, kind="metadata"),
            FloatingIpSpec(self.floating, revision, self.router, self.port, "203.0.113.20", "10.9.0.5"),
        ]

    def guest(self, revision: int) -> PortSpec:
        return PortSpec(
            id=self.port,
            revision=revision,
            network_id=self.inner,
            mac="fa:16:3e:00:00:03",
            enabled=True,
            fixed_ips=(FixedIp(self.v4, "10.9.0.5"), FixedIp(self.v6, "fd00:9::5")),
            security_group_ids=(self.web, self.friends),
            address_pairs=(AddressPair("10.9.0.100", "fa:16:3e:00:00:99"),),
            host="host-1",
        )

    def expected(self, revision: int) -> dict[str, dict[str, int]]:
        ids = {
            "security_group": [self.friends, self.web],
            "network": [self.inner, self.outer],
            "router": [self.router],
            "port": [self.port, self.metadata],
            "floatingip": [self.floating],
        }
        return {noun: dict.fromkeys(ids[noun], revision) for noun in NOUNS}


def test_all_is_seen_at_its_revision_in_whatever_order_it_came(driver: NetworkDriver):
    world = World()
    driver.apply(list(reversed(world.changes(3))))
    assert driver.seen() == world.expected(3)


def test_the_same_may_be_applied_again(driver: NetworkDriver):
    world = World()
    for revision in (1, 1, 2):
        driver.apply(world.changes(revision))
        assert driver.seen() == world.expected(revision)


def test_what_is_removed_is_not_seen_and_may_be_removed_again(driver: NetworkDriver):
    world = World()
    driver.apply(world.changes())
    everything = [Remove(noun, id) for noun, things in world.expected(1).items() for id in things]
    for _ in range(2):
        driver.apply(everything)
        assert driver.seen() == {noun: {} for noun in NOUNS}


def test_of_two_changes_of_one_thing_the_later_counts(driver: NetworkDriver):
    world = World()
    driver.apply([*world.changes(), Remove("port", world.port), Remove("floatingip", world.floating)])
    assert set(driver.seen()["port"]) == {world.metadata}
    driver.apply([Remove("port", world.port), Ensure(world.guest(5))])
    assert driver.seen()["port"][world.port] == 5


def test_a_missing_group_is_left_out_until_the_port_is_sent_again(driver: NetworkDriver):
    world = World()
    groups, networks = world.bottom(1)[:2], world.bottom(1)[2:]
    driver.apply([Ensure(spec) for spec in (*networks, world.guest(1))])
    assert driver.seen()["port"] == {world.port: INCOMPLETE}
    driver.apply([Ensure(spec) for spec in groups])
    driver.apply([Ensure(world.guest(1))])
    assert driver.seen()["port"] == {world.port: 1}


def test_a_missing_remote_group_is_left_out_until_the_group_is_sent_again(driver: NetworkDriver):
    friends, web = World().bottom(1)[:2]
    driver.apply([Ensure(web)])
    assert driver.seen()["security_group"] == {web.id: INCOMPLETE}
    driver.apply([Ensure(friends), Ensure(web)])
    assert driver.seen()["security_group"] == {web.id: 1, friends.id: 1}


def test_a_removed_group_leaves_doubt_on_what_named_it(driver: NetworkDriver):
    world = World()
    driver.apply(world.changes())
    driver.apply([Remove("security_group", world.friends)])
    seen = driver.seen()
    assert seen["port"][world.port] == INCOMPLETE
    assert seen["security_group"] == {world.web: INCOMPLETE}
    driver.apply(world.changes())
    assert driver.seen() == world.expected(1)


def test_a_router_without_one_of_its_networks_is_incomplete(driver: NetworkDriver):
    world = World()
    driver.apply([Ensure(world.bottom(1)[2]), Ensure(world.top(1)[0])])
    assert driver.seen()["router"] == {world.router: INCOMPLETE}
    driver.apply(world.changes())
    assert driver.seen() == world.expected(1)


def test_what_lies_on_a_removed_thing_goes_with_it(driver: NetworkDriver):
    world = World()
    driver.apply(world.changes())
    driver.apply([Remove("network", world.inner)])
    seen = driver.seen()
    assert seen["port"] == {}
    assert seen["router"] == {world.router: INCOMPLETE}
    driver.apply([Remove("router", world.router)])
    assert driver.seen()["floatingip"] == {}
    driver.apply(world.changes(2))
    assert driver.seen() == world.expected(2)


def test_a_port_without_its_network_and_a_floating_ip_without_its_router_are_not_made(driver: NetworkDriver):
    world = World()
    driver.apply([Ensure(world.top(1)[1]), Ensure(world.top(1)[3])])
    seen = driver.seen()
    assert seen["port"] == {}
    assert seen["floatingip"] == {}


def test_a_floating_ip_moves_to_another_router(driver: NetworkDriver):
    world, other = World(), RouterSpec(new(), 1, "other", True)
    driver.apply([*world.changes(), Ensure(other)])
    driver.apply([Ensure(FloatingIpSpec(world.floating, 2, other.id, world.port, "203.0.113.20", "10.9.0.5"))])
    driver.apply([Remove("router", world.router)])
    assert driver.seen()["floatingip"] == {world.floating: 2}


def test_a_watcher_is_told_of_each_port_once_now_and_of_its_end(driver: NetworkDriver, until):
    world = World()
    driver.apply([change for change in world.changes() if change.spec.id != world.port])
    told: list[tuple[str, bool]] = []
    driver.watch(lambda port_id, is_up: told.append((port_id, is_up)))
    until(lambda: (world.metadata, False) in told)
    driver.apply([Ensure(world.guest(1))])
    driver.apply([Remove("port", world.port)])
    until(lambda: bool(told) and told[-1] == (world.port, False))


@pytest.mark.needs("ovn")
def test_after_the_database_server_was_killed_the_same_is_seen(ovn_machine, until, kill):
    driver, world = OvnNetwork(ovn_machine.northbound, ["host-1"], timeout_s=1.0), World()
    driver.apply(world.changes())
    kill(ovn_machine, "nb")
    with pytest.raises(BackendAway):
        driver.apply(world.changes(2))
    with pytest.raises(BackendAway):
        driver.seen()
    ovn_machine.ensure()
    until(lambda: _sees(driver, world.expected(1)))
    driver.apply(world.changes(2))
    assert driver.seen() == world.expected(2)
    clear(driver)


@pytest.mark.needs("ovn")
def test_a_server_that_hangs_holds_no_caller(ovn_machine, until):
    driver, world = OvnNetwork(ovn_machine.northbound, ["host-1"], timeout_s=0.5), World()
    driver.apply(world.changes())
    pid = ovn_machine.processes.running(f"{ovn_machine.namespace}-nb").pid
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(BackendAway):
                driver.apply(world.changes(2))
        with pytest.raises(BackendAway):
            driver.seen()
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: _sees(driver, world.expected(2)))
    clear(driver)


@pytest.mark.needs("ovn")
def test_a_server_that_comes_later_is_found_and_its_ports_are_told(ovn_machine, until, kill):
    world, told = World(), {}
    first = OvnNetwork(ovn_machine.northbound, ["host-1"])
    first.apply(world.changes())
    first.close()
    kill(ovn_machine, "nb")
    driver = OvnNetwork(ovn_machine.northbound, ["host-1"], timeout_s=0.5)
    driver.watch(lambda port_id, is_up: told.update({port_id: is_up}))
    with pytest.raises(BackendAway):
        driver.seen()
    ovn_machine.ensure()
    until(lambda: _sees(driver, world.expected(1)))
    until(lambda: set(told) == {world.port, world.metadata})
    clear(driver)


@pytest.mark.needs("ovn")
def test_what_the_database_refuses_is_told_and_changes_nothing(ovn_machine):
    northbound = Northbound(ovn_machine.northbound, timeout_s=5.0)

    def twice_the_same_name(draft: Draft) -> None:
        for _ in range(2):
            draft.put("Port_Group", new(), name="twice", external_ids=marks(new(), 1))

    with pytest.raises(BackendRefused):
        northbound.commit(twice_the_same_name)
    assert northbound.marked("Port_Group") == {}
    northbound.close()


@pytest.mark.needs("ovn")
def test_a_lost_database_is_seen_as_empty_and_filled_again(ovn_machine, until):
    driver, world = OvnNetwork(ovn_machine.northbound, ["host-1"]), World()
    driver.apply(world.changes())
    ovn_machine.central.nb.stop()
    ovn_machine.central.nb.forget()
    ovn_machine.ensure()
    until(lambda: _sees(driver, {noun: {} for noun in NOUNS}))
    driver.apply(world.changes())
    assert driver.seen() == world.expected(1)
    clear(driver)


def _sees(driver: NetworkDriver, expected: dict[str, dict[str, int]]) -> bool:
    try:
        return driver.seen() == expected
    except BackendAway:
        return False
