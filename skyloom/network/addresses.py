"""Arithmetic of addresses: pools, overlaps, the address a NIC makes for itself. Pure."""

import ipaddress
import random
from collections.abc import Container, Iterable, Sequence
from itertools import pairwise

from skyloom.network.model import Pool

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
MODES_WITHOUT_ALLOCATION = ("slaac", "dhcpv6-stateless")


def network_of(cidr: str) -> IPNetwork:
    return ipaddress.ip_network(cidr)


def version_of(text: str) -> int:
    return 6 if ":" in text else 4


def contains(cidr: str, address: str) -> bool:
    return version_of(cidr) == version_of(address) and ipaddress.ip_address(address) in network_of(cidr)


def overlap(one: str, other: str) -> bool:
    first, second = network_of(one), network_of(other)
    return first.version == second.version and first.overlaps(second)


def usable(cidr: str, address: str) -> bool:
    """Whether a host may have it: neither the network's own address nor IPv4's broadcast, where there are such."""
    network = network_of(cidr)
    if not contains(cidr, address):
        return False
    number = int(ipaddress.ip_address(address))
    if network.version == 4:
        return network.prefixlen >= 31 or int(network.network_address) < number < int(network.broadcast_address)
    return network.prefixlen >= 127 or number != int(network.network_address)


def first_host(cidr: str) -> str:
    network = network_of(cidr)
    return str(network[0] if network.num_addresses == 1 else network[1])


def default_pools(cidr: str, gateway_ip: str | None) -> list[Pool]:
    """All that hosts can have, but for the gateway."""
    network = network_of(cidr)
    first, last = int(network[0]), int(network[-1])
    if network.version == 4 and network.prefixlen < 31:
        first, last = first + 1, last - 1
    elif network.version == 6 and network.prefixlen < 127:
        first += 1
    spans = [(first, last)]
    if gateway_ip is not None and contains(cidr, gateway_ip):
        gateway = int(ipaddress.ip_address(gateway_ip))
        if first <= gateway <= last:
            spans = [(first, gateway - 1), (gateway + 1, last)]
    return [Pool(text(a, network.version), text(b, network.version)) for a, b in spans if a <= b]


def text(number: int, version: int) -> str:
    return str(ipaddress.IPv6Address(number) if version == 6 else ipaddress.IPv4Address(number))


def span(pool: Pool) -> tuple[int, int]:
    return int(ipaddress.ip_address(pool.start)), int(ipaddress.ip_address(pool.end))


def overlapping(pools: Sequence[Pool]) -> tuple[Pool, Pool] | None:
    """Two pools that share an address, if there are such."""
    ordered = sorted(pools, key=span)
    for one, other in pairwise(ordered):
        if span(one)[1] >= span(other)[0]:
            return one, other
    return None


def is_in(pools: Iterable[Pool], address: str) -> bool:
    number = int(ipaddress.ip_address(address))
    return any(first <= number <= last for first, last in map(span, pools))


def picks(pools: Sequence[Pool], count: int, chance: random.Random) -> list[str]:
    """Up to `count` different addresses at random: a free one is among them unless the pools are mostly full."""
    version = version_of(pools[0].start) if pools else 4
    spans = [span(pool) for pool in pools]
    total = sum(last - first + 1 for first, last in spans)
    if total <= count:
        places: Iterable[int] = chance.sample(range(total), total)
    else:
        places = dict.fromkeys(chance.randrange(total) for _ in range(count))
    return [text(_at(spans, place), version) for place in places]


def lowest_free(pools: Sequence[Pool], taken: Container[str]) -> str | None:
    """The lowest address of the pools that is not `taken`; walks past the taken ones only."""
    for pool in pools:
        version = version_of(pool.start)
        first, last = span(pool)
        number = first
        while number <= last:
            address = text(number, version)
            if address not in taken:
                return address
            number += 1
    return None


def eui64(cidr: str, mac: str) -> str:
    """The address a NIC makes for itself out of the advertised prefix (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(network_of(cidr)[0] + int.from_bytes(interface, "big"))


def free_prefix(prefixes: Sequence[str], taken: Sequence[str], prefixlen: int) -> str | None:
    """The lowest network of this length inside `prefixes` that overlaps none of `taken`."""
    used = sorted((network_of(cidr) for cidr in taken), key=lambda network: int(network[0]))
    for prefix in sorted((network_of(cidr) for cidr in prefixes), key=lambda network: int(network[0])):
        if prefix.prefixlen > prefixlen:
            continue
        size = 1 << (prefix.max_prefixlen - prefixlen)
        start = int(prefix[0])
        for network in used:
            if network.version != prefix.version or int(network[-1]) < start:
                continue
            if int(network[0]) >= start + size:
                break
            start = (int(network[-1]) // size + 1) * size
        if start + size - 1 <= int(prefix[-1]):
            return f"{text(start, prefix.version)}/{prefixlen}"
    return None


def _at(spans: Iterable[tuple[int, int]], place: int) -> int:
    for first, last in spans:
        size = last - first + 1
        if place < size:
            return first + place
        place -= size
    raise IndexError("the place lies behind the last pool")
