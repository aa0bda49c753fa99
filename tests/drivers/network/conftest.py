"""A whole OVN of this test run's own, and namespaces that play guests; what a killed run left behind goes first."""

import ipaddress
import json
import os
import re
import signal
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from skyloom.network.drivers.contract import (
    Ensure,
    FixedIp,
    FloatingIpSpec,
    Gateway,
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
from skyloom.parts import netns
from skyloom.parts.ovn import OvnMachine

FOLDER = Path("/tmp")
HOST = "host-1"
LEASE_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
env
ip address add "$ip/$mask" dev "$interface"
ip link set "$interface" mtu "$mtu"
set -- $staticroutes
while [ -n "$1" ]; do ip route add "$1" via "$2"; shift 2; done
"""


def machine_of(pid: int, letter: str = "t") -> OvnMachine:
    return OvnMachine(f"{letter}{pid}", FOLDER / f"skyloom-ovn-{letter}{pid}", HOST)


def remove_left_over() -> None:
    for folder in FOLDER.glob("skyloom-ovn-*"):
        run = re.fullmatch(r"skyloom-ovn-([tu])(\d+)", folder.name)
        if run and not lives(int(run[2])):
            machine_of(int(run[2]), run[1]).remove()


def lives(pid: int) -> bool:
    """A zombie that nobody waits for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def await_true(fact: Callable[[], bool], timeout_s: float = 15.0) -> float:
    """Seconds it took."""
    start = time.monotonic()
    while not fact():
        assert time.monotonic() - start < timeout_s, f"not within {timeout_s} s"
        threading.Event().wait(0.02)
    return time.monotonic() - start


def kill_part(machine: OvnMachine, part: str) -> None:
    record = machine.processes.running(f"{machine.namespace}-{part}")
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    await_true(lambda: machine.processes.running(f"{machine.namespace}-{part}") != record)


class Guest:
    """A namespace with one network card."""

    def __init__(self, machine: OvnMachine, port: PortSpec, mtu: int):
        self.machine = machine
        self.port = port
        self.name = f"{machine.namespace}-guest-{port.id[:8]}"
        self.link = f"g{port.id[:8]}"
        self.servers: list[tuple[socket.socket, threading.Thread]] = []
        netns.ensure(self.name)
        netns.ensure_veth(self.link, machine.namespace, "eth0", self.name)
        netns.without_offload("eth0", self.name)
        # Down and up again: the kernel makes its link-local address of the MAC it had when the link came up.
        netns.run(["ip", "-n", self.name, "link", "set", "eth0", "down", "address", port.mac, "mtu", str(mtu)])
        machine.chassis.switch.add_port("br-int", self.link, {"iface-id": port.id})
        netns.run(["ip", "-n", self.name, "link", "set", "eth0", "up"])

    @property
    def address(self) -> str:
        return self.port.fixed_ips[0].ip_address

    def configure(self, gateway: str) -> None:
        netns.run(["ip", "-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0"])
        netns.run(["ip", "-n", self.name, "route", "add", "default", "via", gateway])

    def lease(self, folder: Path) -> dict[str, str]:
        script = folder / "lease"
        script.write_text(LEASE_SCRIPT)
        script.chmod(0o755)
        asked = ["-O", "staticroutes", "-O", "mtu", "-t", "10", "-T", "1"]
        told = netns.run(["busybox", "udhcpc", "-i", "eth0", "-f", "-q", "-n", *asked, "-s", str(script)], self.name)
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def configure_also(self, address: str) -> None:
        netns.run(["ip", "-n", self.name, "address", "add", f"{address}/24", "dev", "eth0"])

    def route(self, address: str, hop: str) -> None:
        netns.run(["ip", "-n", self.name, "route", "add", address, "via", hop])

    def fetches(self, path: str) -> str:
        """The whole HTTP reply of the metadata service, "" for none."""
        request = f"GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n".encode()
        return netns.inside(self.name, lambda: ask("169.254.169.254", 80, 1.0, request))

    def addresses_v6(self) -> list[str]:
        listed = json.loads(netns.run(["ip", "-n", self.name, "-6", "-j", "address", "show", "dev", "eth0"]))
        known = [entry for link in listed for entry in link.get("addr_info", []) if not entry.get("tentative")]
        return [entry["local"] for entry in known]

    def solicits(self) -> bytes:
        """The reply to a DHCPv6 solicitation, b"" for none: client id (of its MAC), one address wanted."""
        mac = bytes.fromhex(self.port.mac.replace(":", ""))
        client_id = struct.pack("!HHHH", 1, 10, 3, 1) + mac
        wanted = struct.pack("!HHIII", 3, 12, 1, 0, 0)

        def ask_for_one() -> bytes:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asking:
                try:
                    asking.bind(("::", 546))
                    asking.settimeout(0.5)
                    asking.sendto(b"\1abc" + client_id + wanted, ("ff02::1:2", 547, 0, socket.if_nametoindex("eth0")))
                    return asking.recv(2048)
                except OSError:
                    return b""

        return netns.inside(self.name, ask_for_one)

    def pings(self, address: str) -> bool:
        return self.pings_from(self.address, address)

    def pings_from(self, source: str, address: str) -> bool:
        try:
            netns.run(["busybox", "ping", "-c", "1", "-W", "1", "-I", source, address], self.name)
        except netns.CommandFailed:
            return False
        return True

    def asks(self, address: str, port: int, timeout_s: float = 0.5) -> str:
        """What the server there answers, "" for no answer."""
        return netns.inside(self.name, lambda: ask(address, port, timeout_s))

    def serve(self, port: int, answer: str) -> None:
        listening = netns.inside(self.name, lambda: listen_on(port))

        def answer_each() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answer.encode())

        thread = threading.Thread(target=answer_each, daemon=True)
        thread.start()
        self.servers.append((listening, thread))

    def remove(self) -> None:
        for listening, thread in self.servers:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            listening.close()
        self.machine.chassis.switch.remove_port("br-int", self.link)
        netns.remove_link(self.link, self.machine.namespace)
        netns.remove(self.name)


def listen_on(port: int) -> socket.socket:
    return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)


def ask(address: str, port: int, timeout_s: float = 0.5, text: bytes = b"") -> str:
    try:
        with socket.create_connection((address, port), timeout_s) as connection:
            connection.sendall(text)
            received = b""
            while piece := connection.recv(4096):
                received += piece
            return received.decode()
    except OSError:
        return ""


class Lab:
    """Networks, ports and guests by short words; all of it is removed at the end of the test."""

    def __init__(self, machine: OvnMachine):
        self.machine = machine
        self.driver = OvnNetwork(machine.northbound, [HOST])
        self.guests: list[Guest] = []
        self.open_group = self.group(self.rule(), self.rule(direction="egress"))

    def rule(self, **fields: object) -> RuleSpec:
        return RuleSpec(**{"id": str(uuid.uuid4()), "direction": "ingress", "ethertype": "IPv4", **fields})

    def group(self, *rules: RuleSpec, stateful: bool = True) -> SecurityGroupSpec:
        group = SecurityGroupSpec(str(uuid.uuid4()), 1, stateful, rules)
        self.driver.apply([Ensure(group)])
        return group

    def network(self, prefix: str, **fields: object) -> NetworkSpec:
        """`prefix`: 10.1.0 for 10.1.0.0/24, its gateway .1, its metadata port's address .2."""
        id, servers = str(uuid.uuid4()), ("9.9.9.9",)
        subnet = SubnetSpec(id, f"{prefix}.0/24", 4, f"{prefix}.1", True, servers, metadata_ip=f"{prefix}.2")
        spec = NetworkSpec(str(uuid.uuid4()), 1, "n", 1442, True, subnets=(subnet,))
        spec = msgspec.structs.replace(spec, **fields)
        self.driver.apply([Ensure(spec)])
        return spec

    def port(self, network: NetworkSpec, last: int, group: SecurityGroupSpec | None = None) -> PortSpec:
        subnet = network.subnets[0]
        port = PortSpec(
            id=str(uuid.uuid4()),
            revision=1,
            network_id=network.id,
            mac="fa:16:3e:" + ":".join(f"{byte:02x}" for byte in os.urandom(3)),
            enabled=True,
            fixed_ips=(FixedIp(subnet.id, f"{subnet.cidr.rpartition('.')[0]}.{last}"),),
            security_group_ids=((group or self.open_group).id,),
            host=HOST,
        )
        self.driver.apply([Ensure(port)])
        return port

    def guest(self, network: NetworkSpec, last: int, group: SecurityGroupSpec | None = None) -> Guest:
        """One that needs no lease."""
        guest = self.bare_guest(network, last, group)
        guest.configure(network.subnets[0].gateway_ip or "")
        return guest

    def bare_guest(self, network: NetworkSpec, last: int, group: SecurityGroupSpec | None = None) -> Guest:
        guest = Guest(self.machine, self.port(network, last, group), network.mtu)
        self.guests.append(guest)
        return guest

    def subnet_v6(self, prefix: str) -> SubnetSpec:
        return SubnetSpec(str(uuid.uuid4()), f"{prefix}::/64", 6, f"{prefix}::1", True, ipv6_address_mode="slaac")

    def guest_v6(self, network: NetworkSpec, group: SecurityGroupSpec) -> Guest:
        """With the address that it will make of its MAC."""
        port = self.port(network, 0, group)
        mac = bytes.fromhex(port.mac.replace(":", ""))
        own = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
        subnet = network.subnets[0]
        address = ipaddress.IPv6Network(subnet.cidr)[int.from_bytes(own, "big")]
        port = msgspec.structs.replace(port, revision=2, fixed_ips=(FixedIp(subnet.id, str(address)),))
        self.driver.apply([Ensure(port)])
        guest = Guest(self.machine, port, network.mtu)
        self.guests.append(guest)
        return guest

    def router(self, *networks: NetworkSpec, external: NetworkSpec | None = None, place: int = 0) -> RouterSpec:
        legs = tuple(
            self._leg(network, f"{network.subnets[0].gateway_ip}/{network.subnets[0].cidr.rpartition('/')[2]}")
            for network in networks
        )
        gateway = None
        if external is not None:
            hosts = list(self.machine.external().hosts())
            length = self.machine.external().prefixlen
            own = str(hosts[8 + place])
            gateway = Gateway(self._leg(external, f"{own}/{length}"), (str(hosts[0]),), own)
        router = RouterSpec(str(uuid.uuid4()), 1, "r", True, legs, gateway)
        self.driver.apply([Ensure(router)])
        return router

    def external(self) -> NetworkSpec:
        network = self.machine.external()
        subnet = SubnetSpec(str(uuid.uuid4()), str(network), 4, str(next(network.hosts())), False)
        spec = NetworkSpec(str(uuid.uuid4()), 1, "public", 1500, True, "public", subnets=(subnet,))
        self.driver.apply([Ensure(spec)])
        return spec

    def floating_ip(self, router: RouterSpec, port: PortSpec, place: int, id: str | None = None) -> FloatingIpSpec:
        floating = FloatingIpSpec(
            id=id or str(uuid.uuid4()),
            revision=1,
            router_id=router.id,
            port_id=port.id,
            floating_ip_address=str(list(self.machine.external().hosts())[place]),
            fixed_ip_address=port.fixed_ips[0].ip_address,
        )
        self.driver.apply([Ensure(floating)])
        return floating

    def _leg(self, network: NetworkSpec, address: str) -> RouterPort:
        mac = "fa:16:3f:" + ":".join(f"{byte:02x}" for byte in os.urandom(3))
        return RouterPort(str(uuid.uuid4()), network.id, mac, (address,))

    def close(self) -> None:
        for guest in self.guests:
            guest.remove()
        self.driver.apply([Remove(noun, id) for noun, things in self.driver.seen().items() for id in things])
        self.driver.close()


@pytest.fixture(scope="module")
def ovn_machine() -> Iterator[OvnMachine]:
    remove_left_over()
    machine = machine_of(os.getpid())
    try:
        machine.ensure()
        yield machine
    finally:
        machine.remove()


@pytest.fixture
def machine_beside() -> Callable[[OvnMachine], OvnMachine]:
    """A second cloud of this run, not yet started."""
    return lambda machine: machine_of(os.getpid(), "u")


@pytest.fixture
def lab(ovn_machine: OvnMachine) -> Iterator[Lab]:
    made = Lab(ovn_machine)
    yield made
    made.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], float]:
    return await_true


@pytest.fixture
def kill() -> Callable[[OvnMachine, str], None]:
    return kill_part


@pytest.fixture
def from_outside() -> Callable[[str, int], str]:
    """Ask a server from the machine's own network."""
    return ask
